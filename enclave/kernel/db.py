"""Tables and sessions on SQLite or PostgreSQL, by one setting."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, ClassVar

from sqlalchemy import DateTime, Engine, create_engine, event, make_url
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator
from sqlmodel import Session, SQLModel

from enclave.kernel.settings import settings

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, kept in UTC; a naive one is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive moments on the way in."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a stored moment must be aware")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give back moments in UTC: SQLite forgets the zone, PostgreSQL answers in the session's own."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Record(SQLModel):
    """Base of every table. `ledger_exempt` marks bookkeeping whose writes need no ledger event."""

    ledger_exempt: ClassVar[bool] = False


ID_ALPHABET = "23456789abcdefghjkmnpqrstvwxyz"


def new_id(kind: str, length: int = 10) -> str:
    """Return a random identifier such as `req-7k2m9x4q3b`: it tells its kind and nothing else."""
    return f"{kind}-" + "".join(secrets.choice(ID_ALPHABET) for _ in range(length))


def make_engine(url: str) -> Engine:
    """Return an engine with the durability the ledger needs (SQLite: WAL, FULL, foreign keys)."""
    if make_url(url).get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True)
    # Driver autocommit plus explicit BEGIN: pysqlite's own transactions fail on lock upgrade.
    engine = create_engine(url, connect_args={"isolation_level": None, "timeout": 30})

    @event.listens_for(engine, "connect")
    def _pragmas(connection: Any, _record: Any) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        mode = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
        connection.exec_driver_sql(f"BEGIN {mode}")

    return engine


@lru_cache(maxsize=4)
def _engine(url: str) -> Engine:
    if url.startswith("sqlite:///"):
        settings().folder("db")
    return make_engine(url)


def engine() -> Engine:
    """Return this process's engine."""
    return _engine(settings().database_url)


@contextmanager
def reading() -> Iterator[Session]:
    """Open a session for looking only: whatever is written in it is rolled back."""
    with Session(engine(), expire_on_commit=False) as session:
        try:
            yield session
        finally:
            session.expunge_all()  # rows stay readable after the session
            session.rollback()
