"""What machine checks say of a file; it crosses a process border as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from enclave.outputs.files.rules import rules

MOST = 10


@dataclass(frozen=True)
class Finding:
    """One thing found. `facts` hold places and counts, never a value out of the file (P12)."""

    code: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def blocking(self) -> bool:
        """Tell whether the finding stops the file; a code without a rule does (P6)."""
        rule = rules().findings.get(self.code)
        return rule is None or rule.severity == "block"


@dataclass(frozen=True)
class Context:
    """What the checks know of the project: threshold, the extract's columns, its pseudonyms."""

    threshold: int
    columns: frozenset[str] = frozenset()
    pseudonyms: frozenset[str] = frozenset()


@dataclass
class Report:
    """Result for one file: its kind, the findings, what a steward sees of it, and its tables of counts.

    `preview` is the whole file as a list of blocks: `{"type": "table", "title", "header", "rows", "total"}`,
    `{"type": "text", "text"}`, `{"type": "cell", "kind", "source", "outputs": [blocks]}`, `{"type": "image"}` and
    `{"type": "pages", "count"}` (the file itself), `{"type": "picture", "png": base64}`.
    `tables` hold `{"columns": [...], "cells": [[key, [counts]]]}`, to be compared with other exports.
    """

    kind: str
    findings: list[Finding] = field(default_factory=list)
    preview: list[dict[str, Any]] = field(default_factory=list)
    tables: list[dict[str, Any]] = field(default_factory=list)

    def add(self, code: str, **facts: Any) -> None:
        """Add a finding, once; after `MOST` of a code more of it tell nothing new."""
        finding = Finding(code, facts)
        alike = [known for known in self.findings if known.code == code]
        if finding not in alike and len(alike) < MOST:
            self.findings.append(finding)

    @property
    def blocked(self) -> bool:
        """Tell whether any finding stops the file."""
        return any(finding.blocking for finding in self.findings)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON takes it."""
        return asdict(self)

    @staticmethod
    def from_dict(content: Mapping[str, Any]) -> Report:
        """Return what `as_dict` gave."""
        findings = [Finding(each["code"], each["facts"]) for each in content["findings"]]
        return Report(content["kind"], findings, content["preview"], content["tables"])
