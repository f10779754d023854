"""The one function that answers "is this grant valid now" (P3): everything else asks it."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session, col, select

from enclave.grants.models import Grant, Member, Project
from enclave.grants.views import GrantView, Validity
from enclave.kernel import clock
from enclave.kernel.db import reading
from enclave.kernel.identity import Account

# Rows are read again even when the session has seen them: an answer about "now" is never remembered.
FRESH = {"populate_existing": True}


def is_valid(session: Session, project_id: str, username: str | None, moment: datetime | None = None) -> Validity:
    """Tell whether `username` may use the project at `moment` (default: now), and by which grants.

    Asks, in this order: the project's state, the member, the account, the grants' states and dates.
    `username=None` asks about the project itself, for the product's own processes.
    """
    moment = moment or clock.now()
    session.flush()  # reading anew must not lose what the caller's unit of work has just changed
    reason = _project_reason(session, project_id)
    if not reason and username is not None:
        reason = _member_reason(session, project_id, username)
    if reason:
        return Validity(False, reason, ())
    query = select(Grant).where(Grant.project_id == project_id).order_by(col(Grant.issued_at))
    found = [(row, _grant_reason(row, moment)) for row in session.exec(query, execution_options=FRESH)]
    held = tuple(grant_view(row) for row, fault in found if not fault)
    if held:
        return Validity(True, "", held)
    # No grant at all must never read as "nothing speaks against it".
    return Validity(False, found[-1][1] if found else "grant_none", ())


def valid_now(project_id: str, username: str | None) -> Validity:
    """Ask `is_valid` in a session of its own, so that the answer is never an old snapshot."""
    with reading() as session:
        return is_valid(session, project_id, username)


def _project_reason(session: Session, project_id: str) -> str:
    project = session.get(Project, project_id, populate_existing=True)
    if project is None:
        return "grant_project_unknown"
    return "" if project.state == "active" else "grant_project_ended"


def _member_reason(session: Session, project_id: str, username: str) -> str:
    member = session.get(Member, (project_id, username), populate_existing=True)
    if member is None:
        return "grant_not_member"
    if member.state != "active":
        return "grant_member_removed"
    account = session.get(Account, username, populate_existing=True)
    return "" if account is not None and account.active else "grant_account_inactive"


def _grant_reason(grant: Grant, moment: datetime) -> str:
    view = grant_view(grant)
    if grant.state != "active":
        return f"grant_{grant.state}"
    if moment < view.starts_at:
        return "grant_not_started"
    return "" if moment < view.ends_at else "grant_expired"


def grant_view(row: Grant) -> GrantView:
    """Return a grant as other features see it."""
    fields = row.model_dump(exclude={"columns", "row_filter"})
    return GrantView(**fields, columns=tuple(row.columns), row_filter=tuple(row.row_filter))
