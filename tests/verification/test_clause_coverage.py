"""Clause coverage: policy whole, audit but for what comes later, and every mark a real test of a real clause."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from enclave.policy.clauses import clauses, waivers
from enclave.policy.coverage import behind, coverage, proofs, unknown
from tests.verification.source import ROOT

LATER = {"9-9", "10.4.2-e-3b", "10.4.2-e-3c", "10.4.2-e-3d", "A-11", "B.2-4-1"}  # review records, meetings, breaches
# Clauses of the catalogue that are about data; the others are about pages and belong to their tests.
CATALOGUE_DATA = {
    "4.2-0", "4.2-C1", "4.2-C2", "4.2-C3", "4.2-C4", "4.2-C5", "4.2-C6", "4.2-T2-C1", "4.2-T2-C3", "4.2-T2-C4",
    "4.2-T2-C5-1", "4.2-T2-C6", "8-a", "8-b", "8-c", "9.1-2", "10.1.1-c-1", "10.1.1-c-2", "10.1.1-c-3",
    "10.1.1-c-4", "10.1.1-c-5",
    "10.1.2-c-1", "10.1.2-c-2", "10.1.2-c-4", "10.4.2-c", "10.4.2-e-1i", "C-1", "C-2", "C-3",
    *(f"10.4.1-c-{number}" for number in range(1, 15)), *(f"C-s{number}" for number in range(1, 12)),
}  # fmt: skip


@pytest.fixture(scope="module")
def found():
    return proofs(ROOT / "tests")


def of(found, component: str):
    return next(one for one in coverage(set(behind(found))) if one.component == component)


def test_policy_is_proven_whole(found) -> None:
    policy = of(found, "policy")
    assert (policy.total, policy.missing, policy.waived) == (105, (), ())


def test_audit_is_proven_but_for_what_comes_later(found) -> None:
    audit = of(found, "audit")
    assert set(audit.missing) <= LATER and audit.total == 16 and not audit.waived


def test_the_data_of_the_catalogue_are_proven(found) -> None:
    assert {clause.id for clause in clauses().values() if clause.component == "catalog"} >= CATALOGUE_DATA
    assert sorted(CATALOGUE_DATA - set(behind(found))) == []


def test_no_mark_names_a_clause_that_does_not_exist(found) -> None:
    assert unknown(found) == []


def test_no_test_names_a_clause_and_asserts_nothing(found) -> None:
    assert [proof.test for proof in found if not proof.asserts] == []


def test_a_waiver_has_a_reason_and_a_date_and_no_proof_yet(found) -> None:
    for waiver in waivers().values():
        assert waiver.zh and waiver.en and waiver.since
        assert waiver.clause not in behind(found), f"{waiver.clause} is proven now: take its waiver away"


def test_coverage_is_printed() -> None:
    command = [sys.executable, "-m", "enclave.cli.main", "standard", "coverage", "--component", "policy"]
    done = subprocess.run([*command, "--json"], cwd=ROOT, capture_output=True, text=True, check=False)
    told = json.loads(done.stdout)["policy"]
    assert done.returncode == 0, done.stderr
    assert told["total"] == 105 and len(told["proven"]) == 105 and told["missing"] == []


def test_a_run_knows_what_passed(tmp_path) -> None:
    """The plugin counts a clause only when every test that carries it passed, and refuses an unknown one."""
    (tmp_path / "test_made.py").write_text(
        "import pytest\n"
        "@pytest.mark.clause('1-1')\ndef test_good(): assert True\n"
        "@pytest.mark.clause('1-1', '1-2')\ndef test_bad(): assert False\n"
        "@pytest.mark.clause('2-1')\ndef test_fine(): assert True\n"
        "@pytest.mark.clause('2-7')\n@pytest.mark.skip(reason='not here')\ndef test_skipped(): assert True\n",
        encoding="utf-8",
    )
    report = tmp_path / "clauses.json"
    assert run(tmp_path, report).returncode == 1
    assert json.loads(report.read_text("utf-8")) == ["2-1"]
    (tmp_path / "test_made.py").write_text(
        "import pytest\n@pytest.mark.clause('9.9.9')\ndef test_it(): assert True\n", encoding="utf-8"
    )
    refused = run(tmp_path, report)
    assert refused.returncode == 4 and "no such clause: 9.9.9" in refused.stdout + refused.stderr


def run(folder, report):
    import os

    options = [
        "-q",
        "-p",
        "tests.fixtures.clauses",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(folder),
        "-c",
        os.devnull,
    ]
    environment = {**os.environ, "ENCLAVE_CLAUSE_REPORT": str(report), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "pytest", *options, str(folder)]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
