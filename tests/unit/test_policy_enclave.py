"""Rules of modes, research, the enclave and flows: what each door needs, one thing taken away at a time."""

from __future__ import annotations

import pytest

from enclave.policy import Column, decide
from enclave.policy.book import current
from tests.factories.policy import (
    AGE,
    but,
    care,
    clinical,
    expect_asked,
    expect_denied,
    fulfilled,
    insurance,
    research,
    without,
)

# (request, evidence taken away, rule that speaks, clauses it cites): the answer becomes ask.
ASKED = [
    (research("apply"), "joint_application", "point-to-point", ("9.3-4",)),
    (research("grant"), "advisory_evaluation", "point-to-point", ("9.3-5",)),
    (research("grant"), "agreed_terms", "point-to-point", ("9.3-2",)),
    (research("grant"), "superior_filing", "point-to-point", ("9.3-6",)),
    (research("agreement"), "joint_application", "point-to-point-agreement", ("9.3-4",)),
    (research("agreement"), "advisory_evaluation", "point-to-point-agreement", ("9.3-5",)),
    (clinical("apply"), "application_complete", "pool-application", ("9.1.4-1",)),
    (clinical("grant"), "manager_evaluation", "pool-application", ("9.1.4-2b",)),
    (clinical("grant"), "advisory_evaluation", "pool-application", ("9.1.4-3",)),
    (clinical("grant"), "registration", "pool-application", ("9.1.4-4",)),
    (clinical("agreement"), "manager_evaluation", "pool-agreement", ("9.1.4-2b",)),
    (clinical("agreement"), "advisory_evaluation", "pool-agreement", ("9.1.4-3",)),
    (research("grant"), "pre_transfer_review", "before-transfer-to-user", ("5.3-T4-F6-1a",)),
    (research("grant"), "pre_transfer_assessment", "before-transfer-to-user", ("5.3-T4-F6-1a",)),
    (research("grant"), "pre_transfer_authorisation", "before-transfer-to-user", ("5.3-T4-F6-1a",)),
    (research("apply"), "applicant_verified", "research-applicant", ("10.4.2-e-2a",)),
    (research("apply"), "qualification_passed", "research-applicant", ("10.4.2-e-2a2",)),
    (research("apply"), "organisation_opinion", "research-applicant", ("10.4.2-e-2b",)),
    (research("apply"), "non_profit_declaration", "research-applicant", ("10.4.2-e-2c",)),
    (research("apply"), "contact_statement", "research-applicant", ("10.4.2-a-2",)),
    (research("apply"), "duties_accepted", "research-applicant", ("10.4.2-e-1f",)),
    (research("apply"), "project_approval", "research-project", ("10.4.2-e-2c1",)),
    (research("grant"), "ethics_approval", "research-project", ("10.4.2-e-2c2",)),
    (research("apply"), "relevance_minimum", "research-relevance", ("10.4.2-e-2c3", "10.4.2-e-2c4")),
    (research("grant"), "history_check", "research-relevance", ("10.4.2-e-2d1", "10.4.2-e-2d2")),
    (research("grant"), "registration", "limited-registered", ("9.1.4-4",)),
    (research("grant"), "confidentiality_agreement", "limited-registered", ("B.2-0",)),
    (research("grant"), "risk_measured", "risk-measured", ("4.1-T1-L2b",)),
    (research("mount"), "risk_measured", "risk-measured", ("4.1-T1-L2b",)),
    (research("grant"), "agreement_signed", "level-2-agreement", ("6.2", "4.1-T1-L2d2")),
    (research("egress"), "egress_checks", "egress-checked", ("10.4.2-e-3e",)),
    (research("egress"), "joint_audit", "egress-checked", ("10.4.2-e-2d5",)),
    (research("egress"), "two_stewards", "egress-two-stewards", ("4.1-T1-L2d2e",)),
]  # fmt: skip
# The same, where the answer becomes deny.
DENIED = [
    (clinical("grant"), "pool_approved", "pool-approved", ("9.1.3-0",)),
    (research("grant"), "matter_unused", "one-matter", ("9.3-1",)),
    (insurance(), "matter_unused", "one-matter", ("9.3-1",)),
    (research("mount"), "grant_valid", "mount-grant-valid", ("5.3-T4-F6-2",)),
    (research("query"), "grant_valid", "mount-grant-valid", ("5.3-T4-F6-2",)),
    (research("egress"), "grant_valid", "mount-grant-valid", ("9.1.4-5",)),
    (research("mount"), "labels_intact", "mount-labels", ("10.4.2-e-1j",)),
    (research("mount"), "bytes_verified", "mount-bytes", ("4.1-T1-L2d3",)),
    (research("mount"), "probes_passed", "mount-probes", ("4.1-T1-L3d",)),
    (research("mount"), "authenticated", "level-2-authenticated", ("4.1-L2",)),
    (research("query"), "budget_available", "query-budget", ("10.4.2-e-2d4",)),
    (research("egress", release="manuscript"), "publication_consent", "egress-manuscript", ("B.2-2-4",)),
    (research("mount", level=3, identifiability="limited"), "in_named_group", "level-3-named-group", ("4.1-L3",)),
]  # fmt: skip


@pytest.mark.parametrize(("request_", "code", "rule", "clauses"), ASKED, ids=lambda value: str(value)[:40])
def test_what_is_not_settled_is_asked_for(request_, code: str, rule: str, clauses: tuple[str, ...]) -> None:
    decision = without(fulfilled(request_), code)
    expect_asked(decision, rule, *clauses)
    assert decision.needs(code)


@pytest.mark.parametrize(("request_", "code", "rule", "clauses"), DENIED, ids=lambda value: str(value)[:40])
def test_what_must_not_happen_without_it_is_denied(request_, code: str, rule: str, clauses: tuple[str, ...]) -> None:
    expect_denied(without(fulfilled(request_), code), rule, *clauses)


@pytest.mark.promise("P2")
@pytest.mark.clause("10.4.2-e-1m")
@pytest.mark.parametrize("door", ["grant", "mount", "query", "egress"])
def test_identifiable_data_never_reach_an_enclave(door: str) -> None:
    good = fulfilled(research(door))
    expect_denied(but(good, identifiability="identifiable"), "identifiable-not-granted", "10.4.2-e-1m")
    if door in ("mount", "query"):
        expect_denied(but(good, identifiability=None), "mount-identifiability-stated", "10.4.2-e-1m")


@pytest.mark.promise("P2")
@pytest.mark.parametrize("door", ["grant", "mount", "query"])
@pytest.mark.parametrize("level", [4, 5])
def test_levels_four_and_five_never_reach_an_enclave(door: str, level: int) -> None:
    assert but(fulfilled(research(door)), level=level).denied


def test_direct_identifiers_are_not_granted() -> None:
    for door in ("grant", "mount", "query"):
        good = fulfilled(research(door))
        expect_denied(but(good, columns=(AGE, Column("id", "direct", 2))), "research-direct-identifiers", "10.4.2-e-3e")


@pytest.mark.clause("10.4.2-e-1n")
def test_the_higher_the_privacy_the_more_is_asked() -> None:
    asked = [
        {one.code for one in decide(research("apply", level=level, identifiability=kind)).missing}
        for level, kind in ((2, "non_identified"), (2, "limited"), (3, "limited"), (4, "identifiable"))
    ]
    assert asked[0] < asked[1] < asked[2] < asked[3]
    good = fulfilled(research("grant", level=3, identifiability="limited"))
    expect_asked(without(good, "final_determination"), "limited-level-three-determination", "10.4.2-e-1n", "9-8")


@pytest.mark.parametrize("topic", sorted(["hiv", "psychiatric", "genetic", "performance"]))
def test_sensitive_content_needs_a_reason_and_its_approval_is_audited(topic: str) -> None:
    good = fulfilled(research("apply"))
    decision = but(good, topics=(topic,))
    expect_asked(decision, "sensitive-justified", "10.4.2-e-2c4", "10.4.2-e-3c")
    assert decision.asks("sensitive_audit") and not decide(good).asks("sensitive_audit")


@pytest.mark.clause("4.1-T1-L2d2e")
@pytest.mark.parametrize("release", ["data", "sample", "description"])
def test_data_do_not_leave_the_enclave(release: str) -> None:
    expect_denied(but(fulfilled(research("egress")), release=release), "egress-no-data", "4.1-T1-L2d2e")
    expect_asked(but(fulfilled(research("egress")), release=None), "egress-release-unstated", "4.1-T1-L2d2e")


def test_what_holds_during_and_after() -> None:
    granted = decide(fulfilled(research("grant")))
    assert granted.asks("disclosure_recorded") and granted.asks("destruction")
    assert decide(fulfilled(research("mount"))).asks("limited_environment")
    for door in ("agreement", "grant", "mount"):
        ended = next(one for one in decide(fulfilled(research(door))).duties if one.code == "destruction")
        assert "end-destroy" in ended.sources and "B.2-2-2b" in ended.clauses
    assert decide(fulfilled(research("query"))).asks("audit")
    assert decide(fulfilled(care())).asks("disclosure_recorded")


# A point of each side and stage of table 4.
POINTS = """
F1-controller-collect informed_consent, F1-controller-transfer encryption, F1-controller-store domestic_storage,
F2-controller-transfer storage_media_control, F2-controller-use sensitive_data_control,
F3-controller-collect collection_approval, F3-controller-process quality_management,
F3-controller-use approval_authorisation, F3-controller-store backup_recovery,
F4-controller-transfer flow_control, F4-processor-transfer transfer_mode_control, F4-processor-process audit,
F4-controller-store manage_processor_storage, F4-processor-store destruction,
F5-controller-a-transfer interface_security, F5-controller-b-transfer interface_security,
F5-controller-a-use audit, F5-controller-b-use audit,
F5-controller-a-store destruction, F5-controller-b-store destruction,
F6-controller-transfer pre_transfer_review, F6-user-use access_control, F6-controller-store manage_user_storage,
F6-user-store destruction
"""
ENDS = {
    "F1": ("subject", "controller"), "F2": ("controller", "subject"), "F3": ("controller", "controller"),
    "F4": ("controller", "processor"), "F5": ("controller", "controller"), "F6": ("controller", "user"),
}  # fmt: skip


@pytest.mark.parametrize("flow", sorted(ENDS))
def test_each_flow_brings_its_handling_points(flow: str) -> None:
    giver, taker = ENDS[flow]
    decision = decide(research("share", from_role=giver, role=taker, same_party=flow == "F3"))
    spoken = {rule.id.removeprefix("handling@"): rule for rule in decision.rules if rule.id.startswith("handling@")}
    points = dict(entry.split() for entry in POINTS.split(",") if entry.strip().startswith(flow))
    assert set(spoken) == set(points)
    for side, point in points.items():
        assert point in spoken[side].duties and spoken[side].clauses == current().words("handling")[side].clauses
    assert len(current().words("handling")) == 24


def test_a_flow_of_identifiable_care_is_no_research() -> None:
    assert decide(fulfilled(care())).allowed and not decide(research("share")).allowed
