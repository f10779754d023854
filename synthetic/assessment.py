"""Tests a synthetic table before anybody sees it: equal rows, nearest rows, and likeness of its columns."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

MOST_COMPARED = 5_000


def equal_rows(made: pd.DataFrame, real: pd.DataFrame, columns: Sequence[str]) -> NDArray[np.bool_]:
    """Return which synthetic rows stand in the real table as they are, over `columns`."""
    return sharing(made, real, columns, pd.Series(range(len(real)))) > 0


def sharing(
    made: pd.DataFrame, real: pd.DataFrame, columns: Sequence[str], persons: pd.Series[Any]
) -> NDArray[np.int64]:
    """Return how many persons of the real table have each synthetic row as it is, over `columns`."""
    if not columns:
        return np.zeros(len(made), np.int64)
    rows = pd.Series(list(map(tuple, _written(real, columns).to_numpy())), index=persons.index, dtype=object)
    having = persons.groupby(rows).nunique().to_dict()
    return np.array([having.get(tuple(row), 0) for row in _written(made, columns).to_numpy()], np.int64)


def _written(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame({name: _text(frame[name]) for name in columns})


def _text(values: pd.Series[Any]) -> pd.Series[Any]:
    """Return values in one spelling, so that 7, 7.0 and "7" are equal and so are a day and its midnight."""
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return values.astype(float).map("{:.12g}".format)
    if pd.api.types.is_datetime64_any_dtype(values):
        return pd.Series(values.dt.strftime("%Y-%m-%d"))
    return values.astype("string").fillna("")


def nearest(
    made: pd.DataFrame, learnt: pd.DataFrame, held: pd.DataFrame, columns: Sequence[str]
) -> dict[str, float | bool]:
    """Test whether synthetic rows lie nearer to the rows learnt from than to as many rows held back.

    The distance is the share of columns that differ (Gower's for categories; numbers count as equal within a
    hundredth of their range). A generator that only knows the distribution is as near to the one as to the other:
    `closer` is the share of rows nearer to those learnt from, ties half, and must not pass `limit`, one half and
    three standard errors. A copy has 1. The medians are shown beside it.
    """
    size = min(len(learnt), len(held), MOST_COMPARED)
    if not columns or not size or not len(made):
        return {"passed": False, "closer": 1.0, "limit": 0.0, "synthetic_median": 0.0, "real_median": 0.0}
    parts = [made, learnt.sample(size, random_state=1), held.sample(size, random_state=1)]
    dates = [name for name in columns if pd.api.types.is_datetime64_any_dtype(learnt[name])]
    codes = _codes(pd.concat([_in_days(part[list(columns)], dates) for part in parts], ignore_index=True))
    rows, mine, theirs = codes[: len(made)], codes[len(made) : len(made) + size], codes[len(made) + size :]
    own, other = _distances(rows, mine), _distances(rows, theirs)
    closer = float(((own < other) + 0.5 * (own == other)).mean())
    limit = 0.5 + 1.5 / math.sqrt(len(made))
    return {
        "passed": closer <= limit,
        "closer": round(closer, 3),
        "limit": round(limit, 3),
        "synthetic_median": round(float(np.median(own)), 4),
        "real_median": round(float(np.median(_distances(theirs[: len(made)], mine))), 4),
    }


def _in_days(frame: pd.DataFrame, dates: Sequence[str]) -> pd.DataFrame:
    """Return dates as days, so that near days are near."""
    return frame.assign(**{name: (pd.to_datetime(frame[name]) - pd.Timestamp(0)).dt.days for name in dates})


def _codes(frame: pd.DataFrame) -> NDArray[np.int32]:
    return np.column_stack([_coded(frame[name]) for name in frame.columns]).astype(np.int32)


def _coded(values: pd.Series[Any]) -> NDArray[np.int64]:
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        numbers = values.astype(float)
        span = numbers.max() - numbers.min() or 1.0
        return np.asarray(((numbers - numbers.min()) / span * 100).round().fillna(-1).astype(np.int64))
    return np.asarray(pd.factorize(values.astype("string"))[0])


def _distances(rows: NDArray[np.int32], others: NDArray[np.int32]) -> NDArray[np.float64]:
    return np.array([(others != row).mean(axis=1).min() for row in rows], dtype=np.float64)


def likeness(made: pd.DataFrame, real: pd.DataFrame, columns: Sequence[str]) -> float:
    """Return the mean over columns of 1 - total variation distance between the shares of values."""
    dates = [name for name in columns if pd.api.types.is_datetime64_any_dtype(real[name])]
    made, real = _in_days(made, dates), _in_days(real, dates)
    scores = [1 - _distance(made[name], real[name]) for name in columns]
    return round(float(np.mean(scores)), 3) if scores else 0.0


def _distance(left: pd.Series[Any], right: pd.Series[Any]) -> float:
    if pd.api.types.is_numeric_dtype(right) and right.nunique() > 20:
        edges = np.unique(np.nanquantile(right.astype(float), np.linspace(0, 1, 11)))
        left, right = (pd.Series(np.digitize(part.astype(float), edges)) for part in (left, right))
    shares = [part.astype("string").value_counts(normalize=True) for part in (left, right)]
    return float(pd.concat(shares, axis=1).fillna(0).diff(axis=1).iloc[:, 1].abs().sum() / 2)
