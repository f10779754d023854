"""Work the worker does for exports: those of ended projects are withdrawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from enclave.outputs.files import service

HANDLERS: dict[str, Callable[[dict[str, Any]], None]] = {}
PERIODIC: list[tuple[float, Callable[[], Any]]] = [(60.0, service.close_ended)]
