"""Commands and queries of applications; every door calls these and nothing below them."""

from __future__ import annotations

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, or_, select

from enclave.kernel import storage
from enclave.kernel.db import reading
from enclave.kernel.errors import NotFound
from enclave.kernel.identity import Account, AccountRole, Actor, Role, roles_of
from request_review import applying, concluding, conflicts, printed, reviewing, showing
from request_review.case import INSIDERS, check_visible, load, parties
from request_review.forms import Field, fields, sections
from request_review.models import Assignment, Request, RequestMember
from request_review.rulebook import Rules, rules
from request_review.views import (
    AssignReviewers,
    Attach,
    CandidateView,
    Criterion,
    Decide,
    DeclareConflict,
    Decline,
    RegisterGrant,
    RequestLine,
    RequestView,
    Review,
    SaveDraft,
    Sign,
    Submit,
    Withdraw,
)
from request_review.workflow import workflow

__all__ = [
    "AssignReviewers", "Attach", "CandidateView", "Criterion", "Decide", "DeclareConflict", "Decline", "Field",
    "RegisterGrant", "RequestLine", "RequestView", "Review", "Rules", "SaveDraft", "Sign", "Submit", "Withdraw",
    "agreement_pdf", "application_pdf", "assign_reviewers", "attach", "decide", "declare_conflict", "decline", "detach",
    "download", "draw_up_agreement", "fields", "find", "my_requests", "queue", "register_grant", "review",
    "reviewer_candidates", "rules", "save_draft", "sections", "sign", "submit", "view", "withdraw",
]  # fmt: skip


def save_draft(actor: Actor, command: SaveDraft) -> RequestView:
    """Open or save a draft; `problems` of the view says what is still missing."""
    return view(actor, applying.save_draft(actor, command))


def attach(actor: Actor, command: Attach) -> RequestView:
    """Attach a document to a draft."""
    applying.attach(actor, command)
    return view(actor, command.request_id)


def detach(actor: Actor, request_id: str, file_id: str) -> RequestView:
    """Remove a document from a draft."""
    applying.detach(actor, request_id, file_id)
    return view(actor, request_id)


def submit(actor: Actor, command: Submit) -> RequestView:
    """Submit a draft: form, qualification and history are checked."""
    return view(actor, applying.submit(actor, command))


def withdraw(actor: Actor, command: Withdraw) -> RequestView:
    """Take a request back."""
    return view(actor, applying.withdraw(actor, command))


def assign_reviewers(actor: Actor, command: AssignReviewers) -> RequestView:
    """Evaluate a request and send it to committee members."""
    return view(actor, reviewing.assign_reviewers(actor, command))


def decline(actor: Actor, command: Decline) -> RequestView:
    """Do not open the data."""
    return view(actor, reviewing.decline(actor, command))


def declare_conflict(actor: Actor, command: DeclareConflict) -> None:
    """Keep out of a request from now on; the person sees no more of it than its team does, or nothing."""
    reviewing.declare_conflict(actor, command)


def review(actor: Actor, command: Review) -> RequestView:
    """Give a review."""
    return view(actor, reviewing.review(actor, command))


def decide(actor: Actor, command: Decide) -> RequestView:
    """Approve or refuse a reviewed request."""
    return view(actor, reviewing.decide(actor, command))


def draw_up_agreement(actor: Actor, request_id: str) -> RequestView:
    """Draw up the agreement at once instead of waiting for the worker; the one already drawn up is kept."""
    shown = view(actor, request_id)
    return shown if shown.agreement else view(actor, concluding.draw_up_agreement(actor, request_id))


def sign(actor: Actor, command: Sign) -> RequestView:
    """Accept the agreement."""
    return view(actor, concluding.sign(actor, command))


def register_grant(actor: Actor, command: RegisterGrant) -> RequestView:
    """Register the use and issue the grant; the view's `project_id` names the project."""
    return view(actor, concluding.register_grant(actor, command))


def view(actor: Actor, request_id: str) -> RequestView:
    """Return what the actor may see of a request; NotFound when he may not know of it."""
    with reading() as session:
        case = load(session, request_id)
        check_visible(case, actor, parties(case, actor))
        return showing.whole(case, actor)


def my_requests(actor: Actor) -> list[RequestLine]:
    """Return the requests the actor applied for or is a member of, newest first."""
    with reading() as session:
        member = select(RequestMember.request_id).where(RequestMember.username == actor.username)
        query = (
            select(Request.id)
            .where(or_(Request.applicant == actor.username, col(Request.id).in_(member)))
            .order_by(col(Request.created_at).desc())
        )
        titles = showing.Titles()
        return [showing.line(load(session, found), actor, titles) for found in session.exec(query).all()]


def find(actor: Actor, state: str = "") -> list[RequestLine]:
    """Return every request the actor may see, also closed ones, newest submission first."""
    return _lines(actor, (state,) if state else tuple(workflow().states))


def queue(actor: Actor) -> list[RequestLine]:
    """Return the submitted requests a step of which waits for the actor, oldest submission first."""
    steps = [workflow().steps[command] for command in showing.AWAITED]
    states = {state for step in steps for state in step.sources} - {"draft"}
    return [line for line in reversed(_lines(actor, tuple(states))) if line.todo]


def _lines(actor: Actor, states: tuple[str, ...]) -> list[RequestLine]:
    with reading() as session:
        query = (
            select(Request.id)
            .where(col(Request.state).in_(states), _may_know(session, actor))
            .order_by(col(Request.submitted_at).desc(), col(Request.created_at).desc())
        )
        titles = showing.Titles()
        found = (_line(session, actor, request_id, titles) for request_id in session.exec(query).all())
        return [line for line in found if line is not None]


def _may_know(session: Session, actor: Actor) -> ColumnElement[bool]:
    """Narrow a query to requests that may be visible; `check_visible` has the last word on each."""
    member = select(RequestMember.request_id).where(RequestMember.username == actor.username)
    seat = select(Assignment.request_id).where(Assignment.reviewer == actor.username)
    own = or_(Request.applicant == actor.username, col(Request.id).in_(member), col(Request.id).in_(seat))
    if actor.system or INSIDERS.intersection(roles_of(session, actor.username)):
        return or_(own, col(Request.submitted_at).is_not(None))
    return own


def _line(session: Session, actor: Actor, request_id: str, titles: showing.Titles) -> RequestLine | None:
    case = load(session, request_id)
    try:
        check_visible(case, actor, parties(case, actor))
    except NotFound:
        return None
    return showing.line(case, actor, titles)


def reviewer_candidates(actor: Actor, request_id: str) -> list[CandidateView]:
    """Return all committee members with the reasons that exclude them, free ones with least work first."""
    with reading() as session:
        case = load(session, request_id)
        held = parties(case, actor)
        if not INSIDERS.intersection(held):
            raise NotFound("not_found", kind="request", id=request_id)
        check_visible(case, actor, held)
        committee = select(AccountRole.username).where(AccountRole.role == Role.COMMITTEE.value)
        query = select(Account).where(col(Account.username).in_(committee), col(Account.active))
        found = []
        for account in session.exec(query).all():
            reasons = conflicts.found(case, account.username, "reviewer")
            waiting = select(Assignment).where(Assignment.reviewer == account.username, Assignment.state == "assigned")
            found.append(
                CandidateView(
                    username=account.username,
                    display_name=account.display_name,
                    institution=account.institution,
                    title=account.title,
                    waiting=len(session.exec(waiting).all()),
                    conflicts_zh=tuple(each.sentence("zh") for each in reasons),
                    conflicts_en=tuple(each.sentence("en") for each in reasons),
                )
            )
        return sorted(found, key=lambda each: (not each.free, each.waiting, each.username))


def download(actor: Actor, request_id: str, file_id: str) -> tuple[str, str, bytes]:
    """Return name, media type and content of an attached document, for whoever may see the request."""
    shown = view(actor, request_id)
    found = next((file for file in shown.files if file.id == file_id), None)
    if found is None:
        raise NotFound("not_found", kind="file", id=file_id)
    with reading() as session:
        key = next(file.object_key for file in load(session, request_id).files if file.id == file_id)
    return found.name, found.media_type, storage.fetch_bytes(key)


def application_pdf(actor: Actor, request_id: str) -> bytes:
    """Return the application printed as the form of Appendix A, for whoever may see the request."""
    with reading() as session:
        case = load(session, request_id)
        check_visible(case, actor, parties(case, actor))
        return printed.application(case)


def agreement_pdf(actor: Actor, request_id: str) -> bytes:
    """Return the agreement's PDF, byte for byte the one whose SHA-256 the view shows."""
    shown = view(actor, request_id)
    if shown.agreement is None:
        raise NotFound("not_found", kind="agreement", id=request_id)
    with reading() as session:
        return concluding.check_agreement(load(session, request_id).row, shown.agreement.sha256)
