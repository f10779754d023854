"""What auditors and operators see and do: the ledger, failed side effects, accounts, the state of the parts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, func, select

from enclave.gateway import supervisor
from enclave.kernel import accounts, institutions, ledger, outbox
from enclave.kernel.db import reading
from enclave.kernel.errors import Conflict, NotFound, Refused
from enclave.kernel.identity import Account, Actor, Role, roles_of
from enclave.kernel.ledger import LedgerEvent, Verdict
from enclave.kernel.outbox import OutboxMessage
from enclave.kernel.settings import settings
from enclave.kernel.unit import unit_of_work
from enclave.policy.book import current
from enclave.policy.parties import audience_of

WATCHERS = (Role.AUDITOR, Role.AUTHORITY, Role.OPERATOR)
PAGE = 50


@dataclass(frozen=True)
class EventView:
    """One event of the ledger."""

    seq: int
    at: datetime
    actor: str
    action: str
    subject: str
    clauses: tuple[str, ...]
    facts: dict[str, Any]
    correlation: str
    previous: str
    digest: str


@dataclass(frozen=True)
class FindEvents:
    """Which events to look for; texts match from their beginning, `page` counts from 1."""

    who: str = ""
    action: str = ""
    subject: str = ""
    page: int = 1


@dataclass(frozen=True)
class EventPage:
    """One page of events, newest first, and how many there are in all."""

    events: tuple[EventView, ...]
    total: int

    @property
    def pages(self) -> int:
        """Return the number of pages, at least one."""
        return max(1, -(-self.total // PAGE))


@dataclass(frozen=True)
class FailureView:
    """A side effect that was retried until it was given up, or is being retried."""

    id: str
    topic: str
    state: str
    error: str
    attempts: int
    created_at: datetime
    due_at: datetime
    correlation: str


@dataclass(frozen=True)
class AccountView:
    """One account with its roles."""

    username: str
    display_name: str
    institution: str
    title: str
    roles: tuple[Role, ...]
    active: bool
    demonstration: bool


@dataclass(frozen=True)
class InstitutionView:
    """One institution; `audience` is the column of Appendix C its verified kind belongs to."""

    code: str
    name_zh: str
    name_en: str
    kind: str
    audience: str
    verified_by: str


def _require(session: Session, actor: Actor, roles: Iterable[Role]) -> None:
    wanted = tuple(roles)
    if not actor.system and not roles_of(session, actor.username).intersection(wanted):
        raise Refused("forbidden", roles=", ".join(wanted))


def find_events(actor: Actor, command: FindEvents) -> EventPage:
    """Return a page of the ledger (10.4.2-e-3c)."""
    wanted = {LedgerEvent.actor: command.who, LedgerEvent.action: command.action, LedgerEvent.subject: command.subject}
    conditions = [col(column).startswith(words, autoescape=True) for column, words in wanted.items() if words]
    with reading() as session:
        _require(session, actor, WATCHERS)
        total = session.exec(select(func.count()).select_from(LedgerEvent).where(*conditions)).one()
        query = select(LedgerEvent).where(*conditions).order_by(col(LedgerEvent.seq).desc())
        rows = session.exec(query.offset((command.page - 1) * PAGE).limit(PAGE))
        return EventPage(tuple(_event(row) for row in rows), total)


def _event(row: LedgerEvent) -> EventView:
    plain = ("seq", "at", "actor", "action", "subject", "facts", "correlation", "previous", "digest")
    return EventView(clauses=tuple(row.clauses), **{name: getattr(row, name) for name in plain})


def actions(actor: Actor) -> list[str]:
    """Return every kind of action the ledger holds."""
    with reading() as session:
        _require(session, actor, WATCHERS)
        return sorted(session.exec(select(LedgerEvent.action).distinct()))


def verify(actor: Actor) -> Verdict:
    """Check the whole chain (P1)."""
    with reading() as session:
        _require(session, actor, WATCHERS)
        return ledger.verify(ledger.stored(session))


def export(actor: Actor) -> bytes:
    """Return the ledger as JSON lines that `enclave ledger verify` checks offline."""
    with reading() as session:
        _require(session, actor, (Role.AUDITOR, Role.AUTHORITY))
        return "".join(f"{line}\n" for line in ledger.export_lines(session)).encode()


def failures(actor: Actor) -> list[FailureView]:
    """Return the side effects that did not come through: given up, or being tried again."""
    with reading() as session:
        _require(session, actor, (Role.OPERATOR, Role.AUDITOR))
        query = select(OutboxMessage).where(OutboxMessage.state != "done", OutboxMessage.error != "")
        rows = session.exec(query.order_by(col(OutboxMessage.created_at).desc()))
        names = ("id", "topic", "state", "error", "attempts", "created_at", "due_at", "correlation")
        return [FailureView(**{name: getattr(row, name) for name in names}) for row in rows]


def waiting(actor: Actor) -> int:
    """Return how many side effects wait for the worker."""
    with reading() as session:
        _require(session, actor, (Role.OPERATOR, Role.AUDITOR))
        query = select(func.count()).select_from(OutboxMessage).where(OutboxMessage.state == "waiting")
        return session.exec(query).one()


def retry(actor: Actor, message_id: str) -> None:
    """Put a side effect that was given up back to work."""
    with unit_of_work(actor) as unit:
        unit.require(Role.OPERATOR)
        entry = unit.session.get(OutboxMessage, message_id)
        if entry is None:
            raise NotFound("not_found", kind="message", id=message_id)
        if entry.state != "failed":
            raise Conflict("already_decided")
        outbox.retry(unit.session, message_id)
        unit.record("outbox.retried", message_id, topic=entry.topic)


def members(actor: Actor) -> list[AccountView]:
    """Return every account with its roles."""
    with reading() as session:
        _require(session, actor, (Role.OPERATOR, Role.AUDITOR, Role.AUTHORITY))
    return [_account(account, roles) for account, roles in accounts.listed()]


def _account(row: Account, roles: Iterable[Role]) -> AccountView:
    plain = ("username", "display_name", "institution", "title", "active", "demonstration")
    return AccountView(roles=tuple(roles), **{name: getattr(row, name) for name in plain})


def registered(actor: Actor) -> list[InstitutionView]:
    """Return every registered institution."""
    with reading() as session:
        _require(session, actor, (Role.OPERATOR, Role.AUDITOR, Role.AUTHORITY))
    plain = ("code", "name_zh", "name_en", "kind", "verified_by")
    return [
        InstitutionView(audience=audience_of(row.kind) or "", **{name: getattr(row, name) for name in plain})
        for row in institutions.listed()
    ]


def institution_kinds(language: str) -> dict[str, str]:
    """Return the kinds an institution may have, with their names; persons are none."""
    parties = current().words("parties").items()
    return {code: entry.name(language) for code, entry in parties if not entry.attributes.get("natural")}


def status(actor: Actor) -> list[supervisor.Part]:
    """Return which parts of the platform answer now."""
    with reading() as session:
        _require(session, actor, (Role.OPERATOR, Role.AUDITOR))
    return supervisor.parts(settings())
