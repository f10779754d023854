"""The append-only ledger: every write leaves an event, and each event seals the one before it (P1)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Column, text
from sqlmodel import Field, Session, col, select

from enclave.kernel.db import Record, UtcDateTime
from enclave.kernel.i18n import text as words

GENESIS = "0" * 64
_LOCK = 0x454E434C  # any constant: one advisory lock serialises appends on PostgreSQL


class LedgerEvent(Record, table=True):
    """One thing that happened. Triggers refuse update, delete and any event that does not follow the head."""

    __tablename__ = "ledger_event"
    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime = Field(sa_type=UtcDateTime)
    actor: str = Field(index=True)
    action: str = Field(index=True)
    subject: str = Field(index=True)
    clauses: list[str] = Field(sa_column=Column(JSON, nullable=False))
    facts: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    correlation: str = ""
    previous: str
    digest: str = Field(unique=True)

    def body(self) -> dict[str, Any]:
        """Return what the digest covers, in the form an offline copy has."""
        fields = ("seq", "actor", "action", "subject", "clauses", "facts", "correlation", "previous")
        return {name: getattr(self, name) for name in fields} | {"at": self.at.astimezone(UTC).isoformat()}


def digest(body: dict[str, Any]) -> str:
    """Return the SHA-256 of an event's canonical JSON."""
    canonical = json.dumps(body, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def append(session: Session, events: Iterable[LedgerEvent]) -> None:
    """Chain `events` after the head, inside the caller's transaction."""
    if session.get_bind().dialect.name == "postgresql":
        session.connection().execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    head = session.exec(select(LedgerEvent).order_by(col(LedgerEvent.seq).desc()).limit(1)).first()
    last, previous = (head.seq, head.digest) if head else (0, GENESIS)
    for seq, entry in enumerate(events, last + 1):
        entry.seq, entry.previous = seq, previous
        previous = entry.digest = digest(entry.body())
        session.add(entry)


@dataclass(frozen=True)
class Verdict:
    """What checking a chain found: the `events` that hold, the last digest of these, and what is wrong with the next.

    `fault` is empty when all holds, else `missing`, `altered` or `head`.
    """

    events: int
    head: str
    fault: str = ""

    def told(self, language: str = "") -> str:
        """Return the fault as a person reads it, in `zh` or `en`; empty when there is none."""
        return words(f"ledger_fault_{self.fault}", language, event=self.events + 1) if self.fault else ""


def verify(bodies: Iterable[tuple[dict[str, Any], str]], expected_head: str = "") -> Verdict:
    """Check a chain of (body, digest), from the database or from an exported file."""
    previous, count = GENESIS, 0
    for count, (body, claimed) in enumerate(bodies, 1):
        if body["seq"] != count:
            return Verdict(count - 1, previous, "missing")
        if body["previous"] != previous or digest(body) != claimed:
            return Verdict(count - 1, previous, "altered")
        previous = claimed
    if expected_head and expected_head != previous:
        return Verdict(count, previous, "head")
    return Verdict(count, previous)


def stored(session: Session) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield the chain the database holds."""
    for entry in session.exec(select(LedgerEvent).order_by(col(LedgerEvent.seq))):
        yield entry.body(), entry.digest


def exported(lines: Iterable[str]) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield the chain of an exported file: one JSON object a line, its digest under `digest`."""
    for line in lines:
        body = json.loads(line)
        yield body, body.pop("digest")


def export_lines(session: Session) -> Iterator[str]:
    """Yield the ledger as JSON lines that `exported` reads back."""
    for body, sealed in stored(session):
        yield json.dumps(body | {"digest": sealed}, ensure_ascii=False)
