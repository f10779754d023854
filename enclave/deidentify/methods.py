"""The methods of de-identification on one column: each works on distinct values, or on values and persons."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as types

from enclave.deidentify.profiles import Treatment

SHIFT_DAYS = 182  # a person's dates move by up to half a year either way, and never by nothing
PSEUDONYM_HEX = 16
Column = pa.Array | pa.ChunkedArray


def by_distinct(column: Column, change: Callable[[Any], Any], kind: pa.DataType | None = None) -> pa.Array:
    """Return the column with `change` applied to each distinct value once; missing stays missing."""
    flat = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    coded = flat if types.is_dictionary(flat.type) else pc.dictionary_encode(flat)
    if isinstance(coded, pa.ChunkedArray):
        coded = coded.combine_chunks()
    changed = pa.array([None if v is None else change(v) for v in coded.dictionary.to_pylist()], kind)
    return changed.take(coded.indices)


def pseudonym(key: bytes, domain: str, value: Any) -> str:
    """Return the keyed pseudonym of a value: equal in a domain, unlinkable across keys (HMAC-SHA-256)."""
    written = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    return hmac.new(key, f"{domain}\0{written}".encode(), hashlib.sha256).hexdigest()[:PSEUDONYM_HEX]


def domain_of(treatment: Treatment) -> str:
    """Return the domain within which equal values keep equal pseudonyms: people, or one record number's name."""
    return treatment.rule.domain or treatment.variable.name.casefold()


def shifts(key: bytes, persons: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return the days each person's dates move by, one per person index: keyed, never 0."""
    stream = np.frombuffer(hashlib.shake_256(key + b"shift").digest(persons * 4), dtype="<u4").astype(np.int64)
    days = stream % (2 * SHIFT_DAYS) - SHIFT_DAYS
    return np.where(days >= 0, days + 1, days)


def shift(column: Column, persons: Column, key: bytes, count: int) -> pa.Array | None:
    """Return dates or moments moved by each person's days; None when the column holds no dates at all."""
    flat = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if not (types.is_date(flat.type) or types.is_timestamp(flat.type)):
        return None
    days = shifts(key, count)[np.asarray(persons)]
    moved = flat.cast(pa.timestamp("us")).to_numpy(zero_copy_only=False) + days.astype("timedelta64[D]")
    return pa.array(moved, pa.timestamp("us"), from_pandas=True).cast(flat.type, safe=False)


def year(value: Any) -> int | None:
    """Return the year of a date, a moment or an ISO text."""
    if isinstance(value, date | datetime):
        return value.year
    written = str(value)[:4]
    return int(written) if written.isdigit() else None


def top(at: int, column: Column) -> pa.Array:
    """Return numbers with everything from `at` on as `at` (top coding); text stays as it is."""
    if not (types.is_integer(column.type) or types.is_floating(column.type)):
        return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return by_distinct(column, lambda value: min(value, at), column.type)


def cut(keep: int, value: Any) -> str:
    """Return the first characters, the rest as stars."""
    written = str(value)
    return written[:keep] + "*" * max(len(written) - keep, 0)


def treat(treatment: Treatment, column: Column, persons: Column, key: bytes, count: int) -> pa.Array | None:
    """Return the treated column, or None when it leaves the data."""
    rule = treatment.rule
    match rule.method:
        case "keep":
            return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        case "pseudonym":
            return by_distinct(column, lambda value: pseudonym(key, domain_of(treatment), value), pa.string())
        case "shift":
            return shift(column, persons, key, count)
        case "year":
            return by_distinct(column, year, pa.int32())
        case "top":
            return top(rule.at, column)
        case "cut":
            return by_distinct(column, lambda value: cut(rule.keep, value), pa.string())
        case "drop":
            return None
