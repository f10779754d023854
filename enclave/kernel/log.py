"""Structured logs without personal data, one correlation id from page to ledger."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, cast
from uuid import uuid4

import structlog

correlation_id: ContextVar[str] = ContextVar("correlation_id", default="")

# The only fields a log line may carry: codes, counts and technical names, never values of data (P12).
ALLOWED = frozenset(
    "event level timestamp correlation action subject code status topic seconds rows count attempts "
    "process pid port path_kind probe held component version state kind size project job".split()
)


def _only_allowed(_log: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    dropped = [key for key in event if key not in ALLOWED]
    for key in dropped:
        del event[key]
    if dropped:
        event["state"] = "fields-dropped"
    event["correlation"] = correlation_id.get()
    return event


def configure() -> None:
    """Send every line as JSON to standard error."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            _only_allowed,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # standard error as it is at that moment
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )


def logger() -> structlog.typing.FilteringBoundLogger:
    """Return the logger; its fields are filtered to `ALLOWED`."""
    return cast(structlog.typing.FilteringBoundLogger, structlog.get_logger())


@contextmanager
def correlated(identifier: str = "") -> Iterator[str]:
    """Give everything inside one correlation id, kept if there already is one."""
    value = identifier or correlation_id.get() or uuid4().hex[:16]
    token = correlation_id.set(value)
    try:
        yield value
    finally:
        correlation_id.reset(token)
