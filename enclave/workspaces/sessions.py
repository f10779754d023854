"""The record of enclaves: opened, refused, ended; each on the ledger (5.3-T4-F6-2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlmodel import col, select

from enclave.grants import service as grants
from enclave.kernel import clock
from enclave.kernel.db import new_id, reading
from enclave.kernel.identity import Actor, Role, system
from enclave.kernel.unit import UnitOfWork, unit_of_work
from enclave.policy import records
from enclave.workspaces import mounting
from enclave.workspaces.models import EnclaveSession
from enclave.workspaces.views import MountPlan, SessionView

HUB = system("hub")
CLAUSES = ("5.3-T4-F6-2", "4.1-T1-L2d2")


def opened(plan: MountPlan, report: Iterable[Mapping[str, Any]]) -> str:
    """Record that an enclave opened with every probe held; return the session's id."""
    return _begin(plan, list(report), "running", "enclave.opened")


def refused(plan: MountPlan, report: Iterable[Mapping[str, Any]], failed: Iterable[str]) -> str:
    """Record that an enclave was refused because isolation was not proved (P10)."""
    return _begin(plan, list(report), "refused", "enclave.refused", sorted(failed))


def _begin(
    plan: MountPlan, report: list[Mapping[str, Any]], state: str, action: str, failed: list[str] | None = None
) -> str:
    with unit_of_work(Actor(plan.username)) as unit:
        _record_mounts(unit, plan, probed=not failed)
        row = unit.add(
            EnclaveSession(
                id=new_id("es"),
                project_id=plan.project_id,
                username=plan.username,
                uid=plan.uid,
                grants=list(plan.grants),
                probes=len(report),
                failed_probes=failed or [],
                state=state,
                started_at=clock.now(),
            )
        )
        unit.record(
            action, plan.project_id, clauses=CLAUSES, session=row.id, grants=row.grants, probes=row.probes,
            **({"failed": row.failed_probes} if failed else {}),
        )  # fmt: skip
        return row.id


def _record_mounts(unit: UnitOfWork, plan: MountPlan, *, probed: bool) -> None:
    """Put on the ledger what the rules said of each extract, and the disclosure where it opened (3.10, P8)."""
    for grant, decision in mounting.decisions(plan.asked, probed=probed).items():
        facts: dict[str, Any] = {"grant": grant, "decision": decision.as_facts()}
        if decision.allowed:
            asked = plan.asked[grant]
            facts["disclosure"] = records.disclosure(
                recipient=plan.username,
                content=asked.content,
                purpose=asked.use.purpose or "",
                legal_basis=asked.registration,
                at=clock.now(),
            )
        action = "extract.mounted" if decision.allowed else "extract.refused"
        unit.record(action, plan.project_id, clauses=decision.clauses, **facts)


def not_mounted(project_id: str, username: str, code: str, clauses: Iterable[str]) -> None:
    """Record that an enclave was refused before it began, with the reason's code."""
    with unit_of_work(Actor(username)) as unit:
        unit.record("enclave.refused", project_id, clauses=clauses, code=code)


def ended(session_id: str, reason: str) -> None:
    """Record the end of an enclave, once. `reason` is a code: stopped, cut-off, gone, platform-restart."""
    with unit_of_work(HUB) as unit:
        row = unit.get(EnclaveSession, session_id)
        if row.state == "running":
            row.state, row.ended_at, row.ended_reason = "ended", clock.now(), reason
            seconds = round((row.ended_at - row.started_at).total_seconds())
            unit.record("enclave.ended", row.project_id, session=row.id, reason=reason, seconds=seconds)


def end_lost() -> int:
    """Record the end of enclaves an earlier hub left as running: sandboxes end with the hub that started them."""
    lost = running()
    for session in lost:
        ended(session.id, "platform-restart")
    return len(lost)


def running(project_id: str | None = None) -> list[SessionView]:
    """Return the enclaves running now."""
    with reading() as session:
        query = select(EnclaveSession).where(EnclaveSession.state == "running")
        if project_id is not None:
            query = query.where(EnclaveSession.project_id == project_id)
        return [_view(row) for row in session.exec(query)]


def find(actor: Actor, project_id: str, limit: int = 200) -> list[SessionView]:
    """Return a project's enclaves, newest first; a member sees his own, overseers all."""
    with reading() as session:
        query = select(EnclaveSession).where(EnclaveSession.project_id == project_id)
        if not actor.has(Role.STEWARD, Role.AUDITOR, Role.OPERATOR, Role.AUTHORITY):
            query = query.where(EnclaveSession.username == actor.username)
        found = session.exec(query.order_by(col(EnclaveSession.started_at).desc()).limit(limit))
        return [_view(row) for row in found]


def is_running(project_id: str, username: str) -> bool:
    """Tell whether this member's enclave runs."""
    return any(session.username == username for session in running(project_id))


def _view(row: EnclaveSession) -> SessionView:
    return SessionView(
        id=row.id,
        project_id=row.project_id,
        username=row.username,
        grants=tuple(row.grants),
        probes=row.probes,
        failed_probes=tuple(row.failed_probes),
        state=row.state,
        started_at=row.started_at,
        ended_at=row.ended_at,
        ended_reason=row.ended_reason,
    )


def members(project_id: str) -> list[str]:
    """Return everybody who was ever a member."""
    return [member.username for member in grants.get_project(project_id).members]
