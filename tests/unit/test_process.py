"""Processes end with the one that started them, and only then."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from enclave.kernel.process import PARENT, as_parent

CHILD = [sys.executable, "-c", "from enclave.kernel.process import die_with_parent; die_with_parent(); print('lives')"]


def printed(command: list[str], told: dict[str, str]) -> str:
    environment = {name: value for name, value in os.environ.items() if name != PARENT} | told
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("told", [as_parent(), {}])
def test_a_child_of_the_process_that_started_it_lives(told: dict[str, str]) -> None:
    assert printed(CHILD, told) == "lives\n"


def test_a_child_whose_parent_is_gone_ends_whoever_adopted_it() -> None:
    assert printed(CHILD, {PARENT: str(os.getpid() + 1)}) == ""


def test_a_child_does_not_pass_on_who_its_own_parent_is() -> None:
    grandchild = f"import os; assert {PARENT!r} not in os.environ"
    assert printed([*CHILD[:2], f"{CHILD[2]}; {grandchild}"], as_parent()) == "lives\n"


def test_a_parent_may_be_process_1() -> None:
    """As in a container: the parent is the first process of a process namespace of its own."""
    first = (
        "import os, subprocess, sys; from enclave.kernel.process import as_parent; assert os.getpid() == 1; "
        f"subprocess.run({CHILD!r}, env=dict(os.environ, **as_parent()), check=True)"
    )
    alone = ["bwrap", "--unshare-pid", "--as-pid-1", "--dev-bind", "/", "/", "--proc", "/proc"]
    assert printed([*alone, sys.executable, "-c", first], {}) == "lives\n"
