"""What a table gives away: small counts, rows of persons, pseudonyms, identifiers, formulas."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Any

from enclave.outputs.files.checks import counts, identifiers
from enclave.outputs.files.report import Context, Report
from enclave.outputs.files.rules import rules

Grid = list[list[str]]
_NUMBER = re.compile(r"[-+]?(\d[\d,]*)?\.?\d+([eE][-+]?\d+)?%?")
_FORMULA = re.compile(r"[=@]|[+-](?![\d.,\s]*([eE][-+]?\d+)?%?$)|\t|\r")


def check(grid: Grid, report: Report, context: Context, sheet: str) -> None:
    """Check a table of text cells whose first row is the header."""
    header = [cell.strip() for cell in grid[0]]
    rows = grid[1:]
    place = {"sheet": sheet} if sheet else {}
    if _check_size(grid, report, place):
        report.preview.append(preview(grid, sheet))
    _check_cells(grid, report, context, place)
    uneven = next((number for number, row in enumerate(grid, 1) if len(row) != len(header)), 0)
    if uneven:
        report.add("export_ragged", row=uneven, **place)
        return
    named = _check_headers(header, rows, report, place)
    counting = counts.check(header, rows, report, context, place)
    _check_rows(header, rows, report, context, place, counting=counting, named=named)
    _check_extremes(header, rows, report, place)


def preview(grid: Grid, title: str) -> dict[str, Any]:
    """Return the block a steward sees: the whole table."""
    rows = grid[1:]
    return {"type": "table", "title": title, "header": grid[0], "rows": rows, "total": len(rows)}


def _check_size(grid: Grid, report: Report, place: dict[str, Any]) -> bool:
    """Stop a table that no steward could read through; tell whether it can be."""
    limits = rules().limits
    rows, columns = len(grid) - 1, max(map(len, grid))
    if rows > limits["rows_block"]:
        report.add("export_too_many_rows", rows=rows, most=limits["rows_block"], **place)
    if columns > limits["columns"]:
        report.add("export_too_wide", columns=columns, most=limits["columns"], **place)
    long = next(
        (number for number, row in enumerate(grid, 1) if any(len(cell) > limits["cell_characters"] for cell in row)), 0
    )
    if long:
        report.add("export_long_cell", row=long, most=limits["cell_characters"], **place)
    return rows <= limits["rows_block"] and columns <= limits["columns"] and not long


def _check_cells(grid: Grid, report: Report, context: Context, place: dict[str, Any]) -> None:
    # A longer table is stopped for its length already.
    for number, row in enumerate(grid[: rules().limits["rows_block"] + 1], 1):
        for position, cell in enumerate(row, 1):
            if len(cell) < 6 and (not cell or _NUMBER.fullmatch(cell)):
                continue
            identifiers.scan(cell, report, context, row=number, column=position, **place)
            if cell.strip() in context.pseudonyms:
                report.add("export_pseudonyms", row=number, column=position, **place)
            if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell.strip()) and cell.strip() not in ("-", "+", "--"):
                report.add("export_formula", row=number, column=position, **place)


def _check_headers(header: Sequence[str], rows: Grid, report: Report, place: dict[str, Any]) -> bool:
    """Find columns of names and record numbers by header and values."""
    before = len(report.findings)
    for position, name in enumerate(header):
        values = [row[position].strip() for row in rows if row[position].strip()]
        likely = sum(map(identifiers.is_name, values))
        if (rules().says(name, "name") and values) or (len(values) >= 5 and likely >= 0.7 * len(values)):
            report.add("export_identifier_name", column=position + 1, **place)
        if rules().says(name, "record") and values:
            report.add("export_identifier_record", column=position + 1, **place)
    return len(report.findings) > before


def _check_rows(
    header: Sequence[str],
    rows: Grid,
    report: Report,
    context: Context,
    place: dict[str, Any],
    *,
    counting: bool,
    named: bool,
) -> None:
    """Find tables whose rows are persons or records rather than groups."""
    limits = rules().limits
    if counting or _is_statistics(rows):
        return
    shared = sum(_plain(name) in context.columns for name in header)
    filled = sum(bool(name) for name in header)
    if shared >= limits["shared_columns"] and shared >= limits["shared_part"] * filled:
        report.add("export_row_level", columns=shared, **place)
        return
    if any(rules().says(name, "estimate") for name in header):
        return
    unlike = len(Counter(map(tuple, rows))) >= 0.95 * len(rows)
    if unlike and len(header) >= 3 and len(rows) >= limits["rows_look"]:
        likely = len(rows) >= limits["rows_likely"] and len(header) >= 4
        report.add("export_row_level_likely" if likely else "export_row_level_maybe", rows=len(rows), **place)


def _plain(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().lower()


def _is_statistics(rows: Grid) -> bool:
    """Tell whether the rows are statistics of columns, as `describe()` gives them."""
    labels = {_plain(row[0]) for row in rows if row}
    return bool(labels) and labels <= rules().words["statistic"]


def _check_extremes(header: Sequence[str], rows: Grid, report: Report, place: dict[str, Any]) -> None:
    """A minimum or maximum is the value of one person."""
    labels = [*header, *(row[0] for row in rows if row)]
    if any(rules().says(label, "extreme") for label in labels):
        report.add("export_extreme", **place)
