"""Work the worker does for grants: ending those whose last day is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from enclave.grants.service import expire_due

HANDLERS: dict[str, Callable[[dict[str, Any]], None]] = {}
PERIODIC: list[tuple[float, Callable[[], Any]]] = [(2.0, expire_due)]
