"""The only source of time: aware UTC inside, Asia/Shanghai at the edges."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")
_frozen: ContextVar[datetime | None] = ContextVar("frozen_clock", default=None)


def now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return _frozen.get() or datetime.now(UTC)


def today() -> date:
    """Return the calendar day in Shanghai."""
    return now().astimezone(SHANGHAI).date()


def end_of_day(day: date) -> datetime:
    """Return the first moment after `day` in Shanghai, in UTC: an end date includes its day."""
    return datetime.combine(day + timedelta(days=1), time(0), SHANGHAI).astimezone(UTC)


def local(moment: datetime) -> str:
    """Return a moment as people in Sichuan read it."""
    return moment.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M")


@contextmanager
def frozen(moment: datetime) -> Iterator[None]:
    """Stop the clock at `moment` (tests)."""
    token = _frozen.set(moment.astimezone(UTC))
    try:
        yield
    finally:
        _frozen.reset(token)
