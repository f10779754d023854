"""Who is who: roles of 5.2, data subjects, pool parties, accounts of the product, audiences."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from enclave.kernel.errors import Conflict, Invalid, Refused
from enclave.kernel.identity import Role
from enclave.policy import Degrees, decide
from enclave.policy.book import current
from enclave.policy.doors import Data, Use, application
from enclave.policy.parties import (
    Assignment,
    Consent,
    Proxy,
    Subject,
    approve_user,
    audience_of,
    check_assignment,
    check_controllers,
    check_together,
    functions,
    questions,
    reaches_content,
    residual_role,
    scenario_role,
)
from tests.factories.policy import AGE, but, expect_denied, fulfilled, research

YES = {entry.code: True for entry in questions()}
HOSPITAL = Assignment("WCH", "controller", "ds-1", "10.4.2", answers=YES)


@pytest.mark.clause("1-3")
def test_authority_and_assessor_have_tasks_of_their_own() -> None:
    assert functions("assessor") == {"assess"}
    assert functions("authority") == {"file", "decide"}
    others = [functions(role) for role in ("researcher", "steward", "committee")]
    assert not any((functions("assessor") | functions("authority")) & held for held in others)
    assert {role.value for role in Role} == set(current().words("product_roles"))
    assert functions("stranger") == frozenset()


@pytest.mark.clause("1-3")
@pytest.mark.parametrize(
    "pair",
    [
        ("assessor", "researcher"),
        ("authority", "committee"),
        ("authority", "steward"),
        ("auditor", "steward"),
        ("researcher", "steward"),
    ],
)
def test_one_account_is_not_on_both_sides(pair: tuple[str, str]) -> None:
    for roles in (pair, pair[::-1]):
        with pytest.raises(Refused) as refused:
            check_together(roles)
        assert refused.value.code == "policy_roles_together" and refused.value.clauses == ("1-3",)
    check_together(["committee", "researcher"])
    check_together(["steward"])


@pytest.mark.clause("3.3")
def test_subjects_are_no_accounts_and_consents_hang_on_subjects() -> None:
    subject, other = Subject("s-1"), Subject("s-2")
    child = Proxy("li", subject, "child")
    consent = Consent(subject, frozenset({"P1"}), date(2026, 1, 1), until=date(2026, 12, 31), given_by=child)
    assert consent.subject == subject and consent.covers("P1", date(2026, 6, 1))
    assert not consent.covers("P7", date(2026, 6, 1)) and not consent.covers("P1", date(2027, 1, 1))
    assert not consent.covers("P1", date(2025, 12, 31))
    with pytest.raises(Invalid):
        Consent("li", frozenset({"P1"}), date(2026, 1, 1))  # type: ignore[arg-type]  # an account's name is no subject
    with pytest.raises(Invalid):
        Consent(other, frozenset({"P1"}), date(2026, 1, 1), given_by=child)


@pytest.mark.clause("3.4")
def test_a_scenario_without_a_controller_fails() -> None:
    check_controllers([HOSPITAL], "ds-1", "10.4.2")
    for dataset, scenario in (("ds-2", "10.4.2"), ("ds-1", "10.4.1")):
        with pytest.raises(Invalid) as invalid:
            check_controllers([HOSPITAL], dataset, scenario)
        assert invalid.value.clauses == ("3.4",)


@pytest.mark.clause("5.2-0a")
def test_a_role_is_held_per_party_set_and_scenario() -> None:
    held = [HOSPITAL]
    check_assignment(Assignment("WCH", "user", "ds-2", "10.4.2"), held)
    check_assignment(Assignment("WCH", "user", "ds-1", "10.4.1"), held)
    assert residual_role("WCH", "ds-1", "10.4.2", held) == "controller"
    with pytest.raises(Invalid):
        check_assignment(Assignment("WCH", "owner", "ds-1", "10.4.2"), held)


@pytest.mark.clause("5.2-0b")
@pytest.mark.parametrize("role", ["user", "processor", "subject"])
def test_a_second_role_for_the_same_set_and_scenario_is_refused(role: str) -> None:
    with pytest.raises(Conflict) as conflict:
        check_assignment(Assignment("WCH", role, "ds-1", "10.4.2", natural=True, acts_for="WCH"), [HOSPITAL])
    assert conflict.value.code == "policy_role_taken" and conflict.value.clauses == ("5.2-0b",)
    check_assignment(HOSPITAL, [HOSPITAL])


@pytest.mark.clause("5.2-a")
def test_only_a_natural_person_is_a_subject() -> None:
    assert current().words("roles")["subject"].attributes["natural_only"] is True
    check_assignment(Assignment("s-1", "subject", "ds-1", "10.3.1", natural=True), [])
    with pytest.raises(Invalid) as invalid:
        check_assignment(Assignment("WCH", "subject", "ds-1", "10.3.1"), [])
    assert invalid.value.clauses == ("5.2-a",)


@pytest.mark.clause("5.2-b")
def test_the_kinds_of_controller_can_be_chosen() -> None:
    kinds = current().words("controller_kinds")
    expected = {
        "health_service_organisation", "medical_insurance_institution", "government_body",
        "health_research_institution", "individual_clinic",
    }  # fmt: skip
    assert set(kinds) == expected and all(entry.zh and entry.en for entry in kinds.values())
    check_assignment(HOSPITAL, [])


QUESTIONS = [
    pytest.param("legal_obligation", marks=pytest.mark.clause("5.2-b-1")),
    pytest.param("public_function", marks=pytest.mark.clause("5.2-b-2")),
    pytest.param("own_decision", marks=pytest.mark.clause("5.2-b-3")),
    pytest.param("authorised", marks=pytest.mark.clause("5.2-b-4")),
]


@pytest.mark.parametrize("question", QUESTIONS)
def test_each_question_about_a_controller_is_asked_and_counts(question: str) -> None:
    unanswered = {code: True for code in YES if code != question}
    with pytest.raises(Invalid) as invalid:
        check_assignment(replace(HOSPITAL, answers=unanswered), [])
    assert invalid.value.facts["missing"] == question
    entry = current().words("controller_questions")[question]
    assert entry.clauses == invalid.value.clauses and entry.zh.endswith("？") and entry.en.endswith("?")
    check_assignment(replace(HOSPITAL, answers={code: code == question for code in YES}), [])


@pytest.mark.clause("5.2-b-4")
def test_four_times_no_needs_a_justification() -> None:
    nothing = dict.fromkeys(YES, False)
    with pytest.raises(Invalid) as invalid:
        check_assignment(replace(HOSPITAL, answers=nothing), [])
    assert invalid.value.code == "policy_role_not_controller"
    check_assignment(replace(HOSPITAL, answers=nothing, justification="entrusted by the commission"), [])


@pytest.mark.clause("5.2-c")
def test_a_processor_is_linked_to_its_controller() -> None:
    vendor = Assignment("VENDOR", "processor", "ds-1", "10.4.2", acts_for="WCH")
    check_assignment(vendor, [HOSPITAL])
    for acts_for, there in (("", [HOSPITAL]), ("UNI", [HOSPITAL]), ("WCH", [])):
        with pytest.raises(Invalid) as invalid:
            check_assignment(replace(vendor, acts_for=acts_for), there)
        assert invalid.value.clauses == ("5.2-c",)


@pytest.mark.clause("5.2-d")
def test_an_approved_applicant_becomes_user_of_that_set_only() -> None:
    made = approve_user("UNI", "ds-1", "10.4.2", [HOSPITAL])
    assert (made.party, made.role, made.dataset, made.scenario) == ("UNI", "user", "ds-1", "10.4.2")
    assert residual_role("UNI", "ds-1", "10.4.2", []) == "user"
    with pytest.raises(Conflict):
        approve_user("WCH", "ds-1", "10.4.2", [HOSPITAL])


POOL = [
    pytest.param("data_provider", {"submit_data", "see_use"}, "request", marks=pytest.mark.clause("9.1.1-1")),
    pytest.param("system_manager", {"operate"}, "provision", marks=pytest.mark.clause("9.1.1-2")),
    pytest.param(
        "data_manager",
        {"evaluate_request", "provision", "register_data", "publish"},
        "request",
        marks=pytest.mark.clause("9.1.1-3"),
    ),
    pytest.param("data_user", {"browse", "request", "work"}, "evaluate_request", marks=pytest.mark.clause("9.1.1-4")),
]


@pytest.mark.parametrize(("party", "may", "not_"), POOL)
def test_pool_parties_do_their_own_part(party: str, may: set[str], not_: str) -> None:
    held = set(current().words("pool_parties")[party].codes("functions"))
    assert may <= held and not_ not in held
    roles = [entry.code for entry in current().words("product_roles").values() if entry.attributes["party"] == party]
    assert all(functions(role) >= may and not_ not in functions(role) for role in roles)


@pytest.mark.clause("9.1.1-2")
def test_who_runs_the_systems_reaches_no_content() -> None:
    assert not reaches_content("operator") and reaches_content("steward") and reaches_content("researcher")
    assert not reaches_content("authority") and not reaches_content("auditor") and not reaches_content("assessor")


@pytest.mark.clause("10.4.1-b-7")
def test_an_auditor_reads_the_trail_and_nothing_else() -> None:
    assert functions("auditor") == {"audit"}
    assert [role for role in current().words("product_roles") if "audit" in functions(role)] == ["auditor"]


@pytest.mark.clause("C-4")
def test_the_audience_follows_the_verified_kind_not_the_form() -> None:
    assert audience_of("research_institution") == "enterprise"
    assert audience_of("health_commission") == "government" and audience_of("researcher") == "public"
    assert audience_of("") is None and audience_of("ministry of everything") is None
    shared = Degrees("none", "none", "agreement", source="catalogue")
    data = Data(2, "deidentified", ("electronic_medical_record",), "HIC", shared, columns=(AGE,))
    company = application(data, Use("company", "scientific_research"))
    assert company.denied and company.because("degree-none")
    assert not application(data, Use("health_commission", "scientific_research")).denied
    assert application(data, Use(None, "scientific_research")).because("audience-unstated")


ROLES = [
    pytest.param("10.2.1", "patient", "subject", "user", marks=pytest.mark.clause("10.2.1-b-1")),
    pytest.param("10.2.1", "invited_hospital", "controller", "user", marks=pytest.mark.clause("10.2.1-b-2")),
    pytest.param("10.2.1", "inviting_hospital", "controller", "processor", marks=pytest.mark.clause("10.2.1-b-2")),
    pytest.param("10.2.1", "health_commission", "controller", "user", marks=pytest.mark.clause("10.2.1-b-2")),
    pytest.param(
        "10.2.1", "resource_centre_operator", "processor", "controller", marks=pytest.mark.clause("10.2.1-b-3")
    ),
    pytest.param("10.2.1", "network_operator", "processor", "user", marks=pytest.mark.clause("10.2.1-b-3")),
    pytest.param("10.2.2", "patient", "subject", "user", marks=pytest.mark.clause("10.2.2-b")),
    pytest.param("10.2.2", "invited_hospital", "controller", "user", marks=pytest.mark.clause("10.2.2-b")),
    pytest.param("10.2.2", "inviting_hospital", "controller", "user", marks=pytest.mark.clause("10.2.2-b")),
    pytest.param("10.2.2", "health_commission", "controller", "user", marks=pytest.mark.clause("10.2.2-b")),
    pytest.param("10.2.2", "imaging_centre_operator", "processor", "controller", marks=pytest.mark.clause("10.2.2-b")),
    pytest.param("10.2.2", "network_operator", "processor", "controller", marks=pytest.mark.clause("10.2.2-b")),
    pytest.param("10.3.1", "data_aggregation_centre", "controller", "user", marks=pytest.mark.clause("10.3.1-b")),
    pytest.param("10.3.1", "patient", "subject", "user", marks=pytest.mark.clause("10.3.1-b")),
    pytest.param("10.5.1", "health_commission", "controller", "user", marks=pytest.mark.clause("10.5.1-b")),
    pytest.param("10.5.1", "data_aggregation_centre", "controller", "user", marks=pytest.mark.clause("10.5.1-b")),
    pytest.param("10.5.1", "medical_institution", "controller", "user", marks=pytest.mark.clause("10.5.1-b")),
    pytest.param("10.5.1", "commercial_insurer", "user", "controller", marks=pytest.mark.clause("10.5.1-b")),
    pytest.param("10.5.1", "insured_person", "subject", "user", marks=pytest.mark.clause("10.5.1-b")),
]


@pytest.mark.parametrize(("scenario", "party", "role", "other"), ROLES)
def test_a_scenario_knows_the_role_of_its_parties(scenario: str, party: str, role: str, other: str) -> None:
    assert scenario_role(scenario, party) == role
    rule = f"role-in-scenario@{scenario}/{party}"
    clause = current().words("scenario_roles")[f"{scenario}/{party}"].clauses[0]
    asked = research("read", scenario=scenario, party=party, role=other, from_role="controller")
    expect_denied(decide(asked), rule, clause)
    assert not but(asked, role=role).because(rule)
    assert scenario_role(scenario, "company") is None


def test_fulfilled_cases_are_cases() -> None:
    assert decide(fulfilled(research("grant"))).allowed
