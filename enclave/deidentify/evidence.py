"""What the values of a column show, from its distinct values and how often each occurs."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as types
import yaml
from stdnum import luhn
from stdnum.cn import uscc
from stdnum.iso7064 import mod_11_2

from enclave.deidentify.betrayal import betrayed
from enclave.deidentify.names import RULES


@dataclass(frozen=True)
class Evidence:
    """A column in numbers. `sample` holds distinct values as text, spread evenly; they never leave the process.

    `betrays` counts by topic the rows whose value betrays a sensitive condition, over all values.
    """

    dtype: str
    rows: int
    missing: int
    distinct: int
    sample: tuple[str, ...]
    low: Any = None
    high: Any = None
    whole: bool = False
    longest: int = 0
    mean_length: float = 0.0
    betrays: Mapping[str, int] = field(default_factory=dict)

    @property
    def present(self) -> int:
        """Return how many cells hold a value."""
        return self.rows - self.missing

    @property
    def uniqueness(self) -> float:
        """Return the share of distinct values among the cells that hold one."""
        return self.distinct / self.present if self.present else 0.0

    @property
    def is_date(self) -> bool:
        """Tell whether the values are dates or moments, typed or written."""
        return self.dtype in ("date", "moment") or (self.is_text and self.share(_DATE.fullmatch) >= 0.9)

    @property
    def is_number(self) -> bool:
        """Tell whether the values are typed numbers."""
        return self.dtype in ("whole", "number")

    @property
    def is_text(self) -> bool:
        """Tell whether the values are text."""
        return self.dtype == "text"

    def share(self, matches: Callable[[str], Any]) -> float:
        """Return the share of the sampled distinct values that match."""
        return sum(bool(matches(value)) for value in self.sample) / len(self.sample) if self.sample else 0.0


@dataclass(frozen=True)
class ValueFinding:
    """A kind shown by the values, and by which share of them; `personal` values only persons have."""

    kind: str
    share: float
    zh: str
    en: str
    personal: bool = False


_DATE = re.compile(r"(1[6-9]|2[01])\d\d([-/.年]\d{1,2}([-/.月]\d{1,2}日?)?)([ T].*)?|(1[89]|2[01])\d{6}")


def gather(column: pa.ChunkedArray) -> Evidence:
    """Return the evidence of one column."""
    counted = pc.value_counts(column.drop_null())
    values = counted.field("values")
    step = max(1, math.ceil(len(values) / rules()["sample"]))
    sample = values.take(pa.array(range(0, len(values), step), pa.int64()))
    text = tuple(unicodedata.normalize("NFKC", str(value)) for value in sample.to_pylist())
    base = {"rows": len(column), "missing": column.null_count, "distinct": len(values)}
    dtype = dtype_name(column.type)
    if dtype == "text" or len(values) == 0 or dtype == "truth":
        lengths = [len(value) for value in text]
        mean = sum(lengths) / len(lengths) if lengths else 0.0
        rows = betrayed(values, counted.field("counts")) if dtype == "text" and len(values) else {}
        return Evidence(dtype, **base, sample=text, longest=max(lengths, default=0), mean_length=mean, betrays=rows)
    ends = pc.min_max(values)
    whole = dtype == "whole" or (dtype == "number" and _all_whole(values))
    plain = tuple(value.removesuffix(".0") for value in text) if whole else text
    return Evidence(dtype, **base, sample=plain, low=ends["min"].as_py(), high=ends["max"].as_py(), whole=whole)


def strong_finding(evidence: Evidence) -> ValueFinding | None:
    """Return what the values show beyond any name: check digits, addresses of e-mail, telephone numbers."""
    if not (evidence.is_text or evidence.whole):
        return None
    return _first(rules()["strong"], evidence)


def plain_finding(evidence: Evidence) -> ValueFinding | None:
    """Return what the values show where the name says nothing."""
    if not (evidence.is_text or evidence.whole):
        return None
    return _first(rules()["plain"], evidence)


def holds_identifiers(evidence: Evidence) -> bool:
    """Tell whether some of the texts have an identity number, a telephone number or the like in them."""
    rule = rules()["inside"]
    found = [text for text in evidence.sample if re.search(rule["pattern"], text)] if evidence.is_text else []
    return bool(len(found) >= max(rule["least"], rule["share"] * len(evidence.sample)))


@lru_cache(maxsize=1)
def rules() -> dict[str, Any]:
    """Return the rules on values."""
    loaded: dict[str, Any] = yaml.safe_load((RULES / "values.yaml").read_text("utf-8"))
    return loaded


def _first(candidates: Iterable[dict[str, Any]], evidence: Evidence) -> ValueFinding | None:
    for rule in candidates:
        fits_count = rule["least"] <= evidence.distinct <= rule.get("most", evidence.distinct)
        if fits_count and evidence.uniqueness >= rule.get("unique", 0):
            share = evidence.share(_matcher(rule))
            if share >= rule["share"]:
                return ValueFinding(rule["kind"], share, rule["zh"], rule["en"], bool(rule.get("personal")))
    return None


def _matcher(rule: dict[str, Any]) -> Callable[[str], Any]:
    if "check" in rule:
        return CHECKS[rule["check"]]
    if "words" in rule:
        return lambda value: value.strip().casefold() in rule["words"]
    return re.compile(rule["pattern"]).fullmatch


def is_id18(value: str) -> bool:
    """Tell whether a value is an 18-digit resident ID number: province, birth date and check digit hold (GB 11643)."""
    value = _bare(value)
    shaped = re.fullmatch(r"\d{6}(\d{8})\d{3}[\dX]", value)
    if shaped is None or not _in_province(value):
        return False
    return _is_day(shaped[1]) and bool(mod_11_2.is_valid(value))


def is_id15(value: str) -> bool:
    """Tell whether a value is an old 15-digit ID number: province and birth date (of the 1900s) hold."""
    shaped = re.fullmatch(r"\d{6}(\d{6})\d{3}", _bare(value))
    return shaped is not None and _in_province(_bare(value)) and _is_day(f"19{shaped[1]}")


def is_id(value: str) -> bool:
    """Tell whether a value is a resident ID number of either length."""
    return is_id18(value) or is_id15(value)


def _bare(value: str) -> str:
    """Return a number as it is compared: no spaces or hyphens, a small x as a capital."""
    return re.sub(r"[\s\-]", "", value).upper()


def _is_day(digits: str) -> bool:
    try:
        date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return True


def is_division(value: str) -> bool:
    """Tell whether a value is a six-digit division code of an existing province."""
    return len(value) == 6 and value.isdigit() and _in_province(value) and int(value[2:4]) <= 90


def is_bank_card(value: str) -> bool:
    """Tell whether a value has the length, issuer digit and Luhn check digit of a bank card."""
    digits = _bare(value)
    return digits.isdigit() and 13 <= len(digits) <= 19 and digits[0] in "3456" and luhn.is_valid(digits)


def is_chinese_name(value: str) -> bool:
    """Tell whether a value looks like a Chinese name: a common surname and one to three characters more."""
    value = value.strip()
    if not re.fullmatch(r"[\u3400-\u9fff]{2,4}|[\u3400-\u9fff]{1,7}·[\u3400-\u9fff]{1,9}", value):
        return False
    return value[:2] in rules()["compound_surnames"] or value[0] in rules()["surnames"] or "·" in value


def _in_province(value: str) -> bool:
    return value[:2].isdigit() and int(value[:2]) in rules()["provinces"]


CHECKS: dict[str, Callable[[str], Any]] = {
    "id18": is_id18,
    "id": is_id,
    "id15": is_id15,
    "division": is_division,
    "luhn": is_bank_card,
    "credit_code": lambda value: len(_bare(value)) == 18 and not is_id18(value) and uscc.is_valid(_bare(value)),
    "chinese_name": is_chinese_name,
}


def dtype_name(kind: pa.DataType) -> str:
    """Return whole, number, truth, date, moment or text for an Arrow type."""
    for matches, name in (
        (types.is_boolean, "truth"),
        (types.is_integer, "whole"),
        (types.is_floating, "number"),
        (types.is_date, "date"),
        (types.is_timestamp, "moment"),
    ):
        if matches(kind):
            return name
    return "text"


def _all_whole(values: pa.Array) -> bool:
    finite = pc.filter(values, pc.is_finite(values))
    return bool(pc.all(pc.equal(finite, pc.floor(finite))).as_py())
