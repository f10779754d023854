"""Levels decide who may see, open, request and publish (4.1, table 1; 6)."""

from __future__ import annotations

import pytest

from enclave.policy import Column, Degrees, Outcome, decide, levels
from tests.factories.policy import (
    AGE,
    DIAGNOSIS,
    NAME,
    but,
    expect_asked,
    expect_denied,
    fulfilled,
    publishing,
    reading,
    registering,
    research,
    without,
)

BEDS = Column("beds", "other", 1, "health_resource")
LISTED = frozenset({"authenticated", "on_access_list", "confidentiality_undertaking", "strong_authentication"})


@pytest.mark.clause("4.1-0")
def test_a_set_without_a_level_is_not_published() -> None:
    good = fulfilled(publishing())
    expect_denied(but(good, level=None, columns=()), "no-level-no-publication", "4.1-0")
    expect_asked(but(registering(), level=None, columns=(), claimed=None), "level-unstated", "4.1-0")


@pytest.mark.clause("4.1-0")
def test_a_set_takes_the_highest_level_of_its_parts() -> None:
    assert decide(registering()).allowed
    expect_denied(but(registering(), columns=(AGE, NAME)), "claimed-below-parts", "4.1-0")
    assert decide(registering(columns=(AGE, NAME), claimed=4)).allowed
    graded = [levels.column_grade("quasi"), levels.column_grade("direct")]
    assert levels.data_set_grade(graded, {"quasi", "direct"}, persons=True).level == 4


@pytest.mark.clause("4.1-L1")
def test_level_one_is_for_anybody_after_its_review() -> None:
    directory = reading(level=1, columns=(), persons=False, audience="public", role=None, from_role=None, use=None)
    expect_denied(decide(directory), "public-read-after-review", "4.1-T1-L1d")
    assert but(directory, met=frozenset({"public_release_review"})).allowed
    assert levels.reference_grade().level == 1  # a table of facts on institutions, without records of persons


@pytest.mark.clause("4.1-L2")
def test_level_two_needs_a_login_and_authorisation() -> None:
    good = fulfilled(reading(level=2))
    expect_denied(without(good, "authenticated"), "level-2-authenticated", "4.1-L2")
    expect_denied(without(good, "authorised"), "level-2-authorised", "4.1-L2")
    assert decide(good).asks("audit")


@pytest.mark.clause("4.1-L3")
def test_level_three_is_for_a_named_group() -> None:
    stranger = reading(level=3, met=frozenset({"authenticated", "authorised"}))
    expect_denied(decide(stranger), "level-3-named-group", "4.1-L3")
    assert but(stranger, met=stranger.met | {"in_named_group"}).allowed
    assert but(stranger, level=2).allowed


@pytest.mark.clause("4.1-L4")
def test_level_four_is_for_the_treating_physician_or_one_by_one() -> None:
    physician = reading(
        level=4,
        columns=(NAME, DIAGNOSIS),
        identifiability="identifiable",
        position="treating_physician",
        met=frozenset(
            {"authenticated", "in_named_group", "authorised", "privacy_undertaking", "qualification_verified"}
        ),
    )
    expect_denied(decide(physician), "level-4-narrow", "4.1-L4")
    treating = but(physician, met=physician.met | {"treatment_relation"})
    assert treating.allowed and treating.asks("audit")
    assert but(physician, met=physician.met | {"individual_admission"}).allowed


@pytest.mark.clause("4.1-T1-L4b")
def test_level_four_readers_have_signed_and_are_audited() -> None:
    good = fulfilled(reading(level=4, met=frozenset({"treatment_relation"})))
    expect_denied(without(good, "privacy_undertaking"), "level-4-undertaking", "4.1-T1-L4b")
    assert "4.1-T1-L4b" in {clause for one in decide(good).duties if one.code == "audit" for clause in one.clauses}


@pytest.mark.clause("4.1-L5")
@pytest.mark.parametrize("door", ["apply", "agreement", "grant", "mount", "query", "egress"])
def test_level_five_is_in_no_request(door: str) -> None:
    assert fulfilled(research(door))
    expect_denied(but(fulfilled(research(door)), level=5), "level-5-not-shared", "4.1-L5", "6.4")


@pytest.mark.clause("4.1-L5")
def test_level_five_opens_to_listed_persons_only() -> None:
    good = reading(level=5, met=LISTED)
    assert decide(good).allowed
    expect_denied(without(good, "on_access_list"), "level-5-listed", "4.1-L5")


@pytest.mark.clause("4.1-T1-L5b")
def test_level_five_readers_have_signed_and_are_audited() -> None:
    good = reading(level=5, met=LISTED | {"privacy_undertaking"})
    expect_denied(without(good, "confidentiality_undertaking"), "level-5-undertaking", "4.1-T1-L5b")
    assert "4.1-T1-L5b" in {clause for one in decide(good).duties if one.code == "audit" for clause in one.clauses}


@pytest.mark.clause("4.1-T1-L5c")
def test_level_five_is_for_operations_and_hidden_from_researchers() -> None:
    expect_denied(
        but(reading(level=5, met=LISTED), use="scientific_research", purpose="P10"),
        "level-5-operations-only",
        "4.1-T1-L5c",
    )
    shown = publishing(level=5)
    browsed = but(shown, action="browse")
    expect_denied(browsed, "level-five-hidden", "4.1-T1-L5c")
    assert but(shown, action="browse", met=frozenset({"on_access_list"})).allowed
    assert but(shown, action="browse", level=4, columns=()).allowed


@pytest.mark.clause("4.1-T1-L5c")
def test_an_entry_of_level_five_is_the_authority_s_decision() -> None:
    good = fulfilled(publishing(level=5))
    expect_denied(without(good, "authority_decision"), "level-five-published-by-authority", "4.1-L5")
    assert not but(publishing(level=4), columns=()).needs("authority_decision")


@pytest.mark.clause("4.1-T1-L5d")
def test_level_five_needs_strong_authentication() -> None:
    good = reading(level=5, met=LISTED)
    expect_denied(without(good, "strong_authentication"), "level-5-strong-authentication", "4.1-T1-L5d")
    expect_denied(without(good, "authenticated"), "level-2-authenticated")


@pytest.mark.clause("4.1-T1-L1a")
def test_records_of_persons_are_never_level_one() -> None:
    table = registering(claimed=1, level=1, columns=(), persons=True)
    expect_denied(decide(table), "level-one-without-persons", "4.1-T1-L1a")
    assert but(table, persons=False).allowed


@pytest.mark.clause("4.1-T1-L3b")
def test_a_grant_of_level_three_lists_its_recipients() -> None:
    good = fulfilled(research("grant", level=3, identifiability="limited"))
    denied = without(good, "recipients_named")
    expect_denied(denied, "level-3-recipients-named", "4.1-T1-L3b")
    assert decide(good).asks("limited_environment")
    expect_asked(without(fulfilled(research("grant")), "recipients_named"), "grant-recipients", "4.1-T1-L3b")


@pytest.mark.clause("4.1-T1-L4a")
@pytest.mark.clause("4.1-T1-L5a")
def test_the_classifier_grades_complete_records_and_operations_data() -> None:
    record = [levels.column_grade("direct", "national_id"), levels.column_grade("sensitive", "diagnosis")]
    found = levels.data_set_grade(record, {"direct", "sensitive"}, persons=True)
    assert (found.level, found.clause) == (4, "4.1-T1-L4a")
    operations = (
        levels.column_grade("other", topics={"performance"}),
        levels.column_grade("other", topics={"drug_consumption"}),
    )
    assert {(grade.level, grade.clause) for grade in operations} == {(5, "4.1-T1-L5a")}


@pytest.mark.clause("4.1-T1-L4c")
def test_research_on_level_four_is_served_deidentified() -> None:
    asked = but(fulfilled(research("apply")), level=4, identifiability="identifiable", columns=(NAME, DIAGNOSIS))
    expect_asked(asked, "research-desensitised", "4.1-T1-L4c")
    assert asked.needs("desensitisation") and not asked.denied
    expect_denied(but(fulfilled(research("grant")), level=4), "level-2-desensitised", "4.1-T1-L2d1")


@pytest.mark.clause("6.1")
def test_full_sharing_needs_level_one_or_the_catalogue_and_a_review() -> None:
    full = Degrees("full", "full", "full", source="catalogue")
    asked = research("apply", level=1, identifiability="non_identified", degrees=full, columns=(BEDS,))
    expect_asked(decide(asked), "degree-full", "6.1")
    assert decide(asked).degrees.effective is None  # not decided while nobody reviewed it
    reviewed = fulfilled(asked)
    assert decide(reviewed).degrees.effective == "full"
    assert but(reviewed, level=2).degrees.effective == "agreement"
    assert (
        but(reviewed, degrees=Degrees("none", "agreement", "agreement", source="catalogue")).degrees.effective != "full"
    )


@pytest.mark.clause("6.4")
def test_a_degree_of_none_is_refused_at_submission() -> None:
    good = fulfilled(research("apply"))
    expect_denied(but(good, degrees=Degrees(source="catalogue")), "degree-none", "6.4")
    assert but(good, degrees=Degrees(source="catalogue")).degrees.effective == "none"


@pytest.mark.clause("4.1-T1-L1d")
def test_nothing_becomes_public_without_a_review() -> None:
    good = fulfilled(publishing(level=1, identifiability="non_identified", persons=False, columns=()))
    expect_asked(without(good, "public_release_review"), "public-release-review", "4.1-T1-L1d")
    data = fulfilled(publishing(level=1, identifiability="non_identified", persons=False, columns=(), release="data"))
    expect_asked(without(data, "second_steward"), "public-data-second-steward", "4.1-T1-L1d")
    expect_denied(but(data, level=2), "public-data-level-one-only", "4.1-L2")
    assert but(good, release=None).outcome is Outcome.ASK and but(good, release=None).because("release-unstated")


@pytest.mark.clause("6.4-s", "3.10-2s")
def test_a_sample_is_published_tested_and_never_of_level_five() -> None:
    sample = fulfilled(publishing(release="sample", identifiability="synthetic"))
    expect_denied(without(sample, "privacy_tests"), "sample-tested", "3.10-2s")
    expect_denied(
        but(fulfilled(publishing(level=5)), release="sample", met=sample.met | {"authority_decision"}),
        "no-sample-of-level-five",
        "6.4-s",
    )


def test_an_entry_must_be_complete_and_confirmed() -> None:
    good = fulfilled(publishing())
    expect_asked(without(good, "entry_complete"), "entry-complete", "10.4.2-e-1c")
    expect_asked(without(good, "classification_confirmed"), "entry-complete", "10.4.2-e-1j")


@pytest.mark.clause("10.1.2-e-1a")
def test_special_data_warn_before_they_open() -> None:
    plain = fulfilled(reading())
    warned = but(plain, topics=("psychiatric",))
    expect_asked(warned, "special-data-warning", "10.1.2-e-1a")
    acknowledged = but(plain, topics=("psychiatric",), met=plain.met | {"warning_acknowledged"})
    assert acknowledged.allowed and acknowledged.asks("audit")


@pytest.mark.clause("3.7")
def test_a_professional_position_needs_a_verified_qualification() -> None:
    plain = fulfilled(reading())
    expect_denied(but(plain, position="attending_physician"), "professional-position", "3.7")
    assert but(plain, position="attending_physician", met=plain.met | {"qualification_verified"}).allowed
    assert but(plain, position="responsible_person").allowed


# What each grading rule says, written a second time: (arguments of the column, level).
COLUMN_GRADES = [
    (("direct", "", ()), 4), (("quasi", "", ()), 3), (("sensitive", "", ()), 2), (("other", "", ()), 2),
    (("other", "free_text", ()), 4), (("other", "biometric", ()), 4), (("other", "genetic", ()), 4),
    (("other", "", ("special_disease",)), 5), (("other", "", ("performance",)), 5),
    (("other", "", ("drug_consumption",)), 5),
]  # fmt: skip


@pytest.mark.parametrize(("column", "level"), COLUMN_GRADES)
def test_a_column_has_the_level_of_its_strictest_finding(column, level: int) -> None:
    grade = levels.column_grade(*column)
    assert grade.level == level and grade.clause and grade.zh and grade.en


def test_a_set_is_graded_by_what_its_records_are() -> None:
    own = [levels.data_set_grade([], {role}, persons=True).level for role in ("direct", "quasi", "sensitive", "other")]
    assert own == [4, 3, 2, 2] and levels.data_set_grade([], {"other"}, persons=False).level == 1


def test_versions_have_their_levels() -> None:
    expected = {"identifiable": 4, "limited": 3, "deidentified": 3, "synthetic": 1}
    assert {kind: levels.version_grade(kind).level for kind in expected} == expected
    below = {kind: levels.version_grade(kind, risk_below_threshold=True).level for kind in ("limited", "deidentified")}
    assert below == {"limited": 2, "deidentified": 2}
