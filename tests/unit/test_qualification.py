"""The qualification score: points with evidence, minimums that refuse, stricter kinds that ask for more."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from enclave.kernel.identity import Role
from request_review.checks import Context, Person
from request_review.forms import read_answers
from request_review.qualification import score
from request_review.rulebook import rules
from tests.factories.requests import answers

TODAY = date(2026, 11, 25)


def context(*, files=("institution_approval",), active=True, roles=frozenset({Role.RESEARCHER})) -> Context:
    people = {"li": Person("li", "Li", "WCH", active, roles)}
    return Context("li", TODAY, None, None, people, frozenset(files))


def scored(given_context=None, **changes):
    given = answers("ds-x", project_ends_on=TODAY + timedelta(days=30), ethics_expires_on=TODAY + timedelta(days=400))
    given |= {"credit_expires_on": TODAY + timedelta(days=3), "publications": [{"reference": "A", "year": 2026}]}
    return score(read_answers(given | {"starts_on": TODAY} | changes), given_context or context())


def line(found, code):
    return next(each for each in found.lines if each.code == code)


def test_a_full_application_is_eligible_and_every_line_shows_its_evidence_in_both_languages():
    found = scored()
    assert found.eligible and found.passed and found.total == sum(each.points for each in found.lines)
    for each in found.lines:
        assert each.clauses and each.evidence("zh") and each.evidence("en")
        assert "{" not in each.evidence("zh") + each.evidence("en")
    assert "82073664" in line(found, "project").evidence("zh")
    assert found.rules == rules("qualification").stamp


FAILURES = [
    ("researcher", {}, {"roles": frozenset({Role.COMMITTEE})}),
    ("researcher", {}, {"active": False}),
    ("project", {"project_grade": "institution"}, {}),
    ("project", {"project_number": ""}, {}),
    ("project", {"project_ends_on": TODAY - timedelta(days=1)}, {}),
    ("credit", {"credit_person": "B"}, {}),
    ("credit", {"credit_organisation": "C"}, {}),
    ("credit", {"credit_person": "unknown", "credit_organisation": "unknown"}, {}),
    ("credit", {"credit_expires_on": TODAY - timedelta(days=1)}, {}),
    ("organisation", {"organisation_sealed": False}, {}),
    ("organisation", {"organisation_signed": False}, {}),
    ("organisation", {"organisation_opinion": ""}, {}),
    ("organisation", {"requesting_unit": ""}, {}),
    ("organisation", {}, {"files": ()}),
    ("nonprofit", {"nonprofit": False}, {}),
    ("nonprofit", {"purpose_kind": ""}, {}),
    ("ethics", {"ethics_number": ""}, {}),
    ("ethics", {"ethics_expires_on": TODAY - timedelta(days=1)}, {}),
    ("ethics", {"starts_on": TODAY + timedelta(days=500)}, {}),
]


@pytest.mark.clause("10.4.2-e-2a1")
@pytest.mark.clause("10.4.2-e-2a3")
@pytest.mark.clause("10.4.2-e-2b3")
@pytest.mark.clause("10.4.2-e-2c")
@pytest.mark.clause("10.4.2-e-2c2")
@pytest.mark.parametrize(("code", "changes", "around"), FAILURES)
def test_a_minimum_that_is_not_met_refuses_and_names_its_line(code, changes, around):
    found = scored(context(**around), **changes)
    assert [each.code for each in found.failed] == [code]
    assert not found.eligible and not found.passed


@pytest.mark.clause("10.4.2-e-2a2")
def test_title_and_publications_count_separately_and_only_recent_ones():
    found = scored(publications=[], professional_title="associate_senior")
    assert (line(found, "title").points, line(found, "publications").points) == (12, 0)
    years = [{"reference": "A", "year": year} for year in (2026, 2024, 2021, 2020, 2027)]
    assert line(scored(publications=years), "publications").points == 15
    assert line(scored(publications=years[3:]), "publications").points == 0


@pytest.mark.clause("10.4.2-e-1n")
def test_the_limited_set_asks_for_everything_the_de_identified_one_asks_for_and_more():
    for changes in ({}, *(changes for _code, changes, _around in FAILURES)):
        easy = {each.code: each.minimum for each in scored(version_kind="deidentified", **changes).lines}
        hard = {each.code: each.minimum for each in scored(version_kind="limited", **changes).lines}
        assert all(hard[code] >= easy[code] for code in easy)
    mark = rules("qualification")["pass_mark"]
    assert mark["limited"] > mark["deidentified"]
    assert [
        each.code for each in scored(version_kind="limited", publications=[], professional_title="junior").failed
    ] == [
        "title",
        "publications",
    ]


@pytest.mark.promise("P6")
def test_an_unanswered_kind_or_purpose_escapes_no_minimum():
    found = scored(version_kind="", purpose_kind="", project_grade="none", professional_title="none")
    assert {"project", "title", "nonprofit"} <= {each.code for each in found.failed}


def test_a_contest_needs_no_registered_project():
    found = scored(purpose_kind="data_innovation_contest", project_grade="none", ethics_number="")
    assert found.eligible
