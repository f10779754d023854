"""The techniques of 9.1, each by what it must keep and lose; and the same rules row by row and in a batch."""

from __future__ import annotations

import json
import string
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from catalog_browser.views import VariableView
from enclave.cli.main import app
from enclave.deidentify import advice, profiles, techniques
from enclave.deidentify.live import live
from enclave.deidentify.methods import Setting, treat
from enclave.deidentify.profiles import FormRules, Rule
from enclave.kernel.crypto import Tampered
from enclave.kernel.errors import Invalid

KEY, OTHER = b"k" * 32, b"o" * 32
WORDS = ("甲", "乙", "丙", "丁", "戊")
values = st.text(string.ascii_letters + string.digits + "张王李一二三", min_size=1, max_size=12)


# -- one technique after the other ------------------------------------------------------------------------------------


@pytest.mark.clause("9.1-11a")
@pytest.mark.clause("10.1.2-e-1b")
@given(st.lists(values, min_size=30, max_size=60, unique=True))
def test_substitution_is_consistent_and_needs_the_key(names: list[str]) -> None:
    first = [techniques.substitute(KEY, "name", WORDS, name) for name in names]
    assert first == [techniques.substitute(KEY, "name", WORDS, name) for name in names]
    assert set(first) <= set(WORDS)
    assert first != [techniques.substitute(OTHER, "name", WORDS, name) for name in names]


@pytest.mark.clause("9.1-11b")
@pytest.mark.clause("10.1.2-e-1b")
@given(st.lists(st.integers(0, 9), max_size=80))
def test_shuffling_keeps_the_values_and_breaks_their_rows(numbers: list[int]) -> None:
    made = techniques.shuffled(KEY, "c", pa.array(numbers, pa.int64()))
    assert sorted(made.to_pylist()) == sorted(numbers)
    assert made.equals(techniques.shuffled(KEY, "c", pa.array(numbers, pa.int64())))
    long = pa.array(range(200))
    assert sum(a == b for a, b in zip(techniques.shuffled(KEY, "c", long).to_pylist(), range(200), strict=True)) < 20


@pytest.mark.clause("9.1-11c")
@given(
    st.lists(st.tuples(st.integers(-(10**6), 10**6), st.integers(0, 5)), min_size=1, max_size=40), st.integers(1, 50)
)
def test_numbers_move_within_the_bound_and_a_person_s_together(rows: list[tuple[int, int]], bound: int) -> None:
    numbers, persons = [number for number, _ in rows], np.array([person for _, person in rows])
    made = techniques.varied(KEY, "c", bound, pa.array(numbers), persons).to_pylist()
    moves = [after - before for before, after in zip(numbers, made, strict=True)]
    assert all(abs(move) <= bound for move in moves)
    for person in set(persons.tolist()):
        assert len({move for move, owner in zip(moves, persons.tolist(), strict=True) if owner == person}) == 1


def test_what_is_no_number_does_not_vary_and_missing_stays_missing() -> None:
    assert techniques.varied(KEY, "c", 5, pa.array(["a"]), np.array([0])).to_pylist() == ["a"]
    made = techniques.varied(KEY, "c", 5, pa.array([1.5, None]), np.array([0, 0])).to_pylist()
    assert made[1] is None and made[0] != 1.5


@pytest.mark.clause("9.1-11d")
@pytest.mark.clause("10.1.2-e-1b")
@given(values)
def test_encryption_goes_back_with_the_key_alone(value: str) -> None:
    sealed = techniques.encrypted(KEY, "id", value)
    assert techniques.decrypted(KEY, "id", sealed) == value
    assert sealed == techniques.encrypted(KEY, "id", value)
    for key, domain in ((OTHER, "id"), (KEY, "other")):
        with pytest.raises(Tampered):
            techniques.decrypted(key, domain, sealed)


@pytest.mark.clause("9.1-11e")
@pytest.mark.clause("10.1.2-e-1b")
@pytest.mark.clause("4.1-T1-L3a")
@given(values, st.integers(0, 3), st.integers(0, 3))
def test_masking_shows_no_character_more_than_it_is_told(value: str, start: int, end: int) -> None:
    made = techniques.masked(value, start, end)
    assert len(made) == max(len(value), 1)
    seen = [place for place, sign in enumerate(made) if sign != "*"]
    assert all(place < start or place >= len(value) - end for place in seen)
    assert len(value) > start + end or set(made) == {"*"}


@pytest.mark.clause("4.1-T1-L3a")
def test_a_name_the_person_served_recognises() -> None:
    assert techniques.masked("张三丰") == "张**"
    assert techniques.masked("13912345678", 3, 4) == "139****5678"


@pytest.mark.clause("10.1.2-e-1b")
def test_truncation_keeps_the_first_characters() -> None:
    assert (techniques.truncated("610041", 2), techniques.truncated("E11.9", 3)) == ("61", "E11")


@pytest.mark.clause("9.1-11f")
def test_insertion_and_deletion_are_counted_and_marked_for_the_steward_alone() -> None:
    table = pa.table({"a": list(range(100)), "b": [f"b{n}" for n in range(100)]})
    gone = np.arange(100) < 10
    made = techniques.controlled(KEY, table, gone, 20)
    assert (made.deleted, made.inserted) == (10, 20)
    assert made.shared.column_names == ["a", "b"] and made.shared.num_rows == 110
    decoys = [row for row in made.steward.to_pylist() if row["_decoy"]]
    assert len(decoys) == 20
    real = {(row["a"], row["b"]) for row in table.to_pylist()}
    assert sum((row["a"], row["b"]) in real for row in decoys) <= 2  # by chance alone
    assert not {row["a"] for row in made.steward.to_pylist() if not row["_decoy"]} & set(range(10))


def test_nothing_is_invented_out_of_nothing() -> None:
    made = techniques.controlled(KEY, pa.table({"a": pa.array([], pa.int64())}), np.zeros(0, bool), 5)
    assert (made.shared.num_rows, made.inserted) == (0, 0)


# -- rules: the same in a batch and row by row ------------------------------------------------------------------------


def variable(name: str, kind: str, role: str = "quasi", *, person_key: bool = False) -> VariableView:
    return VariableView(
        "v", "t", name, 0, "text", kind, "", "", {}, {}, {}, role, role, person_key, "", "", "", 2, "", True
    )


VARIABLES = [
    variable("id", "person_key", "direct", person_key=True),
    variable("name", "person_name", "direct"),
    variable("phone", "phone", "direct"),
    variable("age", "age"),
    variable("postcode", "postcode"),
    variable("ward", "ward", "other"),
    variable("weight", "body_measure", "sensitive"),
    variable("admitted", "date"),
    variable("note", "free_text", "other"),
]
RULES = FormRules(
    level=3,
    clauses=("3.8",),
    rules=(
        Rule(person_key=True, method="pseudonym", domain="person", clause="9.1-11d"),
        Rule(kinds=("person_name",), method="mask", keep=1, clause="9.1-11e"),
        Rule(kinds=("phone",), method="encrypt", clause="9.1-11d"),
        Rule(kinds=("age",), method="top", at=90, clause="9.1-11c"),
        Rule(kinds=("postcode",), method="truncate", keep=2, clause="10.1.2-e-1b"),
        Rule(kinds=("ward",), method="substitute", words=WORDS, clause="9.1-11a"),
        Rule(kinds=("body_measure",), method="vary", bound=2.5, clause="9.1-11c"),
        Rule(kinds=("date",), method="shift", unit="day", clause="9.1-11c"),
    ),
)
PROFILE = profiles.load().model_copy(update={"limited": RULES})
SETTING = Setting(KEY, 4, date(2024, 12, 31))
record = st.fixed_dictionaries(
    {
        "id": values,
        "name": values,
        "phone": values,
        "age": st.integers(0, 110),
        "postcode": st.from_regex(r"[0-9]{6}", fullmatch=True),
        "ward": values,
        "weight": st.floats(1, 200),
        "admitted": st.dates(date(2000, 1, 1), date(2024, 12, 31)),
        "note": values,
    }
)


@pytest.mark.clause("9.1.2-0b")
@pytest.mark.clause("9.1.2-1")
@pytest.mark.clause("9.1.2-2")
@given(st.lists(st.tuples(record, st.integers(0, 3)), min_size=1, max_size=6))
def test_row_by_row_gives_what_a_batch_gives(rows: list[tuple[dict[str, Any], int]]) -> None:
    persons = np.array([person for _, person in rows])
    batch: dict[str, list[Any]] = {}
    for treatment in profiles.plan(PROFILE, "limited", VARIABLES):
        name = treatment.variable.name
        made = treat(treatment, pa.array([row[name] for row, _ in rows]), persons, SETTING)
        if made is not None:
            batch[name] = made.to_pylist()
    streamed = list(live(PROFILE, "limited", VARIABLES, SETTING).rows(rows))
    assert streamed == [{name: column[n] for name, column in batch.items()} for n in range(len(rows))]
    assert set(batch) == {variable.name for variable in VARIABLES} - {"note"}  # no rule names it: it stays away


@pytest.mark.clause("9.1.2-1")
def test_what_identifies_never_leaves_the_source_when_it_is_desensitised_there() -> None:
    planted = {"id": "510104199001011234", "name": "张三丰", "phone": "13912345678", "note": "张三丰来诊"}
    whole = planted | {"age": 34, "postcode": "610041", "ward": "内科", "weight": 61.5, "admitted": date(2024, 1, 2)}
    seen = str(live(PROFILE, "limited", VARIABLES, SETTING).row(whole, 1))
    assert not [value for value in planted.values() if value in seen]


def test_a_rule_that_needs_all_rows_is_not_applied_to_one() -> None:
    shuffling = RULES.model_copy(update={"rules": (Rule(kinds=("age",), method="shuffle", clause="9.1-11b"),)})
    profile = PROFILE.model_copy(update={"limited": shuffling})
    with pytest.raises(Invalid) as refused:
        live(profile, "limited", VARIABLES, SETTING)
    assert refused.value.facts["column"] == "age"
    with pytest.raises(Invalid):
        live(PROFILE, "limited", VARIABLES, SETTING).row({"age": 3}, 9)


@pytest.mark.clause("9.1-12f")
@pytest.mark.parametrize("method", ["substitute", "vary", "cut", "truncate", "top"])
def test_a_rule_without_its_measure_is_refused(method: Any) -> None:
    with pytest.raises(ValueError, match="lacks its measure"):
        Rule(method=method, clause="9.1-11a")


@pytest.mark.clause("9.1-12d")
def test_the_same_key_and_rules_give_the_same_twice() -> None:
    rows = [({"id": "a", "age": 50, "weight": 70.0, "admitted": date(2024, 5, 1)}, 2)]
    assert list(live(PROFILE, "limited", VARIABLES, SETTING).rows(rows)) == list(
        live(PROFILE, "limited", VARIABLES, SETTING).rows(rows)
    )


# -- advice -----------------------------------------------------------------------------------------------------------


CRITERIA = {
    "usability": "9.1-12a",
    "truthfulness": "9.1-12b",
    "timeliness": "9.1-12c",
    "reproducibility": "9.1-12d",
    "resource_consumption": "9.1-12e",
    "rule_configurability": "9.1-12f",
}
COLUMNS = {
    ("direct", "text"): pa.array([f"51010419{n:010d}" for n in range(500)]),
    ("quasi", "text"): pa.array([f"6100{n % 90:02d}" for n in range(500)]),
    ("quasi", "number"): pa.array([n % 90 for n in range(500)]),
    ("sensitive", "number"): pa.array([n * 1.5 for n in range(500)]),
    ("other", "date"): pa.array([date(2024, 1, 1 + n % 28) for n in range(500)]),
}


@pytest.mark.clause("9.1-12a")
@pytest.mark.clause("9.1-12b")
@pytest.mark.clause("9.1-12c")
@pytest.mark.clause("9.1-12e")
@pytest.mark.parametrize("role", COLUMNS)
def test_every_technique_that_may_serve_is_scored_on_the_six_criteria(role: tuple[str, str]) -> None:
    found = advice.advise(role[0], COLUMNS[role])
    assert found
    for each in found:
        assert set(each.scores) == set(CRITERIA)
        assert all(0 <= score <= 3 for score in each.scores.values()) and 0 <= each.total <= 100
        assert each.why("zh") and each.why("en")
    assert [each.total for each in found] == sorted((each.total for each in found), reverse=True)
    measured = [each for each in found if each.seconds is not None]
    assert all(each.seconds is not None and each.seconds >= 0 and each.megabytes is not None for each in measured)


@pytest.mark.clause("9.1-12a")
def test_usability_is_measured_on_the_column_itself() -> None:
    def usable(column: pa.Array) -> float:
        return next(e for e in advice.advise("quasi", column) if e.technique == "truncation").scores["usability"]

    by_area = pa.array([f"{n % 50:02d}{'0000'}" for n in range(500)])  # all is told by the first half
    by_end = pa.array([f"{'0000'}{n % 50:02d}" for n in range(500)])  # nothing is
    assert usable(by_area) == pytest.approx(3.0) and usable(by_end) == pytest.approx(0.0)


def test_a_direct_identifier_is_never_advised_to_stay_as_it_is() -> None:
    advised = {each.technique for each in advice.advise("direct", COLUMNS["direct", "text"])}
    assert advised == {"substitution", "encryption", "masking", "controlled_insertion_deletion"}
    names = set(profiles.load().model_json_schema()["$defs"]["Rule"]["properties"]["method"]["enum"])
    assert {e["method"] for e in advice.rules()["techniques"].values()} - {"ladder"} <= names


def test_codes_written_as_numbers_are_no_measures() -> None:
    codes = pa.array([1, 2] * 100)
    assert "numeric_transformation" in {each.technique for each in advice.advise("quasi", codes, "age")}
    assert "numeric_transformation" not in {each.technique for each in advice.advise("quasi", codes, "sex")}


def test_advice_on_a_file_names_a_technique_for_every_column_that_needs_one(tmp_path: Path) -> None:
    path = tmp_path / "门诊.csv"
    rows = "".join(f"张三{n:02},51010419{n:010d},{n % 90},{n % 2 + 1},{n}.5\n" for n in range(60))
    path.write_text("姓名,病案号,年龄,性别代码,总费用\n" + rows, encoding="gb18030")
    found = {
        each["column"]: each for each in json.loads(CliRunner().invoke(app, ["advise", str(path), "--json"]).stdout)
    }
    assert found["姓名"]["role"] == "direct" and found["年龄"]["role"] == "quasi"
    assert all(each["techniques"] for each in found.values())
    shown = CliRunner().invoke(app, ["advise", str(path)]).stdout
    assert "姓名" in shown and "遮挡" in shown
