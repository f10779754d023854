"""Ladders of generalisation: for each quasi-identifier, its values from fine to coarse."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as types

from enclave.deidentify.methods import by_distinct, cut
from enclave.deidentify.profiles import Step

EVERYTHING = "*"
OTHER = "其他 other"
_BAND = re.compile(r"\D*(\d+)\D+(\d+)\D*")
_DIVISIONS = {
    "province": re.compile(r".*?(?:省|自治区|特别行政区|市)"),
    "city": re.compile(r".*?(?:市|自治州|地区|盟)"),
}
_PREFIX = {"county": 6, "city": 4, "province": 2}


def ladder(kind: str, values: pa.Array, steps: Mapping[str, tuple[Step, ...]]) -> list[pa.Array]:
    """Return the column at every level of its ladder: as it is, coarser, and at last one value for all."""
    numeric = types.is_integer(values.type) or types.is_floating(values.type)
    chosen = steps.get(kind) or steps["number" if types.is_floating(values.type) else "category"]
    if not numeric and any(step.bins for step in chosen):
        chosen = steps["category"]
    levels, width = [values], 0.0
    for step in chosen:
        if step.width or step.bins:
            width = step.width or _nice_width(values, step.bins, width)
        coarser = _level(values, step, numeric, width)
        if len(pc.unique(coarser)) < len(pc.unique(levels[-1])):
            levels.append(coarser)
    return [*levels, pa.array([EVERYTHING] * len(values))]


def _level(values: pa.Array, step: Step, numeric: bool, width: float) -> pa.Array:
    if step.width or step.bins:
        banded = _band(width, step.top) if numeric else _text_band(width, step.top)
        return by_distinct(values, banded, pa.string())
    if step.cut:
        return by_distinct(values, lambda value: cut(step.cut, value), pa.string())
    if step.division:
        return by_distinct(values, lambda value: division(step.division, str(value)), pa.string())
    return _frequent(values, step.frequent)


def _band(width: float, top: float = 0) -> Callable[[Any], str | None]:
    """Return bands of a width; the one that holds `top`, the value everything above became, is open."""

    def band(value: Any) -> str | None:
        if not math.isfinite(value):
            return None  # no number: missing
        low = math.floor(value / width) * width
        return f"{low:g}+" if top and low + width > top else f"[{low:g},{low + width:g})"

    return band


def _text_band(width: float, top: float = 0) -> Callable[[Any], str | None]:
    """Widen bands that are texts already, such as `[70-80)`; what is no band becomes one value."""

    def band(value: Any) -> str | None:
        found = _BAND.fullmatch(str(value))
        if not found:
            return EVERYTHING
        low, high = int(found[1]), int(found[2])
        return str(value) if high - low >= width else _band(width, top)(low)

    return band


def _nice_width(values: pa.Array, bins: int, finer: float) -> float:
    """Return a width that covers the middle 98 % in about `bins` bands: 1, 2 or 5 times a power of ten.

    It is a multiple of the `finer` step's width, so that no band of that one is cut in two.
    """
    low, high = (part.as_py() for part in pc.quantile(values, [0.01, 0.99]))
    if low is None or not math.isfinite(high - low) or high <= low:
        return finer or 1.0
    raw = (high - low) / bins
    power = 10.0 ** math.floor(math.log10(raw))
    nice = (m * power for m in (1, 2, 5, 10, 20, 50))
    return next(m for m in nice if m >= raw * 0.999 and (not finer or round(m / finer, 9).is_integer()))


def division(level: str, value: str) -> str:
    """Return a code (GB/T 2260) or a written area cut to county, city or province."""
    digits = value.strip()
    if digits.isdigit() and len(digits) >= 6:
        return digits[: _PREFIX[level]].ljust(6, "0")
    if level == "county":
        return digits
    province = _DIVISIONS["province"].match(digits)
    if not province:
        return digits if level == "city" else EVERYTHING
    if level == "province" or province[0].endswith("市"):
        return province[0]
    city = _DIVISIONS["city"].match(digits, province.end())
    return digits[: city.end()] if city else province[0]


def _frequent(values: pa.Array, share: float) -> pa.Array:
    """Keep values that at least `share` of the rows have; the others become one."""
    counted = pc.value_counts(values)
    needed = share * len(values)
    kept = {row["values"] for row in counted.to_pylist() if row["counts"] >= needed}
    return by_distinct(values, lambda value: str(value) if value in kept else OTHER, pa.string())
