"""Class sizes agree with a plain group-by; known figures of public data sets hold."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enclave.disclosure import uniqueness

value = st.sampled_from([None, "a", "b", "c"])
rows = st.lists(st.tuples(value, value, st.integers(0, 4)), min_size=1, max_size=40)


@given(rows)
def test_agrees_with_counting(data: list[tuple[str | None, str | None, int]]) -> None:
    frame = pd.DataFrame(data, columns=["x", "y", "person"])
    sizes = uniqueness.class_sizes(frame, ["x", "y"])
    plain = Counter((x, y) for x, y, _ in data)
    assert sizes.tolist() == [plain[x, y] for x, y, _ in data]
    risk = uniqueness.risk(frame, ["x", "y"])
    assert (risk.k, risk.classes) == (min(plain.values()), len(plain))
    assert risk.uniques == sum(1 for count in plain.values() if count == 1)
    assert risk.below_k[3] == sum(count for count in plain.values() if count < 3)


@given(rows)
def test_counts_persons_not_rows(data: list[tuple[str | None, str | None, int]]) -> None:
    frame = pd.DataFrame(data, columns=["x", "y", "person"])
    persons = defaultdict(set)
    for x, y, person in data:
        persons[x, y].add(person)
    sizes = uniqueness.class_sizes(frame, ["x", "y"], frame["person"])
    assert sizes.tolist() == [len(persons[x, y]) for x, y, _ in data]
    assert uniqueness.risk(frame, ["x", "y"], frame["person"]).k == min(map(len, persons.values()))


@given(rows, st.integers(0, 3))
def test_k_never_falls_by_generalising(data: list[tuple[str | None, str | None, int]], seed: int) -> None:
    frame = pd.DataFrame(data, columns=["x", "y", "person"])
    merge = {"a": "p", "b": "p", "c": "q"} if seed % 2 else {"a": "*", "b": "*", "c": "*"}
    coarser = frame.assign(x=frame["x"].map(merge))
    for persons in (None, frame["person"]):
        fine = uniqueness.class_sizes(frame, ["x", "y"], persons)
        coarse = uniqueness.class_sizes(coarser, ["x", "y"], persons)
        assert (coarse >= fine).all()


@given(st.lists(st.lists(st.integers(0, 2), max_size=4), min_size=1, max_size=10))
def test_trajectories_join_the_rows_of_a_person(histories: list[list[int]]) -> None:
    flat = [(person, item) for person, items in enumerate(histories) for item in items]
    frame = pd.DataFrame(flat, columns=["person", "item"])
    expected = Counter(tuple(sorted(items)) for items in histories if items)
    risk = uniqueness.trajectories(frame, ["item"], frame["person"])
    assert (risk.k, risk.classes) == (min(expected.values(), default=0), len(expected))


def test_many_wide_columns_do_not_overflow() -> None:
    rng = np.random.default_rng(1)
    wide = {f"c{number}": rng.integers(0, 900, 3000) for number in range(12)}
    frame = pd.DataFrame(wide)
    assert uniqueness.risk(frame, list(frame)).classes == len(frame.drop_duplicates())


def test_empty_is_not_anonymous() -> None:
    frame = pd.DataFrame({"x": []})
    assert uniqueness.risk(frame, ["x"]).k == 0


def test_missing_is_a_class_of_its_own() -> None:
    frame = pd.DataFrame({"x": [np.nan, np.nan, 1.0, 1.0, 1.0]})
    risk = uniqueness.risk(frame, ["x"])
    assert (risk.k, risk.classes, risk.missing) == (2, 2, "own_class")


def test_no_quasi_identifier_puts_all_in_one_class() -> None:
    assert uniqueness.risk(pd.DataFrame({"x": [1, 2, 3]}), []).k == 3


@pytest.mark.clause("4.1-T1-L2b")
def test_json_form() -> None:
    risk = uniqueness.risk(pd.DataFrame({"x": [1, 1, 2]}), ["x"])
    assert risk.as_dict()["below_k"] == {"2": 1, "3": 3, "5": 3, "10": 3, "20": 3}
    assert risk.prosecutor_max == 1.0
    assert risk.prosecutor_mean == pytest.approx(2 / 3)
