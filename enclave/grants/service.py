"""Issue, revoke and end grants; every other feature asks here what is granted."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import text
from sqlmodel import Session, col, func, or_, select

from enclave.grants.models import FIRST_UID, Grant, Member, Project
from enclave.grants.validity import grant_view, is_valid, valid_now
from enclave.grants.views import GrantView, IssueGrant, MemberView, ProjectView, RemoveMember, RevokeGrant, Validity
from enclave.kernel import clock
from enclave.kernel.db import new_id, reading
from enclave.kernel.errors import Conflict, Invalid, NotFound, Refused
from enclave.kernel.identity import Account, Actor, Role, system
from enclave.kernel.settings import settings
from enclave.kernel.unit import UnitOfWork, unit_of_work
from enclave.privacy import service as privacy

__all__ = [
    "GrantView", "IssueGrant", "ProjectView", "RemoveMember", "RevokeGrant", "Validity", "expire_due", "find",
    "get_project", "held_by", "is_valid", "issue", "open_members", "projects_of", "remove_member", "revoke",
    "valid_now",
]  # fmt: skip

ISSUE_CLAUSES = ("9.1.4-4", "9.1.4-5", "B.2-0", "4.1-T1-L3b")
END_CLAUSES = ("B.2-2-2b", "5.3-T4-F4-4b")
OVERSEERS = (Role.AUTHORITY, Role.STEWARD, Role.AUDITOR, Role.OPERATOR)


def issue(actor: Actor, command: IssueGrant) -> GrantView:
    """Open a project with its members, grant and budget; the workspace is prepared by the outbox.

    Raises `Conflict` when the request was granted before, `Invalid` for dates or members that cannot be.
    """
    with unit_of_work(actor) as unit:
        unit.require(Role.AUTHORITY)
        _check_issue(unit, command)
        project = unit.add(
            Project(
                id=new_id("p", 8),
                title=command.title,
                lead=command.lead,
                institution=command.institution,
                created_at=clock.now(),
            )
        )
        members = _enrol(unit, project.id, (command.lead, *command.members))
        grant = unit.add(_grant(project.id, command))
        privacy.allot(unit, grant.project_id, grant.dataset_id, grant.epsilon, grant.delta)
        unit.record(
            "grant.issued", project.id, clauses=ISSUE_CLAUSES, grant=grant.id, request=grant.request_id,
            dataset=grant.dataset_id, version=grant.version_id, columns=len(grant.columns), members=members,
            starts_on=str(grant.starts_on), ends_on=str(grant.ends_on), epsilon=grant.epsilon, delta=grant.delta,
            registration=grant.registration, agreement=grant.agreement_sha256,
        )  # fmt: skip
        unit.send("workspace.prepare", project=project.id, grant=grant.id)
        return grant_view(grant)


def _check_issue(unit: UnitOfWork, command: IssueGrant) -> None:
    if unit.session.exec(select(Grant.id).where(Grant.request_id == command.request_id)).first():
        raise Conflict("grant_already_issued", clauses=("9.3-1",))
    if command.starts_on > command.ends_on or command.ends_on < clock.today():
        raise Invalid("grant_dates", starts_on=str(command.starts_on), ends_on=str(command.ends_on))
    if not command.columns:
        raise Invalid("grant_no_columns")
    if not command.registration or not command.agreement_sha256:
        raise Refused("grant_no_agreement", clauses=("9.1.4-4", "B.2-0"))
    for username in (command.lead, *command.members):
        account = unit.session.get(Account, username)
        if account is None or not account.active:
            raise Invalid("grant_member_account", username=username)


def _enrol(unit: UnitOfWork, project_id: str, usernames: tuple[str, ...]) -> int:
    if unit.session.get_bind().dialect.name == "postgresql":  # SQLite has the write lock already
        unit.session.connection().execute(text("LOCK TABLE project_member IN SHARE ROW EXCLUSIVE MODE"))
    # Rows of former members stay, so the highest id ever given is the highest that stands here.
    highest = unit.session.exec(select(func.max(Member.uid))).one() or FIRST_UID - 1
    names = dict.fromkeys(usernames)
    for uid, username in enumerate(names, highest + 1):
        unit.add(Member(project_id=project_id, username=username, uid=uid, joined_at=clock.now()))
    return len(names)


def _grant(project_id: str, command: IssueGrant) -> Grant:
    return Grant(
        id=new_id("g"),
        project_id=project_id,
        request_id=command.request_id,
        dataset_id=command.dataset_id,
        version_id=command.version_id,
        columns=list(command.columns),
        row_filter=[dict(part) for part in command.row_filter],
        starts_on=command.starts_on,
        ends_on=command.ends_on,
        epsilon=settings().budget_epsilon if command.epsilon is None else command.epsilon,
        delta=command.delta,
        registration=command.registration,
        agreement_sha256=command.agreement_sha256,
        use=dict(command.use),
        issued_at=clock.now(),
    )


def revoke(actor: Actor, command: RevokeGrant) -> ProjectView:
    """End a project's grants and cut its enclaves off; the authority, a steward or the lead may."""
    if not command.reason.strip():
        raise Invalid("grant_reason_missing")
    with unit_of_work(actor) as unit:
        project = unit.get(Project, command.project_id)
        _require_control(unit, project)
        if project.state != "active":
            raise Conflict("grant_project_ended")
        _end(unit, project, "revoked", command.reason)
        return _view(unit.session, project, None)


def remove_member(actor: Actor, command: RemoveMember) -> ProjectView:
    """End one member's access; the lead cannot leave a project, only end it."""
    if not command.reason.strip():
        raise Invalid("grant_reason_missing")
    with unit_of_work(actor) as unit:
        project = unit.get(Project, command.project_id)
        _require_control(unit, project)
        if command.username == project.lead:
            raise Refused("grant_lead_stays")
        member = unit.session.get(Member, (project.id, command.username))
        if member is None:
            raise NotFound("grant_not_member")
        if member.state != "active":
            raise Conflict("grant_member_removed")
        member.state, member.left_at = "removed", clock.now()
        unit.record("grant.member-removed", project.id, clauses=("B.2-1-3",), uid=member.uid)
        unit.send("workspace.close", project=project.id, username=command.username)
        return _view(unit.session, project, None)


def expire_due() -> int:
    """End every project whose last grant's last day is over; return how many (periodic job).

    Access is gone the moment the day ends, because `is_valid` says so; this closes what is left.
    """
    with reading() as session:
        query = select(Grant.project_id).where(Grant.state == "active", Grant.ends_on < clock.today())
        due = sorted(set(session.exec(query)))
    return sum(_expire(project_id) for project_id in due)


def _expire(project_id: str) -> bool:
    with unit_of_work(system("worker")) as unit:
        project = unit.get(Project, project_id)
        if project.state != "active" or is_valid(unit.session, project_id, None).reason != "grant_expired":
            return False
        _end(unit, project, "ended", "")
        return True


def _end(unit: UnitOfWork, project: Project, state: str, reason: str) -> None:
    project.state = "ended"
    for grant in unit.session.exec(select(Grant).where(Grant.project_id == project.id, Grant.state == "active")):
        grant.state, grant.ended_at, grant.ended_reason = state, clock.now(), reason
        unit.record(f"grant.{state}", project.id, clauses=END_CLAUSES, grant=grant.id, request=grant.request_id)
    unit.send("workspace.close", project=project.id, username=None)


def _require_control(unit: UnitOfWork, project: Project) -> None:
    if unit.actor.username != project.lead:
        unit.require(Role.AUTHORITY, Role.STEWARD)


def projects_of(username: str) -> list[ProjectView]:
    """Return every project the person was ever a member of, newest first, each with its validity for him."""
    with reading() as session:
        query = (
            select(Project)
            .join(Member, col(Member.project_id) == Project.id)
            .where(Member.username == username)
            .order_by(col(Project.created_at).desc())
        )
        return [_view(session, project, username) for project in session.exec(query)]


def open_members() -> list[tuple[str, str, int]]:
    """Return (project, user name, user id) of everybody who may use a project at this moment."""
    with reading() as session:
        query = select(Member).where(Member.state == "active").order_by(col(Member.uid))
        return [
            (member.project_id, member.username, member.uid)
            for member in session.exec(query)
            if is_valid(session, member.project_id, member.username).valid
        ]


def get_project(project_id: str, username: str | None = None) -> ProjectView:
    """Return a project, its validity being for `username` or for the project itself."""
    with reading() as session:
        project = session.get(Project, project_id)
        if project is None:
            raise NotFound("not_found", kind="project", id=project_id)
        return _view(session, project, username)


def find(actor: Actor) -> list[ProjectView]:
    """Return all projects for those who oversee them, a person's own for everybody else; newest first."""
    if not actor.has(*OVERSEERS):
        return projects_of(actor.username)
    with reading() as session:
        query = select(Project).order_by(col(Project.created_at).desc())
        return [_view(session, project, None) for project in session.exec(query)]


def held_by(session: Session, usernames: Iterable[str], institutions: Iterable[str]) -> list[GrantView]:
    """Return every grant, also an ended one, of any of these people or institutions (10.4.2-e-2d3)."""
    people, units = list(usernames), list(institutions)
    theirs = select(Member.project_id).where(col(Member.username).in_(people))
    colleagues = (
        select(Member.project_id)
        .join(Account, col(Account.username) == Member.username)
        .where(col(Account.institution).in_(units))
    )
    query = (
        select(Grant)
        .join(Project, col(Project.id) == Grant.project_id)
        .where(or_(col(Project.id).in_(theirs), col(Project.id).in_(colleagues), col(Project.institution).in_(units)))
        .order_by(col(Grant.issued_at))
    )
    return [grant_view(row) for row in session.exec(query)]


def _view(session: Session, project: Project, username: str | None) -> ProjectView:
    members = session.exec(
        select(Member, Account)
        .join(Account, col(Account.username) == Member.username)
        .where(Member.project_id == project.id)
        .order_by(col(Member.uid))
    )
    grants = session.exec(select(Grant).where(Grant.project_id == project.id).order_by(col(Grant.issued_at)))
    return ProjectView(
        id=project.id,
        title=project.title,
        lead=project.lead,
        institution=project.institution,
        state=project.state,
        created_at=project.created_at,
        members=tuple(
            MemberView(member.username, account.display_name, account.institution, member.uid, member.state)
            for member, account in members
        ),
        grants=tuple(grant_view(row) for row in grants),
        validity=is_valid(session, project.id, username),
    )
