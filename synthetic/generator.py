"""Generates one synthetic table with SDV's Gaussian copula; metadata come from the dictionary, never by detection."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

TABLE = "table"
MOST_FITTED = 5000  # rows the copula is fitted on
SEED = 20080801
TAILS = (0.01, 0.99)  # beyond these quantiles nothing is learnt, so no extreme is shown


@dataclass(frozen=True)
class Column:
    """What the dictionary says of a column: its name, and whether its values are numbers, dates or categories."""

    name: str
    kind: str  # number | whole | moment | date | truth | text | key


def prepare(frame: pd.DataFrame, columns: Sequence[Column], rare: int) -> pd.DataFrame:
    """Return what may be learnt from: extremes clipped, values fewer than `rare` rows have left out."""
    return pd.DataFrame({c.name: _learnable(frame[c.name], c.kind, rare) for c in columns if c.kind != "key"})


def _learnable(values: pd.Series[Any], kind: str, rare: int) -> pd.Series[Any]:
    if kind in ("number", "whole"):
        numbers = pd.to_numeric(values).astype(float)
        low, high = (numbers.quantile(tail, interpolation="nearest") for tail in TAILS)
        return numbers.clip(low, high)
    if kind in ("date", "moment"):
        moments = pd.to_datetime(values).dt.floor("D").astype("datetime64[ns]")  # SDV reads no other unit
        return moments.clip(moments.quantile(TAILS[0]), moments.quantile(TAILS[1]))
    written = values.astype("string")
    common = written.map(written.value_counts()) >= rare
    return written.where(common).astype(object)


def generate(frame: pd.DataFrame, columns: Sequence[Column], rows: int) -> pd.DataFrame:
    """Return `rows` synthetic rows for `columns` that are no keys, learnt from a prepared frame."""
    plain = [c for c in columns if c.kind != "key"]
    told = told_by(frame, [c.name for c in plain if c.kind == "text"])
    learnable = [c for c in plain if frame[c.name].notna().any() and c.name not in told]
    made = (
        _copula(frame[[c.name for c in learnable]], learnable, rows) if learnable else pd.DataFrame(index=range(rows))
    )
    for name, teller in told.items():
        made[name] = made[teller].map(frame.dropna(subset=[teller]).groupby(teller)[name].first())
    return made.reindex(columns=[c.name for c in plain])  # what could not be learnt stays missing


def told_by(frame: pd.DataFrame, names: Sequence[str]) -> dict[str, str]:
    """Return the columns another column tells exactly, such as a diagnosis by its code: a copula would part them."""
    told: dict[str, str] = {}
    for name in names:
        for teller in names:
            if teller == name or teller in told or frame[teller].nunique() < 3 or frame[name].nunique() < 3:
                continue
            pairs = frame[[teller, name]].dropna(subset=[teller]).drop_duplicates()
            if not pairs[teller].duplicated().any():
                told[name] = teller
                break
    return told


def _copula(frame: pd.DataFrame, columns: Sequence[Column], rows: int) -> pd.DataFrame:
    from sdv.metadata import Metadata  # slow to import, and wanted by the worker alone
    from sdv.single_table import GaussianCopulaSynthesizer

    described = {c.name: {"sdtype": _SDTYPES[c.kind]} for c in columns}
    metadata = Metadata.load_from_dict({"tables": {TABLE: {"columns": described}}, "relationships": []})
    fitted = frame.sample(min(len(frame), MOST_FITTED), random_state=SEED).reset_index(drop=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SDV warns of every column it thinks personal
        # Fitting SDV's own choice of distributions takes minutes on a wide table, and a sample is for its shape.
        synthesizer = GaussianCopulaSynthesizer(metadata, default_distribution="norm")
        synthesizer.fit({TABLE: fitted})
        made: pd.DataFrame = synthesizer.sample(num_rows=rows)[TABLE]
    return made.assign(**{c.name: _finish(made[c.name], c.kind) for c in columns})


def _finish(values: pd.Series[Any], kind: str) -> pd.Series[Any]:
    if kind == "whole":
        return pd.to_numeric(values).round().astype("Int64")
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
}


def keys(domain: str, rows: int, draw: np.random.Generator) -> list[str]:
    """Return identifiers made anew. They begin with `SYN`, which no pseudonym and no real number can."""
    pool = max(rows * 2 // 3, 1)
    return [f"SYN-{domain[:12]}-{number:05d}" for number in np.sort(draw.integers(1, pool + 1, rows))]
