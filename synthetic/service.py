"""Commands of synthetic samples: make one for a data set, from what may be shared and never from the source."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from catalog_browser import service as catalogue
from catalog_browser.views import AddVersion, TableRef, VariableView, VersionView
from enclave.kernel import clock, storage
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
ROUNDS = 2  # how often rows are made, until enough are nobody's
FEWEST_PERSONS = 100  # with fewer, half of them tell too much of each: the table stays empty
MOST_CODES = 150  # distinct whole numbers up to which a column that counts nothing is taken for codes
# Kinds of the dictionary whose whole numbers count or measure.
COUNTED = frozenset(
    "count number age birth_year year duration cost body_measure vital_sign score weight income".split()
)


@dataclass(frozen=True)
class GenerateSample:
    """Make a synthetic sample of up to `rows` rows a table, at most 200."""

    dataset_id: str
    rows: int = 100


def generate(actor: Actor, command: GenerateSample) -> VersionView:
    """Make, test and add a sample, learnt from the de-identified version (10.4.2-e-1g).

    Raises `Invalid` for a size out of bounds, `NotFound` before a de-identified version exists, and `Refused` for
    a data set of level 5 and for a sample that fails its privacy test: nothing is added then.
    """
    _check(actor, command)
    source = catalogue.latest(command.dataset_id, "deidentified")
    known = {(v.table, v.name): v for v in catalogue.variables(command.dataset_id)}
    with tempfile.TemporaryDirectory(prefix="sample-", dir=settings().folder("spool")) as name:
        paths = catalogue.fetch_tables(source, Path(name))
        made = [_table(source, known, table, path, command.rows) for table, path in paths.items()]
        _check_private(made)
        references = [_store(table.name, frame, Path(name)) for table, frame in _with_keys(made)]
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
                profile={
                    "generator": "sdv-gaussian-copula",
                    "generator_version": version("sdv"),
                    "metadata": "dictionary",
                    "made_on": clock.today().isoformat(),
                    "synthetic": True,
                },
                risk={"tables": {table.name: table.report for table in made}, "equal_rows": 0, "passed": True},
                clauses=CLAUSES,
            ),
        )
        unit.record("synthetic.generated", command.dataset_id, clauses=CLAUSES, version=added.id, rows=added.rows)
        return added


@dataclass(frozen=True)
class _Made:
    """A synthetic table without its keys; `own` names the keys of which every real row has one of its own."""

    name: str
    rows: pd.DataFrame
    columns: Sequence[Column]
    own: frozenset[str]
    report: dict[str, Any]


def _check_private(made: Sequence[_Made]) -> None:
    """Refuse a sample that lies nearer to the rows it was learnt from than to others (3.10-2s)."""
    failed = [table.name for table in made if table.report["nearest"] and not table.report["nearest"]["passed"]]
    if failed:
        raise Refused("synthetic_too_near", clauses=CLAUSES, tables=", ".join(failed))


def _check(actor: Actor, command: GenerateSample) -> None:
    if not 1 <= command.rows <= MOST_ROWS:
        raise Invalid("synthetic_rows", most=MOST_ROWS, rows=command.rows)
    with reading() as session:
        if not actor.system and Role.STEWARD not in roles_of(session, actor.username):
            raise Refused("forbidden", roles=Role.STEWARD)
    if catalogue.get(actor, command.dataset_id).level == 5:
        raise Refused("synthetic_level_five", clauses=("6.4", "6.4-s"))


def _columns(
    source: VersionView, known: Mapping[tuple[str, str], VariableView], table: str, schema: pa.Schema, codes: set[str]
) -> list[Column]:
    """Return the columns as the dictionary and the version's lineage describe them."""
    from enclave.deidentify.evidence import dtype_name

    treated = source.profile.get("tables", {}).get(table, {})
    keys = {name for name, done in treated.items() if done["method"] == "pseudonym"}
    columns = []
    for name in (field.name for field in schema if field.name != HIDDEN):
        kind = "key" if name in keys else "code" if name in codes else dtype_name(schema.field(name).type)
        variable = known.get((table, name))
        columns.append(Column(name, kind, variable is not None and variable.person_key))
    return columns


def _codes(frame: pd.DataFrame, known: Mapping[tuple[str, str], VariableView], table: str) -> set[str]:
    """Return the whole-number columns that name things instead of counting them: codes of the dictionary."""
    whole = [name for name in frame if pd.api.types.is_integer_dtype(frame[name].convert_dtypes())]
    counted = {name for name in whole if (v := known.get((table, str(name)))) and v.kind in COUNTED}
    return {str(name) for name in whole if name not in counted and frame[name].nunique() <= MOST_CODES}


def _table(
    source: VersionView, known: Mapping[tuple[str, str], VariableView], name: str, path: Path, rows: int
) -> _Made:
    real = pq.read_table(path)
    frame = real.to_pandas()
    if HIDDEN not in frame:  # a code list: nobody's rows
        report = {"rows": min(rows, len(frame)), "fitted_rows": 0, "likeness": 1.0, "nearest": {}}
        return _Made(name, frame.head(rows), (), frozenset(), report)
    columns = _columns(source, known, name, real.schema, _codes(frame, known, name))
    plain = [c.name for c in columns if c.kind != "key"]
    persons = frame[HIDDEN]
    learnable = generator.prepare(frame, columns, settings().k_deidentified, persons)
    learning = _half(persons)
    size = min(int(learning.sum()), generator.MOST_FITTED)
    learnt, held = learnable[learning].sample(size, random_state=generator.SEED), learnable[~learning]
    enough = persons.nunique() >= FEWEST_PERSONS and bool(plain)
    made, common = _unequal(learnt, frame, columns, plain, rows) if enough else (learnt[plain].head(0), 0)
    report = {
        "rows": len(made),
        "common_rows": common,
        "fitted_rows": len(learnt),
        "likeness": assessment.likeness(made, learnt, [n for n in plain if learnt[n].notna().any()]) if enough else 0.0,
        "nearest": assessment.nearest(made, learnt, held, plain) if len(made) else {},
    }
    own = frozenset(c.name for c in columns if c.kind == "key" and frame[c.name].is_unique)
    return _Made(name, made, columns, own, report)


def _half(persons: pd.Series[Any]) -> NDArray[np.bool_]:
    """Return the rows of half of the persons, drawn at random; nobody's rows are in both halves."""
    people = persons.unique()
    chosen = np.random.default_rng(generator.SEED).permutation(people)[: len(people) // 2]
    return persons.isin(chosen).to_numpy()


def _unequal(
    learnt: pd.DataFrame, real: pd.DataFrame, columns: Sequence[Column], plain: Sequence[str], rows: int
) -> tuple[pd.DataFrame, int]:
    """Return synthetic rows that no real person has, and how many rows are not so.

    Where a narrow table has so few different rows that they do not suffice, rows follow that at least k persons
    have in common and that therefore describe nobody; then fewer rows than asked for.
    """
    made, having = pd.DataFrame(columns=list(plain)), np.zeros(0, np.int64)
    for turn in range(ROUNDS):
        more = generator.generate(learnt, columns, rows * 2, generator.SEED + turn)
        made = more if made.empty else pd.concat([made, more], ignore_index=True)
        having = np.concatenate([having, assessment.sharing(more, real, plain, real[HIDDEN])])
        if (having == 0).sum() >= rows:
            break
    nobody, common = np.flatnonzero(having == 0), np.flatnonzero(having >= settings().k_deidentified)
    chosen = np.concatenate([nobody, common])[:rows]
    return made.iloc[np.sort(chosen)].reset_index(drop=True), int((having[chosen] > 0).sum())


def _with_keys(made: Sequence[_Made]) -> list[tuple[_Made, pd.DataFrame]]:
    """Give every table its keys, made anew: drawn from those of the table where each row has its own."""
    draw = np.random.default_rng(generator.SEED)
    pools = {c.domain: len(table.rows) for table in made for c in table.columns if c.name in table.own}
    finished = []
    for table in made:
        frame = table.rows.copy()
        for position, column in enumerate(table.columns):
            if column.kind == "key":
                own = column.name in table.own
                pool = len(frame) if own else pools.get(column.domain, len(frame))
                frame.insert(position, column.name, generator.keys(column, len(frame), pool, own, draw))
        finished.append((table, frame))
    return finished


def _store(name: str, frame: pd.DataFrame, folder: Path) -> TableRef:
    target = folder / "made.parquet"
    frame.to_parquet(target, index=False)
    kept = storage.put(target, "sample")
    return TableRef(name, kept.key, kept.sha256, len(frame), tuple(frame.columns))
