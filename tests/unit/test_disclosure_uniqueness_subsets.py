"""All subsets and minimal uniques agree with counting by hand, on every small table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain, combinations
from math import prod

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enclave.disclosure import uniqueness
from enclave.disclosure.subsets import all_subsets, minimal_uniques

COLUMNS = ("a", "b", "c", "d")
value = st.sampled_from(["x", "y", "z", None])
tables = st.lists(st.tuples(value, value, value, value), min_size=1, max_size=25)


def subsets_of(columns: Sequence[str]) -> list[tuple[str, ...]]:
    return list(chain.from_iterable(combinations(columns, size) for size in range(1, len(columns) + 1)))


def plain(data: list[tuple[str | None, ...]], subset: tuple[str, ...]) -> list[int]:
    picked = [tuple(row[COLUMNS.index(name)] for name in subset) for row in data]
    counted = Counter(picked)
    return [counted[each] for each in picked]


@given(tables)
def test_every_subset_is_counted_as_by_hand(data: list[tuple[str | None, ...]]) -> None:
    frame = pd.DataFrame(data, columns=COLUMNS)
    found = {each.columns: each for each in all_subsets(frame, COLUMNS)}
    assert set(found) == set(subsets_of(COLUMNS))
    for subset, risk in found.items():
        sizes = plain(data, subset)
        assert risk.k == min(sizes), subset
        assert risk.classes == round(sum(1 / size for size in sizes)), subset
        assert risk.uniques == sizes.count(1), subset


@given(tables, st.integers(1, 4))
def test_minimal_uniques_are_those_of_the_definition(data: list[tuple[str | None, ...]], most: int) -> None:
    frame = pd.DataFrame(data, columns=COLUMNS)
    found = minimal_uniques(frame, COLUMNS, most)
    alone = {subset: np.array(plain(data, subset)) == 1 for subset in subsets_of(COLUMNS)} | {
        (): np.full(len(data), len(data) == 1)
    }
    for row in range(len(data)):
        minimal = [
            subset
            for subset in subsets_of(COLUMNS)
            if len(subset) <= most
            and alone[subset][row]
            and not any(alone[part][row] for part in [(), *subsets_of(subset)] if part != subset)
        ]
        assert found.count[row] == len(minimal)
        assert found.smallest[row] == min(map(len, minimal), default=0)
        assert {name: int(share[row]) for name, share in found.shares.items()} == {
            name: sum(name in subset for subset in minimal) for name in COLUMNS
        }
        worth = sum(prod(4 - step for step in range(len(subset), min(most, 3) + 1)) for subset in minimal)
        assert found.score[row] == worth


def test_the_table_of_the_suda2_paper() -> None:
    """Education, sex, age, employment, ... of two rows: uniques of one column leave none of more columns."""
    frame = pd.DataFrame({"sex": ["f", "f", "m"], "age": [1, 2, 2], "job": [1, 1, 1]})
    found = minimal_uniques(frame, ["sex", "age", "job"])
    assert found.smallest.tolist() == [1, 2, 1]
    assert found.count.tolist() == [1, 1, 1]


@pytest.mark.parametrize("rows", [0, 1])
def test_no_row_and_one_row(rows: int) -> None:
    frame = pd.DataFrame({"a": [1] * rows, "b": [2] * rows})
    assert [risk.uniques for risk in all_subsets(frame, ["a", "b"])] == [rows] * (3 * rows)
    assert minimal_uniques(frame, ["a", "b"]).count.tolist() == [0] * rows


@pytest.mark.parametrize("kind", ["int64", "float64", "str", "category", "boolean", "datetime64[ns]", "arrow"])
def test_every_type_of_column_counts_alike(kind: str) -> None:
    chance = np.random.default_rng(5)
    frame = pd.DataFrame({name: chance.integers(0, 2, 500) for name in "abcdefgh"})
    typed = frame.astype(dict.fromkeys(frame, "string[pyarrow]" if kind == "arrow" else kind))
    expected = frame.groupby(list(frame)).size()
    risk = uniqueness.risk(typed, list(frame))
    assert (risk.k, risk.classes, risk.uniques) == (expected.min(), len(expected), (expected == 1).sum())


def test_numbers_far_apart_do_not_fill_memory() -> None:
    frame = pd.DataFrame({"a": [0, 2**62, -(2**62), 0], "b": [1, 1, 1, 1]})
    assert uniqueness.risk(frame, ["a", "b"]).classes == 3
