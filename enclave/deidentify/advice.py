"""Advises on the technique for a column: scored on the standard's six criteria, measured where it can be (9.1)."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as types
import yaml

from enclave.deidentify import techniques
from enclave.deidentify.methods import by_distinct, pseudonyms

RULES = Path(__file__).with_name("rules") / "techniques.yaml"
KEY, SAMPLE, SLOW = b"advice", 20_000, 0.2  # an invented key; rows tried; seconds for them that count as slow
Column: TypeAlias = Any  # pyarrow has no types


@dataclass(frozen=True)
class Advice:
    """One technique for one column. `scores` by criterion, 0 to 3; `total` their weighted mean, 0 to 100.

    `seconds` and `megabytes` are what it took on the rows tried, None where it works on no column alone.
    """

    technique: str
    method: str
    total: float
    scores: Mapping[str, float]
    seconds: float | None
    megabytes: float | None
    zh: str
    en: str

    def why(self, language: str) -> str:
        """Return what speaks for it, in `zh` or `en`."""
        return self.zh if language == "zh" else self.en


@cache
def rules() -> Mapping[str, Any]:
    """Return the scores and weights in force."""
    loaded: Mapping[str, Any] = yaml.safe_load(RULES.read_text("utf-8"))
    return loaded


def advise(role: str, column: Column, of: str = "number") -> list[Advice]:
    """Return the techniques that may serve a column of this role, the best first, each with its six scores.

    `of` is the kind of the column (`rules/kinds.yaml`): numbers that measure nothing are codes.
    """
    flat = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    tried = flat.slice(0, SAMPLE)
    kind = _type(flat.type)
    if kind == "number" and of not in rules()["measures"]:
        tried, kind = tried.cast(pa.string()), "text"
    found = [
        _advice(name, entry, tried)
        for name, entry in rules()["techniques"].items()
        if role in entry["roles"] and kind in entry["types"]
    ]
    return sorted(found, key=lambda each: (-each.total, each.technique))


def _advice(name: str, entry: Mapping[str, Any], column: pa.Array) -> Advice:
    made, seconds, megabytes = _tried(entry["method"], column)
    scores = dict(entry["scores"])
    scores["usability"] = entry["left"] * _usability(column, made)
    scores["resource_consumption"] = 3.0 if seconds is None else max(0.0, 3.0 * (1 - seconds / SLOW))
    weights = rules()["weights"]
    total = sum(weights[criterion] * scores[criterion] for criterion in weights) / sum(weights.values()) / 3 * 100
    return Advice(name, entry["method"], round(total, 1), scores, seconds, megabytes, entry["zh"], entry["en"])


_WORDS = tuple(f"替代{number:03}" for number in range(500))
_TRIALS: Mapping[str, Callable[[pa.Array], pa.Array]] = {
    "substitute": lambda c: by_distinct(c, lambda v: techniques.substitute(KEY, "a", _WORDS, v), pa.string()),
    "shuffle": lambda c: techniques.shuffled(KEY, "a", c),
    "vary": lambda c: techniques.varied(KEY, "a", _spread(c) / 10 or 1.0, c, np.arange(len(c))),
    "pseudonym": lambda c: pseudonyms(KEY, "a", c),
    "mask": lambda c: by_distinct(c, techniques.masked, pa.string()),
    "truncate": lambda c: by_distinct(c, lambda v: techniques.truncated(v, max(len(str(v)) // 2, 1)), pa.string()),
}


def _tried(method: str, column: pa.Array) -> tuple[pa.Array | None, float | None, float | None]:
    """Return the column by a method, the processor time and the memory it took; None for what needs a whole table."""
    trial = _TRIALS.get(method)
    if trial is None:
        return None, None, None
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    made = trial(column)
    seconds = time.process_time() - began
    return made, seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def _usability(before: pa.Array, after: pa.Array | None) -> float:
    """Return how much of a column's information is left, 0 to 3: the share of its entropy the treated column has.

    Without a trial (generalisation depends on the ladder) half of it is assumed.
    """
    if after is None:
        return 1.5
    whole = _entropy(before)
    return 3.0 * min(1.0, _entropy(after) / whole) if whole else 3.0


def _entropy(column: pa.Array) -> float:
    counts = pc.value_counts(column).field("counts").to_numpy()
    shares = counts / max(counts.sum(), 1)
    return float(-(shares * np.log2(shares)).sum()) if len(shares) else 0.0


def _spread(column: pa.Array) -> float:
    return float(pc.stddev(column).as_py() or 0.0)


def _type(kind: pa.DataType) -> str:
    if types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind):
        return "number"
    return "date" if types.is_date(kind) or types.is_timestamp(kind) else "text"
