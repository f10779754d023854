"""Errors and sentences: a stable code, both languages, filled from facts."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from enclave.kernel import clock, i18n
from enclave.kernel.errors import Conflict, EnclaveError, Invalid, NotFound, Refused, Unavailable


@pytest.mark.promise("P8")
def test_an_error_explains_itself_in_both_languages() -> None:
    error = Refused("forbidden", clauses=["5.2"], roles="steward")
    assert error.as_dict() == {
        "code": "forbidden",
        "message_zh": "您的身份不能做这一步（需要：steward）。",
        "message_en": "Your role does not allow this step (needed: steward).",
        "facts": {"roles": "steward"},
        "clauses": ["5.2"],
    }
    assert str(error) == error.message("en")


@pytest.mark.parametrize(
    ("kind", "status"), [(Refused, 403), (NotFound, 404), (Conflict, 409), (Invalid, 422), (Unavailable, 503)]
)
def test_kinds_of_errors_have_their_status(kind, status) -> None:
    assert kind("x").status == status
    assert issubclass(kind, EnclaveError)


def test_the_language_of_the_reader_is_used_when_none_is_named() -> None:
    token = i18n.language.set("en")
    try:
        assert i18n.text("already_decided").startswith("Somebody")
        assert str(i18n.catalogue()["already_decided"]).startswith("Somebody")
    finally:
        i18n.language.reset(token)
    assert i18n.text("already_decided").startswith("已经")


def test_an_unknown_key_shows_itself_and_a_missing_fact_leaves_its_place() -> None:
    assert i18n.text("no_such_key", "zh") == "no_such_key"
    assert "{roles}" in i18n.text("forbidden", "en")


@pytest.mark.parametrize(
    "content", ["a: {zh: 一}", "a: {zh: 一, en: one, fr: un}", "a: text"], ids=["one-language", "three", "plain"]
)
def test_a_text_without_exactly_two_languages_stops_the_start(tmp_path, monkeypatch, content) -> None:
    (tmp_path / "x.yaml").write_text(content, "utf-8")
    monkeypatch.setattr(i18n, "LOCALE", tmp_path)
    with pytest.raises(ValueError, match=r"x\.yaml"):
        i18n.catalogue.__wrapped__()


def test_a_key_defined_twice_stops_the_start(tmp_path, monkeypatch) -> None:
    for name in ("x", "y"):
        (tmp_path / f"{name}.yaml").write_text("a: {zh: 一, en: one}", "utf-8")
    monkeypatch.setattr(i18n, "LOCALE", tmp_path)
    with pytest.raises(ValueError, match="twice"):
        i18n.catalogue.__wrapped__()


@pytest.mark.promise("P3")
def test_an_end_date_ends_at_the_end_of_that_day_in_shanghai() -> None:
    assert clock.end_of_day(date(2026, 3, 1)) == datetime(2026, 3, 1, 16, tzinfo=UTC)
    with clock.frozen(datetime(2026, 3, 1, 15, 59, 59, tzinfo=UTC)):
        assert clock.today() == date(2026, 3, 1)
        assert clock.now() < clock.end_of_day(clock.today())
        assert clock.local(clock.now()) == "2026-03-01 23:59"
    with clock.frozen(datetime(2026, 3, 1, 16, tzinfo=UTC)):
        assert clock.today() == date(2026, 3, 2)


def test_the_present_is_aware() -> None:
    assert clock.now().utcoffset().total_seconds() == 0
