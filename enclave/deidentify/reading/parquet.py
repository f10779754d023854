"""Reads Parquet batch by batch into a plain form: flat columns of few types, every page decoded once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyarrow.types as kinds

from enclave.deidentify.reading.headers import checked_names
from enclave.deidentify.reading.limits import Limits
from enclave.kernel.clock import SHANGHAI
from enclave.kernel.errors import Invalid


def read_parquet(path: Path, file: str, target: Path, limits: Limits) -> tuple[pa.Schema, int]:
    """Write a plain copy of a Parquet file to `target`; return its schema and rows. Damage raises Invalid."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as source:
            found = source.schema_arrow
            names = checked_names(found.names, file, limits)
            types = [_plain_type(field.type, file, name) for field, name in zip(found, names, strict=True)]
            schema, rows = pa.schema(zip(names, types, strict=True)), 0
            with pq.ParquetWriter(target, schema, compression="zstd", compression_level=1) as writer:
                for batch in source.iter_batches(batch_size=131_072):
                    rows += batch.num_rows
                    if rows > limits.rows:
                        raise Invalid("ingest_too_many_rows", file=file, limit=limits.rows)
                    writer.write_batch(_plain_batch(batch, schema, file))
    except (pa.ArrowException, OSError, EOFError) as error:
        raise Invalid("ingest_broken_parquet", file=file) from error
    if rows == 0:
        raise Invalid("ingest_no_rows", file=file)
    return schema, rows


_PLAIN: tuple[tuple[Callable[[pa.DataType], bool], pa.DataType], ...] = (
    (kinds.is_boolean, pa.bool_()),
    (kinds.is_integer, pa.int64()),
    (kinds.is_floating, pa.float64()),
    (kinds.is_decimal, pa.float64()),
    (kinds.is_date, pa.date32()),
    (kinds.is_timestamp, pa.timestamp("us")),
    (kinds.is_duration, pa.int64()),
    (kinds.is_time, pa.string()),
    (kinds.is_null, pa.string()),
    (kinds.is_string, pa.string()),
    (kinds.is_large_string, pa.string()),
    (kinds.is_string_view, pa.string()),
    (kinds.is_binary, pa.string()),
    (kinds.is_large_binary, pa.string()),
)


def _plain_type(kind: pa.DataType, file: str, column: str) -> pa.DataType:
    if kinds.is_dictionary(kind):
        return _plain_type(kind.value_type, file, column)
    for matches, plain in _PLAIN:
        if matches(kind):
            return plain
    raise Invalid("ingest_nested_column", file=file, column=column, type=str(kind))


def _plain_batch(batch: pa.RecordBatch, schema: pa.Schema, file: str) -> pa.RecordBatch:
    return pa.record_batch(list(_plain_columns(batch, schema, file)), schema=schema)


def _plain_columns(batch: pa.RecordBatch, schema: pa.Schema, file: str) -> Iterator[pa.Array]:
    for column, field in zip(batch.columns, schema, strict=True):
        if kinds.is_timestamp(column.type) and column.type.tz:
            column = pc.local_timestamp(column.cast(pa.timestamp("us", str(SHANGHAI)), safe=False))
        try:
            # Nanoseconds below a microsecond and decimals below a double's grain are let go.
            column = column.cast(field.type, safe=not (kinds.is_temporal(column.type) or kinds.is_decimal(column.type)))
        except pa.ArrowInvalid:
            raise Invalid("ingest_unreadable_column", file=file, column=field.name) from None
        yield column
