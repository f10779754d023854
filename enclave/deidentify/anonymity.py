"""Reaches k: coarsens quasi-identifiers step by step, then suppresses what still stands out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from enclave.deidentify.lattice import Axis, Lattice
from enclave.deidentify.reading.headers import PERSON
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


def reach(
    ladders: Mapping[str, list[pa.Array]],
    persons: NDArray[np.int64],
    k: int,
    tolerated: float,
    worth: Mapping[str, float] | None = None,
    fixed: Mapping[str, pa.Array] | None = None,
) -> Anonymous:
    """Return the columns so that every class has at least `k` distinct persons.

    First whole columns are coarsened, at the least loss that leaves at most the share `tolerated` of the rows in
    small classes; then values of those rows are suppressed; rows that still stand out go. `worth` weighs
    the loss of a column, 1 when it is not named. Columns in `fixed` are known from the table that describes the
    same persons: they tell classes apart, and a row whose own values are all hidden adds nothing to them and
    stays. A missing value is a class of its own.
    """
    if not ladders or not len(persons):
        return Anonymous({name: levels[0] for name, levels in ladders.items()}, np.ones(len(persons), bool), {}, 0)
    codes = {name: [uniqueness.column_codes(level) for level in levels] for name, levels in ladders.items()}
    known = {(name,): uniqueness.column_codes(column) for name, column in (fixed or {}).items()}
    alone = _below(known, persons, k) if known else np.zeros(len(persons), bool)
    axes = [Axis(levels, (worth or {}).get(name, 1.0)) for name, levels in codes.items()]
    axes += [Axis([column], 0.0) for column in known.values()]
    node = _search(axes, persons, k, tolerated, ~alone)
    levels = dict(zip(ladders, node, strict=False))
    columns = {name: ladders[name][level] for name, level in levels.items()}
    hidden, kept = _suppress({name: codes[name][level] for name, level in levels.items()}, known, alone, persons, k)
    cells = 0
    for name, mask in hidden.items():
        cells += int((mask & kept).sum()) - int(columns[name].filter(pa.array(mask & kept)).null_count)
        columns[name] = pc.if_else(pa.array(mask), pa.scalar(None, columns[name].type), columns[name])
    return Anonymous(columns, kept, levels, cells)


def _search(axes: list[Axis], persons: NDArray[np.int64], k: int, tolerated: float, rows: Mask) -> tuple[int, ...]:
    chosen = [Axis([(values[rows], size) for values, size in axis.levels], axis.worth) for axis in axes]
    lattice = Lattice(chosen, persons[rows], k)
    return lattice.search(tolerated) if rows.any() else lattice.top


def _suppress(
    open_: dict[str, Codes], known: Mapping[Any, Codes], alone: Mask, persons: NDArray[np.int64], k: int
) -> tuple[dict[str, Mask], Mask]:
    """Return which values to hide in each column, and which rows may stay.

    Rows of small classes lose one column after another, each time the one that brings most of them into
    classes large enough; those it brings there lose no more. Rows `alone` by what is known lose all.
    """
    hidden: dict[str, Mask] = dict.fromkeys(open_, alone) if alone.any() else {}
    codes: dict[Any, Codes] = {**{name: _without(values, alone) for name, values in open_.items()}, **known}
    small = _below(codes, persons, k) & ~alone
    left = list(open_)
    while small.any() and left:
        trials = {name: _below({**codes, name: _without(codes[name], small)}, persons, k) & ~alone for name in left}
        best = min(left, key=lambda name: (int((trials[name] & small).sum()), -codes[name][1]))
        hidden[best], codes[best] = alone | small, _without(codes[best], small)
        small = trials[best]
        left.remove(best)
    return hidden, np.ones(len(persons), bool) if known else ~small


def _without(codes: Codes, rows: Mask) -> Codes:
    return np.where(rows, 0, codes[0]), codes[1]


def _below(codes: Mapping[Any, Codes], persons: NDArray[np.int64], k: int) -> Mask:
    """Return the rows whose class has fewer than k persons."""
    keys, radix = np.zeros(len(persons), np.int64), 1
    for values, size in codes.values():
        keys, radix = uniqueness.combine(keys, radix, values, size)
    classes, counts = uniqueness.class_counts(keys, persons)
    return np.asarray(counts[classes] < k)


def aligned(known: pa.Table | None, persons: NDArray[np.int64]) -> dict[str, pa.Array]:
    """Return the columns of a table with one row for each person, for each row of another table."""
    if known is None:
        return {}
    places = pc.index_in(pa.array(persons), value_set=known[PERSON].combine_chunks())
    return {name: known[name].take(places) for name in known.column_names if name != PERSON}


def measure(columns: Mapping[str, Any], persons: NDArray[np.int64]) -> dict[str, Any]:
    """Return the risk over all the columns, in persons; without columns everybody is in one class."""
    if not columns:
        return uniqueness.risk_of(np.array([len(np.unique(persons))]), len(persons), (), "person").as_dict()
    return uniqueness.risk(columns, tuple(columns), persons).as_dict()


def measure_together(columns: Mapping[str, Any], persons: NDArray[np.int64]) -> dict[str, Any]:
    """Return the risk when an attacker sees all rows of a person at once, joined by the pseudonym.

    Reported beside k, not enforced: whoever knows a person's whole course of stays needs no more to find him.
    """
    if not columns:
        return measure(columns, persons)
    return uniqueness.trajectories(columns, tuple(columns), persons).as_dict()
