"""Pseudonyms, shifts and cuts: equal where they must be, different where they must be, telling nothing else."""

from __future__ import annotations

import hashlib
import hmac
from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog_browser.views import VariableView
from enclave.deidentify import profiles
from enclave.deidentify.methods import SHIFT_DAYS, Setting, pseudonyms, shift, shifts, treat, year
from enclave.kernel.errors import Invalid

KEY, OTHER = b"k" * 32, b"o" * 32
LAST = date(2024, 6, 30)
SETTING = Setting(KEY, 50, LAST)
days = st.dates(date(1950, 1, 1), LAST)


def variable(
    name: str, kind: str, role: str, table: str = "t", level: int = 2, person_key: bool = False
) -> VariableView:
    return VariableView(
        "v", table, name, 0, "text", kind, "", "", {}, {}, {}, role, role, person_key, "", "", "", level, "", True
    )


def method(form: profiles.Form, name: str, *variables: VariableView) -> str:
    plan = profiles.plan(profiles.load(), form, variables)
    return next(treatment.rule.method for treatment in plan if treatment.variable.name == name)


# -- pseudonyms ---------------------------------------------------------------------------------------
@given(st.lists(st.text(min_size=1).filter(lambda text: text.strip()), min_size=1, unique=True), st.binary(min_size=1))
def test_it_is_hmac(values: list[str], key: bytes) -> None:
    plain = [value for value in values if value == value.strip().upper() and value.isascii()]
    expected = [hmac.digest(key, b"d\0" + value.encode(), "sha256").hex()[:16] for value in plain]
    assert pseudonyms(key, "d", pa.array(plain, pa.string())).to_pylist() == expected


@pytest.mark.clause("9.1-11a")
@pytest.mark.clause("9.1-11d")
@given(st.lists(st.one_of(st.none(), st.integers(0, 10**12)), min_size=1))
def test_equal_values_and_only_they_are_equal(values: list[int | None]) -> None:
    made = pseudonyms(KEY, "person", pa.array(values, pa.int64())).to_pylist()
    assert [value is None for value in values] == [value is None for value in made]
    assert len(set(made)) == len(set(values))
    assert not set(made).intersection(map(str, values)) - {None}
    again = pseudonyms(KEY, "person", pa.array(values, pa.float64()).cast(pa.string()))
    assert len(again) == len(made)


@given(st.lists(st.integers(0, 10**9), min_size=1, unique=True))
def test_no_pseudonym_of_one_key_or_domain_is_one_of_another(values: list[int]) -> None:
    column = pa.array(values, pa.int64())
    made = [set(pseudonyms(key, domain, column).to_pylist()) for key in (KEY, OTHER) for domain in ("person", "record")]
    assert len(set().union(*made)) == 4 * len(values)


def test_spellings_of_one_number_are_one_person() -> None:
    written = pa.array(["51010719900101123x", " 51010719900101123X", "５１０１０７１９９００１０１１２３Ｘ"])
    assert len(set(pseudonyms(KEY, "person", written).to_pylist())) == 1
    same = [pseudonyms(KEY, "k", pa.array(values)).to_pylist()[0] for values in ([7], [7.0], ["7"])]
    assert len(set(same)) == 1


# -- shifts -------------------------------------------------------------------------------------------
def test_every_person_moves_and_never_by_nothing() -> None:
    moved = shifts(KEY, 5000)
    assert not (moved == 0).any()
    assert abs(moved).max() <= SHIFT_DAYS
    assert len(np.unique(moved)) > 300
    assert (shifts(KEY, 100) == moved[:100]).all()
    assert (shifts(OTHER, 5000) != moved).mean() > 0.99


@pytest.mark.clause("9.1-11c")
@given(st.lists(st.tuples(st.integers(0, 49), days, days), min_size=1))
def test_intervals_of_a_person_are_kept(rows: list[tuple[int, date, date]]) -> None:
    persons, first, second = (list(part) for part in zip(*rows, strict=True))
    people = pa.array(persons, pa.int64())
    start = shift(pa.array(first, pa.date32()), people, SETTING, "second").to_pylist()
    moments = [datetime(day.year, day.month, day.day, 13, 45) for day in second]
    end = shift(pa.array(moments, pa.timestamp("us")), people, SETTING, "second").to_pylist()
    for row, (_, old, new) in enumerate(rows):
        assert end[row] - datetime.combine(start[row], datetime.min.time()) == (new - old) + timedelta(
            hours=13, minutes=45
        )
        assert start[row] != old
    by_day = shift(pa.array(moments, pa.timestamp("us")), people, SETTING, "day").to_pylist()
    assert by_day == [moment.date() for moment in end]


def test_placeholders_do_not_tell_the_shift() -> None:
    column = pa.array([date(9999, 12, 31), date(2099, 1, 1), date(1800, 1, 1), None], pa.date32())
    moved = shift(column, pa.array([0, 1, 2, 3]), SETTING, "second")
    assert moved.to_pylist() == column.to_pylist()


def test_nobody_is_older_than_the_oldest() -> None:
    births = pa.array([date(1899, 5, 5), date(1920, 1, 1), date(1980, 2, 29)], pa.date32())
    moved = shift(births, pa.array([0, 1, 2]), SETTING, "day", 90).to_pylist()
    own = shifts(KEY, 50)
    told = [day - timedelta(days=int(own[person])) for person, day in enumerate(moved)]
    assert told == [date(1934, 6, 28), date(1934, 6, 28), date(1980, 2, 29)]
    assert [year(day, 1934) for day in births.to_pylist()] == [1934, 1934, 1980]
    assert [year(value) for value in (1987, "1987-01", None, "x")] == [1987, 1987, None, None]


def test_what_is_no_date_leaves_the_data() -> None:
    assert shift(pa.array(["2020-13-45", "soon"]), pa.array([0, 1]), SETTING, "second") is None


# -- the profile ---------------------------------------------------------------------------------------
@pytest.mark.clause("3.8-n1")
@pytest.mark.clause("10.4.2-e-1l")
def test_no_direct_identifier_is_kept_in_clear() -> None:
    kinds = "person_name contact_name national_id medical_record_no phone email address employer insurance_no device_id"
    for form in ("limited", "deidentified"):
        for kind in kinds.split():
            assert method(form, "x", variable("x", kind, "direct")) == "drop"
        key = variable("x", "national_id", "direct", person_key=True)
        assert method(form, "x", key) == "pseudonym"


@pytest.mark.clause("3.9")
def test_free_text_and_level_five_leave() -> None:
    for form in ("limited", "deidentified"):
        assert method(form, "x", variable("x", "free_text", "sensitive")) == "drop"
        assert method(form, "x", variable("x", "laboratory", "sensitive", level=5)) == "drop"
        assert method(form, "x", variable("x", "laboratory", "sensitive")) == "keep"


def test_what_no_rule_names_is_dropped() -> None:
    for form in ("limited", "deidentified"):
        assert method(form, "x", variable("x", "news", "unheard")) == "drop"


def test_what_would_tell_the_shift_leaves() -> None:
    admission, year_of_it = variable("admission", "date", "quasi"), variable("year", "year", "quasi")
    for form in ("limited", "deidentified"):
        assert method(form, "year", admission, year_of_it) == "drop"
    assert method("limited", "year", year_of_it) == "keep"
    elsewhere = variable("admission", "date", "quasi", table="another")
    assert method("limited", "year", elsewhere, year_of_it) == "keep"


def test_keys_of_records_join_whatever_their_columns_are_called() -> None:
    first = variable("visit_id", "record_key", "direct")
    second = variable("encounter", "record_key", "direct", table="another")
    made = [
        treat(treatment, pa.array([1, 2]), pa.array([0, 1]), SETTING)
        for treatment in profiles.plan(profiles.load(), "limited", [first, second])
    ]
    assert made[0] == made[1]


@pytest.mark.clause("9.1-12f")
def test_profiles_are_validated_and_hashed(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    profile = profiles.load()
    assert profile.digest == profiles.Profile.model_validate(profile.model_dump()).digest
    changed = profile.model_copy(update={"suppression": 0.5})
    assert changed.digest != profile.digest
    with pytest.raises(Invalid, match="nowhere"):
        profiles.load("nowhere")


def test_shifts_come_from_the_key_alone() -> None:
    stream = np.frombuffer(hashlib.shake_256(KEY + b"shift").digest(8), dtype="<u4").astype(np.int64)
    plain = stream % (2 * SHIFT_DAYS) - SHIFT_DAYS
    assert shifts(KEY, 2).tolist() == [int(day + 1 if day >= 0 else day) for day in plain]
