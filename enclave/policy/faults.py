"""Faults of the rule files: each names its file, line and reason, and all are reported together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from enclave.kernel.errors import Invalid
from enclave.kernel.i18n import LANGUAGES, text


@dataclass(frozen=True, order=True)
class Fault:
    """One thing wrong in one place; `code` is a text of `enclave/locale/policy.yaml`."""

    file: str
    line: int
    code: str
    facts: tuple[tuple[str, str], ...] = ()

    def sentence(self, language: str) -> str:
        """Return `file:line: reason` in `zh` or `en`."""
        return f"{self.file}:{self.line}: {text(self.code, language, **dict(self.facts))}"


class InvalidRules(Invalid):
    """The rule files do not hold together; the platform does not start on them."""

    def __init__(self, faults: list[Fault]) -> None:
        ordered = sorted(faults)
        self.faults = tuple(ordered)
        first = ordered[0]
        told = {f"faults_{name}": "\n".join(fault.sentence(name) for fault in ordered) for name in LANGUAGES}
        super().__init__("policy_rules_invalid", file=first.file, line=first.line, count=len(ordered), **told)


@dataclass
class Faults:
    """Collects faults while files are read, so that an editor sees all of them at once."""

    found: list[Fault] = field(default_factory=list)

    def add(self, code: str, file: str, line: int, /, **facts: Any) -> None:
        """Note a fault and read on."""
        self.found.append(Fault(file, line, code, tuple((name, str(value)) for name, value in facts.items())))

    def __iter__(self) -> Iterator[Fault]:
        return iter(self.found)

    def settle(self) -> None:
        """Raise `InvalidRules` if anything was noted."""
        if self.found:
            raise InvalidRules(self.found)
