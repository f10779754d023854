"""The methods of de-identification on one column: each works on distinct values, or on values and persons."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as types

from enclave.deidentify import techniques
from enclave.deidentify.profiles import Treatment

SHIFT_DAYS = 182  # a person's dates move by up to half a year either way, and never by nothing
PSEUDONYM_HEX = 16
BLOCK = 64  # of SHA-256, in bytes
EARLIEST = date(1880, 1, 1)
# The words of 9.1 and 10.4.2 e)(1) for what each method does.
TECHNIQUES = {
    "keep": "none",
    "drop": "deletion",
    "pseudonym": "encryption",
    "shift": "numeric_transformation",
    "year": "generalisation",
    "top": "generalisation",
    "cut": "masking",
    "substitute": "substitution",
    "shuffle": "shuffling",
    "vary": "numeric_transformation",
    "encrypt": "encryption",
    "mask": "masking",
    "truncate": "truncation",
}
Column: TypeAlias = Any  # pyarrow has no types


@dataclass(frozen=True)
class Setting:
    """What the columns of one version have in common: its key, the number of persons, its last day of events."""

    key: bytes
    persons: int
    last: date


def by_distinct(column: Column, change: Callable[[Any], Any], kind: pa.DataType | None = None) -> pa.Array:
    """Return the column with `change` applied to each distinct value once; missing stays missing."""
    flat = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    coded = flat if types.is_dictionary(flat.type) else pc.dictionary_encode(flat)
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks()
    changed = pa.array([None if v is None else change(v) for v in coded.dictionary.to_pylist()], kind)
    return changed.take(coded.indices)


def pseudonyms(key: bytes, domain: str, column: Column) -> pa.Array:
    """Return keyed pseudonyms (HMAC-SHA-256): equal for equal values of a domain, unlinkable across keys.

    Spellings of one number are one value: 7 and 7.0, full-width digits, a final x or X.
    """
    flat = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    coded = flat if types.is_dictionary(flat.type) else pc.dictionary_encode(flat)
    keyed = _keyed(key, f"{domain}\0".encode())
    made = [None if word is None else keyed(word.encode()) for word in _spelled(coded.dictionary).to_pylist()]
    return pa.array(made, pa.string()).take(coded.indices)


def _keyed(key: bytes, prefix: bytes) -> Callable[[bytes], str]:
    """Return HMAC-SHA-256 of prefix and message, cut: both paddings are hashed once, not for every message."""
    padded = (key if len(key) <= BLOCK else hashlib.sha256(key).digest()).ljust(BLOCK, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded) + prefix)
    outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in padded))

    def keyed(message: bytes) -> str:
        inside, outside = inner.copy(), outer.copy()
        inside.update(message)
        outside.update(inside.digest())
        return outside.hexdigest()[:PSEUDONYM_HEX]

    return keyed


def _spelled(values: pa.Array) -> pa.Array:
    if types.is_floating(values.type) and all(v is None or v.is_integer() for v in values.to_pylist()):
        values = values.cast(pa.int64())
    normal = pc.utf8_normalize(values.cast(pa.string()), form="NFKC")
    return pc.utf8_upper(pc.utf8_trim_whitespace(normal))


def domain_of(treatment: Treatment) -> str:
    """Return the domain within which equal values keep equal pseudonyms: people, or one record number's name."""
    return treatment.rule.domain or treatment.variable.name.casefold()


def shifts(key: bytes, persons: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the days each person's dates move by, one per person index: keyed, never 0."""
    stream = np.frombuffer(hashlib.shake_256(key + b"shift").digest(persons * 4), dtype="<u4").astype(np.int64)
    days = stream % (2 * SHIFT_DAYS) - SHIFT_DAYS
    return np.where(days >= 0, days + 1, days)


def shift(column: Column, persons: Column, setting: Setting, unit: str, oldest: int = 0) -> pa.Array | None:
    """Return dates or moments moved by each person's days; None when the column holds no dates at all.

    `unit` day leaves out the time of day; `oldest` moves births up until nobody is older at the last day. Days that
    cannot be a person's (before 1880, a year or more after the last day) stand for "open" or "unknown" in every
    row: moved, they would tell each person's shift, so they stay.
    """
    flat = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if not (types.is_date(flat.type) or types.is_timestamp(flat.type)):
        return None
    moments = flat.cast(pa.timestamp("us")).to_numpy(zero_copy_only=False)
    if oldest:
        moments = np.maximum(moments, np.datetime64(_years_before(setting.last, oldest), "us"))  # NaT stays
    days = shifts(setting.key, setting.persons)[np.asarray(persons)].astype("timedelta64[D]")
    own = (moments >= np.datetime64(EARLIEST)) & (moments < np.datetime64(setting.last + timedelta(days=366)))
    moved = pa.array(np.where(own, moments + days, moments), pa.timestamp("us"), from_pandas=True)
    return moved.cast(pa.date32(), safe=False) if unit == "day" else moved.cast(flat.type, safe=False)


def _years_before(day: date, years: int) -> date:
    return day.replace(year=day.year - years, day=min(day.day, 28))


def year(value: Any, earliest: int = 0) -> int | None:
    """Return the year of a date, a moment, a number or an ISO text, and nothing before `earliest`."""
    written = str(value.year if isinstance(value, date | datetime) else value)[:4]
    return max(int(written), earliest) if written.isdigit() else None


def top(at: int, column: Column) -> pa.Array:
    """Return numbers with everything from `at` on as `at` (top coding); text stays as it is."""
    if not (types.is_integer(column.type) or types.is_floating(column.type)):
        return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return by_distinct(column, lambda value: min(value, at), column.type)


def cut(keep: int, value: Any) -> str:
    """Return the first characters, the rest as stars."""
    written = str(value)
    return written[:keep] + "*" * max(len(written) - keep, 0)


def treat(treatment: Treatment, column: Column, persons: Column, setting: Setting) -> pa.Array | None:
    """Return the treated column, or None when it leaves the data."""
    rule = treatment.rule
    match rule.method:
        case "keep":
            return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        case "pseudonym":
            return pseudonyms(setting.key, domain_of(treatment), column)
        case "shift":
            return shift(column, persons, setting, rule.unit, rule.oldest)
        case "year":
            earliest = setting.last.year - rule.oldest if rule.oldest else 0
            return by_distinct(column, lambda value: year(value, earliest), pa.int32())
        case "top":
            return top(rule.at, column)
        case "cut":
            return by_distinct(column, lambda value: cut(rule.keep, value), pa.string())
        case "drop":
            return None
        case _:
            return _technique(treatment, column, persons, setting)


def _technique(treatment: Treatment, column: Column, persons: Column, setting: Setting) -> pa.Array:
    """Return the column by one of the further techniques of 9.1; a domain keeps equal values equal."""
    rule, domain, key = treatment.rule, domain_of(treatment), setting.key
    match rule.method:
        case "shuffle":
            return techniques.shuffled(key, domain, column)
        case "vary":
            return techniques.varied(key, domain, rule.bound, column, np.asarray(persons))
        case "substitute":
            change = partial(techniques.substitute, key, domain, rule.words)
        case "encrypt":
            change = partial(techniques.encrypted, key, domain)
        case "mask":
            change = partial(techniques.masked, start=rule.keep, end=rule.keep_end)
        case _:
            change = partial(techniques.truncated, keep=rule.keep)
    return by_distinct(column, change, pa.string())
