"""Turns a case into what one viewer may see: blinded, redacted, with the steps open to him (P7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlmodel import Session, col, select

import catalog_browser.service as catalogue
from enclave.kernel.errors import NotFound
from enclave.kernel.i18n import text
from enclave.kernel.identity import Account, Actor, system
from enclave.kernel.ledger import LedgerEvent
from request_review import conflicts
from request_review.applying import context_of, open_problems, submission_guards
from request_review.case import INSIDERS, Case, is_team, parties, refusal, unsigned
from request_review.concluding import signature_holds
from request_review.forms import Problem
from request_review.history import History
from request_review.models import Assignment, Request, RequestFile, Signature
from request_review.qualification import Score, ScoreLine, score
from request_review.rulebook import label, rules
from request_review.views import (
    ActionView,
    AgreementView,
    Criterion,
    DecisionView,
    EvaluationView,
    FileView,
    PanelView,
    PersonView,
    RequestLine,
    RequestView,
    Review,
    ReviewView,
    SignatureView,
)
from request_review.workflow import workflow

CLOSED = ("decided", "agreement", "granted", "refused", "withdrawn")


class Titles(dict[str, tuple[str, str]]):
    """Titles of data sets in both languages, looked up once each."""

    def __missing__(self, dataset_id: str) -> tuple[str, str]:
        try:
            detail = catalogue.get(system("requests"), dataset_id) if dataset_id else None
        except NotFound:
            detail = None
        self[dataset_id] = (detail.title_zh, detail.title_en) if detail else (dataset_id, dataset_id)
        return self[dataset_id]


def line(case: Case, actor: Actor, titles: Titles) -> RequestLine:
    """Return one line of a list."""
    return RequestLine(**_line(case, _actions(case, actor), titles))


def whole(case: Case, actor: Actor) -> RequestView:
    """Return everything the viewer may see of a request."""
    held = parties(case, actor)
    actions = _actions(case, actor)
    team = is_team(case, actor)
    kept_out = not team and bool(conflicts.found(case, actor.username, "viewer"))
    judge = not team and not kept_out
    judges = judge and ("reviewer" in held or bool(INSIDERS.intersection(held)))
    closed = case.row.state in CLOSED
    problems_now, score_now = _draft_state(case) if case.row.state == "draft" else ((), _score(case.row.score))
    # An applicant reads the outcome of the history check only with the decision: at once, it would be an oracle.
    noted = judge or closed
    return RequestView(
        **_line(case, actions, Titles()),
        answers=case.row.answers,
        members=_members(case),
        files=tuple(_file(file) for file in case.files),
        problems=problems_now,
        score=None if kept_out else score_now,
        history=_history(case.row) if judge else None,
        history_note_zh=_note(case.row, "zh") if noted else "",
        history_note_en=_note(case.row, "en") if noted else "",
        evaluation=_evaluation(case.row.evaluation) if judge else None,
        panel=_panel(case, actor) if judges else None,
        decision=_decision(case.row) if judge or closed else None,
        agreement=_agreement(case) if case.row.agreement else None,
        registration=case.row.registration,
        filing=case.row.filing,
        closing_reason=case.row.closing_reason,
        rules=case.row.rules,
        rulings={} if kept_out else _rulings(case),
        actions=tuple(actions.values()),
    )


# The events of a request that rest on a decision of the rules, and the door each stands for.
DOORS = {"request.submitted": "application", "agreement.drawn-up": "agreement", "request.registered": "grant"}


def _rulings(case: Case) -> dict[str, dict[str, Any]]:
    """Return what the rules said at each door the request came to, from the ledger that keeps it (P8)."""
    query = (
        select(LedgerEvent)
        .where(LedgerEvent.subject == case.row.id, col(LedgerEvent.action).in_(DOORS))
        .order_by(col(LedgerEvent.seq))
    )
    return {DOORS[event.action]: event.facts["decision"] for event in case.session.exec(query)}


def _draft_state(case: Case) -> tuple[tuple[Problem, ...], Score]:
    context = context_of(case.session, case.row, case.files)
    return open_problems(case.row.answers, context), score(case.row.answers, context)


def _line(case: Case, actions: Mapping[str, ActionView], titles: Titles) -> dict[str, Any]:
    row = case.row
    states = workflow().states[row.state]
    waiting = [command for command, action in actions.items() if action.allowed and _waits(case, command)]
    return {
        "id": row.id,
        "title": row.title,
        "applicant": row.applicant,
        "applicant_name": person(case.session, row.applicant).display_name,
        "institution": row.institution,
        "dataset_id": row.dataset_id,
        "dataset_zh": titles[row.dataset_id][0],
        "dataset_en": titles[row.dataset_id][1],
        "version_kind": row.version_kind,
        "state": row.state,
        "state_zh": states["zh"],
        "state_en": states["en"],
        "version": row.version,
        "created_at": row.created_at,
        "submitted_at": row.submitted_at,
        "project_id": row.project_id,
        "todo": tuple(waiting),
    }


# Steps that wait for somebody; the others may be taken but need not.
AWAITED = ("submit", "assign_reviewers", "review", "decide", "sign", "register_grant")


def _waits(case: Case, command: str) -> bool:
    """Tell whether a step waits for somebody; a further reviewer may always be seated, but need not while two are."""
    if command == "assign_reviewers" and case.row.state == "in_review":
        return case.tied or len(case.active_panel) < rules("committee")["panel"]["at_least"]
    return command in AWAITED


def _actions(case: Case, actor: Actor) -> dict[str, ActionView]:
    held, guards, found = parties(case, actor), submission_guards(case), {}
    for step in workflow().steps.values():
        if step.who & held:
            error = refusal(case, actor, step.command, guards)
            reasons = (error.message("zh"), error.message("en")) if error else ("", "")
            found[step.command] = ActionView(step.command, step.zh, step.en, error is None, *reasons)
    return found


def _members(case: Case) -> tuple[PersonView, ...]:
    return tuple(person(case.session, name) for name in case.members)


def person(session: Session, username: str) -> PersonView:
    """Return a person as shown on requests."""
    account = session.get(Account, username)
    return PersonView(username, account.display_name, account.institution) if account else PersonView(username, "", "")


def _file(row: RequestFile) -> FileView:
    kinds = rules("form")["uploads"]["kinds"]
    return FileView(
        id=row.id,
        kind=row.kind,
        kind_zh=label(kinds, row.kind, "zh"),
        kind_en=label(kinds, row.kind, "en"),
        name=row.name,
        media_type=row.media_type,
        size=row.size,
        sha256=row.sha256,
        uploaded_at=row.uploaded_at,
    )


def _score(kept: Mapping[str, Any]) -> Score | None:
    if not kept:
        return None
    lines = tuple(ScoreLine(**{**entry, "clauses": tuple(entry["clauses"])}) for entry in kept["lines"])
    return Score(**{**kept, "lines": lines})


def _history(row: Request) -> History | None:
    return History.from_dict(row.history) if row.history else None


def _note(row: Request, language: str) -> str:
    return text(f"request_history_public_{row.history['outcome']}", language) if row.history else ""


def _evaluation(kept: Mapping[str, Any]) -> EvaluationView | None:
    if not kept:
        return None
    criteria = {code: Criterion(**each) for code, each in kept["criteria"].items()}
    return EvaluationView(criteria, kept["opinion"], kept["by"], kept["at"], kept["rules"])


def _panel(case: Case, actor: Actor) -> PanelView | None:
    if not case.panel:
        return None
    own = {seat.reviewer: seat for seat in case.panel}.get(actor.username)
    # Until every review is in, nobody sees another's text or verdict, and a member not even that there is one.
    # A member who joins later opens the round again: he, too, reviews before he reads.
    open_to_viewer = case.reviews_in
    names_shown = own is None  # not a member of the panel: may see who is late, not what was said
    seats = tuple(_seat(seat, seat is own, open_to_viewer, names_shown) for seat in case.panel)
    fields = rules("committee")["expert_fields"]["options"]
    covered = {seat.content.expert_field for seat in seats if seat.content and seat.state == "reviewed"}
    return PanelView(
        seats=seats,
        complete=open_to_viewer,
        approved=case.approved if open_to_viewer else None,
        fields_covered=tuple(code for code in fields if code in covered) if open_to_viewer else (),
        fields_missing=tuple(code for code in fields if code not in covered) if open_to_viewer else (),
    )


def _seat(seat: Assignment, mine: bool, opened: bool, names_shown: bool) -> ReviewView:
    shown = mine or opened
    counted = seat.state != "recused"  # a struck review is shown to nobody
    content = None
    if shown and counted and seat.review:
        kept = {key: value for key, value in seat.review.items() if key != "rules"}
        content = Review(request_id=seat.request_id, **kept)
    return ReviewView(
        reviewer=seat.reviewer if mine or names_shown else "",
        state=seat.state if shown or names_shown or not counted else "assigned",
        mine=mine,
        content=content,
        reviewed_at=seat.reviewed_at if shown else None,
    )


def _decision(row: Request) -> DecisionView | None:
    kept = row.decision
    if not kept:
        return None
    known = rules("committee")["decision_clauses"]
    return DecisionView(
        approve=kept["approve"],
        reasons=kept["reasons"],
        clauses={clause: known.get(clause, {"zh": clause, "en": clause}) for clause in kept["clauses"]},
        conditions=kept["conditions"],
        columns=tuple(kept["columns"]),
        by=kept["by"],
        at=kept["at"],
        rules=kept["rules"],
        history=kept["history"],
    )


def _agreement(case: Case) -> AgreementView:
    kept = case.row.agreement
    return AgreementView(
        number=kept["number"],
        sha256=kept["sha256"],
        size=kept["size"],
        template=kept["template"],
        drawn_up_at=kept["at"],
        signatures=tuple(_signature(case, each) for each in case.signatures),
        waiting=unsigned(case),
    )


def _signature(case: Case, row: Signature) -> SignatureView:
    return SignatureView(
        party=row.party,
        username=row.username,
        display_name=person(case.session, row.username).display_name,
        sha256=row.sha256,
        statement=row.statement,
        signed_at=row.signed_at,
        seal=row.seal,
        key=row.key,
        valid=signature_holds(case.row, row),
    )
