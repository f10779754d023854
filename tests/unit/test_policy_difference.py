"""What a change of the rules would change, and coverage of the standard, on small made-up sources."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from enclave.policy.book import FOLDER, Book, current, made, read_book
from enclave.policy.clauses import Clause, clauses, components
from enclave.policy.coverage import behind, coverage, proofs, unknown
from enclave.policy.difference import CASES, KINDS, asked, differences


def without_rule(name: str) -> Book:
    return made(replace(current(), rules=tuple(rule for rule in current().rules if rule.id != name)))


def test_the_same_rules_change_nothing() -> None:
    assert list(differences(current(), made(current()))) == []
    assert asked(current()) == 120 * 3 * len(CASES) * len(KINDS)


def test_a_rule_taken_away_changes_the_cases_it_speaks_about() -> None:
    changes = list(differences(current(), without_rule("research-applicant")))
    assert changes and {change.case.split()[0] for change in changes} == {"apply", "grant"}
    assert all(
        "applicant_verified" in change.old[2] and "applicant_verified" not in change.new[2] for change in changes
    )
    assert all("10.4.2" in change.case for change in changes)


def test_a_cell_that_changes_and_a_row_that_is_new(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(FOLDER, tmp_path / "policy", ignore=shutil.ignore_patterns("*.py", "__pycache__")))
    table = folder / "vocab" / "catalogue.csv"
    text = table.read_text("utf-8").replace("none,deidentified,agreement", "none,none,agreement", 1)
    table.write_text(text + "s12,新系统,New system,新数据,New data,,,built_managed,full,full,full,\n", encoding="utf-8")
    changes = list(differences(current(), read_book(folder), "zh"))
    assert {change.item.split(" / ")[0] for change in changes} == {"新农合系统数据（2005-2017年）", "新系统"}
    cut = [change for change in changes if "新农合" in change.item]
    assert {change.audience for change in cut} == {"enterprise", "government"}  # it may use the wider one's terms
    apart = [change for change in cut if change.audience == "enterprise" and change.case.startswith("apply 10.4")]
    assert apart and all(change.new[0] == "deny" for change in apart)
    new = [change for change in changes if change.item.startswith("新系统")]
    assert any(change.old[0] == "deny" and change.new[0] == "ask" for change in new)


SOURCE = """
import pytest

pytestmark = pytest.mark.clause("2-1")


@pytest.mark.clause("1-1", "1-2")
def test_one():
    assert 1


@pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.clause("3.1"))])
def test_two(x):
    with pytest.raises(ValueError):
        raise ValueError


@pytest.mark.clause("3.2")
@pytest.mark.promise("P1")
def test_three():
    print("nothing is asserted here")


class TestFour:
    @pytest.mark.clause("3.4")
    def test_it(self):
        check_it()


@pytest.mark.clause("9.9.9")
def test_five():
    expect_it()


@pytest.mark.clause("3.5")
def helper():
    assert 1
"""


def test_marks_are_found_in_the_source(tmp_path: Path) -> None:
    tests = tmp_path / "tests"
    tests.mkdir()
    (tests / "test_made.py").write_text(SOURCE, encoding="utf-8")
    found = proofs(tests)
    stands = behind(found)
    assert {clause for clause in stands if clause != "2-1"} == {"1-1", "1-2", "3.1", "3.4", "9.9.9"}
    assert stands["1-1"] == ["tests/test_made.py::test_one"] and len(stands["2-1"]) == 4
    assert [proof.test for proof in found if not proof.asserts and proof.clause == "3.2"] == [
        "tests/test_made.py::test_three"
    ]
    assert [proof.clause for proof in unknown(found)] == ["9.9.9"]


def test_coverage_counts_each_clause_once(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = coverage(set(clauses()))
    assert [one.component for one in everything] == list(components()) and sum(one.total for one in everything) == 461
    assert all(not one.missing and one.percent == 100 for one in everything)
    nothing = {one.component: one for one in coverage(set())}
    assert nothing["policy"].total == 105 and nothing["audit"].total == 16 and nothing["policy"].percent == 0
    some = {one.component: one for one in coverage({"1-1", "9-9"})}
    assert some["policy"].proven == ("1-1",) and some["audit"].proven == ("9-9",) and "1-2" in some["policy"].missing


def test_the_clause_list_is_whole() -> None:
    listed = list(clauses().values())
    assert len(listed) == 461 and sum(clause.origin == "derived" for clause in listed) == 13
    assert all(isinstance(clause, Clause) and clause.text("zh") and clause.text("en") for clause in listed)
    derived = {clause.id for clause in listed if clause.origin == "derived"}
    assert derived == {
        "4.1-T1-L1e", "4.1-T1-L2d2e", "3.10-2s", "3.10-2p", "6.4-s", "9-9", "10.2.2-e-d", "10.4.1-c-s", "10.4.2-e-1h",
        "10.4.2-e-2d3", "10.4.2-e-2d4", "10.4.2-e-2d5", "C-5",
    }  # fmt: skip
