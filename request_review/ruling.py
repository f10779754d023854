"""What the rules of the standard say of a request at each door: application, agreement, grant (P9)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from catalog_browser import rule_facts
from enclave.kernel.i18n import catalogue, text
from enclave.kernel.settings import settings
from enclave.policy import doors
from enclave.policy.decision import Decision, Reason
from request_review.checks import Context
from request_review.forms import Problem
from request_review.rulebook import rules

ASKED = ("dataset_id", "version_kind", "columns", "purpose", "purpose_kind", "mode")
LAST = "register_grant"


def use_of(answers: Mapping[str, Any], context: Context) -> doors.Use:
    """Return who wants the data for what. The kind of the organisation is the verified one, never an answer (C-4)."""
    applicant = context.people.get(context.applicant)
    way = rules("tracks")["scenarios"].get(answers.get("mode"), {})
    return doors.Use(
        organisation=applicant.kind if applicant else None,
        use=answers.get("purpose_kind") or None,
        purpose=answers.get("purpose") or None,
        scenario=way.get("scenario"),
        mode=answers.get("mode") or None,
    )


def kept(use: doors.Use) -> dict[str, Any]:
    """Return a use as the grant keeps it, for the doors behind it."""
    return asdict(use)


def settled(answers: Mapping[str, Any], last: str) -> frozenset[str]:
    """Return what answers and the steps up to and including `last` settle (`rules/tracks.yaml`)."""
    rule = rules("tracks")
    track = rule["scenarios"][answers["mode"]]["track"]
    found = {code for answer, code in rule["answers"].items() if answers.get(answer)}
    for step, settles in rule["steps"].items():
        found |= doors.settled(track, *settles[track]) | set(settles["also"])
        if step == last:
            break
    return frozenset(found)


def application(answers: Mapping[str, Any], context: Context) -> Decision:
    """Return what an application has to go through; "ask" is the normal answer, for people decide next (9.1.4)."""
    return doors.application(_data(answers, context), use_of(answers, context), settled(answers, "submit"))


def agreement(answers: Mapping[str, Any], context: Context) -> Decision:
    """Return whether the agreement may be drawn up now."""
    return doors.agreement(_data(answers, context), use_of(answers, context), settled(answers, "decide"))


def grant(answers: Mapping[str, Any], context: Context, *, matter_unused: bool) -> Decision:
    """Return whether a grant may be registered: every step was taken, and one approval serves one matter (9.3-1)."""
    met = settled(answers, LAST) | _known(context)
    met |= {"matter_unused"} if matter_unused else set()
    return doors.grant(_data(answers, context), use_of(answers, context), met)


def problems(answers: Mapping[str, Any], context: Context) -> Iterator[Problem]:
    """Yield what would refuse the grant even if every step of the track were taken: better said at the start."""
    if context.version is None or not all(answers.get(code) for code in ASKED):
        return
    for reason in grant(answers, context, matter_unused=True).blocking:
        yield _problem(reason)


def _data(answers: Mapping[str, Any], context: Context) -> doors.Data:
    assert context.detail is not None and context.version is not None, "the form is complete before the rules are asked"
    chosen = {*answers["columns"], *(part["column"] for part in answers.get("row_filter", ()))}
    # A column that chooses the rows tells its value of every one of them, so the rules hear of it too.
    return rule_facts.of_version(context.detail, context.version, context.detail.variables, chosen)


def _known(context: Context) -> set[str]:
    """Return what only the platform knows: the version's measured risk, and its own approval as a pool (9.1.3)."""
    measured = context.version is not None and "passed" in context.version.risk
    held = {"risk_measured": measured, "pool_approved": bool(settings().pool_approval)}
    return {code for code, holds in held.items() if holds}


def _problem(reason: Reason) -> Problem:
    """Return the reason as a problem beside the answer it is about, in an applicant's words where there are such."""
    rule = reason.rule.split("@")[0]
    code, field = f"request_rule_{rule}", rules("tracks")["beside"].get(rule, "dataset_id")
    own = code in catalogue()
    zh = text(code, "zh") if own else f"{reason.zh}。"
    en = text(code, "en") if own else f"{reason.en[:1].upper()}{reason.en[1:]}."
    return Problem(field, f"rule:{reason.rule}", zh, en, reason.clauses)
