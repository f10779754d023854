"""Counting before noise: conditions mean what they say, and one person changes a count by what is paid for."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enclave.kernel.errors import Invalid
from enclave.outputs import extracts
from enclave.outputs.answers import exact
from enclave.privacy.estimates import STEPS, Bounds
from tests.conftest import Home

people = st.lists(
    st.tuples(
        st.integers(0, 8),
        st.one_of(st.none(), st.sampled_from(["F", "M", "未说明"])),
        st.one_of(st.none(), st.integers(-5, 120)),
        st.one_of(st.none(), st.floats(allow_nan=True, allow_infinity=True)),
    ),
    min_size=1,
    max_size=40,
)
slow = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def frame_of(rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["_person", "sex", "age", "cost"])
    return frame.astype({"_person": "int64", "sex": "string", "age": "Int64", "cost": "float64"})


connection = ibis.duckdb.connect()
numbers = count()
folder = tempfile.TemporaryDirectory()


def opened(frame: pd.DataFrame) -> ibis.Table:
    path = Path(folder.name) / f"{next(numbers)}.parquet"
    frame.to_parquet(path, index=False)
    return connection.read_parquet(str(path))


@pytest.fixture
def table(home: Home) -> Iterator[ibis.Table]:
    yield opened(frame_of([(0, "F", 30, 1.5), (1, "M", None, math.nan)]))


# --- bounding ----------------------------------------------------------------------------------------------------


@pytest.mark.promise("P4")
@given(people, st.integers(0, 8), st.integers(1, 3))
@slow
def test_one_person_less_changes_counts_by_no_more_than_is_paid_for(
    home: Home, rows: list[tuple[Any, ...]], gone: int, per_person: int
) -> None:
    """Neighbouring tables: all rows of one person gone, the order of the rest shuffled."""
    whole = frame_of(rows)
    without = whole[whole["_person"] != gone].sample(frac=1, random_state=1)
    a, b = opened(whole), opened(without)
    assert 0 <= exact.count(a, per_person) - exact.count(b, per_person) <= per_person
    cells = [exact.categories(each, "sex", ["F", "M"], per_person) for each in (a, b)]
    assert sum(abs(cells[0][key] - cells[1][key]) for key in cells[0]) <= per_person
    bins = [exact.bins(each, "age", [0.0, 18.0, 65.0], per_person) for each in (a, b)]
    assert sum(abs(bins[0][key] - bins[1][key]) for key in bins[0]) <= per_person
    bounds = Bounds(0, 100)
    for column in ("age", "cost"):
        (count_a, sum_a), (count_b, sum_b) = (exact.lattice(each, column, bounds, per_person) for each in (a, b))
        assert 0 <= count_a - count_b <= per_person
        assert abs(sum_a - sum_b) <= per_person * STEPS


@given(people, st.integers(1, 3))
@slow
def test_nobody_has_more_rows_than_allowed_and_nobody_is_lost(
    home: Home, rows: list[tuple[Any, ...]], per_person: int
) -> None:
    frame = frame_of(rows)
    kept = extracts.bounded(opened(frame), "sex", per_person).execute()
    expected = frame.groupby("_person").size().clip(upper=per_person)
    assert kept.groupby("_person").size().to_dict() == expected.to_dict()
    assert exact.count(opened(frame), per_person) == expected.sum()


@given(people)
@slow
def test_which_rows_are_kept_does_not_depend_on_their_order(home: Home, rows: list[tuple[Any, ...]]) -> None:
    one = exact.categories(opened(frame_of(rows)), "sex", ["F", "M"], 1)
    other = exact.categories(opened(frame_of(rows[::-1])), "sex", ["F", "M"], 1)
    assert one == other


# --- what is counted ---------------------------------------------------------------------------------------------


@given(people)
@slow
def test_categories_and_bins_cover_every_row_once(home: Home, rows: list[tuple[Any, ...]]) -> None:
    frame = frame_of([(n, *row[1:]) for n, row in enumerate(rows)])  # every row its own person
    table = opened(frame)
    cells = exact.categories(table, "sex", ["F", "M", "never there"], 1)
    assert list(cells) == ["F", "M", "never there", exact.OTHER, exact.MISSING]
    assert sum(cells.values()) == len(frame)
    assert cells["F"] == (frame["sex"] == "F").sum()
    assert cells[exact.MISSING] == frame["sex"].isna().sum()
    bins = exact.bins(table, "cost", [0.0, 10.0, 20.0], 1)
    cost = frame["cost"]
    assert sum(bins.values()) == len(frame)
    assert bins["[0, 10)"] == ((cost >= 0) & (cost < 10)).sum()
    assert bins["[10, 20]"] == ((cost >= 10) & (cost <= 20)).sum()
    assert bins[exact.BELOW] == (cost < 0).sum()
    assert bins[exact.ABOVE] == (cost > 20).sum()


@given(people)
@slow
def test_sums_on_the_lattice_are_those_of_clamped_values(home: Home, rows: list[tuple[Any, ...]]) -> None:
    frame = frame_of([(n, *row[1:]) for n, row in enumerate(rows)])
    bounds = Bounds(-3, 40)
    rows_found, total = exact.lattice(opened(frame), "cost", bounds, 1)
    present = frame["cost"].dropna().clip(-3, 40)
    assert rows_found == len(present)
    assert total * bounds.step + rows_found * bounds.middle == pytest.approx(present.sum(), abs=1e-3)


# --- conditions --------------------------------------------------------------------------------------------------


@given(people, st.sampled_from(extracts.OPERATORS[:-1]), st.integers(-5, 120), st.sampled_from(["F", "M", "x"]))
@slow
def test_conditions_choose_what_pandas_chooses(
    home: Home, rows: list[tuple[Any, ...]], operator: str, age: int, sex: str
) -> None:
    frame = frame_of(rows)
    table = opened(frame)
    where = extracts.canonical(table, [{"column": "age", "op": operator, "value": age}])
    compare = {"=": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}[operator]
    expected = int(getattr(frame["age"], compare)(age).fillna(False).sum())
    assert extracts.chosen_rows(table, where).count().execute() == expected
    both = extracts.canonical(table, [*where, {"column": "sex", "op": "in", "value": [sex, "未说明"]}])
    chosen = getattr(frame["age"], compare)(age).fillna(False) & frame["sex"].isin([sex, "未说明"])
    assert extracts.chosen_rows(table, both).count().execute() == chosen.sum()


@pytest.mark.parametrize("value", ["F' OR '1'='1", "'; DROP TABLE t; --", 'a"b', "x\\", "%", "\u0000", "🙂", "李'李"])
def test_values_are_never_sql(table: ibis.Table, value: str) -> None:
    where = extracts.canonical(table, [{"column": "sex", "op": "=", "value": value}])
    assert extracts.chosen_rows(table, where).count().execute() == 0


def test_hostile_column_names_are_only_names(home: Home, tmp_path: Path) -> None:
    name = 'a"; DROP TABLE t; --'
    path = tmp_path / "t.parquet"
    pd.DataFrame({"_person": [0, 1], name: ["x", "y"], "列 '名'": [1, 2]}).to_parquet(path)
    with extracts.opened(path) as table:
        where = extracts.canonical(table, [{"column": name, "op": "=", "value": "x"}])
        assert exact.count(extracts.chosen_rows(table, where), 1) == 1
        assert exact.bins(table, "列 '名'", [0, 1, 5], 1)["[1, 5]"] == 2


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        ({"column": "nope", "op": "=", "value": 1}, "output_no_column"),
        ({"column": "_person", "op": "=", "value": 1}, "output_no_column"),
        ({"column": ["age"], "op": "=", "value": 1}, "output_no_column"),
        ({"column": "age", "op": "like", "value": 1}, "output_condition_operator"),
        ({"column": "age", "op": "=", "value": "1"}, "output_condition_value"),
        ({"column": "age", "op": "=", "value": True}, "output_condition_value"),
        ({"column": "age", "op": "=", "value": math.nan}, "output_condition_value"),
        ({"column": "age", "op": "=", "value": None}, "output_condition_value"),
        ({"column": "sex", "op": "=", "value": 1}, "output_condition_value"),
        ({"column": "sex", "op": "=", "value": "x" * 201}, "output_condition_value"),
        ({"column": "sex", "op": "in", "value": []}, "output_condition_list"),
        ({"column": "sex", "op": "in", "value": "F"}, "output_condition_list"),
        ({"column": "sex", "op": "="}, "output_condition_form"),
        ({"column": "sex", "op": "=", "value": "F", "or": 1}, "output_condition_form"),
        ("sex = 'F'", "output_condition_form"),
    ],
)
def test_conditions_that_cannot_be_asked(table: ibis.Table, condition: Any, code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        extracts.canonical(table, [condition])
    assert refusal.value.code == code
    assert refusal.value.message("zh") != code


def test_dates_are_compared_as_dates(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    days = pd.to_datetime(["2020-01-31", "2020-02-01", None])
    pd.DataFrame({"_person": [0, 1, 2], "day": days.date, "at": days}).to_parquet(path)
    with extracts.opened(path) as table:
        for name in ("day", "at"):
            where = extracts.canonical(table, [{"column": name, "op": ">=", "value": "2020-02-01"}])
            assert exact.count(extracts.chosen_rows(table, where), 1) == 1
            with pytest.raises(Invalid):
                extracts.canonical(table, [{"column": name, "op": ">=", "value": "yesterday"}])
