"""The eleven scenarios of clause 10: parties, modes, flows, uses, and what each asks beyond them."""

from __future__ import annotations

import pytest

from enclave.policy import Outcome, decide
from enclave.policy.book import current
from enclave.policy.facts import flow
from tests.factories.policy import (
    AGE,
    DIAGNOSIS,
    NAME,
    but,
    care,
    clinical,
    expect_asked,
    expect_denied,
    expect_reason,
    fulfilled,
    insurance,
    query_own,
    research,
    supervision,
    telemedicine,
    without,
)

POOL, COLLABORATION, POINT = "resource_pool", "business_collaboration", "point_to_point"
# The permitted modes written a second time, with the clause that says so.
MODES = [
    pytest.param("10.1.1", {COLLABORATION}, "10.1.1-d", marks=pytest.mark.clause("10.1.1-d")),
    pytest.param("10.1.2", {POOL, COLLABORATION}, "10.1.2-d", marks=pytest.mark.clause("10.1.2-d")),
    pytest.param("10.2.1", {COLLABORATION}, "10.2.1-d", marks=pytest.mark.clause("10.2.1-d")),
    pytest.param("10.2.2", {COLLABORATION}, "10.2.2-d", marks=pytest.mark.clause("10.2.2-d")),
    pytest.param("10.2.3", {COLLABORATION}, "10.2.3-d", marks=pytest.mark.clause("10.2.3-d")),
    pytest.param("10.3.1", {POOL}, "10.3.1-d", marks=pytest.mark.clause("10.3.1-d")),
    pytest.param("10.3.2", {POOL, COLLABORATION}, "10.3.2-d", marks=pytest.mark.clause("10.3.2-d")),
    pytest.param("10.4.1", {POOL, POINT}, "10.4.1-d", marks=pytest.mark.clause("10.4.1-d")),
    pytest.param("10.4.2", {POINT}, "10.4.2-d", marks=pytest.mark.clause("10.4.2-d")),
    pytest.param("10.5.1", {POOL, POINT}, "10.5.1-d", marks=pytest.mark.clause("10.5.1-d")),
    pytest.param("10.6.1", {POOL, COLLABORATION}, "10.6.1-d", marks=pytest.mark.clause("10.6.1-d")),
]


@pytest.mark.parametrize(("scenario", "permitted", "clause"), MODES)
def test_a_scenario_permits_its_modes_only(scenario: str, permitted: set[str], clause: str) -> None:
    rule = f"mode-outside-scenario@{scenario}"
    for mode in (POOL, COLLABORATION, POINT):
        decision = decide(research("share", scenario=scenario, mode=mode))
        if mode in permitted:
            assert not decision.because(rule)
        else:
            expect_denied(decision, rule, clause)


def test_the_mode_is_declared() -> None:
    expect_asked(but(fulfilled(research("apply")), mode=None), "mode-unstated", "9-0")


PARTIES = [
    pytest.param("10.1.1", {"department", "patient", "doctor"}, marks=pytest.mark.clause("10.1.1-b")),
    pytest.param(
        "10.1.2",
        {"regional_platform", "resident", "hospital", "health_administration"},
        marks=pytest.mark.clause("10.1.2-b"),
    ),
    pytest.param("10.2.3", {"patient", "hospital_internet_platform"}, marks=pytest.mark.clause("10.2.3-b")),
    pytest.param(
        "10.3.2",
        {"patient", "hospital", "internet_hospital", "check_up_centre", "government_data_centre"},
        marks=pytest.mark.clause("10.3.2-b"),
    ),
    pytest.param(
        "10.4.1",
        {"health_commission", "hospital", "research_institution", "sponsor", "clinical_research_institution",
         "investigator", "trial_subject", "ethics_committee", "monitor", "trial_auditor"},
        marks=pytest.mark.clause("10.4.1-b-0"),
    ),
    pytest.param(
        "10.4.2",
        {"data_aggregation_centre", "health_commission", "research_institution"},
        marks=pytest.mark.clause("10.4.2-b"),
    ),
    pytest.param(
        "10.6.1",
        {"government_department", "health_commission", "data_aggregation_centre", "regional_platform",
         "medical_institution"},
        marks=pytest.mark.clause("10.6.1-b"),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("scenario", "parties"), PARTIES)
def test_a_scenario_lists_its_parties(scenario: str, parties: set[str]) -> None:
    entry = current().words("scenarios")[scenario]
    assert set(entry.codes("parties")) == parties and len(entry.codes("parties")) == len(parties)
    assert all(current().words("parties")[code].zh for code in parties)


FLOWS = {
    "10.1.1": "F1 F2 F3", "10.1.2": "F2 F5 F6", "10.2.1": "F1 F2 F4 F5", "10.2.2": "F1 F2 F4 F5", "10.2.3": "F1 F2 F5",
    "10.3.1": "F2", "10.3.2": "F1 F2 F5", "10.4.1": "F4 F6", "10.4.2": "F6", "10.5.1": "F1 F6", "10.6.1": "F5 F6",
}  # fmt: skip
ENDS = {
    "F1": ("subject", "controller", False), "F2": ("controller", "subject", False),
    "F3": ("controller", "controller", True), "F4": ("controller", "processor", False),
    "F5": ("controller", "controller", False), "F6": ("controller", "user", False),
}  # fmt: skip


@pytest.mark.clause("5.3-0")
@pytest.mark.parametrize("scenario", sorted(FLOWS))
def test_a_flow_is_named_by_its_ends_and_belongs_to_its_scenarios(scenario: str) -> None:
    for name, (giver, taker, same) in ENDS.items():
        assert flow(giver, taker, same_party=same) == name
        decision = decide(research("share", scenario=scenario, from_role=giver, role=taker, same_party=same))
        assert decision.flow == name
        assert decision.because(f"flow-outside-scenario@{scenario}") == (name not in FLOWS[scenario].split())
    assert flow("user", "subject", same_party=False) is None
    expect_asked(but(fulfilled(research("apply")), from_role=None), "flow-unstated", "5.3-0", "5.2-0a")


USES = {
    "10.1.1": {"care", "operations", "quality_assurance"}, "10.1.2": {"care", "quality_assurance"}, "10.2.1": {"care"},
    "10.2.2": {"care"}, "10.2.3": {"care"}, "10.3.1": {"personal_access"},
    "10.3.2": {"personal_access", "healthy_living", "care"},
    "10.4.1": {"clinical_research", "scientific_research", "public_health", "statistical_analysis",
               "commercial_research"},
    "10.4.2": {"scientific_research", "medical_education", "public_health", "statistical_analysis",
               "data_innovation_contest", "artificial_intelligence_sample_training"},
    "10.5.1": {"insurance"}, "10.6.1": {"supervision"},
}  # fmt: skip


@pytest.mark.parametrize("scenario", sorted(USES))
def test_a_scenario_serves_its_uses_only(scenario: str) -> None:
    for use in current().words("uses"):
        decision = decide(research("share", scenario=scenario, use=use))
        assert any(one.rule == f"use-outside-scenario@{scenario}" for one in decision.blocking) == (
            use not in USES[scenario]
        )


@pytest.mark.clause("9.2-3")
def test_basic_care_starts_directly_but_registered() -> None:
    good = fulfilled(care())
    assert decide(good).track is not None and decide(good).track.code == "collaboration_direct"
    expect_asked(without(good, "collaboration_registered"), "collaboration-registered", "9.2-3")
    assert not decide(care()).needs("platform_filing")


@pytest.mark.clause("9.2-1", "9.2-2")
def test_collaboration_stays_on_the_platform() -> None:
    expect_denied(without(fulfilled(care()), "within_platform"), "collaboration-on-platform", "9.2-1", "9.2-2")


@pytest.mark.clause("9.2-4", "9.2-7")
def test_other_collaboration_on_the_universal_platform_is_filed() -> None:
    filed = fulfilled(
        care(use="quality_assurance", purpose="P4", party="hospital", platform="universal_health_platform")
    )
    assert decide(filed).track.code == "collaboration_filing"
    for code in ("platform_filing", "application_complete"):
        expect_asked(without(filed, code), "collaboration-filed", "9.2-4")
    expect_asked(but(filed, platform=None), "collaboration-platform-unstated", "9.2-4", "9.2-6")


@pytest.mark.clause("9.2-6", "9.2-8")
def test_other_collaboration_elsewhere_is_approved() -> None:
    approved = fulfilled(care(use="quality_assurance", purpose="P4", platform="other_platform"))
    assert decide(approved).track.code == "collaboration_approval"
    for code in ("advisory_evaluation", "authority_decision", "application_complete"):
        expect_asked(without(approved, code), "collaboration-approved", "9.2-6", "9.2-8")


@pytest.mark.clause("10.3.2-a", "10.3.2-d")
def test_consultation_platforms_connect() -> None:
    joined = fulfilled(
        care(
            scenario="10.3.2",
            party="internet_hospital",
            purpose="P8",
            use="healthy_living",
            platform="universal_health_platform",
        )
    )
    assert decide(joined).track.code == "collaboration_filing"
    assert but(joined, level=5, columns=()).outcome is not Outcome.ALLOW


@pytest.mark.clause("10.3.1-a", "10.1.2-T5-1")
def test_a_person_sees_his_own_data_only() -> None:
    own = fulfilled(query_own())
    assert decide(own).track.code == "patient_query"
    for code in ("own_data", "authenticated"):
        expect_denied(without(own, code), "patient-own-data", "10.1.2-T5-1")


@pytest.mark.clause("10.3.1-e-2b", "10.3.2-e")
@pytest.mark.parametrize("topic", ["hiv", "viral_hepatitis"])
@pytest.mark.parametrize("scenario", ["10.3.1", "10.3.2"])
def test_hidden_results_are_not_shown_and_everybody_is_told_the_same(topic: str, scenario: str) -> None:
    own = fulfilled(query_own(scenario=scenario))
    hidden = but(own, topics=(topic,))
    expect_denied(hidden, "patient-hidden", "10.3.1-e-2b")
    assert hidden.asks("standing_notice") and not but(own, topics=("psychiatric",)).denied


@pytest.mark.clause("10.3.1-e-2c")
def test_three_months_by_default() -> None:
    own = fulfilled(query_own(months=3))
    expect_denied(but(own, months=4), "patient-window", "10.3.1-e-2c")
    assert but(own, months=4, met=own.met | {"window_extension"}).allowed


@pytest.mark.clause("10.2.1-e-1b", "10.2.2-e", "10.2.3-e")
@pytest.mark.parametrize("scenario", ["10.2.1", "10.2.2", "10.2.3"])
def test_telemedicine_on_identifiable_data_needs_written_consent(scenario: str) -> None:
    good = fulfilled(telemedicine(scenario=scenario))
    expect_denied(without(good, "telemedicine_consent"), "telemedicine-consent", "10.2.1-e-1b")
    unidentified = but(
        good, identifiability="non_identified", level=2, columns=(DIAGNOSIS,), met=good.met - {"telemedicine_consent"}
    )
    assert unidentified.allowed  # 10.2.1 e)(3): no notice needed where nobody is identified


@pytest.mark.clause("10.2.1-e-4")
def test_private_images_need_a_consent_of_their_own() -> None:
    good = fulfilled(telemedicine())
    expect_denied(but(good, topics=("private_images",)), "telemedicine-private-images", "10.2.1-e-4")
    assert but(good, topics=("private_images",), met=good.met | {"specific_consent"}).allowed


@pytest.mark.clause("10.1.2-c-4")
def test_controlled_omics_need_an_authorisation() -> None:
    good = fulfilled(care())
    controlled = {"topics": ("genetic",), "omics_access": "access_controlled"}
    expect_denied(but(good, **controlled), "omics-controlled", "10.1.2-c-4")
    assert but(good, topics=("genetic",), omics_access="open").allowed
    assert but(good, met=good.met | {"omics_authorisation"}, **controlled).allowed


@pytest.mark.clause("10.5.1-a-2")
def test_policy_insurance_is_outside() -> None:
    for action in ("apply", "agreement", "share"):
        outside = but(fulfilled(insurance(action)), use="policy_insurance")
        expect_denied(outside, "policy-insurance", "10.5.1-a-2")
        assert outside.asks("policy_documents")


@pytest.mark.clause("10.5.1-b")
def test_the_user_of_insurance_data_is_an_insurer() -> None:
    expect_denied(but(fulfilled(insurance()), party="company"), "insurer-is-user", "10.5.1-b")
    assert decide(fulfilled(insurance())).track.code == "insurance"


@pytest.mark.clause("10.5.1-e-0")
def test_an_insurance_agreement_lists_the_requirements_checked() -> None:
    for action in ("agreement", "share"):
        expect_denied(
            without(fulfilled(insurance(action)), "requirements_checked"), "insurance-requirements", "10.5.1-e-0"
        )


@pytest.mark.clause("10.5.1-e-1a", "10.5.1-e-1b", "10.5.1-e-5", "10.5.1-e-6")
def test_insurance_is_assessed_signed_and_authorised() -> None:
    for code in ("insurer_assessed", "scheme_assessed"):
        expect_asked(without(fulfilled(insurance("apply")), code), "insurance-assessed", "10.5.1-e-1a")
    for code in ("agreement_signed", "subject_authorisation", "staff_undertakings"):
        expect_denied(without(fulfilled(insurance()), code), "insurance-contract", "10.5.1-e-5", "10.5.1-e-6")


@pytest.mark.clause("10.6.1-b")
def test_supervision_is_by_government() -> None:
    good = fulfilled(supervision())
    expect_denied(but(good, audience="enterprise"), "supervision-by-government", "10.6.1-b")
    assert decide(good).track.code == "collaboration_filing"


@pytest.mark.clause("10.6.1-e-2")
def test_an_identified_view_for_supervision_needs_law_and_regime() -> None:
    view = supervision("read", identifiability="identifiable", level=4, columns=(NAME, DIAGNOSIS))
    good = fulfilled(view)
    for code in ("tracing_legal_basis", "privacy_regime"):
        expect_denied(without(good, code), "supervision-deidentified", "10.6.1-e-2")
    assert not decide(supervision("read")).needs("privacy_regime")


@pytest.mark.clause("10.6.1-e-3")
def test_supervision_data_serve_supervision_only() -> None:
    reused = but(fulfilled(research("apply")), origin="10.6.1")
    expect_denied(reused, "supervision-only", "10.6.1-e-3")
    good = fulfilled(research("apply", origin="10.6.1"))
    assert "new_request_filed" in good.met and not but(fulfilled(supervision()), origin="10.6.1").because(
        "supervision-only"
    )


@pytest.mark.clause("10.4.1-e-2")
def test_tracing_in_research_is_the_controller_s() -> None:
    traced = fulfilled(clinical("grant", trace=True))
    for code in ("tracing_legal_basis", "privacy_regime", "relink_by_controller"):
        expect_asked(without(traced, code), "tracing-in-research", "10.4.1-e-2")
    for door in ("mount", "query", "egress"):
        expect_denied(but(fulfilled(research(door)), trace=True), "tracing-never-by-analyst", "10.4.1-e-2")


def test_grounds_are_named_by_scenario_and_mode() -> None:
    assert decide(research("apply")).track.code == "research_special"
    assert decide(clinical("apply")).track.code == "data_track"
    assert decide(clinical("apply", mode="point_to_point")).track.code == "point_to_point"
    for request in (research("mount"), clinical("mount"), clinical("mount", mode="point_to_point")):
        assert fulfilled(request)
    expect_reason(decide(fulfilled(research("grant"))), "may-research-special", Outcome.ALLOW)
    assert but(fulfilled(research("apply")), columns=(AGE,)).allowed
