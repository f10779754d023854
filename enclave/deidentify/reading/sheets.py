"""Reads the sheets of Excel and OpenDocument workbooks into Parquet of plain text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from enclave.deidentify.reading.headers import checked_names
from enclave.deidentify.reading.limits import Limits
from enclave.deidentify.reading.text_table import TextTable
from enclave.kernel.errors import Invalid

ROWS_AT_ONCE = 10_000


def read_workbook(path: Path, file: str, table: str, folder: Path, limits: Limits) -> Iterator[TextTable]:
    """Yield a table for each sheet that holds anything; the first row that holds anything is its header."""
    try:
        workbook = CalamineWorkbook.from_path(str(path))
        sheets = [workbook.get_sheet_by_name(name) for name in workbook.sheet_names]
    except (CalamineError, OSError, ValueError) as error:
        raise Invalid("ingest_broken_workbook", file=file) from error
    filled = [(sheet, grid) for sheet in sheets if (grid := _grid(sheet))]
    if not filled:
        raise Invalid("ingest_empty_file", file=file)
    for position, (sheet, grid) in enumerate(filled):
        named = file if len(filled) == 1 else f"{file} [{sheet.name}]"
        target = folder / f"{path.name}.{position}.text.parquet"
        yield _read_sheet(grid, named, table if len(filled) == 1 else sheet.name, target, limits)


def _grid(sheet: CalamineSheet) -> list[tuple[int, Sequence[Any]]]:
    """Return the rows that hold anything, each with its number in the sheet."""
    rows = sheet.to_python(skip_empty_area=False)
    return [(number, row) for number, row in enumerate(rows, 1) if any(cell not in ("", None) for cell in row)]


def _read_sheet(
    grid: list[tuple[int, Sequence[Any]]], file: str, table: str, target: Path, limits: Limits
) -> TextTable:
    (_, header), *body = grid
    width = max(position for position, cell in enumerate(header, 1) if cell not in ("", None))
    names = checked_names([_text(cell) for cell in header[:width]], file, limits)
    if not body:
        raise Invalid("ingest_no_rows", file=file)
    schema = TextTable.schema(width)
    with pq.ParquetWriter(target, schema) as writer:
        for start in range(0, len(body), ROWS_AT_ONCE):
            part = body[start : start + ROWS_AT_ONCE]
            _check_width(part, width, file)
            columns = [[_text(row[at]) if at < len(row) else None for _, row in part] for at in range(width)]
            writer.write_table(pa.table([pa.array(column, pa.string()) for column in columns], schema=schema))
    numbers = [number for number, _ in body]
    return TextTable(table, file, target, tuple(names), len(body), numbers[0], row_numbers=numbers)


def _check_width(part: list[tuple[int, Sequence[Any]]], width: int, file: str) -> None:
    for number, row in part:
        filled = max((at for at, cell in enumerate(row, 1) if cell not in ("", None)), default=0)
        if filled > width:
            raise Invalid("ingest_uneven_row", file=file, row=number, expected=width, found=filled)


def _text(cell: Any) -> str | None:
    """Return a cell as the text a CSV would hold: whole numbers without a point, moments in ISO form."""
    if cell is None or cell == "":
        return None
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time(0) else cell.isoformat(sep=" ")
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return str(cell.total_seconds())
    return str(cell)
