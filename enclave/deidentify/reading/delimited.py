"""Reads delimited text of any separator and line end into Parquet of plain text, record by record."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

from enclave.deidentify.reading.encoding import as_utf8
from enclave.deidentify.reading.headers import checked_names
from enclave.deidentify.reading.limits import CHUNK, Limits
from enclave.deidentify.reading.text_table import TextTable
from enclave.kernel.errors import Invalid

SEPARATORS = (",", "\t", ";", "|", "^", "\x01")
SAMPLE_CHARACTERS = 256 << 10
SAMPLE_RECORDS = 200
BLOCK = 16 << 20
csv.field_size_limit(BLOCK)


def read_delimited(path: Path, file: str, table: str, folder: Path, limits: Limits, encoding: str = "") -> TextTable:
    """Read one delimited file; every cell is text and an empty one is null."""
    plain = as_utf8(path, file, folder / f"{path.name}.utf8", encoding)
    separator, header = _shape(plain, file)
    names = checked_names(header, file, limits)
    target = folder / f"{path.name}.text.parquet"
    rows = _to_parquet(plain, file, names, separator, target, limits)
    if rows == 0:
        raise Invalid("ingest_no_rows", file=file)
    return TextTable(name=table, file=file, path=target, names=tuple(names), rows=rows, first_row=2)


def _shape(plain: Path, file: str) -> tuple[str, list[str]]:
    """Return the separator and the header: the separator that cuts most records like the header."""
    with plain.open(encoding="utf-8-sig", newline="") as source:
        sample = source.read(SAMPLE_CHARACTERS)
        cut_short = bool(source.read(1))
    if not sample.strip():
        raise Invalid("ingest_empty_file", file=file)
    tried = {separator: _records(sample, separator, cut_short) for separator in SEPARATORS}
    best = max(SEPARATORS, key=lambda separator: _fit(tried[separator]))
    if not tried[best]:
        raise Invalid("ingest_unreadable", file=file, row=1)
    if len(tried[best]) == 1 and not cut_short:
        raise Invalid("ingest_no_rows", file=file)
    return best, tried[best][0]


def _records(sample: str, separator: str, cut_short: bool) -> list[list[str]]:
    lines = io.StringIO(sample.replace("\r\n", "\n").replace("\r", "\n"), newline="")
    records = []
    try:
        for record in csv.reader(lines, delimiter=separator):
            if record:
                records.append(record)
            if len(records) > SAMPLE_RECORDS:
                return records
    except csv.Error:
        pass  # what was read until then is enough to judge by
    return records[:-1] if cut_short and len(records) > 1 else records


def _fit(records: list[list[str]]) -> tuple[float, int]:
    if not records or len(records[0]) < 2:
        return (0.0, 0)
    width = len(records[0])
    return (sum(len(record) == width for record in records) / len(records), width)


def _to_parquet(plain: Path, file: str, names: list[str], separator: str, target: Path, limits: Limits) -> int:
    uneven: list[arrow_csv.InvalidRow] = []

    def note(row: arrow_csv.InvalidRow) -> str:
        uneven.append(row)
        return "error"

    schema, rows, last = TextTable.schema(len(names)), 0, None
    try:
        with _opened(plain, schema.names, separator, note) as reader, pq.ParquetWriter(target, schema) as writer:
            for batch in reader:
                rows, last = rows + batch.num_rows, batch if batch.num_rows else last
                if rows > limits.rows:
                    raise Invalid("ingest_too_many_rows", file=file, limit=limits.rows)
                writer.write_batch(batch)
    except pa.ArrowInvalid:  # its text quotes the row, so it goes no further (P12)
        if uneven:
            bad = uneven[0]
            raise Invalid(
                "ingest_uneven_row", file=file, row=bad.number, expected=bad.expected_columns, found=bad.actual_columns
            ) from None
        raise Invalid("ingest_unreadable", file=file, row=rows + 2) from None
    _check_quotes(plain, file, last, rows)
    return rows


def _opened(plain: Path, names: list[str], separator: str, note: object) -> arrow_csv.CSVStreamingReader:
    columns = {name: pa.string() for name in names}
    return arrow_csv.open_csv(
        plain,
        # One thread: only then does Arrow number the rows it complains of.
        read_options=arrow_csv.ReadOptions(
            use_threads=False, block_size=BLOCK, column_names=names, skip_rows_after_names=1
        ),
        parse_options=arrow_csv.ParseOptions(delimiter=separator, newlines_in_values=True, invalid_row_handler=note),
        convert_options=arrow_csv.ConvertOptions(column_types=columns, null_values=[""], strings_can_be_null=True),
    )


def _check_quotes(plain: Path, file: str, last: pa.RecordBatch | None, rows: int) -> None:
    """Refuse a quotation mark that is never closed: it swallows every row after it without a word."""
    final = last.slice(last.num_rows - 1).to_pylist()[0] if last is not None else {}
    if not any(value and "\n" in value for value in final.values()):
        return
    quotes = 0
    with plain.open("rb") as source:
        while chunk := source.read(CHUNK):
            quotes += chunk.count(b'"')
    if quotes % 2:
        raise Invalid("ingest_open_quote", file=file, row=rows + 1)
