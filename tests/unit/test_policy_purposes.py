"""Purposes and uses (5.1), what a limited data set may serve (3.8), principles and charges (7)."""

from __future__ import annotations

import pytest

from enclave.policy import Outcome, decide
from enclave.policy.book import current
from tests.factories.policy import (
    but,
    care,
    clinical,
    expect_asked,
    expect_denied,
    fulfilled,
    insurance,
    publishing,
    research,
    without,
)

# Table 3 written a second time: purpose, its Chinese name, the parties it concerns.
TABLE_3 = [
    pytest.param("P1", "获取医疗卫生服务", {"resident"}, marks=pytest.mark.clause("5.1-P1")),
    pytest.param("P2", "提供基本医疗服务", {"primary_care_institution"}, marks=pytest.mark.clause("5.1-P2")),
    pytest.param(
        "P3",
        "提供专业医疗卫生服务",
        {
            "hospital",
            "disease_control",
            "maternal_child_institution",
            "emergency_centre",
            "blood_station",
            "genetic_counselling",
        },
        marks=pytest.mark.clause("5.1-P3"),
    ),
    pytest.param(
        "P4",
        "监督管理",
        {"health_commission", "food_drug_administration", "health_supervision"},
        marks=pytest.mark.clause("5.1-P4"),
    ),
    pytest.param(
        "P5", "决策支持", {"medical_insurance", "civil_affairs", "public_security"}, marks=pytest.mark.clause("5.1-P5")
    ),
    pytest.param(
        "P6",
        "提供医疗卫生辅助服务",
        {"commercial_insurer", "system_vendor", "device_vendor"},
        marks=pytest.mark.clause("5.1-P6"),
    ),
    pytest.param(
        "P7", "临床研究", {"pharmaceutical_company", "research_institution"}, marks=pytest.mark.clause("5.1-P7")
    ),
    pytest.param(
        "P8", "健康生活", {"check_up_centre", "nursing_home", "health_management"}, marks=pytest.mark.clause("5.1-P8")
    ),
    pytest.param("P9", "医学教育", {"education_institution"}, marks=pytest.mark.clause("5.1-P9")),
    pytest.param(
        "P10",
        "二次利用",
        {
            "research_institution",
            "government_department",
            "company",
            "researcher",
            "data_aggregation_centre",
            "hospital",
            "regional_platform",
            "education_institution",
        },
        marks=pytest.mark.clause("5.1-P10"),
    ),
]


@pytest.mark.parametrize(("purpose", "name", "parties"), TABLE_3)
def test_a_purpose_has_its_parties_and_warns_of_others(purpose: str, name: str, parties: set[str]) -> None:
    entry = current().words("purposes")[purpose]
    assert entry.zh == name and set(entry.codes("parties")) == parties and entry.en and entry.told("about", "zh")
    asked = clinical("apply", purpose=purpose, party="network_operator")
    warned = decide(asked)
    assert warned.asks("party_mismatch")
    told = next(one for one in warned.duties if one.code == "party_mismatch")
    assert f"5.1-{purpose}" in told.clauses and told.zh and told.en
    for party in parties:
        assert not but(asked, party=party).asks("party_mismatch")


def test_ten_purposes_and_secondary_use_names_the_original_one() -> None:
    assert list(current().words("purposes")) == [f"P{number}" for number in range(1, 11)]
    expect_asked(
        without(fulfilled(research("apply")), "original_purpose_stated"), "secondary-use-names-original", "5.1-P10"
    )
    expect_asked(but(fulfilled(research("apply")), use=None), "use-unstated", "5.1-0")


@pytest.mark.parametrize("use", list(current().words("uses")))
def test_a_use_fits_its_purposes(use: str) -> None:
    fitting = set(current().words("uses")[use].codes("purposes"))
    for purpose in current().words("purposes"):
        asked = but(fulfilled(research("apply")), use=use, purpose=purpose)
        assert asked.because(f"use-purpose@{use}") == (purpose not in fitting)


@pytest.mark.clause("3.5")
@pytest.mark.clause("10.4.2-a-3")
@pytest.mark.parametrize("use", ["care", "own_payment", "personal_access"])
def test_care_does_not_go_by_a_research_request(use: str) -> None:
    sent = but(fulfilled(research("apply")), use=use, purpose="P1")
    expect_denied(sent, "care-not-by-research", "3.5", "10.4.2-a-3")
    assert sent.asks("care_channel")


@pytest.mark.clause("3.5")
@pytest.mark.parametrize("use", ["scientific_research", "medical_education", "artificial_intelligence_sample_training"])
def test_research_does_not_go_by_care(use: str) -> None:
    sent = but(fulfilled(care()), use=use, purpose="P10")
    expect_denied(sent, "research-not-by-care", "3.5")
    assert sent.asks("research_channel") and decide(fulfilled(care())).allowed


@pytest.mark.clause("3.8-n2")
@pytest.mark.parametrize(
    "use", ["data_innovation_contest", "artificial_intelligence_sample_training", "statistical_analysis"]
)
def test_a_limited_set_for_other_uses_needs_the_persons(use: str) -> None:
    for door, outcome in (
        ("grant", Outcome.DENY),
        ("mount", Outcome.DENY),
        ("query", Outcome.DENY),
        ("apply", Outcome.ASK),
    ):
        good = fulfilled(research(door, identifiability="limited", level=3))
        other = but(good, use=use, met=good.met | {"in_named_group"})
        rule = "limited-set-asks-authorisation" if door == "apply" else "limited-set-needs-authorisation"
        assert other.outcome is outcome and other.because(rule) and "3.8-n2" in other.clauses
        assert but(good, use=use, met=good.met | {"individual_authorisation"}).allowed
        assert but(good, use=use, identifiability="deidentified").allowed


@pytest.mark.clause("3.8-n2")
@pytest.mark.parametrize("use", ["scientific_research", "medical_education", "public_health"])
def test_a_limited_set_for_the_three_uses_needs_no_consent(use: str) -> None:
    good = fulfilled(research("grant", identifiability="limited", level=3, use=use))
    assert "individual_authorisation" not in good.met and decide(good).allowed
    for code in ("legal_basis_stated", "ethics_approval"):
        expect_asked(without(good, code), "limited-set-legal-basis", "3.8-n2")


@pytest.mark.clause("3.8-n2")
def test_marketing_with_a_limited_set_is_refused() -> None:
    asked = but(fulfilled(research("grant", identifiability="limited", level=3)), use="marketing")
    expect_denied(asked, "limited-set-needs-authorisation", "3.8-n2")


@pytest.mark.clause("7-1")
def test_public_benefit_data_are_free_or_at_cost() -> None:
    good = fulfilled(publishing())
    assert but(good, charge="cost_recovery").allowed and but(good, charge="free").asks("no_profit")
    expect_denied(but(good, charge="paid"), "public-benefit-no-profit", "7-1")
    expect_denied(but(fulfilled(research("grant")), charge="paid"), "public-benefit-no-profit", "7-1")


@pytest.mark.clause("7-2")
def test_restricted_data_are_for_government_and_free() -> None:
    government = fulfilled(
        research("apply", principle="restricted_strategic", audience="government", party="health_commission")
    )
    for audience in ("enterprise", "public"):
        expect_denied(but(government, audience=audience), "restricted-for-government", "7-2")
    assert but(government, audience="enterprise", met=government.met | {"restricted_designation"}).allowed
    granted = fulfilled(research("grant", principle="restricted_strategic", audience="government"))
    expect_denied(but(granted, charge="cost_recovery"), "restricted-free", "7-2")
    assert decide(granted).asks("free_of_charge")


@pytest.mark.clause("7-3")
def test_commercial_data_are_paid_for_before_delivery() -> None:
    sold = fulfilled(insurance())
    for code in ("fee_schedule", "payment_recorded"):
        expect_denied(without(sold, code), "commercial-payment", "7-3")
    expect_denied(but(sold, charge="free"), "commercial-charge", "7-3")
    shown = fulfilled(publishing(principle="commercial", charge="paid"))
    expect_asked(without(shown, "fee_schedule"), "commercial-fee", "7-3")
    expect_denied(but(fulfilled(insurance("apply")), audience="public"), "commercial-not-public", "7-3")


@pytest.mark.clause("10.4.2-a-1", "10.4.2-e-2c")
@pytest.mark.parametrize("door", ["apply", "agreement", "grant", "mount", "query", "egress"])
def test_research_special_is_never_for_profit(door: str) -> None:
    expect_denied(
        but(fulfilled(research(door)), use="commercial_research"), "no-profit-in-research-special", "10.4.2-a-1"
    )


@pytest.mark.clause("10.4.1-a-1")
def test_commercial_research_is_off_until_switched_on() -> None:
    off = clinical("apply", use="commercial_research", party="pharmaceutical_company")
    expect_denied(decide(off), "commercial-research-off", "10.4.1-a-1")
    on = fulfilled(off)
    assert "commercial_enabled" in on.met
    for code in ("commercial_agreement", "fee_schedule"):
        expect_asked(without(on, code), "commercial-research-terms", "7-3")
    elsewhere = but(fulfilled(care()), use="marketing", purpose="P6")
    expect_denied(elsewhere, "commercial-elsewhere", "7-3")
