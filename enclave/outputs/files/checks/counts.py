"""Counts of persons in a table: which columns hold them, which are too small, what shares imply."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from enclave.outputs.files.report import Context, Report
from enclave.outputs.files.rules import rules

_WHOLE = re.compile(r"\d{1,3}(,\d{3})+|\d+(\.0+)?")
_DECIMAL = re.compile(r"[-+]?\d*\.?\d+([eE][-+]?\d+)?%?")
_NEVER = -1


def number(cell: str) -> int | None:
    """Return a cell as a whole number not below zero (thousands separators, full-width digits), or None."""
    plain = unicodedata.normalize("NFKC", cell).strip()
    return int(float(plain.replace(",", ""))) if _WHOLE.fullmatch(plain) and len(plain) < 16 else None


def check(
    header: Sequence[str], rows: list[list[str]], report: Report, context: Context, place: dict[str, Any]
) -> bool:
    """Check the columns of counts; tell whether the table has any."""
    columns = [[number(row[position]) for row in rows] for position in range(len(header))]
    named = [p for p, name in enumerate(header) if _counts(columns[p]) and _is_count(name)]
    chosen, code = (named, "export_small_count") if named else _unnamed(header, rows, columns)
    for position in chosen:
        small = [index for index, value in enumerate(columns[position]) if value and value < context.threshold]
        if small and not _rounded(columns[position]):
            report.add(
                code, column=position + 1, row=small[0] + 2, cells=len(small), threshold=context.threshold, **place
            )
    if chosen and code == "export_small_count":
        _check_shares(header, rows, [columns[position] for position in chosen], report, context, place)
        report.tables.append(_table(header, rows, columns, chosen))
        return True
    return False


def _is_count(name: str) -> bool:
    return rules().says(name, "count") and not rules().says(name, "share") and not rules().says(name, "estimate")


def _counts(values: Sequence[int | None]) -> bool:
    """Tell whether a column holds whole numbers; marks such as "<10" or "*" may stand between them."""
    present = [value for value in values if value is not None]
    return bool(present) and len(present) >= 0.3 * len(values)


def _unnamed(header: Sequence[str], rows: list[list[str]], columns: list[list[int | None]]) -> tuple[list[int], str]:
    """Choose the columns that may be counts although no header says so.

    A table whose numbers are all whole is taken for counts spread over columns; a single such column is
    shown to the stewards.
    """
    fractions = [p for p in range(len(header)) if columns[p].count(None) == len(rows) and _numeric(rows, p)]
    partly = [p for p in range(len(header)) if _counts(columns[p]) and _fractional(rows, p)]
    whole = [p for p in range(len(header)) if _counts(columns[p]) and not _is_key(header[p], columns[p], p)]
    whole = [p for p in whole if p not in partly]
    if fractions or partly or len(whole) < 2:
        return whole, "export_maybe_small_count"
    return whole, "export_small_count"


def _is_key(name: str, values: Sequence[int | None], position: int) -> bool:
    present = [value for value in values if value is not None]
    ascending = len(present) > 1 and all(a < b for a, b in pairwise(present))
    return rules().says(name, "key") or (position == 0 and (ascending or len(set(present)) == len(present) > 1))


def _numeric(rows: list[list[str]], position: int) -> bool:
    cells = [row[position].strip() for row in rows if row[position].strip()]
    return bool(cells) and all(_DECIMAL.fullmatch(cell) for cell in cells)


def _fractional(rows: list[list[str]], position: int) -> bool:
    cells = (row[position].strip() for row in rows)
    return any(_DECIMAL.fullmatch(cell) and number(cell) is None for cell in cells)


def _rounded(values: Sequence[int | None]) -> bool:
    """Tell whether counts were rounded to the midpoint of sixes (3, 9, 15, ...), where a 3 stands for 1 to 6."""
    present = [value for value in values if value]
    return len(present) >= 3 and len(set(present)) >= 2 and all(value % 6 == 3 for value in present)


def _check_shares(
    header: Sequence[str],
    rows: list[list[str]],
    chosen: list[list[int | None]],
    report: Report,
    context: Context,
    place: dict[str, Any],
) -> None:
    """Show where a percentage of a count beside it stands for fewer persons than the threshold (1.5 % of 200 is 3)."""
    for position, name in enumerate(header):
        cells = [row[position].strip() for row in rows]
        if not (rules().says(name, "share") or any(cell.endswith("%") for cell in cells)):
            continue
        for index, cell in enumerate(cells):
            share = _share(cell)
            totals = [column[index] for column in chosen]
            if any(total and 0 < share * total < context.threshold - 0.5 for total in totals):
                report.add(
                    "export_implied_count", column=position + 1, row=index + 2, threshold=context.threshold, **place
                )
                return


def _share(cell: str) -> float:
    if not _DECIMAL.fullmatch(cell):
        return _NEVER
    value = float(cell.rstrip("%"))
    return value / 100 if cell.endswith("%") or value > 1 else value


def _table(
    header: Sequence[str], rows: list[list[str]], columns: list[list[int | None]], chosen: list[int]
) -> dict[str, Any]:
    """Return the counts by the labels beside them, to be compared with tables that left before."""
    keys = [p for p in range(len(header)) if p not in chosen and not _fractional(rows, p)]
    cells = [
        [sorted(row[p].strip() for p in keys), [columns[p][index] for p in chosen]]
        for index, row in enumerate(rows)
        if any(columns[p][index] is not None for p in chosen)
    ]
    return {"columns": [header[p] for p in chosen], "cells": cells}
