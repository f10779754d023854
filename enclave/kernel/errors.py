"""One tree of errors: a stable code, a Chinese and an English message, and the facts behind it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


class EnclaveError(Exception):
    """Anything the product refuses or cannot do.

    `code` is stable and is a key of `enclave/locale/*.yaml`; `facts` fill that text's placeholders
    and never hold personal data (P12).
    """

    status = 400

    def __init__(self, code: str, *, clauses: Iterable[str] = (), **facts: Any) -> None:
        self.code, self.clauses, self.facts = code, tuple(clauses), facts
        super().__init__(code)

    def message(self, language: str = "en") -> str:
        """Return the sentence a person reads, in `zh` or `en`."""
        from enclave.kernel.i18n import text  # the catalogue raises errors of this tree itself

        return text(self.code, language, **self.facts)

    def as_dict(self) -> dict[str, Any]:
        """Return the form every door sends: code, both messages, facts and clauses."""
        return {
            "code": self.code,
            "message_zh": self.message("zh"),
            "message_en": self.message("en"),
            "facts": self.facts,
            "clauses": list(self.clauses),
        }

    def __str__(self) -> str:
        return self.message("en")


class Refused(EnclaveError):
    """A rule, a role or a promise says no."""

    status = 403


class NotFound(EnclaveError):
    """The thing asked for does not exist, or the asker may not know that it does."""

    status = 404


class Conflict(EnclaveError):
    """Somebody else decided first, or the state no longer allows the step."""

    status = 409


class Invalid(EnclaveError):
    """Input that cannot be read; facts name file, row and column where there is one."""

    status = 422


class Unavailable(EnclaveError):
    """A part that should answer does not; trying again later may help."""

    status = 503
