"""The append-only ledger: every write leaves an event, and each event seals the one before it (P1)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, Column, Connection, Table, event, text
from sqlmodel import Field, Session, col, select

from enclave.kernel.db import Record, UtcDateTime

GENESIS = "0" * 64
_LOCK = 0x454E434C  # any constant: one advisory lock serialises appends on PostgreSQL


class LedgerEvent(Record, table=True):
    """One thing that happened. Update and delete are refused by triggers."""

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


_REFUSED = "the ledger is append-only"
# The database itself refuses what would break the chain. The insert rule also stops SQLite's INSERT OR REPLACE,
# which removes a row without asking the delete trigger.
_SQLITE = [
    f"CREATE TRIGGER ledger_event_{what} BEFORE {what.upper()} ON ledger_event {when} "
    f"BEGIN SELECT RAISE(ABORT, '{_REFUSED}'); END"
    for what, when in {
        "update": "",
        "delete": "",
        "insert": "WHEN NEW.seq <> (SELECT COALESCE(MAX(seq), 0) + 1 FROM ledger_event)"
        f" OR NEW.previous <> COALESCE((SELECT digest FROM ledger_event ORDER BY seq DESC LIMIT 1), '{GENESIS}')",
    }.items()
]
_POSTGRESQL = [
    f"""CREATE FUNCTION ledger_event_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION '{_REFUSED}'; END $$""",
    f"""CREATE FUNCTION ledger_event_follows() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE head ledger_event%ROWTYPE;
    BEGIN
        SELECT * INTO head FROM ledger_event ORDER BY seq DESC LIMIT 1;
        IF NEW.seq <> COALESCE(head.seq, 0) + 1 OR NEW.previous <> COALESCE(head.digest, '{GENESIS}') THEN
            RAISE EXCEPTION '{_REFUSED}';
        END IF;
        RETURN NEW;
    END $$""",
    "CREATE TRIGGER ledger_event_change BEFORE UPDATE OR DELETE ON ledger_event "
    "FOR EACH ROW EXECUTE FUNCTION ledger_event_refuse()",
    "CREATE TRIGGER ledger_event_truncate BEFORE TRUNCATE ON ledger_event "
    "FOR EACH STATEMENT EXECUTE FUNCTION ledger_event_refuse()",
    "CREATE TRIGGER ledger_event_insert BEFORE INSERT ON ledger_event "
    "FOR EACH ROW EXECUTE FUNCTION ledger_event_follows()",
]


def protect(connection: Connection) -> None:
    """Make the database refuse update, delete, truncate and any insert that does not follow the head.

    Called by the migration that makes the table.
    """
    for statement in _SQLITE if connection.dialect.name == "sqlite" else _POSTGRESQL:
        connection.exec_driver_sql(statement.replace("%ROWTYPE", "%%ROWTYPE"))


@event.listens_for(LedgerEvent.__table__, "after_create")  # type: ignore[attr-defined]  # SQLModel types it away
def _protect(_table: Table, connection: Connection, **_options: Any) -> None:
    protect(connection)


def unprotect(connection: Connection) -> None:
    """Undo `protect` as far as dropping the table does not; for the downgrade of that migration."""
    if connection.dialect.name == "postgresql":
        for name in ("refuse", "follows"):
            connection.exec_driver_sql(f"DROP FUNCTION IF EXISTS ledger_event_{name}() CASCADE")


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
    """What checking a chain found: `fault` is empty when it holds; `head` is the last digest."""

    events: int
    head: str
    fault: str = ""


def verify(bodies: Iterable[tuple[dict[str, Any], str]], expected_head: str = "") -> Verdict:
    """Check a chain of (body, digest), from the database or from an exported file."""
    previous, count = GENESIS, 0
    for count, (body, claimed) in enumerate(bodies, 1):
        if body["seq"] != count:
            return Verdict(count - 1, previous, f"event {count} is missing")
        if body["previous"] != previous or digest(body) != claimed:
            return Verdict(count - 1, previous, f"event {count} was altered")
        previous = claimed
    if expected_head and expected_head != previous:
        return Verdict(count, previous, "the chain does not end in the expected head")
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
