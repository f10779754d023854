"""De-identifies files by a profile with nothing running: read, classified, treated and written whole, or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq

from catalog_browser.views import VariableView
from enclave.deidentify.classify import ColumnFinding, TableFinding, classify_all
from enclave.deidentify.evidence import dtype_name
from enclave.deidentify.files import Wording, opened
from enclave.deidentify.methods import Setting
from enclave.deidentify.persons import number_persons, write_with_persons
from enclave.deidentify.profiles import Form, Profile
from enclave.deidentify.reading import ReadTable
from enclave.deidentify.reading.headers import PERSON
from enclave.deidentify.versions import Maker, last_day
from enclave.disclosure.loss import column_loss
from enclave.kernel import clock
from enclave.kernel.errors import Invalid, Refused

ROW = f"{PERSON}.row"  # the place a row had in its file, carried through the treatment and never written


@dataclass(frozen=True)
class TreatedTable:
    """One table after treatment. `before` and `after` are measured in persons, as the risk report of a version.

    `loss` is the mean of `losses`, those of the quasi-identifiers; one that left the data counts 1.
    """

    name: str
    path: Path
    rows: int
    loss: float
    losses: Mapping[str, float]
    suppressed_rows: int
    suppressed_cells: int
    levels: Mapping[str, int]
    methods: Mapping[str, str]
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {**self.__dict__, "path": str(self.path)}


def deidentify(
    source: Path, profile: Profile, target: Path, k: int, form: Form = "deidentified", wording: Wording | None = None
) -> list[TreatedTable]:
    """Write the tables of `source` into the new folder `target`, treated by the profile, and return what it cost.

    Classes of the de-identified form hold at least `k` persons. The key of pseudonyms and of shifted dates is drawn
    anew and not kept: two runs cannot be joined. Raises Invalid for what cannot be read, and Refused where
    nothing would be left.
    """
    with _whole(target) as folder, opened(source, wording) as tables:
        findings = classify_all(tables)
        persons, count = number_persons(tables, {finding.name: finding for finding in findings})
        paths = {}
        for place, table in enumerate(tables):
            paths[table.name] = table.path.with_name(f"numbered-{place}.parquet")
            write_with_persons(_with_rows(table), persons.get(table.name), paths[table.name])
        variables = [v for table, finding in zip(tables, findings, strict=True) for v in _variables(table, finding)]
        maker = Maker(form, profile, variables, paths, _setting(count, variables, paths), k)
        made = {name: maker.make(name) for name in maker.order}
        return [
            _treated(table, made[table.name].table, made[table.name].report, maker, folder, target) for table in tables
        ]


@contextmanager
def _whole(target: Path) -> Iterator[Path]:
    """Give a folder that becomes `target` at the end, and is gone if there is no end."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise Invalid("file_out_exists", file=str(target))
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    part.mkdir(parents=True, mode=0o700)
    try:
        yield part
        part.replace(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _with_rows(table: ReadTable) -> ReadTable:
    """Return the table with the place of each row beside it."""
    data = pq.read_table(table.path)
    data = data.append_column(ROW, pa.array(np.arange(data.num_rows)))
    path = table.path.with_name(f"{table.path.stem}-rows.parquet")
    pq.write_table(data, path)
    return ReadTable(table.name, table.file, path, data.schema, data.num_rows)


def _variables(table: ReadTable, finding: TableFinding) -> Iterator[VariableView]:
    place = ColumnFinding(ROW, "number", "other", 2, "electronic_medical_record", "", "", "4.1-L2")
    for position, column in enumerate([*finding.columns, place]):
        dtype = "whole" if column is place else dtype_name(table.schema.field(position).type)
        yield _variable(table.name, position, dtype, column)


def _variable(table: str, position: int, dtype: str, column: ColumnFinding) -> VariableView:
    return VariableView(
        id=f"{table}.{column.name}",
        table=table,
        name=column.name,
        position=position,
        dtype=dtype,
        kind=column.kind,
        label_zh="",
        label_en="",
        codes={},
        indicator={},
        facts={},
        role=column.role,
        proposed_role=column.role,
        person_key=column.person_key,
        reason_zh=column.reason_zh,
        reason_en=column.reason_en,
        clause=column.clause,
        level=column.level,
        category=column.category,
        confirmed=False,
    )


def _setting(persons: int, variables: Sequence[VariableView], paths: Mapping[str, Path]) -> Setting:
    days = [day for v in variables if v.kind == "date" and (day := last_day(paths[v.table], v.name))]
    return Setting(secrets.token_bytes(32), persons, min(max(days, default=clock.today()), clock.today()))


def _treated(
    table: ReadTable, made: pa.Table, report: Mapping[str, Any], maker: Maker, folder: Path, target: Path
) -> TreatedTable:
    """Check, measure and write one table."""
    about_persons = "after" in report
    if about_persons and not made.num_rows:
        raise Refused("file_nothing_left", clauses=("4.1-T1-L2b",), file=table.file, k=maker.wanted)
    if about_persons and maker.form == "deidentified" and report["after"]["k"] < maker.wanted:
        raise Refused("file_k_not_reached", file=table.file, k=maker.wanted, reached=report["after"]["k"])
    kept = made[ROW].to_numpy()
    quasi = [t.variable.name for t in maker.plans[table.name] if t.variable.role == "quasi"]
    losses = {
        name: column_loss(table.column(name), made[name], kept) if name in made.column_names else 1.0 for name in quasi
    }
    order = np.random.default_rng(secrets.randbits(128)).permutation(made.num_rows)  # places in the file would join it
    shown = made.drop_columns([name for name in (ROW, PERSON) if name in made.column_names]).take(pa.array(order))
    return TreatedTable(
        name=table.name,
        path=target / _write(shown, table, folder),
        rows=made.num_rows,
        loss=sum(losses.values()) / len(losses) if losses else 0.0,
        losses=losses,
        suppressed_rows=table.rows - made.num_rows,
        suppressed_cells=report.get("suppressed_cells", 0),
        levels=report.get("levels", {}),
        methods={t.variable.name: t.rule.method for t in maker.plans[table.name] if t.variable.name != ROW},
        before=report.get("before"),
        after=report.get("after"),
    )


def _write(data: pa.Table, table: ReadTable, folder: Path) -> str:
    """Write a table in the form it came in: Parquet, or else CSV in UTF-8. Return the file's name."""
    name = table.name.replace("/", "_")
    if table.file.casefold().endswith(".parquet"):
        pq.write_table(data, folder / f"{name}.parquet", compression="zstd")
        return f"{name}.parquet"
    flat = pa.table(
        {c: data[c].cast(pa.string()) if pa.types.is_dictionary(data[c].type) else data[c] for c in data.column_names}
    )
    csv.write_csv(flat, folder / f"{name}.csv")
    return f"{name}.csv"
