"""Reaching k: every class has k persons afterwards, levels are chosen well, and nothing is hidden in vain."""

from __future__ import annotations

import itertools
from collections import defaultdict

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enclave.deidentify import profiles
from enclave.deidentify.anonymity import measure, reach
from enclave.deidentify.ladders import ladder
from enclave.deidentify.lattice import Axis, Lattice
from enclave.disclosure import uniqueness

LADDERS = profiles.load().ladders
ages = st.lists(st.one_of(st.none(), st.integers(0, 105)), min_size=1, max_size=40)
words = st.sampled_from([None, "汉族", "藏族", "彝族", "羌族"])
table = st.lists(
    st.tuples(st.one_of(st.none(), st.integers(0, 99)), words, st.sampled_from(["m", "f"]), st.integers(0, 12)),
    min_size=1,
    max_size=60,
)


def ladders_of(rows: list[tuple[int | None, str | None, str, int]]) -> dict[str, list[pa.Array]]:
    age, ethnicity, sex, _ = zip(*rows, strict=True)
    return {
        "age": ladder("age", pa.array(age, pa.int64()), LADDERS),
        "ethnicity": ladder("ethnicity", pa.array(ethnicity, pa.string()), LADDERS),
        "sex": ladder("sex", pa.array(sex), LADDERS),
    }


def persons_per_class(columns: dict[str, pa.Array], persons: list[int], kept: list[bool]) -> dict[tuple, set[int]]:
    classes: dict[tuple, set[int]] = defaultdict(set)
    for row, values in enumerate(zip(*(column.to_pylist() for column in columns.values()), strict=True)):
        if kept[row]:
            classes[values].add(persons[row])
    return classes


@pytest.mark.clause("4.1-T1-L2b")
@settings(max_examples=150, deadline=None)
@given(table, st.integers(2, 6), st.sampled_from([0.0, 0.05, 0.3]))
def test_every_class_has_k_persons(
    rows: list[tuple[int | None, str | None, str, int]], k: int, tolerated: float
) -> None:
    persons = [row[3] for row in rows]
    found = reach(ladders_of(rows), np.array(persons), k, tolerated)
    classes = persons_per_class(found.columns, persons, found.kept.tolist())
    assert all(len(members) >= k for members in classes.values())
    if len(set(persons)) >= k and tolerated == 0:
        assert found.kept.all()
        assert found.cells == 0


@given(table, st.integers(2, 6))
def test_cells_are_counted_and_only_rows_that_stay_count(
    rows: list[tuple[int | None, str | None, str, int]], k: int
) -> None:
    persons = [row[3] for row in rows]
    ladders = ladders_of(rows)
    found = reach(ladders, np.array(persons), k, 0.3)
    lost = 0
    for name, column in found.columns.items():
        fully = ladders[name][found.levels[name]].to_pylist()
        pairs = zip(fully, column.to_pylist(), found.kept.tolist(), strict=True)
        lost += sum(1 for old, new, kept in pairs if kept and old is not None and new is None)
        pairs = zip(fully, column.to_pylist(), strict=True)
        assert all(new in (None, old) for old, new in pairs)
    assert found.cells == lost


@given(ages, st.sampled_from(["age", "duration", "birth_year"]))
def test_k_never_falls_up_a_ladder(values: list[int | None], kind: str) -> None:
    levels = ladder(kind, pa.array(values, pa.int64()), LADDERS)
    for fine, coarse in itertools.pairwise(levels):
        assert (uniqueness.class_sizes({"x": coarse}, ["x"]) >= uniqueness.class_sizes({"x": fine}, ["x"])).all()


@given(st.lists(st.one_of(st.none(), st.floats(-50, 5000)), min_size=1, max_size=60))
def test_k_never_falls_in_bands_of_measures(values: list[float | None]) -> None:
    levels = ladder("body_measure", pa.array(values, pa.float64()), LADDERS)
    for fine, coarse in itertools.pairwise(levels):
        assert (uniqueness.class_sizes({"x": coarse}, ["x"]) >= uniqueness.class_sizes({"x": fine}, ["x"])).all()


@given(
    st.lists(
        st.sampled_from(["四川省成都市武侯区", "四川省凉山州西昌市", "510107", "513401", "北京市", None]), min_size=1
    )
)
def test_k_never_falls_by_division(values: list[str | None]) -> None:
    levels = ladder("region", pa.array(values, pa.string()), LADDERS)
    for fine, coarse in itertools.pairwise(levels):
        assert (uniqueness.class_sizes({"x": coarse}, ["x"]) >= uniqueness.class_sizes({"x": fine}, ["x"])).all()


codes = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 5), st.integers(0, 9)), min_size=2, max_size=40)


def lattice_of(rows: list[tuple[int, int, int]], k: int) -> Lattice:
    first, second, persons = (np.array(part) for part in zip(*rows, strict=True))
    axes = [
        Axis([(first, 8), (first // 2, 4), (first // 4, 2), (first * 0, 1)]),
        Axis([(second, 6), (second // 3, 2), (second * 0, 1)]),
    ]
    return Lattice(axes, persons, k)


@given(codes, st.integers(2, 5))
def test_small_classes_are_counted_in_persons(rows: list[tuple[int, int, int]], k: int) -> None:
    lattice = lattice_of(rows, k)
    for node in itertools.product(range(4), range(3)):
        step = ((1, 2, 4, 8)[node[0]], (1, 3, 6)[node[1]])
        classes = defaultdict(set)
        for first, second, person in rows:
            classes[first // step[0], second // step[1]].add(person)
        small = sum(len(classes[f // step[0], s // step[1]]) < k for f, s, _ in rows)
        assert lattice.judge(node)[0] == pytest.approx(small / len(rows))


@given(codes, st.integers(2, 4), st.sampled_from([0.0, 0.1, 0.4]))
def test_the_search_finds_the_best_levels_of_a_small_lattice(
    rows: list[tuple[int, int, int]], k: int, tolerated: float
) -> None:
    lattice = lattice_of(rows, k)
    judged = {node: lattice.judge(node) for node in itertools.product(range(4), range(3))}
    good = [loss for share, loss in judged.values() if share <= tolerated]
    found = lattice.search(tolerated)
    if judged[lattice.top][0] <= tolerated:
        assert judged[found][0] <= tolerated
        assert judged[found][1] == pytest.approx(min(good))
    else:
        assert found == lattice.top


@settings(max_examples=150, deadline=None)
@given(table, st.integers(2, 6), st.sampled_from([0.0, 0.3]))
def test_what_another_table_tells_counts(
    rows: list[tuple[int | None, str | None, str, int]], k: int, tolerated: float
) -> None:
    """A row that still tells something of its own shares it, and what is known, with k persons."""
    persons = [row[3] for row in rows]
    ladders = ladders_of(rows)
    known = pa.array([person % 3 for person in persons])  # one value for all rows of a person
    del ladders["sex"]
    found = reach(ladders, np.array(persons), k, tolerated, fixed={"known": known})
    assert found.kept.all()
    classes = persons_per_class({**found.columns, "known": known}, persons, found.kept.tolist())
    telling = {key: members for key, members in classes.items() if any(value is not None for value in key[:-1])}
    assert all(len(members) >= k for members in telling.values())


def test_nobody_and_nothing() -> None:
    empty = reach({"x": [pa.array([], pa.string())]}, np.zeros(0, dtype=np.int64), 5, 0.0)
    assert len(empty.kept) == 0
    untouched = reach({}, np.array([1, 2]), 5, 0.0)
    assert untouched.kept.all()
    assert measure({}, np.array([1, 2, 2]))["k"] == 2


def test_fewer_persons_than_k_lose_every_row() -> None:
    found = reach({"x": [pa.array(["a", "b"]), pa.array(["*", "*"])]}, np.array([0, 1]), 5, 0.0)
    assert not found.kept.any()


def test_bands_of_measures_are_nested() -> None:
    values = pa.array([number / 10 for number in range(1200)])
    for scale in (0.1, 1.0, 9.0, 37.0):
        levels = ladder("body_measure", pa.array([value.as_py() * scale for value in values]), LADDERS)
        for fine, coarse in itertools.pairwise(levels):
            pairs = set(zip(fine.to_pylist(), coarse.to_pylist(), strict=True))
            assert len(pairs) == len(set(fine.to_pylist()))


def test_labels_tell_the_truth() -> None:
    levels = ladder("age", pa.array(range(91), pa.int64()), LADDERS)
    assert [levels[1].to_pylist()[age] for age in (3, 17, 88, 90)] == ["[0,5)", "[15,20)", "[85,90)", "90+"]
    assert [levels[3].to_pylist()[age] for age in (3, 17, 88, 90)] == ["[0,20)", "[0,20)", "80+", "80+"]
    whole_numbers = ladder("occupation", pa.array([13, 13, 90, 24], pa.int64()), LADDERS)
    assert all("[" not in str(value) for level in whole_numbers for value in level.to_pylist())


def test_what_is_no_number_is_missing() -> None:
    levels = ladder("body_measure", pa.array([1.0, float("nan"), float("inf"), 3.0, 250.0]), LADDERS)
    assert levels[1].to_pylist()[1:3] == [None, None]
