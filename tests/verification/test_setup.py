"""The commands a newcomer types: each does its own set-up, and a second set-up costs nothing."""

from __future__ import annotations

import os
import subprocess
import time

import pytest

from tests.verification.source import ROOT

STAMP = ROOT / ".venv" / "setup-stamp"


def make(*arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(["make", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_make_alone_says_what_there_is() -> None:
    listed = make()
    assert all(f"make {target} " in listed for target in ("demo", "test", "setup", "check", "bench"))


@pytest.mark.parametrize(
    ("target", "first", "last"),
    [
        ("demo", "scripts/setup.sh", "exec .venv/bin/enclave demo"),
        ("test", "scripts/setup.sh --dev", "exec env ENCLAVE_WHOLE_SUITE=1 .venv/bin/pytest"),
        ("bench", "scripts/setup.sh --dev", "exec .venv/bin/python -m tests.bench"),
    ],
)
def test_commands_set_up_first_and_end_in_their_own_work(target, first, last) -> None:
    steps = [line.strip() for line in make("-n", target).splitlines()]
    assert steps[0] == first
    assert steps[-1] == last


def test_a_part_of_the_suite_need_not_prove_every_promise() -> None:
    assert "ENCLAVE_WHOLE_SUITE" not in make("-n", "test", "TESTS=tests/unit").splitlines()[-1]


@pytest.mark.skipif(not STAMP.exists(), reason="this environment was not made by scripts/setup.sh")
@pytest.mark.parametrize("target", ["setup", "setup-dev"])
def test_a_second_set_up_is_silent_and_takes_no_time(target) -> None:
    make("setup-dev")  # the first: pyproject.toml may have changed since this environment was made
    started = time.monotonic()
    printed = make(target)
    assert time.monotonic() - started < 1
    assert "Setting up" not in printed or "!" in printed  # without root a reminder may remain


def test_continuous_integration_runs_the_same_command() -> None:
    lines = [line for line in (ROOT / ".ci/run").read_text().splitlines() if line and not line.startswith("#")]
    assert lines == [
        "set -euo pipefail",
        'cd "$(dirname "${BASH_SOURCE[0]}")/.."',
        "exec make --no-print-directory test",
    ]
