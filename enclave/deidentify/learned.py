"""Proposes what stewards decided before: a column whose name was made stricter once is proposed as strict again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from catalog_browser.learned import Learned, key
from catalog_browser.views import ROLES
from enclave.deidentify.classify import ColumnFinding, TableFinding
from enclave.kernel.i18n import text
from enclave.policy import levels


def proposed(findings: Sequence[TableFinding], known: Mapping[str, Learned]) -> list[TableFinding]:
    """Return the findings with remembered decisions where they are stricter; they are proposals like any other."""
    return [
        replace(finding, columns=tuple(_proposed(column, known) for column in finding.columns))
        if finding.personal
        else finding
        for finding in findings
    ]


def _proposed(column: ColumnFinding, known: Mapping[str, Learned]) -> ColumnFinding:
    before = known.get(key(column.name))
    if before is None or ROLES.index(before.role) >= ROLES.index(column.role):
        return column
    grade = levels.column_grade(before.role, before.kind, column.topics)
    return replace(
        column,
        role=before.role,
        kind=before.kind,
        level=max(grade.level, column.level),
        clause=grade.clause,
        reason_zh=text("deidentify_learned", "zh", dataset=before.dataset),
        reason_en=text("deidentify_learned", "en", dataset=before.dataset),
    )
