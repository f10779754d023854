"""The guards themselves: each is shown a violation and must see it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_socket import SocketConnectBlockedError

from tests.verification.source import ROOT

PACKAGES = ("enclave", "catalog_browser", "request_review", "synthetic")


def test_a_test_cannot_reach_beyond_this_machine() -> None:
    with socket.socket() as outside, pytest.raises(SocketConnectBlockedError):
        outside.connect(("192.0.2.1", 80))  # an address kept for documentation


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """A copy of the source in which a line may be written that must not be."""
    folder = tmp_path_factory.mktemp("copy")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name("lint-imports"), "--no-cache"]
    environment = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_import_contracts_hold(copy) -> None:
    done = lint(copy)
    assert done.returncode == 0, done.stdout
    assert str(ROOT) not in done.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("enclave/kernel/clock.py", "import enclave.grants.service", "Imports go downwards only"),
        ("request_review/service.py", "import synthetic", "Imports go downwards only"),
        ("enclave/disclosure/cells.py", "import enclave.kernel.db", "Policy and disclosure are pure"),
        ("enclave/policy/__init__.py", "import httpx", "Policy and disclosure are pure"),
        ("catalog_browser/pages/broken.py", "import sqlmodel", "Pages call services"),
        ("catalog_browser/pages/broken.py", "import enclave.kernel.storage", "Pages call services"),
        ("enclave/grants/service.py", "import streamlit", "Streamlit only in pages"),
        ("enclave/client/__init__.py", "import enclave.kernel.errors", "knows nothing of the server"),
        ("enclave/outputs/broken.py", "import enclave.grants.models", "Tables of grants are its own"),
        ("request_review/broken.py", "import catalog_browser.models", "Tables of catalog_browser are its own"),
    ],
)
def test_a_forbidden_import_breaks_its_contract(copy, module, line, contract) -> None:
    path = copy / module
    before = path.read_text("utf-8") if path.exists() else None
    path.write_text(f"{before or ''}\n{line}\n", "utf-8")
    try:
        done = lint(copy)
    finally:
        path.write_text(before, "utf-8") if before is not None else path.unlink()
    assert done.returncode != 0
    assert any(contract in row and "BROKEN" in row for row in done.stdout.splitlines()), done.stdout


SUITE = """
import pytest
{marks}
def test_it(): {body}
"""


@pytest.mark.parametrize(
    ("marks", "body", "passes"),
    [
        ('@pytest.mark.promise("P1")', "assert True", False),  # eleven promises have no test
        ("\n".join(f'@pytest.mark.promise("P{n}")' for n in range(1, 13)), "assert True", True),
        ("\n".join(f'@pytest.mark.promise("P{n}")' for n in range(1, 13)), "pytest.skip('not now')", False),
        ('@pytest.mark.promise("P13")', "assert True", False),
    ],
    ids=["missing", "all", "skipped", "unknown"],
)
def test_a_whole_run_fails_when_a_promise_has_no_passed_test(tmp_path, marks, body, passes) -> None:
    (tmp_path / "test_it.py").write_text(SUITE.format(marks=marks, body=body))
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = promise(id): x\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.fixtures.promises", tmp_path],
        env={**os.environ, "PYTHONPATH": str(ROOT), "ENCLAVE_WHOLE_SUITE": "1"},
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode == 0) is passes, done.stdout
