"""Work the worker does for workspaces: build, cut off, watch, destroy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from enclave.kernel.settings import settings
from enclave.workspaces import ending, extracts, hub


def _prepare(payload: dict[str, Any]) -> None:
    extracts.prepare(payload["project"], payload["grant"])


def _close(payload: dict[str, Any]) -> None:
    ending.close(payload["project"], payload["username"])


def _stop(payload: dict[str, Any]) -> None:
    hub.stop(payload["username"], payload["project"])


HANDLERS: dict[str, Callable[[dict[str, Any]], None]] = {
    "workspace.prepare": _prepare,
    "workspace.close": _close,
    "workspace.stop": _stop,
}
URGENT = ("workspace.close", "workspace.stop")
PERIODIC: list[tuple[float, Callable[[], Any]]] = [
    (settings().revocation_poll_seconds, ending.watch),
    (5.0, ending.look_around),
    (30.0, extracts.destroy_ended),
]
