"""Which single cells of a table reveal too much: threshold, zero, full, dominance and p % rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import ArrayLike

from enclave.kernel.i18n import text

RULES = Path(__file__).with_name("rules.yaml")


@dataclass(frozen=True)
class CellRules:
    """Limits of the cell rules; each carries the clause it rests on (`rules.yaml`)."""

    dominance_n: int
    dominance_percent: float
    p_percent: float
    clauses: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Cell:
    """A cell: its persons, and for a sum the total of each person (shape (persons,), any unit)."""

    label: str
    persons: int
    contributions: ArrayLike | None = None


@dataclass(frozen=True)
class CellFinding:
    """A rule that a cell breaks, or (`blocking` false) a fact a steward should see."""

    label: str
    rule: str
    blocking: bool
    clauses: tuple[str, ...]
    facts: Mapping[str, Any] = field(default_factory=dict)

    def sentence(self, language: str) -> str:
        """Return the finding in `zh` or `en`."""
        return text(f"disclosure_cell_{self.rule}", language, label=self.label, **self.facts)


@dataclass(frozen=True)
class CellFindings:
    """All findings on a table; `unsafe` names the cells that may not be shown."""

    findings: tuple[CellFinding, ...]

    @property
    def unsafe(self) -> frozenset[str]:
        """Return the labels of the cells that break a rule."""
        return frozenset(finding.label for finding in self.findings if finding.blocking)

    @property
    def safe(self) -> bool:
        """Tell whether no cell breaks a rule."""
        return not self.unsafe


@lru_cache(maxsize=1)
def rules() -> CellRules:
    """Return the shipped rules."""
    loaded = yaml.safe_load(RULES.read_text("utf-8"))["cells"]
    clauses = {name: tuple(ids) for name, ids in loaded.pop("clauses").items()}
    return CellRules(**loaded, clauses=clauses)


def check_cells(
    cells: Mapping[str, int] | Iterable[Cell], threshold: int, limits: CellRules | None = None
) -> CellFindings:
    """Check the cells of one table.

    A cell of 1 to threshold - 1 persons breaks the threshold rule. An empty cell and a full one (the only
    filled cell of its table, so all its persons share the value) are reported, not blocked. Cells with
    contributions also stand the dominance and the p % rule (Hundepool et al. 2012, 4.2).
    """
    limits = limits or rules()
    given = [Cell(label, persons) for label, persons in cells.items()] if isinstance(cells, Mapping) else list(cells)
    findings = [finding for cell in given for finding in _check(cell, threshold, limits)]
    filled = [cell for cell in given if cell.persons]
    if len(filled) == 1 and len(given) > 1:
        findings.append(_finding(filled[0].label, "full", limits, blocking=False, persons=filled[0].persons))
    return CellFindings(tuple(findings))


def _check(cell: Cell, threshold: int, limits: CellRules) -> list[CellFinding]:
    if cell.persons == 0:
        return [_finding(cell.label, "zero", limits, blocking=False)]
    found = []
    if cell.persons < threshold:
        found.append(_finding(cell.label, "threshold", limits, persons=cell.persons, threshold=threshold))
    if cell.contributions is not None:
        found += _magnitude(cell.label, np.asarray(cell.contributions, dtype=np.float64), limits)
    return found


def _magnitude(label: str, contributions: Any, limits: CellRules) -> list[CellFinding]:
    found = []
    share = dominance(contributions, limits.dominance_n)
    if share * 100 > limits.dominance_percent:
        percent = round(share * 100, 1)
        found.append(_finding(label, "dominance", limits, n=limits.dominance_n, percent=percent))
    room = p_margin(contributions)
    if room * 100 < limits.p_percent:
        found.append(_finding(label, "p_percent", limits, percent=round(room * 100, 1), p=limits.p_percent))
    return found


def dominance(contributions: ArrayLike, n: int) -> float:
    """Return the share of the n largest contributions (absolute values) in the cell's total, 0 to 1."""
    sizes = np.sort(np.abs(np.asarray(contributions, dtype=np.float64)))[::-1]
    total = float(sizes.sum())
    return float(sizes[:n].sum()) / total if total else 0.0


def p_margin(contributions: ArrayLike) -> float:
    """Return how far the second largest contributor misses the largest, as a share of it (infinite if all are 0)."""
    sizes = np.sort(np.abs(np.asarray(contributions, dtype=np.float64)))[::-1]
    if not len(sizes) or sizes[0] == 0:
        return float("inf")
    return float(sizes[2:].sum()) / float(sizes[0])


def _finding(label: str, rule: str, limits: CellRules, *, blocking: bool = True, **facts: Any) -> CellFinding:
    return CellFinding(label, rule, blocking, limits.clauses.get(rule, ()), facts)


def small(counts: Sequence[int] | Mapping[str, int], threshold: int) -> int:
    """Return how many counts lie between 1 and threshold - 1."""
    values = counts.values() if isinstance(counts, Mapping) else counts
    return sum(1 for count in values if 0 < count < threshold)
