"""Requests for tests of the rules: complete cases that are allowed, from which a test takes one thing away."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from enclave.policy import Column, Decision, DecisionRequest, Degrees, Outcome, decide

AGE = Column("age", "quasi", 2, "personal_attribute.demographic", "date_of_birth")
DIAGNOSIS = Column("diagnosis", "sensitive", 2, "electronic_medical_record", "disease_code")
NAME = Column("name", "direct", 4, "personal_attribute.identity", "name")
PHONE = Column("phone", "direct", 4, "personal_attribute.communication", "telephone_or_mobile_number")
SHARED = Degrees("none", "agreement", "agreement", source="assigned")

_DATA: dict[str, Any] = {
    "level": 2,
    "identifiability": "deidentified",
    "categories": ("electronic_medical_record",),
    "columns": (AGE, DIAGNOSIS),
    "persons": True,
    "controller": "HIC",
    "jurisdiction": "510000",
    "degrees": SHARED,
    "status": "built_managed",
    "principle": "public_benefit",
    "charge": "free",
}
_RESEARCH: dict[str, Any] = {
    **_DATA,
    "scenario": "10.4.2",
    "mode": "point_to_point",
    "purpose": "P10",
    "use": "scientific_research",
    "party": "research_institution",
    "audience": "enterprise",
    "role": "user",
    "from_role": "controller",
}


def research(action: str, **changes: Any) -> DecisionRequest:
    """A request of a research institution for a de-identified set by research special."""
    if action == "egress":
        changes.setdefault("release", "result")
    return DecisionRequest(action, **{**_RESEARCH, **changes})


def clinical(action: str, **changes: Any) -> DecisionRequest:
    """A request of a research institution for pool data by clinical research."""
    stated = {"scenario": "10.4.1", "mode": "resource_pool", "purpose": "P7", "use": "clinical_research"}
    return research(action, **{**stated, **changes})


def registering(**changes: Any) -> DecisionRequest:
    """The registration of a personal data set claimed at its true level."""
    return DecisionRequest("register", **{**_DATA, "claimed": 2, **changes})


def publishing(**changes: Any) -> DecisionRequest:
    """The publication of a description to the public."""
    return DecisionRequest("publish", **{**_DATA, "audience": "public", "release": "description", **changes})


def reading(**changes: Any) -> DecisionRequest:
    """Somebody inside the controller opens content."""
    stated = {"role": "controller", "from_role": "controller", "same_party": True, "use": "operations", "purpose": "P3"}
    return DecisionRequest("read", **{**_DATA, **stated, **changes})


def care(**changes: Any) -> DecisionRequest:
    """A hospital shares a patient's record with another for care."""
    stated: dict[str, Any] = {
        **_DATA,
        "level": 4,
        "identifiability": "identifiable",
        "columns": (NAME, DIAGNOSIS),
        "scenario": "10.1.2",
        "mode": "business_collaboration",
        "purpose": "P3",
        "use": "care",
        "party": "hospital",
        "audience": "enterprise",
        "role": "controller",
        "from_role": "controller",
    }
    return DecisionRequest("share", **{**stated, **changes})


def telemedicine(**changes: Any) -> DecisionRequest:
    """An inviting hospital consults an invited one."""
    return care(
        **{
            "scenario": "10.2.1",
            "party": "invited_hospital",
            "position": "invited_hospital",
            "columns": (NAME, DIAGNOSIS),
            **changes,
        }
    )


def query_own(**changes: Any) -> DecisionRequest:
    """A patient opens his own data."""
    stated = {
        "scenario": "10.3.1",
        "mode": "resource_pool",
        "purpose": "P1",
        "use": "personal_access",
        "party": "patient",
        "audience": None,
        "role": "subject",
        "from_role": "controller",
        "same_party": False,
        "level": 4,
        "identifiability": "identifiable",
        "columns": (NAME, DIAGNOSIS),
    }
    return reading(**{**stated, **changes})


def insurance(action: str = "share", **changes: Any) -> DecisionRequest:
    """A hospital shares an insured person's settlement with a commercial insurer."""
    stated = {
        "scenario": "10.5.1",
        "mode": "point_to_point",
        "purpose": "P6",
        "use": "insurance",
        "party": "commercial_insurer",
        "level": 4,
        "identifiability": "identifiable",
        "columns": (NAME, DIAGNOSIS),
        "principle": "commercial",
        "charge": "paid",
    }
    return research(action, **{**stated, **changes})


def supervision(action: str = "share", **changes: Any) -> DecisionRequest:
    """The health commission collects operation data of a hospital."""
    stated = {
        "scenario": "10.6.1",
        "mode": "business_collaboration",
        "purpose": "P4",
        "use": "supervision",
        "party": "health_commission",
        "audience": "government",
        "platform": "universal_health_platform",
    }
    return research(action, **{**stated, **changes})


def fulfilled(request: DecisionRequest) -> DecisionRequest:
    """Return the request with everything met that can be met by evidence; the case is then allowed, or it fails."""
    for _ in range(3):
        missing = decide(request).missing
        request = replace(request, met=request.met | {one.code for one in missing})
    decision = decide(request)
    assert decision.allowed, [(one.rule, one.en) for one in decision.blocking]
    return request


def without(request: DecisionRequest, *codes: str) -> Decision:
    """Return the decision when evidence is taken away."""
    return decide(replace(request, met=request.met - set(codes)))


def but(request: DecisionRequest, **changes: Any) -> Decision:
    """Return the decision when something of the case is changed."""
    return decide(replace(request, **changes))


def expect_denied(decision: Decision, rule: str, *clauses: str) -> None:
    """The decision is deny, `rule` is among its reasons, and it cites the clauses."""
    assert decision.outcome is Outcome.DENY, decision.outcome
    expect_reason(decision, rule, Outcome.DENY, clauses)


def expect_asked(decision: Decision, rule: str, *clauses: str) -> None:
    """The decision is not allow, and `rule` is why."""
    assert decision.outcome is Outcome.ASK, (decision.outcome, [one.rule for one in decision.blocking])
    expect_reason(decision, rule, Outcome.ASK, clauses)


def expect_reason(decision: Decision, rule: str, outcome: Outcome, clauses: tuple[str, ...] = ()) -> None:
    """A rule contributed this outcome, with a sentence in each language and the clauses named."""
    found = [one for one in decision.reasons if one.rule == rule and one.outcome is outcome]
    assert found, [(one.rule, one.outcome) for one in decision.blocking]
    assert found[0].zh and found[0].en
    assert set(clauses) <= set(found[0].clauses) and set(clauses) <= set(decision.clauses)
