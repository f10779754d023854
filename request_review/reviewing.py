"""What stewards, committee and authority do: evaluate, assign, keep out, review, decide."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from enclave.kernel import clock
from enclave.kernel.db import reading
from enclave.kernel.errors import Conflict, Invalid, Refused
from enclave.kernel.identity import Account, Actor, Role, roles_of
from enclave.kernel.unit import UnitOfWork, unit_of_work
from request_review import earlier
from request_review.applying import check_basis, close, expect
from request_review.case import Case, check_no_conflict, check_step, load, locked
from request_review.history import History
from request_review.models import Assignment, DeclaredConflict, Request
from request_review.rulebook import rules, stamps
from request_review.views import AssignReviewers, Criterion, Decide, DeclareConflict, Decline, Review


def digest(content: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a record's canonical JSON: on the ledger it proves the record was not altered."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def assign_reviewers(actor: Actor, command: AssignReviewers) -> str:
    """Evaluate a request and seat committee members free of conflict; at least two in all (10.4.2-e-3a)."""
    with unit_of_work(actor) as unit:
        case = locked(unit, command.request_id)
        step = check_step(case, actor, "assign_reviewers", {})
        expect(case.row, command.version)
        if not case.row.evaluation:
            case.row.evaluation = _evaluation(actor, command.evaluation, command.opinion)
        for name in dict.fromkeys(command.reviewers):
            _check_reviewer(case, name)
            unit.add(_seat(case, actor, name))
        seated = len(locked(unit, case.row.id).active_panel)
        least = rules("committee")["panel"]["at_least"]
        if seated < least or not command.reviewers:
            raise Invalid("request_panel_small", clauses=("10.4.2-e-3a",), least=least, seated=seated)
        case.row.state, case.row.rules = "in_review", case.row.rules | stamps(["committee", "workflow"])
        facts = {"seats": seated, "added": len(set(command.reviewers)), "evaluation": digest(case.row.evaluation)}
        unit.record("request.assigned", case.row.id, clauses=step.clauses, rules=case.row.rules, **facts)
        return case.row.id


def _seat(case: Case, actor: Actor, name: str) -> Assignment:
    return Assignment(
        request_id=case.row.id, reviewer=name, review={}, assigned_by=actor.username, assigned_at=clock.now()
    )


def _check_reviewer(case: Case, name: str) -> None:
    account = case.session.get(Account, name)
    if account is None or not account.active or Role.COMMITTEE not in roles_of(case.session, name):
        raise Invalid("request_reviewer_role", username=name)
    if any(seat.reviewer == name for seat in case.panel):
        raise Conflict("request_reviewer_seated", username=name)
    check_no_conflict(case, name, "reviewer")


def _evaluation(actor: Actor, criteria: Mapping[str, Criterion], opinion: str) -> dict[str, Any]:
    rule = rules("committee")["evaluation"]
    _check_exactly(criteria, rule["options"], "request_evaluation_incomplete", rule["clauses"])
    if not all(1 <= each.points <= 5 and each.comment.strip() for each in criteria.values()):
        raise Invalid("request_evaluation_incomplete", clauses=rule["clauses"])
    kept = {code: asdict(each) for code, each in criteria.items()}
    stamp = rules("committee").stamp
    return {"criteria": kept, "opinion": opinion, "by": actor.username, "at": clock.now().isoformat(), "rules": stamp}


def _check_exactly(given: Iterable[str], wanted: Iterable[str], code: str, clauses: Iterable[str]) -> None:
    if set(given) != set(wanted):
        raise Invalid(code, clauses=clauses)


def decline(actor: Actor, command: Decline) -> str:
    """Refuse to open the data, as their manager, on an evaluation with reasons and clauses (9.1.4-2b)."""
    with unit_of_work(actor) as unit:
        case = locked(unit, command.request_id)
        step = check_step(case, actor, "decline", {})
        expect(case.row, command.version)
        case.row.evaluation = _evaluation(actor, command.evaluation, command.reasons)
        case.row.decision = _decision(case, actor, False, command.reasons, command.clauses)
        close(unit, case.row, "refused", command.reasons)
        _record_decision(unit, case.row, "request.declined", step.clauses)
        return case.row.id


def declare_conflict(actor: Actor, command: DeclareConflict) -> str:
    """Keep out of a request from now on; a seat is given up, and a review given before the decision is struck."""
    if not command.reason.strip():
        raise Invalid("request_reason_missing")
    with unit_of_work(actor) as unit:
        case = locked(unit, command.request_id)
        step = check_step(case, actor, "declare_conflict", {})
        if actor.username in case.declared:
            raise Conflict("request_conflict_declared")
        declared = {"request_id": case.row.id, "username": actor.username, "reason": command.reason}
        unit.add(DeclaredConflict(**declared, declared_at=clock.now()))
        for seat in case.panel:
            if seat.reviewer == actor.username:
                seat.state = "recused"
        unit.record("request.conflict-declared", case.row.id, clauses=step.clauses)
        return case.row.id


def review(actor: Actor, command: Review) -> str:
    """Give a review, once. The ledger keeps its digest and not its verdict: nobody learns that before all are in."""
    content = _review_content(command)
    with unit_of_work(actor) as unit:
        case = locked(unit, command.request_id)
        step = check_step(case, actor, "review", {})
        seat = next(seat for seat in case.panel if seat.reviewer == actor.username)
        seat.state, seat.review, seat.reviewed_at = "reviewed", content, clock.now()
        unit.record("request.reviewed", case.row.id, clauses=step.clauses, review=digest(content))
        return case.row.id


def _review_content(command: Review) -> dict[str, Any]:
    rule = rules("committee")
    if command.verdict not in rule["verdicts"] or command.expert_field not in rule["expert_fields"]["options"]:
        raise Invalid("request_review_incomplete", clauses=("10.4.2-e-3b",))
    _check_exactly(command.necessity, rule["necessity"]["options"], "request_review_incomplete", ["10.4.2-e-2c4"])
    if not all(text.strip() for text in (command.ethics, command.confidentiality, command.comment)):
        raise Invalid("request_review_incomplete", clauses=("9-6", "9-7"))
    doubts = not command.relevant or not all(command.necessity.values())
    if command.verdict == "approve" and doubts:  # what is not relevant or not necessary cannot be approved as it is
        raise Invalid("request_review_contradicts", clauses=("10.4.2-e-2c3", "10.4.2-e-2c4"))
    kept = asdict(command) | {"necessity": dict(command.necessity), "rules": rule.stamp}
    del kept["request_id"]
    return kept


def decide(actor: Actor, command: Decide) -> str:
    """Decide on a reviewed request. Approval needs the panel's, and a history check that rests on today's records."""
    history = _history_now(actor, command) if command.approve else None
    with unit_of_work(actor) as unit:
        case = locked(unit, command.request_id)
        step = check_step(case, actor, "decide", {})
        expect(case.row, command.version)
        if history is not None:
            _check_approvable(case, command, history)
            case.row.history = history.as_dict()
        decision = _decision(case, actor, command.approve, command.reasons, command.clauses)
        columns = list(command.columns or case.row.answers["columns"])
        case.row.decision = decision | {
            "conditions": command.conditions.strip(),
            "columns": columns,
            "epsilon": command.epsilon,
        }
        if command.approve:
            case.row.state = "decided"
            unit.send("request.agreement", request=case.row.id)
        else:
            close(unit, case.row, "refused", command.reasons)
        _record_decision(unit, case.row, "request.decided", step.clauses)
        return case.row.id


def _history_now(actor: Actor, command: Decide) -> History:
    with reading() as session:
        case = load(session, command.request_id)
        check_step(case, actor, "decide", {})
        _check_narrower(case, command.columns)
        new, asked = earlier.of_request(case.row, command.columns), earlier.linked(session, case.row, case.members)
    return earlier.measure(new, asked)


def _check_narrower(case: Case, columns: tuple[str, ...]) -> None:
    if not set(columns) <= set(case.row.answers["columns"]):
        raise Invalid("request_decision_wider", clauses=("9.1.4-2b", "9.1.4-5"))


def _check_approvable(case: Case, command: Decide, history: History) -> None:
    _check_narrower(case, command.columns)
    check_basis(case, history, command.columns)
    if not case.approved:
        votes = {"approve": case.votes("approve"), "reject": case.votes("reject")}
        raise Refused("request_panel_against", clauses=("9-8", "9.3-5"), **votes)
    check_history(history)
    if command.epsilon is not None and not command.epsilon > 0:
        raise Invalid("request_epsilon")


def check_history(history: History) -> None:
    """Refuse what the history check denies: nobody can overrule it, only change the scope (P9)."""
    if history.outcome == "deny":
        sentences = {f"sentence_{language}": history.sentence(language) for language in ("zh", "en")}
        raise Refused("request_history_denied", clauses=history.clauses, **sentences)


def _decision(case: Case, actor: Actor, approve: bool, reasons: str, clauses: tuple[str, ...]) -> dict[str, Any]:
    known = rules("committee")["decision_clauses"]
    if not reasons.strip() or not clauses or not set(clauses) <= set(known):
        raise Invalid("request_decision_reasons", clauses=("10.4.2-e-3b",))
    reviews = {seat.reviewer: digest(seat.review) for seat in case.active_panel if seat.review}
    return {
        "approve": approve,
        "reasons": reasons.strip(),
        "clauses": list(clauses),
        "conditions": "",
        "columns": [],
        "epsilon": None,
        "by": actor.username,
        "at": clock.now().isoformat(),
        "rules": case.row.rules | stamps(["committee", "history", "workflow"]),
        "history": case.row.history.get("outcome", ""),
        "reviews": reviews,
    }


def _record_decision(unit: UnitOfWork, row: Request, action: str, clauses: tuple[str, ...]) -> None:
    decision = row.decision
    unit.record(
        action,
        row.id,
        clauses=dict.fromkeys([*decision["clauses"], *clauses]),
        approve=decision["approve"],
        history=row.history.get("outcome", ""),
        reviews=sorted(decision["reviews"].values()),
        record=digest(decision),
        rules=decision["rules"],
    )
