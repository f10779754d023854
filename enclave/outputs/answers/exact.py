"""The true integers behind an answer: they go to the noise and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from itertools import pairwise
from typing import Any

import ibis
import ibis.expr.types as ir

from enclave.outputs import extracts
from enclave.privacy.estimates import STEPS, Bounds

OTHER, MISSING, BELOW, ABOVE = "(other)", "(missing)", "(below)", "(above)"


def count(rows: ir.Table, per_person: int) -> int:
    """Return how many rows are left when each person keeps at most `per_person`."""
    kept = rows.group_by(extracts.PERSON).aggregate(n=lambda each: ibis.least(each.count(), per_person))
    return int(kept["n"].sum().fill_null(0).execute())


def lattice(rows: ir.Table, name: str, bounds: Bounds, per_person: int) -> tuple[int, int]:
    """Return (rows with a value, sum of their lattice points): see `enclave.privacy.estimates.mean`."""
    present = _present(rows, name)
    kept = extracts.bounded(present, name, per_person)
    number = kept[name].cast("float64").clip(bounds.low, bounds.high)
    points = ((number - bounds.middle) / bounds.step).round().cast("int64").clip(-STEPS, STEPS)
    found = kept.aggregate(rows=kept.count(), total=points.sum().fill_null(0).cast("int64")).to_pyarrow()
    return found["rows"][0].as_py(), found["total"][0].as_py()


def _present(rows: ir.Table, name: str) -> ir.Table:
    value = rows[name]
    missing = value.isnull()
    if value.type().is_floating():
        missing = missing | value.isnan()  # a NaN would pass every clamp
    return rows.filter(~missing)


def categories(rows: ir.Table, name: str, keys: Sequence[str], per_person: int) -> dict[str, int]:
    """Return a count for every key, for values that are no key, and for missing ones."""
    kept = extracts.bounded(rows, name, per_person)
    value = kept[name].cast("string")
    label = ibis.cases((value.isnull(), MISSING), (value.isin(list(keys)), value), else_=OTHER)
    return _fill([*keys, OTHER, MISSING], _tally(kept, label))


def bins(rows: ir.Table, name: str, edges: Sequence[float], per_person: int) -> dict[str, int]:
    """Return a count for every bin [edge, next edge) (the last one closed), below, above, and missing."""
    kept = extracts.bounded(rows, name, per_person)
    value = kept[name].cast("float64")
    position: Any = reduce(lambda left, right: left + right, [(value >= edge).cast("int64") for edge in edges])
    last = len(edges) - 1
    place = ibis.cases((value.isnull() | value.isnan(), -1), (value == edges[-1], last), else_=position)
    found = _tally(kept, place)
    names = bin_names(edges)
    return {name: found.get(index, 0) for name, index in zip(names, [*range(last + 2), -1], strict=True)}


def bin_names(edges: Sequence[float]) -> list[str]:
    """Return the names of the bins, in order."""
    ends = [repr(float(edge)).removesuffix(".0") for edge in edges]
    pairs = [f"[{low}, {high})" for low, high in pairwise(ends)]
    return [BELOW, *pairs[:-1], pairs[-1][:-1] + "]", ABOVE, MISSING]


def _tally(rows: ir.Table, label: Any) -> dict[Any, int]:
    found = rows.select(label=label).group_by("label").aggregate(n=lambda each: each.count()).to_pyarrow()
    return dict(zip(found["label"].to_pylist(), found["n"].to_pylist(), strict=True))


def _fill(keys: Sequence[str], found: Mapping[str, int]) -> dict[str, int]:
    return {key: found.get(key, 0) for key in keys}
