"""Gives every person of a data set one dense number, the same in all of its tables and versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyarrow.types as types

from enclave.deidentify.classify import TableFinding
from enclave.deidentify.reading import ReadTable
from enclave.deidentify.reading.headers import PERSON
from enclave.kernel.errors import Invalid

Persons = dict[str, pa.Array]


def number_persons(tables: Sequence[ReadTable], findings: Mapping[str, TableFinding]) -> tuple[Persons, int]:
    """Return, for each table about persons, the person of every row, and how many persons there are.

    Persons are told apart by the key columns of all tables together; a table without one borrows the persons of a
    table it shares a record number with; a row that names nobody counts as a person of its own, so that no
    privacy unit is ever larger than a person.
    """
    personal = [table for table in tables if findings[table.name].personal]
    for table in personal:
        _check_gaps(table, findings[table.name])
    keys = {table.name: _text(table, key) for table in personal if (key := findings[table.name].person_key)}
    known = pa.array([], pa.string())
    for values in keys.values():
        known = _union(known, values)
    numbered = {name: pc.index_in(values, value_set=known) for name, values in keys.items()}
    borrowed = {
        table.name: _borrow(table, findings, personal, numbered) for table in personal if table.name not in keys
    }
    return _complete({**numbered, **borrowed}, len(known))


def write_with_persons(table: ReadTable, persons: pa.Array | None, target: Path) -> None:
    """Write a table as it is stored: with the hidden person of every row where its rows are about persons."""
    schema = table.schema if persons is None else table.schema.append(pa.field(PERSON, pa.int64()))
    with pq.ParquetFile(table.path) as source, pq.ParquetWriter(target, schema, compression="zstd") as writer:
        row = 0
        for batch in source.iter_batches(batch_size=131_072):
            columns = list(batch.columns)
            if persons is not None:
                columns.append(persons.slice(row, batch.num_rows))
            writer.write_batch(pa.record_batch(columns, schema=schema))
            row += batch.num_rows


def _check_gaps(table: ReadTable, finding: TableFinding) -> None:
    """Refuse a table whose only person key is empty in many rows: each would count as another person (merged cells)."""
    named = [column for column in finding.columns if column.kind == "person_key"]
    if not named or finding.person_key is not None:
        return
    values = table.column(named[0].name)
    if values.null_count < len(values):
        first = pc.index(pc.is_null(values), True).as_py()
        raise Invalid(
            "ingest_person_key_gaps",
            file=table.file,
            row=table.row_number(first),
            column=named[0].name,
            rows=values.null_count,
        )


def _text(table: ReadTable, column: str) -> pa.ChunkedArray:
    """Return a key column as text, so that 7, 7.0 and "7" are one person in every table."""
    values = table.column(column)
    if types.is_floating(values.type):
        values = values.cast(pa.int64(), safe=False)
    return values.cast(pa.string())


def _union(known: pa.Array, values: pa.ChunkedArray) -> pa.Array:
    found = pc.unique(values.drop_null())
    return pa.concat_arrays([known, pc.filter(found, pc.invert(pc.is_in(found, value_set=known)))])


def _borrow(
    table: ReadTable, findings: Mapping[str, TableFinding], personal: Sequence[ReadTable], numbered: Persons
) -> pa.Array:
    """Return the persons of a table without a key through a record number another table has once per row."""
    links = {
        column.name.casefold(): column.name for column in findings[table.name].columns if column.kind == "record_key"
    }
    for other in personal:
        for name in other.schema.names:
            if other.name in numbered and name.casefold() in links:
                keys = _text(other, name).combine_chunks()
                if len(pc.unique(keys)) == len(keys) and keys.null_count == 0:
                    rows = pc.index_in(_text(table, links[name.casefold()]), value_set=keys)
                    return numbered[other.name].take(rows)
    return pa.nulls(table.rows, pa.int32())


def _complete(numbered: Persons, persons: int) -> tuple[Persons, int]:
    """Give every row without a person a new one."""
    completed = {}
    for name, rows in numbered.items():
        flat = rows.combine_chunks() if isinstance(rows, pa.ChunkedArray) else rows
        nobody = pc.is_null(flat).cast(pa.int64())
        fresh = pc.add(pc.cumulative_sum(nobody), persons - 1)
        completed[name] = pc.if_else(pc.is_null(flat), fresh, flat.cast(pa.int64()))
        persons += pc.sum(nobody).as_py() or 0
    return completed, persons
