"""The helpers of the doors: plain facts in, the right request out, and the main job from door to door."""

from __future__ import annotations

from dataclasses import replace

import pytest

from enclave.kernel.errors import Invalid, Refused
from enclave.policy import Column, Degrees, Outcome, doors
from enclave.policy.doors import Data, Use
from enclave.policy.labels import Labels
from enclave.policy.request import as_plain, from_plain
from tests.factories.policy import expect_asked, expect_denied

COLUMNS = (
    doors.column("age", "quasi", 2, "personal_attribute", "age"),
    doors.column("icd10", "sensitive", 2, "electronic_medical_record", "diagnosis"),
)
SET = Data(2, "deidentified", ("electronic_medical_record",), "HIC", doors.assigned(2), columns=COLUMNS, persons=True)
LIMITED = replace(SET, level=3, identifiability="limited", degrees=doors.assigned(3))
USE = Use("research_institution", "scientific_research")
LABELS = Labels("ds-1", "dsv-2", ("electronic_medical_record",), 2, "deidentified")


def all_of(decision) -> frozenset[str]:
    return frozenset(one.code for one in decision.missing)


def mount(data: Data = SET, **changes):
    held = {
        "registered": LABELS,
        "carried": LABELS.as_metadata(),
        "verified": True,
        "probed": True,
        "granted": True,
        "member": True,
    }
    return doors.mount(data, USE, **{**held, **changes})


@pytest.mark.promise("P2")
def test_the_main_job_from_door_to_door() -> None:
    source = replace(
        SET,
        level=4,
        identifiability="identifiable",
        columns=(*COLUMNS, doors.column("name", "direct", 4, "personal_attribute", "person_name")),
    )
    assert doors.registration(source, 4).allowed
    shown = {"entry_complete", "classification_confirmed", "public_release_review"}
    assert doors.publication(SET, "description", met=shown).allowed
    assert doors.publication(SET, "sample", met={*shown, "privacy_tests"}).allowed
    assert doors.entry(SET).allowed
    asked = doors.application(LIMITED, USE)
    assert asked.outcome is Outcome.ASK and asked.track is not None and asked.track.code == "research_special"
    settled = all_of(asked) | all_of(doors.grant(LIMITED, USE))
    assert doors.agreement(LIMITED, USE, settled).allowed
    assert not doors.grant(LIMITED, USE).allowed and doors.grant(LIMITED, USE, settled).allowed
    labels = replace(LABELS, level=3, identifiability="limited")
    assert mount(LIMITED, registered=labels, carried=labels.as_metadata()).allowed
    assert doors.query(LIMITED, USE, granted=True, budget=True).allowed
    assert doors.egress(LIMITED, USE, "result", granted=True, checks=True, audited=True, stewards=2).allowed


def test_every_step_of_the_track_settles_something_the_grant_needs() -> None:
    asked = doors.application(LIMITED, USE)
    assert asked.track is not None
    settled = doors.settled("research_special", *(step.code for step in asked.track.steps))
    assert doors.settled("research_special", "qualify") == {
        "applicant_verified",
        "qualification_passed",
        "history_check",
    }
    still = all_of(doors.grant(LIMITED, USE, settled))
    assert still == {"recipients_named", "matter_unused", "risk_measured"}  # what the grant itself shows


def test_registration_claims_a_level() -> None:
    assert doors.registration(replace(SET, level=None), 2).allowed
    expect_denied(doors.registration(SET, 1), "claimed-below-parts")
    derived = doors.registration(SET, 2, parents=(3,))
    expect_denied(derived, "derived-keeps-level", "3.2")
    assert doors.registration(SET, 2, parents=(3,), met=("second_level_opinion",)).allowed


def test_level_five_is_neither_shown_nor_published_by_a_steward() -> None:
    operations = replace(SET, level=5)
    expect_denied(doors.entry(operations), "level-five-hidden")
    assert doors.entry(operations, on_access_list=True).allowed
    expect_denied(
        doors.publication(operations, "description", met=("entry_complete",)), "level-five-published-by-authority"
    )
    expect_denied(doors.application(operations, USE), "level-5-not-shared")


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"carried": None}, "mount-labels"),
        ({"carried": {**LABELS.as_metadata(), "level": 1}}, "mount-labels"),
        ({"verified": False}, "mount-bytes"),
        ({"probed": False}, "mount-probes"),
        ({"granted": False}, "mount-grant-valid"),
        ({"member": False}, "level-2-authenticated"),
    ],
)
def test_a_mount_believes_nothing(change, rule: str) -> None:
    assert mount().allowed
    expect_denied(mount(**change), rule)
    with pytest.raises(Refused):
        mount(**change).require()


@pytest.mark.promise("P2")
def test_a_mount_of_identifiable_data_or_direct_columns_is_refused() -> None:
    expect_denied(mount(replace(SET, identifiability="identifiable")), "identifiable-not-granted")
    expect_denied(mount(replace(SET, level=5)), "level-5-not-shared")
    direct = (*COLUMNS, Column("id", "direct", 2, "personal_attribute"))
    expect_denied(mount(replace(SET, columns=direct)), "research-direct-identifiers")


def test_queries_and_exports_ask_at_every_call() -> None:
    expect_denied(doors.query(SET, USE, granted=False, budget=True), "mount-grant-valid")
    expect_denied(doors.query(SET, USE, granted=True, budget=False), "query-budget")
    ready = {"granted": True, "checks": True, "audited": True, "stewards": 2}
    expect_asked(doors.egress(SET, USE, "result", **{**ready, "stewards": 1}), "egress-two-stewards")
    expect_asked(doors.egress(SET, USE, "result", **{**ready, "audited": False}), "egress-checked")
    expect_asked(doors.egress(SET, USE, "result", **{**ready, "checks": False}), "egress-checked")
    expect_denied(doors.egress(SET, USE, "result", **{**ready, "granted": False}), "mount-grant-valid")
    expect_denied(doors.egress(SET, USE, "data", **ready), "egress-no-data")
    expect_denied(doors.egress(SET, USE, "manuscript", **ready), "egress-manuscript")
    assert doors.egress(SET, USE, "manuscript", **ready, consent=True).allowed


def test_reading_and_sharing() -> None:
    directory = Data(1, "non_identified", ("health_resource",), "HIC", persons=False)
    expect_denied(doors.reading(directory, audience="public"), "public-read-after-review")
    assert doors.reading(directory, audience="public", met=("public_release_review",)).allowed
    care = Data(
        4,
        "identifiable",
        ("electronic_medical_record",),
        "WCH",
        columns=(Column("x", "direct", 4, "electronic_medical_record"),),
    )
    use = Use("hospital", "care", "P3", "10.1.2", "business_collaboration")
    asked = doors.sharing(
        care, use, role="controller", from_role="controller", met=("recipients_named", "within_platform")
    )
    expect_asked(asked, "collaboration-registered", "9.2-3")
    assert asked.flow == "F5"


def test_an_unverified_organisation_is_asked_about() -> None:
    assert doors.application(SET, Use(None, "scientific_research")).because("audience-unstated")
    assert doors.application(replace(SET, degrees=None), USE).denied


def test_a_column_s_kind_may_be_a_sensitive_topic() -> None:
    assert doors.column("note", "sensitive", 4, "electronic_medical_record", "free_text").topics == ("free_text",)
    assert doors.column("v", "direct", 4, "personal_attribute", "genetic", topics=("hiv",)).topics == ("genetic", "hiv")
    assert doors.column("age", "quasi", 2, "personal_attribute", "age").topics == ()


def test_a_treated_identifier_is_no_longer_direct() -> None:
    roles = {
        treated: doors.column("id", "direct", None, "personal_attribute", "person_key", treated=treated).role
        for treated in ("", "encryption", "generalisation", "deletion")
    }
    assert roles == {"": "direct", "encryption": "other", "generalisation": "quasi", "deletion": "direct"}
    key = doors.column("id", "direct", None, "personal_attribute", "person_key", treated="encryption")
    assert mount(replace(SET, columns=(*COLUMNS, key))).allowed
    assert doors.column("sex", "quasi", None, "personal_attribute", treated="encryption").role == "quasi"


def test_a_request_travels_as_json() -> None:
    request = doors.application(SET, USE).request
    assert from_plain(as_plain(request)) == request
    assert (
        from_plain({"action": "mount", "columns": ["age", {"name": "sex", "class": "personal_attribute"}]})
        .columns[1]
        .class_
        == "personal_attribute"
    )
    assert from_plain({"action": "apply", "degrees": {"public": "none"}}).degrees == Degrees("none")
    for wrong in (
        {"action": "mount", "colour": "red"},
        {"level": 3},
        {"action": "mount", "columns": [{"colour": "red"}]},
        {"action": "mount", "degrees": {"public": "none", "martians": "full"}},
    ):
        with pytest.raises(Invalid):
            from_plain(wrong)
