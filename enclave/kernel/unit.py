"""One unit of work: state, ledger events and outbox messages commit together or not at all (P1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from sqlalchemy import Connection, event
from sqlalchemy.orm.exc import StaleDataError
from sqlmodel import Session

from enclave.kernel import clock, ledger, outbox
from enclave.kernel.db import Record, engine
from enclave.kernel.errors import Conflict, NotFound, Refused
from enclave.kernel.identity import Actor, Role, roles_of
from enclave.kernel.log import correlated, correlation_id

R = TypeVar("R", bound=Record)
_current: ContextVar[UnitOfWork | None] = ContextVar("unit_of_work", default=None)


class UnitOfWork:
    """The transaction of one command. `session` reads and writes; the rest is promised with it."""

    def __init__(self, session: Session, actor: Actor, events: list[ledger.LedgerEvent], written: set[str]) -> None:
        self.session, self.actor, self._events, self._written = session, actor, events, written

    def record(self, action: str, subject: str, *, clauses: Iterable[str] = (), **facts: Any) -> None:
        """Promise a ledger event. `facts` are codes and counts, never personal data (P12)."""
        self._events.append(
            ledger.LedgerEvent(
                seq=0,
                at=clock.now(),
                actor=self.actor.username,
                action=action,
                subject=subject,
                clauses=list(clauses),
                facts=facts,
                correlation=correlation_id.get(),
                previous="",
                digest="",
            )
        )

    def send(self, topic: str, **payload: Any) -> None:
        """Promise a side effect; a worker delivers it after the commit."""
        self.session.add(outbox.message(topic, payload, correlation_id.get()))

    def require(self, *roles: Role) -> None:
        """Refuse unless the database grants the actor one of `roles` at this moment."""
        if not self.actor.system and not roles_of(self.session, self.actor.username).intersection(roles):
            raise Refused("forbidden", roles=", ".join(roles))

    def get(self, model: type[R], identifier: str) -> R:
        """Return a row that must exist."""
        found = self.session.get(model, identifier)
        if found is None:
            raise NotFound("not_found", kind=model.__name__, id=identifier)
        return found

    def add(self, row: R) -> R:
        """Add a row and return it."""
        self.session.add(row)
        self.session.flush()
        return row


class UnrecordedWrite(AssertionError):
    """A command wrote without a ledger event: a defect of the product, so nothing is committed."""


@contextmanager
def unit_of_work(actor: Actor) -> Iterator[UnitOfWork]:
    """Open a unit of work, or join the one already open so that composed commands commit as one.

    A joined unit that fails leaves no trace in the outer one, even if the outer command goes on.
    """
    outer = _current.get()
    if outer is not None:
        with _joined(outer, actor) as unit:
            yield unit
        return
    bind = engine().execution_options(sqlite_begin="IMMEDIATE")
    with correlated(), Session(bind, expire_on_commit=False) as session:
        unit = UnitOfWork(session, actor, [], _watch_writes(session))
        token = _current.set(unit)
        try:
            yield unit
            session.flush()
            if unit._written and not unit._events:
                raise UnrecordedWrite(", ".join(sorted(unit._written)))
            ledger.append(session, unit._events)
            session.commit()
        except StaleDataError as error:
            raise Conflict("already_decided") from error
        finally:
            _current.reset(token)


@contextmanager
def _joined(outer: UnitOfWork, actor: Actor) -> Iterator[UnitOfWork]:
    outer.session.flush()
    events, written = len(outer._events), set(outer._written)
    try:
        with outer.session.begin_nested():
            yield UnitOfWork(outer.session, actor, outer._events, outer._written)
    except BaseException:
        del outer._events[events:]
        outer._written.intersection_update(written)
        raise


def in_progress() -> bool:
    """Tell whether this thread is inside a unit of work."""
    return _current.get() is not None


# Statements are watched where they reach the driver, so neither bulk statements nor plain SQL escape.
_WRITE = re.compile(
    r"""(?<!\bfor\s)(?<!\bdo\s)\b(?:insert\s+(?:or\s+\w+\s+)?into|replace\s+into|update(?:\s+only)?|delete\s+from|merge\s+into)
        \s+["`\[]?(?P<table>\w+)""",
    re.IGNORECASE | re.VERBOSE,
)


def _watch_writes(session: Session) -> set[str]:
    written: set[str] = set()

    @event.listens_for(session, "after_begin")
    def _begin(_session: Session, _transaction: Any, connection: Connection) -> None:
        if not event.contains(connection, "before_cursor_execute", _statement):
            event.listen(connection, "before_cursor_execute", _statement)

    def _statement(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        tables = {found["table"].lower() for found in _WRITE.finditer(statement)}
        written.update(tables - _exempt_tables())

    return written


def _exempt_tables() -> set[str]:
    records: list[type[Record]] = [
        ledger.LedgerEvent,
        *(model for model in Record.__subclasses__() if model.ledger_exempt),
    ]
    return {str(model.__tablename__) for model in records}
