"""Class sizes over nine columns, over all their subsets, and over ten columns of ten million rows; beside pandas."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from enclave.disclosure.subsets import all_subsets
from enclave.disclosure.uniqueness import risk

ROWS, DISTINCT = 1_190_000, 1_000_000
MANY = 9_500_000


def people(rows: int, seed: int = 1) -> pd.DataFrame:
    """Generate persons of a household survey: nine columns, as good as all tuples distinct."""
    chance = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "year": chance.integers(1997, 2012, rows),
            "quarter": chance.integers(1, 5, rows),
            "region": chance.integers(1, 5, rows),
            "household": chance.integers(1, 60_000, rows),
            "age": np.minimum(chance.gamma(4, 10, rows).astype(np.int64), 99),
            "marital": chance.choice(10, rows, p=[0.4, 0.3, 0.1, 0.1, 0.04, 0.02, 0.01, 0.01, 0.01, 0.01]),
            "sex": chance.integers(1, 3, rows),
            "race": chance.choice(16, rows, p=np.r_[0.7, 0.1, 0.06, [0.14 / 13] * 13]),
            "education": chance.integers(0, 26, rows),
        }
    )


def survey() -> pd.DataFrame:
    """Return 1.19 million rows of 1.0 million distinct tuples."""
    distinct = people(DISTINCT + 20_000).drop_duplicates().head(DISTINCT)
    return pd.concat([distinct, distinct.sample(ROWS - DISTINCT, random_state=1)], ignore_index=True)


def timed(work: Callable[[], Any], times: int = 1) -> tuple[float, Any]:
    """Return the shortest of some runs in seconds, and what the last returned."""
    took = []
    for _ in range(times):
        started = time.perf_counter()
        result = work()
        took.append(time.perf_counter() - started)
    return min(took), result


def plain(frame: pd.DataFrame, columns: list[str]) -> tuple[int, int, int]:
    """Return k, classes and uniques by pandas alone."""
    sizes = frame.groupby(columns, dropna=False, sort=False, observed=True).size()
    return int(sizes.min()), len(sizes), int((sizes == 1).sum())


def nine_columns() -> dict[str, float]:
    """Measure nine columns together and in all subsets; both must find what pandas finds."""
    frame = survey()
    columns = list(frame)
    one, found = timed(lambda: risk(frame, columns), 3)
    one_plain, expected = timed(lambda: plain(frame, columns), 3)
    assert (found.k, found.classes, found.uniques) == expected and found.classes == DISTINCT
    every, subsets = timed(lambda: list(all_subsets(frame, columns)))
    wanted = [list(chosen) for size in range(1, 10) for chosen in combinations(columns, size)]
    every_plain, counted = timed(lambda: {tuple(chosen): plain(frame, chosen) for chosen in wanted})
    assert {each.columns: (each.k, each.classes, each.uniques) for each in subsets} == counted
    return {"one": one, "one_plain": one_plain, "every": every, "every_plain": every_plain, "subsets": len(subsets)}


def ten_columns() -> dict[str, float]:
    """Measure ten columns of 9.5 million rows."""
    frame = people(MANY).assign(site=np.random.default_rng(2).integers(0, 40, MANY))
    many, found = timed(lambda: risk(frame, list(frame)), 2)
    many_plain, expected = timed(lambda: plain(frame, list(frame)))
    assert (found.k, found.classes, found.uniques) == expected
    return {"many": many, "many_plain": many_plain}


if __name__ == "__main__":
    print(json.dumps(nine_columns() | ten_columns()))
