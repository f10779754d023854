"""Two exported tables that differ by a few persons expose them: compared cell by cell (10.4.2-e-2d5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Table = Mapping[str, Any]  # {"columns": [...], "cells": [[[label, ...], [count or None, ...]], ...]}


def least_difference(new: Iterable[Table], old: Sequence[Table], threshold: int) -> int:
    """Return the smallest difference between equal cells, at least 1 and under `threshold`; 0 when there is none.

    Cells are equal when they bear the same labels, in any order, and their columns the same name, or when both
    tables have a single column of counts.
    """
    found = [
        difference
        for table in new
        for other in old
        for difference in _differences(table, other)
        if 0 < difference < threshold
    ]
    return min(found, default=0)


def _differences(table: Table, other: Table) -> Iterable[int]:
    known = {tuple(key): counts for key, counts in other["cells"]}
    pairs = _columns(table["columns"], other["columns"])
    for key, counts in table["cells"]:
        before = known.get(tuple(key))
        if before is None:
            continue
        for mine, theirs in pairs:
            a, b = counts[mine], before[theirs]
            if a is not None and b is not None:
                yield abs(a - b)


def _columns(mine: Sequence[str], theirs: Sequence[str]) -> list[tuple[int, int]]:
    if len(mine) == len(theirs) == 1:
        return [(0, 0)]
    positions = {name.strip().lower(): position for position, name in enumerate(theirs)}
    return [(p, positions[n]) for p, name in enumerate(mine) if (n := name.strip().lower()) in positions]
