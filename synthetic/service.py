"""Commands of synthetic samples: make one for a data set, from what may be shared and never from the source."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from catalog_browser import service as catalogue
from catalog_browser.views import AddVersion, TableRef, VersionView
from enclave.kernel import storage
from enclave.kernel.db import reading
from enclave.kernel.errors import Invalid, Refused
from enclave.kernel.identity import Actor, Role, roles_of
from enclave.kernel.settings import settings
from enclave.kernel.unit import unit_of_work
from synthetic import assessment, generator
from synthetic.generator import Column

MOST_ROWS = 200  # of any table of a sample (D23)
CLAUSES = ("10.4.2-e-1g", "3.10-2s")
HIDDEN = "_person"
ROUNDS = 3  # how often rows equal to real ones are made anew before they are left out


@dataclass(frozen=True)
class GenerateSample:
    """Make a synthetic sample of up to `rows` rows a table, at most 200."""

    dataset_id: str
    rows: int = 100


def generate(actor: Actor, command: GenerateSample) -> VersionView:
    """Make, test and add a sample, learnt from the de-identified version (10.4.2-e-1g).

    Raises `Invalid` for a size out of bounds and `NotFound` before a de-identified version exists.
    """
    _check(actor, command)
    source = catalogue.latest(command.dataset_id, "deidentified")
    with tempfile.TemporaryDirectory(prefix="sample-", dir=settings().folder("spool")) as name:
        paths = catalogue.fetch_tables(source, Path(name))
        made = [_table(source, table, path, command.rows) for table, path in paths.items()]
        references = [_store(table, frame, Path(name)) for (table, frame, _) in made]
    reports = {table: report for table, _, report in made}
    with unit_of_work(actor) as unit:
        unit.require(Role.STEWARD)
        added = catalogue.add_version(
            actor,
            AddVersion(
                dataset_id=command.dataset_id,
                kind="synthetic",
                level=1,
                identifiability="synthetic",
                rows=sum(reference.rows for reference in references),
                persons=0,
                tables=tuple(references),
                parent_id=source.id,
                profile={"generator": "sdv-gaussian-copula", "metadata": "dictionary"},
                risk={"tables": reports, "equal_rows": 0},
                clauses=CLAUSES,
            ),
        )
        unit.record("synthetic.generated", command.dataset_id, clauses=CLAUSES, version=added.id, rows=added.rows)
        return added


def _check(actor: Actor, command: GenerateSample) -> None:
    if not 1 <= command.rows <= MOST_ROWS:
        raise Invalid("synthetic_rows", most=MOST_ROWS, rows=command.rows)
    with reading() as session:
        if not actor.system and Role.STEWARD not in roles_of(session, actor.username):
            raise Refused("forbidden", roles=Role.STEWARD)


def _columns(source: VersionView, table: str, schema: pa.Schema) -> list[Column]:
    """Return the columns as the dictionary and the version's lineage describe them."""
    from enclave.deidentify.evidence import dtype_name

    treated = source.profile.get("tables", {}).get(table, {})
    keys = {name for name, done in treated.items() if done["method"] == "pseudonym"}
    fields = [field for field in schema if field.name != HIDDEN]
    return [Column(f.name, "key" if f.name in keys else dtype_name(f.type)) for f in fields]


def _table(source: VersionView, name: str, path: Path, rows: int) -> tuple[str, pd.DataFrame, dict[str, Any]]:
    real = pq.read_table(path)
    columns = _columns(source, name, real.schema)
    frame = real.drop_columns([HIDDEN] if HIDDEN in real.column_names else []).to_pandas()
    personal = HIDDEN in real.column_names
    learnt = generator.prepare(frame, columns, settings().k_deidentified if personal else 1)
    plain = [c.name for c in columns if c.kind != "key"]
    made = _unequal(learnt, frame, columns, plain, rows) if personal else frame.head(rows)
    report = {
        "rows": len(made),
        "fitted_rows": min(len(learnt), generator.MOST_FITTED),
        "likeness": assessment.likeness(made, learnt, [n for n in plain if learnt[n].notna().any()]),
        "nearest": assessment.nearest(made, learnt, plain) if personal else {},
    }
    return name, _with_keys(made, columns), report


def _unequal(
    learnt: pd.DataFrame, real: pd.DataFrame, columns: Sequence[Column], plain: Sequence[str], rows: int
) -> pd.DataFrame:
    """Return synthetic rows none of which stands in the real table; fewer than asked for if it must be."""
    kept = pd.DataFrame(columns=list(plain))
    for _ in range(ROUNDS):
        made = generator.generate(learnt, columns, min(rows * 2, MOST_ROWS * 2))
        fresh = made[~assessment.equal_rows(made, real, plain)]
        kept = fresh if kept.empty else pd.concat([kept, fresh], ignore_index=True)
        if len(kept) >= rows:
            break
    return kept.head(rows).reset_index(drop=True)


def _with_keys(made: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    draw = np.random.default_rng(generator.SEED)
    for position, column in enumerate(columns):
        if column.kind == "key":
            made.insert(position, column.name, generator.keys(column.name, len(made), draw))
    return made


def _store(name: str, frame: pd.DataFrame, folder: Path) -> TableRef:
    target = folder / "made.parquet"
    frame.to_parquet(target, index=False)
    kept = storage.put(target, "sample")
    return TableRef(name, kept.key, kept.sha256, len(frame), tuple(frame.columns))
