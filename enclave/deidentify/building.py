"""Builds a project's extract: its rows and columns of a version, under pseudonyms no other project has."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyarrow.types as types
from numpy.typing import NDArray

from catalog_browser import service as catalogue
from catalog_browser.views import VersionView
from enclave.deidentify import anonymity
from enclave.deidentify.methods import pseudonyms
from enclave.deidentify.reading.headers import PERSON
from enclave.kernel.errors import Invalid, Refused
from enclave.kernel.settings import settings

# Columns that join the tables of an extract: they come along with every table and are re-keyed.
OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": pc.equal,
    "!=": pc.not_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    ">": pc.greater,
    ">=": pc.greater_equal,
}


@dataclass(frozen=True)
class ExtractTable:
    """One file of an extract."""

    name: str
    path: Path
    rows: int
    columns: tuple[str, ...]


@dataclass(frozen=True)
class ExtractFiles:
    """An extract: `mounted` is what the enclave sees, `trusted` the same with `_person` for the gateway."""

    mounted: tuple[ExtractTable, ...]
    trusted: tuple[ExtractTable, ...]
    risk: dict[str, Any]


def build_extract(
    source: VersionView,
    columns: Sequence[str],
    row_filter: Sequence[Mapping[str, Any]],
    project_key: bytes,
    target: Path,
    footer: Mapping[bytes, bytes] | None = None,
) -> ExtractFiles:
    """Write the granted part of a version into `target`, mounted and trusted (9.1.2-3, 10.4.2-e-3e).

    `columns` are names or "table.name"; a row stays when its person meets the conditions of every table
    and the row those of its own. Equal persons have equal pseudonyms in all tables of one project key
    and in no other; row order comes from the key too. For a de-identified version rows whose class fell
    under its k by the filter are suppressed. `footer` holds the labels every file carries (10.4.2-e-1j).
    """
    if source.identifiability not in ("limited", "deidentified"):
        raise Refused("extract_not_shareable", clauses=("10.4.2-e-3e",), identifiability=source.identifiability)
    chosen, conditions = _chosen(source, columns), _conditions(source, row_filter)
    with tempfile.TemporaryDirectory(dir=settings().folder("spool")) as name:
        paths = catalogue.fetch_tables(source, Path(name))
        tables = {table: _read(source, table, paths[table], chosen, conditions) for table in {*chosen, *conditions}}
    kept = {table: _rows(data, conditions.get(table, [])) for table, data in tables.items()}
    inside = _persons(tables, kept, conditions)
    granted = {
        table: tables[table].filter(pa.array(kept[table] & _member(tables[table], inside))).select(wanted)
        for table, wanted in chosen.items()
    }
    anonymous, risk = _anonymous(source, granted)
    mounted: list[ExtractTable] = []
    trusted: list[ExtractTable] = []
    for name, table in anonymous.items():
        data = _shuffled(_rekeyed(source, name, table, project_key), name, project_key)
        trusted.append(_write(data, name, target / f"trusted-{len(trusted)}.parquet", footer))
        hidden = [PERSON] if PERSON in data.column_names else []
        plain = data.drop_columns(hidden)
        mounted.append(_write(plain, name, target / f"mounted-{len(mounted)}.parquet", footer))
    return ExtractFiles(tuple(mounted), tuple(trusted), {"tables": risk, "k": _smallest(risk)})


def _read(
    source: VersionView, table: str, path: Path, chosen: Mapping[str, list[str]], conditions: Mapping[str, Any]
) -> pa.Table:
    wanted = {*chosen.get(table, ()), *(part["column"] for part in conditions.get(table, ())), PERSON}
    return pq.read_table(path, columns=[name for name in source.table(table).columns if name in wanted])


def _places(source: VersionView, name: str) -> list[tuple[str, str]]:
    """Return the (table, column) pairs a name means; the hidden column is none of them."""
    exact = [(t, c) for t, columns in source.columns.items() for c in columns if f"{t}.{c}" == name]
    found = exact or [(t, name) for t, columns in source.columns.items() if name in columns]
    if not found:
        raise Invalid("extract_no_column", column=name)
    return found


def _chosen(source: VersionView, columns: Sequence[str]) -> dict[str, list[str]]:
    """Return the columns per table: the granted ones, the keys that join tables, and `_person`."""
    chosen: dict[str, list[str]] = {}
    for name in columns:
        for table, column in _places(source, name):
            if column not in chosen.setdefault(table, []):
                chosen[table].append(column)
    for table, names in chosen.items():
        stored = source.table(table).columns
        keys = [column for column in stored if column in _keys(source, table, len(chosen)) and column not in names]
        names[:] = [*keys, *names, *([PERSON] if PERSON in stored else [])]
    return chosen


def _keys(source: VersionView, table: str, tables: int) -> set[str]:
    """Return the pseudonymous columns of a table that come along unasked: the person's, to join visits."""
    treated = source.profile.get("tables", {}).get(table, {})
    return {column for column, done in treated.items() if done["method"] == "pseudonym" and tables > 1}


def _pseudonymous(source: VersionView, table: str) -> dict[str, str]:
    treated = source.profile.get("tables", {}).get(table, {})
    return {column: column for column, done in treated.items() if done["method"] == "pseudonym"}


def _conditions(source: VersionView, row_filter: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    found: dict[str, list[Mapping[str, Any]]] = {}
    for part in row_filter:
        listed = isinstance(part.get("value"), list | tuple)
        if part.get("op") not in (*OPERATORS, "in") or "value" not in part or listed != (part["op"] == "in"):
            raise Invalid("extract_bad_condition", column=str(part.get("column")))
        places = _places(source, str(part["column"]))
        if len(places) > 1:
            raise Invalid("extract_ambiguous_column", column=str(part["column"]))
        table, column = places[0]
        found.setdefault(table, []).append({**part, "column": column})
    return found


def _rows(table: pa.Table, conditions: Sequence[Mapping[str, Any]]) -> NDArray[np.bool_]:
    """Return which rows meet all conditions; a missing value meets none."""
    kept = np.ones(table.num_rows, bool)
    for part in conditions:
        column = table[part["column"]]
        values = part["value"] if part["op"] == "in" else [part["value"]]
        try:
            typed = pa.array(list(values)).cast(column.type)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError, TypeError) as error:
            raise Invalid("extract_bad_condition", column=part["column"]) from error
        met = pc.is_in(column, typed) if part["op"] == "in" else OPERATORS[part["op"]](column, typed[0])
        kept &= pc.fill_null(met, False).to_numpy()
    return kept


def _persons(
    tables: Mapping[str, pa.Table], kept: Mapping[str, NDArray[np.bool_]], conditions: Mapping[str, Any]
) -> NDArray[np.int64] | None:
    """Return the persons who meet the conditions of every table, None when nothing narrows them."""
    found: NDArray[np.int64] | None = None
    for table in conditions:
        if PERSON in tables[table].column_names:
            met = np.unique(tables[table][PERSON].to_numpy()[kept[table]])
            found = met if found is None else np.intersect1d(found, met)
    return found


def _member(table: pa.Table, inside: NDArray[np.int64] | None) -> NDArray[np.bool_]:
    if inside is None or PERSON not in table.column_names:
        return np.ones(table.num_rows, bool)
    return np.isin(table[PERSON].to_numpy(), inside)


def _anonymous(
    source: VersionView, tables: Mapping[str, pa.Table]
) -> tuple[dict[str, pa.Table], dict[str, dict[str, Any]]]:
    """Suppress what the row filter made stand out, and measure what is left; refuse when nothing is left.

    The table with one row for each person comes first: its quasi-identifiers are known in all others, and whoever
    has to leave it leaves the whole extract.
    """
    order = sorted(tables, key=lambda name: not _describes_persons(source, name, tables[name]))
    known: pa.Table | None = None
    gone: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
    made, risk = {}, {}
    for name in order:
        table = tables[name]
        if PERSON in table.column_names:
            table = table.filter(pa.array(~np.isin(table[PERSON].to_numpy(), gone)))
        made[name], risk[name] = _suppressed(source, name, table, known)
        if name == order[0] and _describes_persons(source, name, table):
            gone = np.setdiff1d(table[PERSON].to_numpy(), made[name][PERSON].to_numpy())
            known = made[name].select([*_quasi(source, name, table), PERSON])
    about_persons = [table.num_rows for table in made.values() if PERSON in table.column_names]
    if about_persons and not any(about_persons):
        raise Refused("extract_too_few", clauses=("10.4.2-e-3e",), k=source.risk.get("k_wanted", 1))
    return {name: made[name] for name in tables}, {name: risk[name] for name in tables}


def _quasi(source: VersionView, name: str, table: pa.Table) -> list[str]:
    measured = source.risk.get("tables", {}).get(name, {}).get("after", {}).get("quasi_identifiers", ())
    return [column for column in measured if column in table.column_names]


def _describes_persons(source: VersionView, name: str, table: pa.Table) -> bool:
    if PERSON not in table.column_names or not _quasi(source, name, table):
        return False
    return bool(len(pc.unique(table[PERSON])) == table.num_rows)


def _suppressed(
    source: VersionView, name: str, table: pa.Table, known: pa.Table | None
) -> tuple[pa.Table, dict[str, Any]]:
    if PERSON not in table.column_names:
        return table, {"rows": table.num_rows}
    quasi = {column: table[column].combine_chunks() for column in _quasi(source, name, table)}
    persons = table[PERSON].to_numpy()
    report = {"suppressed_rows": 0, "suppressed_cells": 0}
    if source.identifiability == "deidentified" and quasi:
        fixed = anonymity.aligned(known, persons)
        found = anonymity.reach({c: [v] for c, v in quasi.items()}, persons, source.risk["k_wanted"], 0.0, fixed=fixed)
        for column, values in found.columns.items():
            table = table.set_column(table.column_names.index(column), column, values)
        table = table.filter(pa.array(found.kept))
        report = {"suppressed_rows": int((~found.kept).sum()), "suppressed_cells": found.cells}
        persons = table[PERSON].to_numpy()
    after = anonymity.measure({column: table[column] for column in quasi}, persons)
    return table, {"rows": table.num_rows, "persons": len(np.unique(persons)), **report, "after": after}


def _smallest(risk: Mapping[str, Mapping[str, Any]]) -> int:
    return min((part["after"]["k"] for part in risk.values() if "after" in part and part["rows"]), default=0)


def _rekeyed(source: VersionView, name: str, table: pa.Table, key: bytes) -> pa.Table:
    for position, column in enumerate(table.column_names):
        if column in _pseudonymous(source, name):
            table = table.set_column(position, column, pseudonyms(key, "project", table[column]))
    return table


def _shuffled(table: pa.Table, name: str, key: bytes) -> pa.Table:
    seed = hashlib.sha256(key + b"order" + name.encode()).digest()  # tables of equal length in orders of their own
    order = np.random.default_rng(list(seed)).permutation(table.num_rows)
    return table.take(pa.array(order))


def _write(table: pa.Table, name: str, path: Path, footer: Mapping[bytes, bytes] | None) -> ExtractTable:
    plain = pa.table({column: _plain(table[column]) for column in table.column_names})
    pq.write_table(plain.replace_schema_metadata(footer), path, compression="zstd")
    return ExtractTable(name, path, plain.num_rows, tuple(plain.column_names))


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(column.type.value_type) if types.is_dictionary(column.type) else column
