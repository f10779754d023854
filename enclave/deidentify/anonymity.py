"""Reaches k: coarsens quasi-identifiers step by step, then suppresses what still stands out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from enclave.disclosure import uniqueness

Mask = NDArray[np.bool_]
Codes = tuple[NDArray[np.int64], int]


@dataclass(frozen=True)
class Anonymous:
    """Columns of which every class has at least `k` persons, and what it cost.

    `kept` marks the rows that stay; `cells` counts suppressed values; `levels` names each column's level.
    """

    columns: dict[str, pa.Array]
    kept: Mask
    levels: dict[str, int]
    cells: int


class _Search:
    def __init__(
        self, ladders: Mapping[str, list[pa.Array]], persons: NDArray[np.int64], k: int, worth: Mapping[str, float]
    ) -> None:
        self.persons, self.k, self.worth = persons, k, worth
        self.codes: dict[str, list[Codes]] = {
            name: [uniqueness.column_codes(level) for level in levels] for name, levels in ladders.items()
        }
        self.levels = dict.fromkeys(ladders, 0)

    def small(self, levels: Mapping[str, int]) -> Mask:
        """Return the rows whose class has fewer than k persons."""
        keys, radix = np.zeros(len(self.persons), np.int64), 1
        for name, level in levels.items():
            keys, radix = uniqueness.combine(keys, radix, *self.codes[name][level])
        return self.below(keys)

    def below(self, keys: NDArray[np.int64]) -> Mask:
        classes, counts = uniqueness.class_counts(keys, self.persons)
        return np.asarray(counts[classes] < self.k)

    def coarsen(self, tolerated: float) -> None:
        """Raise the column with the most values for its worth until few rows stand out (Sweeney 2002, Datafly)."""
        while self.small(self.levels).mean() > tolerated:
            open_ = [name for name, level in self.levels.items() if level + 1 < len(self.codes[name])]
            if not open_:
                return
            widest = max(open_, key=lambda name: self.codes[name][self.levels[name]][1] / self.worth.get(name, 1.0))
            self.levels[widest] += 1
        self._refine(tolerated)

    def _refine(self, tolerated: float) -> None:
        """Lower again every column that did not need its last steps, the worthiest first."""
        for name in sorted(self.levels, key=lambda name: -self.worth.get(name, 1.0)):
            while self.levels[name]:
                finer = self.levels | {name: self.levels[name] - 1}
                if self.small(finer).mean() > tolerated:
                    break
                self.levels = finer


def reach(
    ladders: Mapping[str, list[pa.Array]],
    persons: NDArray[np.int64],
    k: int,
    tolerated: float,
    worth: Mapping[str, float] | None = None,
) -> Anonymous:
    """Return the columns so that every class has at least `k` distinct persons.

    `worth` weighs columns: one of worth 10 is coarsened when it has ten times the values of one of worth 1.

    First whole columns are coarsened until at most the share `tolerated` of the rows stands out; then
    values of those rows are suppressed, the most telling column first; rows that still stand out go.
    """
    if not ladders or not len(persons):
        return Anonymous({name: levels[0] for name, levels in ladders.items()}, np.ones(len(persons), bool), {}, 0)
    search = _Search(ladders, persons, k, worth or {})
    search.coarsen(tolerated)
    return _suppress(search, {name: levels[search.levels[name]] for name, levels in ladders.items()})


def _suppress(search: _Search, columns: dict[str, pa.Array]) -> Anonymous:
    codes = {name: search.codes[name][level] for name, level in search.levels.items()}
    small = search.small(search.levels)
    cells = 0
    for name in sorted(codes, key=lambda name: -codes[name][1]):
        if not small.any():
            break
        values, size = codes[name]
        cells += int((values[small] != 0).sum())
        codes[name] = np.where(small, 0, values), size
        columns[name] = pc.if_else(pa.array(small), pa.scalar(None, columns[name].type), columns[name])
        small = search.below(_keys(codes, len(search.persons)))
    return Anonymous(columns, ~small, dict(search.levels), cells)


def _keys(codes: Mapping[str, Codes], rows: int) -> NDArray[np.int64]:
    keys, radix = np.zeros(rows, np.int64), 1
    for values, size in codes.values():
        keys, radix = uniqueness.combine(keys, radix, values, size)
    return keys


def measure(columns: Mapping[str, Any], persons: NDArray[np.int64]) -> dict[str, Any]:
    """Return the risk over all the columns, in persons; without columns everybody is in one class."""
    if not columns:
        return uniqueness.risk_of(np.array([len(np.unique(persons))]), len(persons), (), "person").as_dict()
    return uniqueness.risk(columns, tuple(columns), persons).as_dict()
