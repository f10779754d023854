"""How alone persons stand: equivalence classes over quasi-identifiers, counted in persons or rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

# Columns by name: a pandas frame, or arrays, series or Arrow columns of equal length.
Frame: TypeAlias = pd.DataFrame | Mapping[str, Any]
Keys: TypeAlias = NDArray[np.int64]
Count: TypeAlias = NDArray[np.int64]

BELOW = (2, 3, 5, 10, 20)
_RADIX_LIMIT = 2**62
_DENSE = 4  # a key range at most this many times the rows is counted without sorting


@dataclass(frozen=True)
class Risk:
    """Re-identification risk of a set of rows over `quasi_identifiers`, in the prosecutor model.

    `k` is the size of the smallest class, `uniques` the number of units alone in theirs and
    `below_k[t]` the number of units in classes smaller than t. A class counts persons when
    `unit` is `person`, so ten rows of one patient do not hide him. A missing value is a class of its
    own. `prosecutor_max` is 1 / k, `prosecutor_mean` classes / units (El Emam and Dankar 2008).
    """

    rows: int
    units: int
    unit: str
    quasi_identifiers: tuple[str, ...]
    k: int
    classes: int
    uniques: int
    below_k: Mapping[int, int] = field(default_factory=dict)
    prosecutor_max: float = 0.0
    prosecutor_mean: float = 0.0
    missing: str = "own_class"

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form; keys of `below_k` become strings."""
        return {
            **self.__dict__,
            "quasi_identifiers": list(self.quasi_identifiers),
            "below_k": {str(threshold): rows for threshold, rows in self.below_k.items()},
        }


def column_codes(values: Any) -> tuple[Keys, int]:
    """Return one code per row and the number of codes; a missing value has a code of its own."""
    if isinstance(values, pa.ChunkedArray | pa.Array):
        values = values.to_pandas()
    array = values if isinstance(values, pd.Series | pd.Index) else pd.Series(np.asarray(values))
    codes, labels = pd.factorize(array, use_na_sentinel=True)
    codes = codes.astype(np.int64, copy=False)
    codes += 1  # 0 stands for missing
    return codes, len(labels) + 1


def row_keys(frame: Frame, columns: Sequence[str]) -> Keys:
    """Return one integer per row, equal exactly where all `columns` are equal (mixed radix)."""
    keys = np.zeros(_rows(frame), dtype=np.int64)
    radix = 1
    for name in columns:
        codes, size = column_codes(frame[name])
        keys, radix = combine(keys, radix, codes, size)
    return keys


def combine(keys: Keys, radix: int, codes: Keys, size: int) -> tuple[Keys, int]:
    """Append one digit to mixed-radix keys; keys are made dense again before they overflow."""
    if radix * size >= _RADIX_LIMIT:
        distinct, keys = np.unique(keys, return_inverse=True)
        radix = max(len(distinct), 1)
    return keys * size + codes, radix * size


def inverse(keys: Keys) -> tuple[Keys, int]:
    """Return the class number of each row and the number of classes."""
    if len(keys) == 0:
        return keys, 0
    low, high = int(keys.min()), int(keys.max())
    if high - low < _DENSE * len(keys) + 1024:
        seen = np.zeros(high - low + 1, dtype=np.int64)
        seen[keys - low] = 1
        numbers = np.cumsum(seen) - 1
        return numbers[keys - low], int(seen.sum())
    codes, labels = pd.factorize(keys)
    return codes.astype(np.int64, copy=False), len(labels)


def class_counts(keys: Keys, persons: Keys | None = None) -> tuple[Keys, Count]:
    """Return the class number of each row, and the units in each class (rows, or distinct persons)."""
    classes, count = inverse(keys)
    if persons is None:
        return classes, np.bincount(classes, minlength=count).astype(np.int64)
    size = int(persons.max()) + 1 if len(persons) else 1
    once = pd.unique(classes * size + persons)
    return classes, np.bincount(once // size, minlength=count).astype(np.int64)


def class_sizes(frame: Frame, columns: Sequence[str], persons: ArrayLike | None = None) -> Count:
    """Return for each row the size of its equivalence class over `columns`.

    Sizes are rows, or distinct persons when `persons` gives the person of each row. Shape (rows,).
    """
    owners = None if persons is None else column_codes(persons)[0]
    classes, counts = class_counts(row_keys(frame, columns), owners)
    return counts[classes]


def risk(
    frame: Frame,
    quasi_identifiers: Sequence[str],
    persons: ArrayLike | None = None,
    below: Sequence[int] = BELOW,
) -> Risk:
    """Measure the risk of a frame over its quasi-identifiers, per person when `persons` is given."""
    owners = None if persons is None else column_codes(persons)[0]
    _, counts = class_counts(row_keys(frame, quasi_identifiers), owners)
    unit = "row" if persons is None else "person"
    return risk_of(counts, _rows(frame), tuple(quasi_identifiers), unit, below)


def risk_of(
    counts: Count, rows: int, quasi_identifiers: tuple[str, ...], unit: str = "row", below: Sequence[int] = BELOW
) -> Risk:
    """Return the risk of classes of the given sizes. No rows at all give k = 0: nothing is safe by absence."""
    units = int(counts.sum())
    smallest = int(counts.min()) if len(counts) else 0
    return Risk(
        rows=rows,
        units=units,
        unit=unit,
        quasi_identifiers=quasi_identifiers,
        k=smallest,
        classes=len(counts),
        uniques=int((counts == 1).sum()),
        below_k={threshold: int(counts[counts < threshold].sum()) for threshold in below},
        prosecutor_max=1 / smallest if smallest else 0.0,
        prosecutor_mean=len(counts) / units if units else 0.0,
    )


def trajectory_keys(keys: Keys, persons: Keys) -> Keys:
    """Return one key per person (in order of code) over the multiset of the person's row keys.

    Rows of one person are joined by the pseudonym, so an attacker sees them together. Two persons share a
    key when their rows agree as multisets, up to a 64-bit hash.
    """
    mixed = pd.util.hash_array(keys)
    sums = np.zeros(int(persons.max()) + 1 if len(persons) else 0, dtype=np.uint64)
    np.add.at(sums, persons, mixed)
    return sums[np.unique(persons)].view(np.int64)


def trajectories(frame: Frame, quasi_identifiers: Sequence[str], persons: ArrayLike) -> Risk:
    """Measure the risk per person when all rows of a person are seen together."""
    owners = inverse(column_codes(persons)[0])[0]
    _, counts = class_counts(trajectory_keys(row_keys(frame, quasi_identifiers), owners))
    return risk_of(counts, _rows(frame), tuple(quasi_identifiers), "person")


def _rows(frame: Frame) -> int:
    if isinstance(frame, pd.DataFrame):
        return len(frame)
    return next((len(values) for values in frame.values()), 0)
