"""Levels 1-5 of 4.1: every rule has its clause, and more findings never lower a grade."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enclave.policy import levels
from enclave.policy.clauses import clauses

ROLES = ("direct", "quasi", "sensitive", "other")
TOPICS = ("special_disease", "performance", "drug_consumption")
roles = st.sampled_from(ROLES)
topics = st.sets(st.sampled_from(TOPICS))
columns = st.lists(
    st.tuples(roles, st.sampled_from(["", "free_text", "biometric", "age"]), topics), min_size=1, max_size=8
)


def test_every_rule_names_a_clause() -> None:
    loaded = levels.rules()
    for rule in [*loaded["columns"], *loaded["data_sets"], *loaded["versions"].values()]:
        assert str(rule["clause"]) in clauses() and rule["zh"] and rule["en"]


@pytest.mark.clause("4.1-L4")
@pytest.mark.clause("4.1-L3")
@pytest.mark.clause("4.1-L2")
def test_roles_have_levels() -> None:
    assert [levels.column_grade(role).level for role in ROLES] == [4, 3, 2, 2]


@pytest.mark.clause("4.1-T1-L5a")
def test_operations_data_are_level_five() -> None:
    assert levels.column_grade("other", topics={"performance"}).level == 5


@pytest.mark.promise("P9")
@given(columns, st.tuples(roles, st.just(""), topics), st.booleans())
def test_one_more_column_never_lowers_a_data_set(
    parts: list[tuple[str, str, set[str]]], added: tuple[str, str, set[str]], persons: bool
) -> None:
    def grade(chosen: list[tuple[str, str, set[str]]]) -> int:
        grades = [levels.column_grade(*part) for part in chosen]
        return levels.data_set_grade(grades, {part[0] for part in chosen}, persons=persons).level

    assert grade([*parts, added]) >= grade(parts)


@pytest.mark.promise("P9")
@given(roles, topics, st.sampled_from(TOPICS))
def test_one_more_topic_never_lowers_a_column(role: str, some: set[str], more: str) -> None:
    assert levels.column_grade(role, "", some | {more}).level >= levels.column_grade(role, "", some).level


@pytest.mark.clause("4.1-0")
def test_a_set_is_never_below_its_parts() -> None:
    grades = [levels.column_grade("other"), levels.column_grade("sensitive", topics={"special_disease"})]
    assert levels.data_set_grade(grades, {"other", "sensitive"}, persons=True).level == 5


@pytest.mark.clause("4.1-T1-L1a")
def test_person_level_data_are_never_level_one() -> None:
    assert levels.data_set_grade([levels.reference_grade()], {"other"}, persons=True).level >= 2
    assert levels.data_set_grade([levels.reference_grade()], set(), persons=False).level == 1


@pytest.mark.promise("P6")
def test_what_no_rule_knows_counts_as_identifying() -> None:
    assert levels.column_grade("unheard-of").level == 4
    assert levels.data_set_grade([], set(), persons=True).level == 4


def test_versions_follow_measured_risk() -> None:
    assert levels.version_grade("limited").level == 3
    assert levels.version_grade("limited", risk_below_threshold=True).level == 2
    assert levels.version_grade("deidentified").level == 3
    assert levels.version_grade("deidentified", risk_below_threshold=True).level == 2
    assert levels.version_grade("identifiable", risk_below_threshold=True).level == 4
    with pytest.raises(KeyError):
        levels.version_grade("unheard-of")
