"""Refusals and failures as an analyst reads them: both languages and a stable code, no traceback."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


class EnclaveError(Exception):
    """A refusal of the gateway or a mistake in a call. `code` is stable; `facts` hold what it is about."""

    def __init__(
        self,
        code: str,
        message_zh: str,
        message_en: str,
        facts: Mapping[str, Any] | None = None,
        clauses: Iterable[str] = (),
    ) -> None:
        super().__init__(code)
        self.code, self.message_zh, self.message_en = code, message_zh, message_en
        self.facts, self.clauses = dict(facts or {}), tuple(clauses)

    def __str__(self) -> str:
        lines = [self.message_zh, self.message_en, f"[{self.code}]"]
        if self.clauses:
            lines[-1] += " T/SHIA 8-2020: " + ", ".join(self.clauses)
        return "\n".join(lines)

    def _render_traceback_(self) -> list[str]:
        # IPython shows these lines instead of a traceback, which would tell of our code and not of the cause.
        return str(self).splitlines()


def mistake(code: str, zh: str, en: str) -> EnclaveError:
    """Return an error of a call that never reached the gateway."""
    return EnclaveError(f"client_{code}", zh, en)
