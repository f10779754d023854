"""Scopes on the data: which persons a filter means, and that no text of a request reaches a statement."""

from __future__ import annotations

import pandas as pd
import pytest
from pyroaring import BitMap

import catalog_browser.service as catalogue
from enclave.kernel.errors import Invalid, Refused
from request_review import scope
from tests.factories import requests as make

FRAME = pd.DataFrame(
    {
        "_person": [0, 0, 1, 2, 3],
        'od"d; DROP': ["a", "b", "a", None, "it's"],
        "years": [40, 41, 50, 60, 70],
        "cost": [1.5, 2.5, 3.5, 4.5, float("nan")],
        "day": pd.to_datetime(["2020-01-01", "2020-02-01", "2021-01-01", "2022-01-01", None]).date,
        "dead": [True, False, True, False, False],
    }
)
WARDS = pd.DataFrame({"ward": ["A", "B"], "beds": [10, 20]})
VISITS = pd.DataFrame({"_person": [0, 1, 1, 2], "years": [1, 2, 3, 4], "kind": ["in", "in", "out", "out"]})


@pytest.fixture
def version(home, people, object_store):
    data = make.publish(people["wang"], {"cases": FRAME, "visits": VISITS, "wards": WARDS}, {"years": "quasi"})
    return catalogue.latest(data.id, "deidentified")


def persons(version, columns, *conditions) -> set[int]:
    known = catalogue.variables(version.dataset_id)
    parts = [dict(zip(("column", "op", "value"), condition, strict=True)) for condition in conditions]
    with scope.opened(version) as data:
        return set(data.persons(scope.read(columns, parts, version, known)))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (("cost", ">=", 2.5), {0, 1, 2}),
        (("cost", "<", 2), {0}),
        (("cost", "=", 3.5), {1}),
        (("cost", "!=", 3.5), {0, 2}),
        (("cases.years", "in", [40, 70]), {0, 3}),
        (('od"d; DROP', "=", "a"), {0, 1}),
        (('od"d; DROP', "!=", "a"), {0, 3}),
        (('od"d; DROP', "=", "it's"), {3}),
        (('od"d; DROP', "=", "' OR 1=1 --"), set()),
        (("day", ">=", "2021-01-01"), {1, 2}),
        (("dead", "=", True), {0, 1}),
    ],
)
def test_a_condition_means_these_persons(version, condition, expected):
    assert persons(version, ["cost"], condition) == expected


def test_conditions_hold_together_in_one_row(version):
    assert persons(version, ["cost"], ("dead", "=", True), ("cases.years", "<", 45)) == {0}
    assert persons(version, ["cost"], ("dead", "=", False), ("cases.years", "=", 40)) == set()


def test_a_condition_on_another_table_narrows_the_persons(version):
    assert persons(version, ["cost"]) == {0, 1, 2, 3}
    assert persons(version, ["cost"], ("kind", "=", "out")) == {1, 2}
    assert persons(version, ["kind"], ("cost", "<", 4)) == {0, 1}
    assert persons(version, ["kind", "cost"]) == {0, 1, 2, 3}


def test_a_table_without_persons_neither_adds_nor_narrows(version):
    assert persons(version, ["beds"]) == set()
    assert persons(version, ["cost", "beds"], ("wards.ward", "=", "A")) == {0, 1, 2, 3}
    with pytest.raises(Invalid):
        persons(version, ["cost"], ("beds", "=", "ten"))


def test_a_bare_name_means_the_column_of_every_table_and_is_refused_in_a_condition(version):
    known = catalogue.variables(version.dataset_id)
    assert scope.read(["years"], [], version, known).names == {("cases", "years"), ("visits", "years")}
    assert scope.read(["visits.years"], [], version, known).names == {("visits", "years")}
    with pytest.raises(Invalid) as refused:
        scope.read(["years"], [{"column": "years", "op": "=", "value": 1}], version, known)
    assert refused.value.code == "request_filter_ambiguous"


@pytest.mark.parametrize(
    ("condition", "code"),
    [
        (("cost", "=", "3"), "request_filter_type"),
        (("cost", "=", True), "request_filter_type"),
        (("dead", "=", 1), "request_filter_type"),
        (('od"d; DROP', ">", 3), "request_filter_type"),
        (("day", ">", "not a day"), "request_filter_type"),
        (("cost", "=", float("nan")), "request_filter_value"),
        (("cost", "=", None), "request_filter_value"),
        (("cost", "in", [[1]]), "request_filter_value"),
        (("_person", "=", 1), "request_column_unknown"),
        (("cost); SELECT 1", "=", 1), "request_column_unknown"),
        (("cost", "=1 OR 1", 1), "request_filter_op"),
    ],
)
def test_a_condition_that_cannot_be_is_refused(version, condition, code):
    with pytest.raises((Invalid, Refused)) as refused:
        persons(version, ["cost"], condition)
    assert refused.value.code == code


def test_nothing_of_the_data_stays_on_disk(version, home):
    with scope.opened(version) as data:
        assert data.persons(scope.Scope({"cases": ("cost",)}, {})) == BitMap(range(4))
        assert list((home.path / "spool").rglob("*.parquet"))
    assert not list((home.path / "spool").rglob("*"))
