"""What a cell of text can be: the patterns of whole numbers, numbers, moments and truth values."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import yaml

RULES = Path(__file__).resolve().parents[1] / "rules" / "missing.yaml"
WHOLE = r"^[+-]?(0|[1-9][0-9]{0,17})$"
DECIMAL = r"^[+-]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"  # E11 is a diagnosis
LEADING_ZERO = r"^0[0-9]+$"
LONG = r"^[0-9]{16,}$"  # identity and card numbers, which a float would round
COMPACT_DATE = r"^(1[89]|2[01])[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])$"
_TIME = (
    r"(?:[ T]+(?P<hour>[0-9]{1,2})[:：时](?P<minute>[0-9]{1,2})(?:分|[:：](?P<second>[0-9]{1,2})"
    r"(?:\.(?P<fraction>[0-9]{1,9}))?秒?)?)?(?:Z|[+-]00:?00)?$"
)
YEAR_FIRST = r"^(?P<year>[12][0-9]{3})(?:-|/|\.|年)(?P<month>[0-9]{1,2})(?:-|/|\.|月)(?P<day>[0-9]{1,2})日?" + _TIME
DAY_FIRST = r"^(?P<day>[0-9]{1,2})(?:-|/|\.)(?P<month>[0-9]{1,2})(?:-|/|\.)(?P<year>[12][0-9]{3})" + _TIME
MONTH_FIRST = r"^(?P<month>[0-9]{1,2})(?:-|/|\.)(?P<day>[0-9]{1,2})(?:-|/|\.)(?P<year>[12][0-9]{3})" + _TIME
COMPACT = r"^(?P<year>[0-9]{4})(?P<month>[0-9]{2})(?P<day>[0-9]{2})" + _TIME
CANONICAL = "%Y-%m-%d %H:%M:%S"


@lru_cache(maxsize=8)
def missing_marks(extra: tuple[str, ...] = ()) -> pa.Array:
    """Return the marks that mean "no value", with those a steward declared."""
    marks = yaml.safe_load(RULES.read_text("utf-8"))["marks"]
    return pa.array([*marks, *(mark.strip().casefold() for mark in extra)], pa.string())


def is_missing(text: pa.Array, extra: tuple[str, ...] = ()) -> pa.Array:
    """Tell for each trimmed cell whether it means "no value"."""
    return pc.is_in(pc.utf8_lower(text), value_set=missing_marks(extra))


def is_whole(text: pa.Array) -> pa.Array:
    """Tell for each cell whether it is an integer of at most 18 digits."""
    return pc.match_substring_regex(text, WHOLE)


def is_number(text: pa.Array) -> pa.Array:
    """Tell for each cell whether it is a decimal number."""
    return pc.match_substring_regex(text, DECIMAL)


def moments(text: pa.Array, pattern: str) -> pa.Array:
    """Return each cell as a moment, null where it is none; 30 February is none."""
    parts = pc.extract_regex(text, pattern)

    def part(name: str, width: int) -> pa.Array:
        digits = parts.field(name) if parts.type.get_field_index(name) >= 0 else None
        return pc.utf8_lpad(pc.if_else(pc.equal(digits, ""), "0", digits), width, "0")

    day = pc.binary_join_element_wise(part("year", 4), part("month", 2), part("day", 2), "-")
    clock = pc.binary_join_element_wise(part("hour", 2), part("minute", 2), part("second", 2), ":")
    canonical = pc.binary_join_element_wise(day, clock, " ")
    canonical = pc.if_else(parts.is_valid(), canonical, None)
    parsed = pc.strptime(canonical, format=CANONICAL, unit="us", error_is_null=True)
    exact = pc.equal(pc.strftime(parsed, format="%Y-%m-%d %H:%M:"), pc.utf8_slice_codeunits(canonical, 0, 17))
    fraction = pc.utf8_slice_codeunits(pc.utf8_rpad(parts.field("fraction"), 6, "0"), 0, 6).cast(pa.int64())
    return pc.if_else(exact, pc.add(parsed, fraction.cast(pa.duration("us"))), None)


def has_time(found: pa.Array) -> bool:
    """Tell whether any moment is not midnight."""
    return bool(pc.any(pc.not_equal(found, pc.floor_temporal(found, unit="day"))).as_py())
