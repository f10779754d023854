"""The application form: what its fields are, how answers are read, and what still stands against submission."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

import phonenumbers

from enclave.kernel.errors import Invalid
from enclave.kernel.i18n import text
from request_review.rulebook import rules


@dataclass(frozen=True)
class Field:
    """One field of the form. `when` maps another field to the values for which this one is asked."""

    code: str
    section: str
    type: str
    zh: str
    en: str
    clauses: tuple[str, ...]
    optional: bool = False
    max: int = 0
    help_zh: str = ""
    help_en: str = ""
    options: Mapping[str, Mapping[str, str]] | None = None
    when: Mapping[str, Sequence[str]] | None = None

    def label(self, language: str) -> str:
        """Return the label in `zh` or `en`."""
        return self.zh if language == "zh" else self.en

    def help(self, language: str) -> str:
        """Return the help text in `zh` or `en`."""
        return self.help_zh if language == "zh" else self.help_en

    def asked(self, answers: Mapping[str, Any]) -> bool:
        """Tell whether the field is asked, given the other answers."""
        return all(answers.get(name) in values for name, values in (self.when or {}).items())


@dataclass(frozen=True)
class Problem:
    """What stands against submission, beside the field it belongs to; the field is empty for the whole."""

    field: str
    code: str
    zh: str
    en: str
    clauses: tuple[str, ...] = ()

    def message(self, language: str) -> str:
        """Return the sentence in `zh` or `en`."""
        return self.zh if language == "zh" else self.en


@lru_cache(maxsize=1)
def fields() -> dict[str, Field]:
    """Return the fields of the form in force, by code, in order."""
    made = (Field(**{**entry, "clauses": tuple(entry["clauses"])}) for entry in rules("form")["fields"])
    return {field.code: field for field in made}


def sections() -> dict[str, dict[str, str]]:
    """Return the sections in order, each with its title in both languages."""
    return dict(rules("form")["sections"])


def problem(field: str, code: str, clauses: Iterable[str] = (), **facts: Any) -> Problem:
    """Return a problem; a fact may differ by language as `name_zh` and `name_en`."""
    return Problem(field, code, text(code, "zh", **facts), text(code, "en", **facts), tuple(clauses))


def read_answers(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the answers in the form they are kept: JSON, texts normalised. Incomplete is fine, a wrong type is not."""
    known = fields()
    if unknown := set(given).difference(known):
        raise Invalid("request_unknown_field", field=", ".join(sorted(unknown)))
    return {code: _read(known[code], value) for code, value in given.items() if value is not None}


def _read(field: Field, value: Any) -> Any:
    try:
        return _READERS[field.type](field, value)
    except (TypeError, ValueError, KeyError) as error:
        facts = {f"label_{language}": field.label(language) for language in ("zh", "en")}
        raise Invalid("request_field_unreadable", field=field.code, **facts) from error


def _text(field: Field, value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(field.code)
    kept = unicodedata.normalize("NFC", value).strip()
    # Control and direction characters can make a printed agreement say something else than its screen.
    if any(unicodedata.category(sign) in ("Cc", "Cf", "Cs") and sign not in "\n\t" for sign in kept):
        raise ValueError(field.code)
    if field.type != "long_text" and "\n" in kept:
        raise ValueError(field.code)
    if field.max and len(kept) > field.max:
        facts = {f"label_{language}": field.label(language) for language in ("zh", "en")}
        raise Invalid("request_field_long", field=field.code, length=len(kept), most=field.max, **facts)
    return kept


def _date(_field: Field, value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    return date.fromisoformat(value).isoformat() if value else ""


def _choice(field: Field, value: Any) -> str:
    if value and value not in (field.options or {}):
        raise ValueError(field.code)
    return str(value)


def _boolean(field: Field, value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(field.code)
    return value


def _number(field: Field, value: Any) -> float:
    number = round(float(value), 2)
    if not 0 <= number < 1e9:
        raise ValueError(field.code)
    return number


def _names(field: Field, value: Any) -> list[str]:
    if isinstance(value, str):
        raise TypeError(field.code)
    return list(dict.fromkeys(_text(field, name) for name in value if name))


def _filter(_field: Field, value: Any) -> list[dict[str, Any]]:
    return [{"column": part["column"], "op": part["op"], "value": _listed(part["value"])} for part in value]


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, list | tuple) else value


def _publications(field: Field, value: Any) -> list[dict[str, Any]]:
    found = [{"reference": _text(field, part["reference"]), "year": int(part["year"])} for part in value]
    return [part for part in found if part["reference"]]


_READERS: dict[str, Callable[[Field, Any], Any]] = {
    "text": _text,
    "long_text": _text,
    "phone": _text,
    "dataset": _text,
    "date": _date,
    "choice": _choice,
    "boolean": _boolean,
    "number": _number,
    "columns": _names,
    "members": _names,
    "filter": _filter,
    "publications": _publications,
}


def missing(answers: Mapping[str, Any]) -> list[Problem]:
    """Return a problem for every field that is asked, not optional, and empty."""
    found = []
    for field in fields().values():
        if field.optional or not field.asked(answers) or answers.get(field.code) not in (None, "", [], False):
            continue
        code = "request_must_declare" if field.type == "boolean" else "request_field_missing"
        found.append(problem(field.code, code, field.clauses, label_zh=field.zh, label_en=field.en))
    return found


def phone_problem(number: str) -> Problem | None:
    """Return a problem when a telephone number cannot be one (A-4)."""
    try:
        valid = phonenumbers.is_valid_number(phonenumbers.parse(number, "CN"))
    except phonenumbers.NumberParseException:
        valid = False
    return None if valid or not number else problem("contact_phone", "request_phone", ["A-4"])


def day(answers: Mapping[str, Any], code: str) -> date | None:
    """Return a date answer, or None when it is empty."""
    return date.fromisoformat(answers[code]) if answers.get(code) else None


def filter_text(row_filter: Sequence[Mapping[str, Any]]) -> str:
    """Return a row filter as a Chinese document states it."""

    def words(part: Mapping[str, Any]) -> str:
        if part["op"] == "in":
            return f"{part['column']} 属于 {'、'.join(map(str, part['value']))}"
        return f"{part['column']} {part['op']} {part['value']}"

    return "；".join(words(part) for part in row_filter) or "全部人群"
