"""Tests a synthetic table before anybody sees it: equal rows, nearest rows, and likeness of its columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

MOST_COMPARED = 20_000


def equal_rows(made: pd.DataFrame, real: pd.DataFrame, columns: Sequence[str]) -> NDArray[np.bool_]:
    """Return which synthetic rows stand in the real table as they are, over `columns`."""
    if not columns:
        return np.zeros(len(made), bool)
    known = set(map(tuple, _written(real, columns).to_numpy()))
    return np.array([tuple(row) in known for row in _written(made, columns).to_numpy()], bool)


def _written(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame({name: _text(frame[name]) for name in columns})


def _text(values: pd.Series[Any]) -> pd.Series[Any]:
    """Return values in one spelling, so that 7, 7.0 and "7" are equal and so are a day and its midnight."""
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return values.astype(float).map("{:g}".format)
    if pd.api.types.is_datetime64_any_dtype(values):
        return pd.Series(values.dt.strftime("%Y-%m-%d"))
    return values.astype("string").fillna("")


def nearest(made: pd.DataFrame, real: pd.DataFrame, columns: Sequence[str]) -> dict[str, float]:
    """Return how far synthetic rows are from the nearest real row, beside how far real rows are from each other.

    The distance is the share of columns that differ (Gower's for categories; numbers count as equal
    within a hundredth of their range). A sample that is a copy has a median far below the real one.
    """
    if not columns:
        return {"synthetic_median": 1.0, "real_median": 1.0}
    held = real.sample(min(len(real), MOST_COMPARED), random_state=1)
    codes, size = _codes(pd.concat([made[list(columns)], held[list(columns)]], ignore_index=True)), len(made)
    synthetic, base = codes[:size], codes[size:]
    probe = base[: min(size, len(base) // 2)]
    rest = base[len(probe) :]
    return {"synthetic_median": _median(synthetic, base), "real_median": _median(probe, rest)}


def _codes(frame: pd.DataFrame) -> NDArray[np.int32]:
    return np.column_stack([_coded(frame[name]) for name in frame.columns]).astype(np.int32)


def _coded(values: pd.Series[Any]) -> NDArray[np.int64]:
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        numbers = values.astype(float)
        span = numbers.max() - numbers.min() or 1.0
        return np.asarray(((numbers - numbers.min()) / span * 100).round().fillna(-1).astype(np.int64))
    return np.asarray(pd.factorize(values.astype("string"))[0])


def _median(rows: NDArray[np.int32], others: NDArray[np.int32]) -> float:
    if not len(rows) or not len(others):
        return 1.0
    return round(float(np.median([(others != row).mean(axis=1).min() for row in rows])), 4)


def likeness(made: pd.DataFrame, real: pd.DataFrame, columns: Sequence[str]) -> float:
    """Return the mean over columns of 1 - total variation distance between the shares of values."""
    scores = [1 - _distance(made[name], real[name]) for name in columns]
    return round(float(np.mean(scores)), 3) if scores else 0.0


def _distance(left: pd.Series[Any], right: pd.Series[Any]) -> float:
    if pd.api.types.is_numeric_dtype(right) and right.nunique() > 20:
        edges = np.unique(np.nanquantile(right.astype(float), np.linspace(0, 1, 11)))
        left, right = (pd.Series(np.digitize(part.astype(float), edges)) for part in (left, right))
    shares = [part.astype("string").value_counts(normalize=True) for part in (left, right)]
    return float(pd.concat(shares, axis=1).fillna(0).diff(axis=1).iloc[:, 1].abs().sum() / 2)
