"""Side effects leave through the outbox: retried until done, or shown to an operator as failed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from sqlalchemy import JSON, Column
from sqlmodel import Field, Session, col, select

from enclave.kernel import clock
from enclave.kernel.db import Record, UtcDateTime, engine, new_id
from enclave.kernel.errors import EnclaveError
from enclave.kernel.log import correlated, logger

ATTEMPTS = 8
LEASE = timedelta(minutes=15)
Handler = Callable[[dict[str, Any]], None]


class OutboxMessage(Record, table=True):
    """A side effect promised in the transaction that caused it."""

    __tablename__ = "outbox_message"
    ledger_exempt: ClassVar[bool] = True  # the event that caused it is on the ledger already
    id: str = Field(primary_key=True)
    topic: str = Field(index=True)
    payload: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    correlation: str = ""
    created_at: datetime = Field(sa_type=UtcDateTime)
    due_at: datetime = Field(sa_type=UtcDateTime, index=True)
    attempts: int = 0
    state: str = Field(default="waiting", index=True)  # waiting | done | failed
    error: str = ""


def message(topic: str, payload: dict[str, Any], correlation: str) -> OutboxMessage:
    """Return a message ready to be added to a session."""
    moment = clock.now()
    return OutboxMessage(
        id=new_id("msg"), topic=topic, payload=payload, correlation=correlation, created_at=moment, due_at=moment
    )


def _claim(topics: list[str]) -> OutboxMessage | None:
    bind = engine().execution_options(sqlite_begin="IMMEDIATE")
    with Session(bind, expire_on_commit=False) as session:
        query = (
            select(OutboxMessage)
            .where(
                OutboxMessage.state == "waiting",
                col(OutboxMessage.due_at) <= clock.now(),
                col(OutboxMessage.topic).in_(topics),
            )
            .order_by(col(OutboxMessage.due_at), col(OutboxMessage.id))
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        found = session.exec(query).first()
        if found:
            found.due_at, found.attempts = clock.now() + LEASE, found.attempts + 1
            session.commit()
        return found


def _settle(identifier: str, error: str) -> None:
    with Session(engine().execution_options(sqlite_begin="IMMEDIATE")) as session:
        entry = session.get_one(OutboxMessage, identifier)
        entry.error = error
        if not error:
            entry.state = "done"
        elif entry.attempts >= ATTEMPTS:
            entry.state = "failed"
        else:
            entry.due_at = clock.now() + timedelta(seconds=min(2**entry.attempts / 4, 300))
        session.commit()


def deliver_one(handlers: Mapping[str, Handler]) -> bool:
    """Deliver the oldest due message; tell whether there was one. Handlers must bear repetition."""
    claimed = _claim(list(handlers))
    if claimed is None:
        return False
    with correlated(claimed.correlation):
        try:
            handlers[claimed.topic](claimed.payload)
        except Exception as failure:  # noqa: BLE001 - every failure is kept with the message and retried
            code = failure.code if isinstance(failure, EnclaveError) else type(failure).__name__
            logger().warning("outbox", topic=claimed.topic, code=code, attempts=claimed.attempts)
            _settle(claimed.id, code)
        else:
            _settle(claimed.id, "")
    return True


def retry(session: Session, identifier: str) -> None:
    """Put a failed message back (the caller records it on the ledger)."""
    entry = session.get_one(OutboxMessage, identifier)
    entry.state, entry.attempts, entry.due_at = "waiting", 0, clock.now()
