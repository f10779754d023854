"""Generates one synthetic table with SDV's Gaussian copula; metadata come from the dictionary, never by detection."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

TABLE = "table"
MOST_FITTED = 3000  # rows the copula is fitted on: plenty for a sample of 200
SEED = 20080801
TAILS = (0.01, 0.99)  # beyond these quantiles nothing is learnt, so no extreme is shown


@dataclass(frozen=True)
class Column:
    """What the dictionary says of a column: its name, and whether its values are numbers, dates or categories.

    A `key` says which person or record a row belongs to and is never learnt; `person` keys are shared by tables.
    """

    name: str
    kind: str  # number | whole | code (a whole number that counts nothing) | moment | date | truth | text | key
    person: bool = False

    @property
    def domain(self) -> str:
        """Return what the identifiers of a key are of."""
        return "P" if self.person else self.name[:12]


def prepare(frame: pd.DataFrame, columns: Sequence[Column], rare: int, persons: pd.Series[Any]) -> pd.DataFrame:
    """Return what may be learnt from: extremes clipped, values fewer than `rare` persons have left out."""
    return pd.DataFrame({c.name: _learnable(frame[c.name], c.kind, rare, persons) for c in columns if c.kind != "key"})


def _learnable(values: pd.Series[Any], kind: str, rare: int, persons: pd.Series[Any]) -> pd.Series[Any]:
    if kind in ("number", "whole"):
        numbers = pd.to_numeric(values).astype(float)
        return numbers.clip(*(numbers.quantile(tail) for tail in TAILS)).round(_decimals(numbers))
    if kind in ("date", "moment"):
        moments = pd.to_datetime(values, errors="coerce").dt.floor("D").astype("datetime64[ns]")  # SDV reads this unit
        return moments.clip(moments.quantile(TAILS[0]), moments.quantile(TAILS[1]))
    written = values.astype("Int64").astype("string") if kind == "code" else values.astype("string")
    having = persons.groupby(written).nunique()
    return written.where(written.map(having) >= rare).astype(object)


def _decimals(numbers: pd.Series[Any]) -> int:
    present = numbers.dropna().to_numpy()
    return next((places for places in range(6) if np.allclose(present, present.round(places), atol=1e-9)), 6)


def generate(frame: pd.DataFrame, columns: Sequence[Column], rows: int, seed: int = SEED) -> pd.DataFrame:
    """Return `rows` synthetic rows for `columns` that are no keys, learnt from a prepared frame.

    A column that another one tells exactly follows it, and dates are learnt as days after the first one: a copula
    would tear both apart.
    """
    plain = [c for c in columns if c.kind != "key"]
    fitted = frame.sample(min(len(frame), MOST_FITTED), random_state=seed).reset_index(drop=True)
    told = told_by(fitted, [c.name for c in plain if c.kind in ("text", "code")])
    gaps = after_first(fitted, [c.name for c in plain if c.kind in ("date", "moment")])
    learnable = [
        Column(c.name, "number") if c.name in gaps else c
        for c in plain
        if fitted[c.name].notna().any() and c.name not in told
    ]
    learnt = fitted.assign(**{name: (fitted[name] - fitted[first]).dt.days for name, first in gaps.items()})
    made = _copula(learnt[[c.name for c in learnable]], learnable, rows, seed) if learnable else pd.DataFrame()
    for name, first in gaps.items():
        made[name] = made[first] + pd.to_timedelta(made[name].round().astype("Int64"), "D")
    for name, teller in _in_order(told):
        made[name] = made[teller].map(fitted.dropna(subset=[teller]).groupby(teller)[name].first())
    made = made.assign(**{c.name: _finish(made[c.name], c.kind) for c in plain if c.name in made})
    return made.reindex(columns=[c.name for c in plain], index=range(rows))  # what could not be learnt is missing


def told_by(frame: pd.DataFrame, names: Sequence[str]) -> dict[str, str]:
    """Return the columns another column tells exactly, such as a diagnosis by its code."""
    several = [name for name in names if frame[name].nunique() >= 3]
    told: dict[str, str] = {}
    for name in several:
        for teller in several:
            if teller == name or teller in told:
                continue
            pairs = frame[[teller, name]].dropna(subset=[teller]).drop_duplicates()
            if not pairs[teller].duplicated().any():
                told[name] = teller
                break
    return told


def _in_order(told: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the pairs so that whoever tells another is told before him."""
    done: list[tuple[str, str]] = []
    waiting = dict(told)
    while waiting:
        ready = [(name, teller) for name, teller in waiting.items() if teller not in waiting]
        done += ready
        waiting = {name: teller for name, teller in waiting.items() if (name, teller) not in ready}
    return done


def after_first(frame: pd.DataFrame, names: Sequence[str]) -> dict[str, str]:
    """Return for each further date the one it is counted from: the fullest, the earliest among equals."""
    filled = [name for name in names if frame[name].notna().any()]
    if len(filled) < 2:
        return {}
    first = min(filled, key=lambda name: (frame[name].isna().sum(), frame[name].mean()))
    return {name: first for name in filled if name != first}


def _copula(frame: pd.DataFrame, columns: Sequence[Column], rows: int, seed: int) -> pd.DataFrame:
    from sdv.metadata import Metadata  # slow to import, and wanted by the worker alone
    from sdv.single_table import GaussianCopulaSynthesizer

    described = {c.name: {"sdtype": _SDTYPES[c.kind]} for c in columns}
    metadata = Metadata.load_from_dict({"tables": {TABLE: {"columns": described}}, "relationships": []})
    # SDV maps categories to uniform numbers; its own choice, a beta fitted to each, takes minutes on a wide table.
    shapes = {c.name: "uniform" for c in columns if _SDTYPES[c.kind] == "categorical"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SDV warns of every column it thinks personal
        synthesizer = GaussianCopulaSynthesizer(
            metadata, default_distribution="truncnorm", numerical_distributions=shapes
        )
        synthesizer.fit({TABLE: frame})
        synthesizer._set_random_state(seed)  # without it every sample of one process differs from the next
        made: pd.DataFrame = synthesizer.sample(num_rows=rows)[TABLE]
    return made


def _finish(values: pd.Series[Any], kind: str) -> pd.Series[Any]:
    if kind == "whole":
        return pd.to_numeric(values).round().astype("Int64")
    if kind == "code":
        return pd.to_numeric(values).astype("Int64")
    if kind == "date":
        return pd.to_datetime(values).dt.date
    return values


_SDTYPES = {
    "number": "numerical",
    "whole": "numerical",
    "moment": "datetime",
    "date": "datetime",
    "truth": "categorical",
    "text": "categorical",
    "code": "categorical",
}


def keys(column: Column, rows: int, pool: int, own: bool, draw: np.random.Generator) -> list[str]:
    """Return identifiers made anew. They begin with `SYN`, which no pseudonym and no real number can.

    With `own` every row has one of its own, from 1 up; else they are drawn from the first `pool`, so that they join.
    """
    numbers = np.arange(1, rows + 1) if own else np.sort(draw.integers(1, max(pool, 1) + 1, rows))
    return [f"SYN-{column.domain}-{number:05d}" for number in numbers]
