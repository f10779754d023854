"""What the standard covers, and what nobody may leave out (1, 3, 4.2, 5.3, 6, 7)."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from enclave.policy import Column, DecisionRequest, Degrees, Outcome, decide
from enclave.policy.book import current
from enclave.policy.catalogue import AUDIENCES
from tests.factories.policy import (
    AGE,
    DIAGNOSIS,
    NAME,
    but,
    care,
    clinical,
    expect_asked,
    expect_denied,
    fulfilled,
    publishing,
    registering,
    research,
    without,
)

OMICS = Column("variant", "direct", 4, "electronic_medical_record", topics=("genetic",))


@pytest.mark.clause("1-1")
@pytest.mark.clause("3.4")
@pytest.mark.parametrize("controller", [None, "", "  "])
def test_a_set_without_a_controller_is_refused(controller: str | None) -> None:
    expect_denied(but(registering(), controller=controller), "controller-named", "1-1", "3.4")
    expect_denied(but(fulfilled(research("apply")), controller=controller), "controller-named", "3.4")
    expect_denied(but(fulfilled(care()), controller=controller), "controller-named", "3.4")


@pytest.mark.clause("1-1")
def test_data_from_outside_the_province_are_marked_and_not_shared() -> None:
    marked = but(registering(), jurisdiction="110000")
    assert marked.allowed and marked.asks("outside_mark") and not decide(registering()).asks("outside_mark")
    expect_denied(but(fulfilled(research("apply")), jurisdiction="110000"), "outside-province-not-shared", "1-1")
    expect_asked(but(registering(), jurisdiction=None), "region-unstated", "1-1")


@pytest.mark.clause("1-2")
def test_every_cell_of_the_catalogue_gets_a_decision_with_clauses() -> None:
    for item, audience in product(current().catalogue.items, AUDIENCES):
        degrees = Degrees(**item.degrees, source="catalogue")
        decision = but(research("apply"), audience=audience, degrees=degrees, columns=(AGE,))
        assert decision.outcome in Outcome and decision.clauses
        assert decision.degrees.catalogue is not None and decision.degrees.level == "agreement"
        denied = item.degrees["public"] == item.degrees[audience] == "none"
        assert not denied or decision.because("degree-none")


@pytest.mark.clause("1-2")
def test_nothing_stated_asks_and_never_allows() -> None:
    for action in current().words("actions"):
        bare = decide(DecisionRequest(action))
        assert not bare.allowed, action
        assert bare.clauses
    strange = decide(DecisionRequest("teleport"))
    assert (
        strange.outcome is Outcome.ASK
        and strange.because("nothing-permits")
        and strange.because("value-not-recognised")
    )
    expect_asked(but(fulfilled(research("apply")), party="martian"), "value-not-recognised", "1-2")
    share = replace(fulfilled(clinical("grant")), action="share", met=fulfilled(clinical("grant")).met)
    expect_asked(decide(share), "nothing-permits", "5.3-0")


@pytest.mark.clause("5.3-0")
@pytest.mark.parametrize("door", ["apply", "agreement", "grant", "mount", "query", "egress"])
@pytest.mark.parametrize("scenario", [None, "10.9.9"])
def test_no_scenario_no_flow(door: str, scenario: str | None) -> None:
    expect_denied(but(fulfilled(research(door)), scenario=scenario), "no-scenario", "5.3-0")


@pytest.mark.clause("3.1")
def test_columns_that_identify_only_together_make_personal_data() -> None:
    township = Column("township", "quasi", 1, "personal_attribute.demographic")
    table = registering(
        claimed=1, level=1, persons=None, columns=(township, Column("birth", "quasi", 1), Column("sex", "quasi", 1))
    )
    expect_denied(decide(table), "level-one-without-persons", "3.1")
    assert but(table, columns=(Column("beds", "other", 1),)).allowed


@pytest.mark.clause("3.1-n")
@pytest.mark.parametrize("claimed", [1, 2])
def test_payments_of_persons_count_like_clinical_records(claimed: int) -> None:
    account = Column("insurance_account", "direct", claimed, "medical_payment.insurance")
    bill = registering(claimed=claimed, level=claimed, categories=("medical_payment",), columns=(account,))
    expect_denied(decide(bill), "payments-are-personal", "3.1-n")
    assert but(bill, claimed=4, level=4).allowed
    without_identifier = replace(account, role="sensitive")
    assert but(bill, claimed=2, level=2, columns=(without_identifier,)).allowed


@pytest.mark.clause("3.2")
def test_derived_data_name_their_sources_and_keep_their_level() -> None:
    derived = registering(derived=True, parents=(3, 2), claimed=3, level=3)
    assert decide(derived).allowed and decide(derived).asks("provenance_kept")
    expect_denied(but(derived, parents=()), "derived-names-sources", "3.2")
    lower = but(derived, claimed=2, level=2)
    expect_denied(lower, "derived-keeps-level", "3.2")
    assert but(derived, claimed=2, level=2, met=frozenset({"second_level_opinion"})).allowed


@pytest.mark.clause("3.9")
@pytest.mark.clause("3.9-n")
@pytest.mark.parametrize("door", ["apply", "agreement", "grant", "mount", "query", "egress"])
def test_therapy_notes_are_withheld_without_their_author_and_employer(door: str) -> None:
    notes = Column("notes", "sensitive", 2, "electronic_medical_record", topics=("therapy_note",))
    good = fulfilled(research(door))
    withheld = but(good, columns=(AGE, notes))
    expect_denied(withheld, "therapy-notes", "3.9", "3.9-n")
    consented = but(good, columns=(AGE, notes), met=good.met | {"therapy_note_consent", "sensitive_justified"})
    assert consented.allowed


@pytest.mark.clause("5.3-T4-F1-1")
def test_what_a_person_supplies_needs_a_recorded_consent() -> None:
    sensor = registering(role="controller", from_role="subject")
    expect_denied(decide(sensor), "collection-needs-consent", "5.3-T4-F1-1")
    assert but(sensor, met=frozenset({"informed_consent"})).allowed
    assert decide(registering()).allowed


@pytest.mark.clause("6-x")
@pytest.mark.parametrize("door", ["apply", "grant", "mount", "query", "egress"])
def test_tracing_by_courts_and_police_is_outside(door: str) -> None:
    traced = but(fulfilled(research(door)), use="legal_tracing", purpose="P5")
    expect_denied(traced, "legal-tracing", "6-x")
    assert traced.asks("statutory_channel") and traced.as_facts()["outcome"] == "deny"


@pytest.mark.clause("4.2-0")
def test_a_set_without_a_category_is_refused() -> None:
    expect_denied(but(registering(), categories=()), "category-unstated", "4.2-0")
    expect_asked(but(registering(), categories=("weather",)), "value-not-recognised")


def test_what_is_asked_for_must_be_stated() -> None:
    good = fulfilled(research("grant"))
    expect_asked(but(good, columns=()), "columns-unstated", "9.1.4-1")
    expect_asked(but(registering(), identifiability=None), "identifiability-unstated", "7-0")


@pytest.mark.clause("7-0")
def test_a_decision_carries_processing_and_purpose_and_ends_with_either() -> None:
    request = fulfilled(research("apply"))
    decision = decide(request)
    assert (decision.processing, decision.purpose) == ("deidentified", "P10")
    assert decision.as_facts()["processing"] == "deidentified" and decision.as_facts()["purpose"] == "P10"
    assert decision.holds_for(replace(request), current())
    assert not decision.holds_for(replace(request, purpose="P7"), current())
    assert not decision.holds_for(replace(request, identifiability="limited"), current())
    assert not decision.holds_for(request, replace(current(), version="another"))
    expect_asked(but(request, purpose=None), "purpose-unstated", "7-0")
    expect_asked(but(fulfilled(publishing()), principle=None), "principle-unstated", "7-0")


@pytest.mark.clause("10.1.1-c-5")
def test_omics_say_whether_they_are_open_or_controlled() -> None:
    omics = registering(columns=(OMICS,), claimed=4)
    expect_denied(decide(omics), "omics-access-class", "10.1.1-c-5")
    assert but(omics, omics_access="access_controlled").allowed
    expect_denied(but(omics, omics_access="half_open"), "omics-access-class", "10.1.1-c-5")


@pytest.mark.clause("10.4.2-e-1i")
def test_omics_come_in_packages_of_one_type() -> None:
    package = registering(columns=(OMICS,), claimed=4, omics_access="open", omics_types=("genome",))
    assert decide(package).allowed
    expect_denied(but(package, omics_types=("genome", "proteome")), "omics-packages", "10.4.2-e-1i")
    expect_denied(
        but(fulfilled(research("apply")), omics_types=("genome", "metabolome")), "omics-packages", "10.4.2-e-1i"
    )


@pytest.mark.clause("C-3")
@pytest.mark.parametrize("status", ["planned", "retired"])
def test_only_what_is_built_and_managed_may_be_requested(status: str) -> None:
    expect_denied(but(fulfilled(research("apply")), status=status), "not-built", "C-3")
    assert decide(fulfilled(research("apply"))).allowed


@pytest.mark.clause("10.4.1-c-12")
def test_free_text_is_treated_or_left_out() -> None:
    text = Column("course", "sensitive", 2, "electronic_medical_record", topics=("free_text",))
    good = fulfilled(research("mount"))
    expect_asked(but(good, columns=(AGE, text)), "free-text", "10.4.1-c-12")
    assert but(good, columns=(AGE, text), met=good.met | {"text_treated"}).allowed


@pytest.mark.clause("10.2.2-e-d")
def test_images_lose_identity_in_headers_and_pixels() -> None:
    image = Column("film", "sensitive", 2, "electronic_medical_record", topics=("identifiable_image",))
    good = fulfilled(research("mount"))
    expect_asked(but(good, columns=(DIAGNOSIS, image)), "images", "10.2.2-e-d")
    assert but(good, columns=(DIAGNOSIS, image), met=good.met | {"images_treated"}).allowed


def test_direct_identifiers_are_no_part_of_a_released_set() -> None:
    expect_denied(but(fulfilled(research("mount")), columns=(AGE, NAME)), "research-direct-identifiers", "10.4.2-e-1l")
    assert without(fulfilled(research("mount")), "labels_intact").denied
