"""Synthetic rows: learnt without extremes and rare values, keys impossible as real ones, leaks that must be noticed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from enclave.kernel.i18n import catalogue
from synthetic import assessment, generator
from synthetic.generator import Column

ROWS = 1200


@pytest.fixture(scope="module")
def visits() -> pd.DataFrame:
    draw = np.random.default_rng(3)
    admitted = pd.to_datetime("2020-03-01") + pd.to_timedelta(draw.integers(0, 700, ROWS), "D")
    stay = draw.integers(1, 20, ROWS)
    code = draw.choice(["I10", "E11", "O82", "罕见"], ROWS, p=[0.5, 0.3, 0.198, 0.002])
    return pd.DataFrame(
        {
            "visit": [f"{n:016x}" for n in range(ROWS)],
            "sex": draw.choice(["男", "女"], ROWS),
            "ward": draw.choice([11, 24, 90], ROWS),
            "admitted": admitted,
            "discharged": admitted + pd.to_timedelta(stay, "D"),
            "code": code,
            "diagnosis": [f"诊断{value}" for value in code],
            "stay": stay,
            "cost": (stay * 900 + draw.gamma(2, 800, ROWS)).round(2),
            "nothing": None,
        }
    )


COLUMNS = [
    Column("visit", "key"),
    Column("sex", "text"),
    Column("ward", "code"),
    Column("admitted", "date"),
    Column("discharged", "date"),
    Column("code", "text"),
    Column("diagnosis", "text"),
    Column("stay", "whole"),
    Column("cost", "number"),
    Column("nothing", "text"),
]
PLAIN = [column.name for column in COLUMNS if column.kind != "key"]


@pytest.fixture(scope="module")
def learnt(visits: pd.DataFrame) -> pd.DataFrame:
    return generator.prepare(visits, COLUMNS, 10, pd.Series(range(ROWS)))


@pytest.fixture(scope="module")
def made(learnt: pd.DataFrame) -> pd.DataFrame:
    return generator.generate(learnt, COLUMNS, 150)


def test_rare_values_and_extremes_are_not_learnt(visits: pd.DataFrame, learnt: pd.DataFrame) -> None:
    assert "罕见" in set(visits["code"])
    assert "罕见" not in set(learnt["code"].dropna())
    assert learnt["cost"].max() < visits["cost"].max()
    assert learnt["admitted"].min() > visits["admitted"].min()
    assert "visit" not in learnt


def test_one_person_with_many_rows_is_rare() -> None:
    frame = pd.DataFrame({"code": ["common"] * 30 + ["his own"] * 30})
    persons = pd.Series([*range(30), *[99] * 30])
    learnt = generator.prepare(frame, [Column("code", "text")], 10, persons)
    assert set(learnt["code"].dropna()) == {"common"}


@pytest.mark.clause("10.4.1-c-s")
def test_made_rows_keep_their_sense(made: pd.DataFrame, visits: pd.DataFrame) -> None:
    assert list(made.columns) == PLAIN
    assert len(made) == 150
    assert (pd.to_datetime(made["discharged"]) >= pd.to_datetime(made["admitted"])).mean() > 0.97
    told = made.dropna(subset=["code"])
    assert (told["diagnosis"] == "诊断" + told["code"]).all()
    assert set(made["ward"].dropna()) <= {11, 24, 90}
    assert set(made["sex"]) == {"男", "女"}
    assert made["nothing"].isna().all()
    assert made["cost"].max() < visits["cost"].max()
    assert np.corrcoef(made["stay"].astype(float), made["cost"])[0, 1] > 0.5
    assert not made["cost"].isin(visits["cost"].nlargest(5)).any()


def test_the_same_seed_gives_the_same_sample(learnt: pd.DataFrame, made: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(made, generator.generate(learnt, COLUMNS, 150))
    assert not made.equals(generator.generate(learnt, COLUMNS, 150, seed=5))


def test_keys_are_impossible_as_real_ones() -> None:
    draw = np.random.default_rng(1)
    own = generator.keys(Column("身份证号", "key", person=True), 50, 50, True, draw)
    theirs = generator.keys(Column("患者", "key", person=True), 200, 50, False, draw)
    assert own == [f"SYN-P-{n:05d}" for n in range(1, 51)]
    assert set(theirs) <= set(own)
    assert len(set(own)) == 50


def test_chains_of_columns_that_tell_each_other() -> None:
    frame = pd.DataFrame({"a": list("xyzxyz"), "b": list("112112"), "c": list("pqrpqr")})
    told = generator.told_by(frame, ["a", "b", "c"])
    assert told == {"a": "c"}
    more = pd.DataFrame({"a": list("uvwxuvwx"), "b": list("pqrrpqrr"), "c": list("klmmklmm")})
    told = generator.told_by(more, ["a", "b", "c"])
    assert set(told) == {"b"} or len(told) == 2
    assert [name for name, _ in generator._in_order({"x": "y", "y": "z"})] == ["y", "x"]


# -- the tests of privacy, each with a control that must fail and one that must pass ----------------------
@pytest.fixture
def halves(learnt: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    return learnt.iloc[: ROWS // 2], learnt.iloc[ROWS // 2 :]


@pytest.mark.clause("3.10-2s")
def test_a_copy_is_noticed(halves: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    mine, held = halves
    copied = mine.head(100)
    found = assessment.nearest(copied, mine, held, PLAIN)
    assert not found["passed"]
    assert found["closer"] > 0.9
    assert assessment.equal_rows(copied, mine, PLAIN).all()


def test_planted_near_copies_are_noticed(halves: tuple[pd.DataFrame, pd.DataFrame], made: pd.DataFrame) -> None:
    mine, held = halves
    planted = mine.head(60).assign(cost=lambda frame: frame["cost"] + 0.37)
    mixed = pd.concat([made.head(60), planted], ignore_index=True)
    assert not assessment.nearest(mixed, mine, held, PLAIN)["passed"]
    assert not assessment.equal_rows(planted, mine, PLAIN).any()


def test_rows_of_others_pass(learnt: pd.DataFrame) -> None:
    others, mine, held = learnt.iloc[:100], learnt.iloc[100:650], learnt.iloc[650:]
    assert assessment.nearest(others, mine, held, PLAIN)["passed"]


def test_a_sample_of_a_half_passes(halves: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    mine, held = halves
    made = generator.generate(mine, COLUMNS, 150)
    assert assessment.nearest(made, mine, held, PLAIN)["passed"]
    assert assessment.likeness(made, mine, [name for name in PLAIN if name != "nothing"]) > 0.7


def test_what_cannot_be_tested_does_not_pass(learnt: pd.DataFrame) -> None:
    assert not assessment.nearest(learnt.head(5), learnt, learnt.head(0), PLAIN)["passed"]


def test_equality_sees_through_spelling() -> None:
    real = pd.DataFrame({"n": [7.0, 40481087.0], "d": pd.to_datetime(["2020-01-01", "2020-01-02"])})
    same = pd.DataFrame({"n": pd.array([7, 40481088], "Int64"), "d": pd.to_datetime(["2020-01-01", "2020-01-02"])})
    assert assessment.equal_rows(same, real, ["n", "d"]).tolist() == [True, False]


def test_every_refusal_has_its_sentences() -> None:
    assert {"synthetic_rows", "synthetic_too_near", "synthetic_level_five"} <= set(catalogue())
