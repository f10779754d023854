"""How alone persons stand: equivalence classes over quasi-identifiers, counted in persons or rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as types
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
        return _arrow_codes(values)
    array = values if isinstance(values, pd.Series | pd.Index) else pd.Series(np.asarray(values))
    if isinstance(array.dtype, pd.CategoricalDtype):
        return np.asarray(pd.Categorical(array).codes, dtype=np.int64) + 1, len(array.dtype.categories) + 1
    if isinstance(array.dtype, np.dtype) and array.dtype.kind in "iub":
        codes, count = inverse(array.to_numpy().astype(np.int64))
        return codes + 1, count + 1
    codes, labels = pd.factorize(array, use_na_sentinel=True)
    codes = codes.astype(np.int64, copy=False)
    codes += 1  # 0 stands for missing
    return codes, len(labels) + 1


def _arrow_codes(values: pa.Array) -> tuple[Keys, int]:
    """Encode an Arrow column; NaN is missing as null is."""
    flat = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if not (types.is_string(flat.type) or types.is_large_string(flat.type)):
        return column_codes(flat.to_pandas())
    encoded = pc.dictionary_encode(flat)
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    return codes + 1, len(encoded.dictionary) + 1


def row_keys(frame: Frame, columns: Sequence[str]) -> Keys:
    """Return one integer per row, equal exactly where all `columns` are equal (mixed radix)."""
    keys = np.zeros(_rows(frame), dtype=np.int64)
    radix = 1
    for name in columns:
        codes, size = _digits(frame[name])
        keys, radix = combine(keys, radix, codes, size)
    return keys


def _digits(values: Any) -> tuple[Keys, int]:
    """Return a code per row as `column_codes`, but not every code need occur: small whole numbers stand for themselves.

    They are not counted first, which is most of the time a key of whole numbers costs.
    """
    array = values if isinstance(values, np.ndarray) else getattr(values, "_values", None)
    if isinstance(array, np.ndarray) and array.dtype.kind in "iub" and len(array):
        low, high = int(array.min()), int(array.max())
        if high - low < len(array):
            return array.astype(np.int64) - low, high - low + 1
    return column_codes(values)


def combine(keys: Keys, radix: int, codes: Keys, size: int) -> tuple[Keys, int]:
    """Append one digit to mixed-radix keys; keys are made dense again before they overflow."""
    if radix * size >= _RADIX_LIMIT:
        keys, radix = inverse(keys)
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


def class_totals(keys: Keys) -> Count:
    """Return the rows of each class, without saying which row is in which: a sort is all it takes."""
    if len(keys) == 0:
        return np.zeros(0, dtype=np.int64)
    low, high = int(keys.min()), int(keys.max())
    if high - low < _DENSE * len(keys) + 1024:
        counts = np.bincount(keys - low)
        return counts[counts > 0].astype(np.int64, copy=False)
    ordered = np.sort(keys)
    ends = np.flatnonzero(ordered[1:] != ordered[:-1])
    return np.diff(ends, prepend=-1, append=len(keys) - 1).astype(np.int64, copy=False)


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
    keys = row_keys(frame, quasi_identifiers)
    if persons is None:
        return risk_of(class_totals(keys), _rows(frame), tuple(quasi_identifiers), "row", below)
    _, counts = class_counts(keys, column_codes(persons)[0])
    return risk_of(counts, _rows(frame), tuple(quasi_identifiers), "person", below)


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
    mixed = pd.util.hash_array(keys + 1)  # 0 hashes to 0 and would not count
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
