"""Decides what a column of text is (whole numbers, numbers, dates, truth values, text) from its distinct values."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from enclave.deidentify.reading import formats
from enclave.deidentify.reading.text_table import TextTable
from enclave.kernel.errors import Invalid

SLIP_SHARE = 0.005  # so many rows of another type, or one row, are a slip of the pen; more make it a text column
ORDERLY = 9  # times as many orderly rows as slips before a column without a telling name counts as typed
TYPES = {"whole": pa.int64(), "number": pa.float64(), "date": pa.date32(), "moment": pa.timestamp("us")}


@dataclass(frozen=True)
class ColumnType:
    """How to turn a column's text into values; `pattern` is the date form found."""

    kind: str
    pattern: str = ""
    marks: tuple[str, ...] = ()

    @property
    def arrow(self) -> pa.DataType:
        """Return the Arrow type of the converted column."""
        return {"truth": pa.bool_(), "text": pa.string()}.get(self.kind) or TYPES[self.kind]

    def convert(self, text: pa.Array) -> pa.Array:
        """Convert cells of text; marks of missing values become null."""
        if self.kind == "text":
            return text
        encoded = text.dictionary_encode()
        values = self._convert_values(encoded.dictionary)
        return values.take(encoded.indices)

    def _convert_values(self, values: pa.Array) -> pa.Array:
        trimmed = pc.utf8_trim_whitespace(values)
        known = pc.if_else(formats.is_missing(trimmed, self.marks), None, trimmed)
        if self.kind in ("date", "moment"):
            return formats.moments(known, self.pattern).cast(self.arrow, safe=False)
        if self.kind == "truth":
            return pc.equal(pc.utf8_lower(known), "true")
        return pc.replace_substring_regex(known, r"^\+", "").cast(self.arrow)


@dataclass(frozen=True)
class _Candidate:
    type: ColumnType
    fits: pa.Array


def infer(table: TextTable, column: int, expected: str = "", marks: tuple[str, ...] = ()) -> ColumnType:
    """Return a column's type; a wrong type in a row of an otherwise orderly column raises Invalid.

    `expected` is what the column's name promises: "text", "number", "date" or nothing.
    """
    values, counts = table.distinct(column)
    trimmed = pc.utf8_trim_whitespace(values)
    missing = formats.is_missing(trimmed, marks)
    values, counts, trimmed = (pc.filter(part, pc.invert(missing)) for part in (values, counts, trimmed))
    if len(values) == 0 or expected == "text" or _are_codes(trimmed):
        return ColumnType("text")
    total = pc.sum(counts).as_py()
    best, good = ColumnType("text"), 0
    for candidate in _candidates(trimmed, expected, marks):
        found = pc.sum(pc.filter(counts, candidate.fits)).as_py() or 0
        if found == total:
            return candidate.type
        if found > good:
            best, good, wrong = candidate.type, found, pc.filter(values, pc.invert(candidate.fits))
    if good and _is_slip(total - good, good, total, promised=_promises(expected, best.kind)):
        raise Invalid(
            "ingest_wrong_type",
            file=table.file,
            table=table.name,
            row=table.first_with(column, wrong),
            column=table.names[column],
            rows=total - good,
            **_named(best.kind),
        )
    return ColumnType("text")


def _are_codes(trimmed: pa.Array) -> bool:
    """Tell whether digits are no quantity: some begin with zero, or most are as long as identity and card numbers."""
    if pc.any(pc.match_substring_regex(trimmed, formats.LEADING_ZERO)).as_py():
        return True
    long = pc.sum(pc.match_substring_regex(trimmed, formats.LONG)).as_py() or 0
    return bool(2 * long >= len(trimmed))


def _candidates(trimmed: pa.Array, expected: str, marks: tuple[str, ...]) -> list[_Candidate]:
    """Return the types to try, narrowest first; day and month are never guessed where both orders fit."""
    made = []
    if expected == "date":
        compact = pc.match_substring_regex(trimmed, formats.COMPACT_DATE)
        made.append(_dates(trimmed, formats.COMPACT, marks, compact))
    made.append(_Candidate(ColumnType("whole", marks=marks), formats.is_whole(trimmed)))
    made.append(_Candidate(ColumnType("number", marks=marks), formats.is_number(trimmed)))
    made.append(_Candidate(ColumnType("truth", marks=marks), _is_truth(trimmed)))
    made.append(_dates(trimmed, formats.YEAR_FIRST, marks))
    either = [_dates(trimmed, pattern, marks) for pattern in (formats.DAY_FIRST, formats.MONTH_FIRST)]
    fitting = [pc.sum(candidate.fits).as_py() or 0 for candidate in either]
    if fitting[0] != fitting[1]:
        made.append(either[0] if fitting[0] > fitting[1] else either[1])
    return made


def _dates(trimmed: pa.Array, pattern: str, marks: tuple[str, ...], also: pa.Array | None = None) -> _Candidate:
    found = formats.moments(trimmed, pattern)
    kind = "moment" if formats.has_time(found) else "date"
    fits = found.is_valid() if also is None else pc.and_(found.is_valid(), also)
    return _Candidate(ColumnType(kind, pattern, marks), fits)


def _is_truth(trimmed: pa.Array) -> pa.Array:
    return pc.is_in(pc.utf8_lower(trimmed), value_set=pa.array(["true", "false"]))


def _promises(expected: str, kind: str) -> bool:
    return {"whole": "number", "number": "number", "date": "date", "moment": "date"}.get(kind) == expected


def _is_slip(bad: int, good: int, total: int, *, promised: bool) -> bool:
    few = bad <= max(1, SLIP_SHARE * total)
    return few and good >= (2 if promised else ORDERLY) * bad


def _named(kind: str) -> dict[str, str]:
    names = {"whole": ("整数", "a whole number"), "number": ("数值", "a number"), "truth": ("真/假", "true or false")}
    zh, en = names.get(kind, ("日期", "a date"))
    return {"wanted_zh": zh, "wanted_en": en}
