"""Workbooks: nothing hidden, nothing that runs or points elsewhere, every sheet checked as a table."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from typing import Any

from enclave.outputs.files.checks import tables
from enclave.outputs.files.report import Context, Report
from enclave.outputs.files.rules import rules

# Parts of the package that a table of results has no need of, and what they are called in a finding.
_PARTS = {
    "vbaProject": "macro",
    "pivotCache": "pivot cache",
    "externalLink": "external link",
    "embeddings/": "embedded object",
    "comments": "comment",
    "threadedComment": "comment",
    "activeX": "control",
    "ctrlProps": "control",
    "customXml/": "custom data",
    "connections.xml": "connection",
    "queryTables/": "query",
    "media/": "picture",
    "drawings/": "drawing",
    "printerSettings": "printer settings",
    "webextensions": "extension",
}
_PLAIN = re.compile(
    r"\[Content_Types\]\.xml|_rels/\.rels|docProps/(app|core)\.xml|xl/(workbook|styles|sharedStrings|metadata)\.xml"
    r"|xl/_rels/workbook\.xml\.rels|xl/theme/theme\d+\.xml|xl/worksheets/(sheet\d+\.xml|_rels/sheet\d+\.xml\.rels)"
    r"|xl/tables/table\d+\.xml|xl/calcChain\.xml"
)


def check_workbook(content: bytes, report: Report, context: Context) -> None:
    """Check a workbook."""
    if not _check_package(content, report):
        return
    from openpyxl import load_workbook  # reads XML through defusedxml

    try:
        workbook = load_workbook(io.BytesIO(content), data_only=False)
    except Exception as error:  # noqa: BLE001  whatever the reader stumbles over, the file was not checked (P6)
        report.add("export_unreadable", reason=type(error).__name__)
        return
    if workbook.defined_names:
        report.add("export_workbook_part", part="defined name")
    for number, sheet in enumerate(workbook.worksheets, 1):
        _check_sheet(sheet, number, report, context)
    if len(workbook.worksheets) != len(workbook.sheetnames):
        report.add("export_workbook_part", part="chart sheet")


def _check_package(content: bytes, report: Report) -> bool:
    """Look at the package before it is unpacked: size, names, parts; tell whether to go on."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            broken = archive.testzip() if _total(entries) <= rules().limits["archive_bytes"] else "size"
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError, zlib.error) as error:
        report.add("export_unreadable", reason=type(error).__name__)
        return False
    if broken or "xl/workbook.xml" not in {entry.filename for entry in entries}:
        report.add("export_unreadable", reason="package")
        return False
    for entry in entries:
        part = next((what for name, what in _PARTS.items() if name in entry.filename), "")
        if part or not _PLAIN.fullmatch(entry.filename):
            report.add("export_workbook_part", part=part or "unknown part")
    return True


def _total(entries: list[zipfile.ZipInfo]) -> int:
    return sum(entry.file_size for entry in entries)


def _check_sheet(sheet: Any, number: int, report: Report, context: Context) -> None:
    if sheet.sheet_state != "visible":
        report.add("export_workbook_hidden", what="sheet", sheet=number)
    if any(row.hidden for row in sheet.row_dimensions.values()) or (sheet.auto_filter and sheet.auto_filter.ref):
        report.add("export_workbook_hidden", what="rows", sheet=number)
    if any(column.hidden for column in sheet.column_dimensions.values()):
        report.add("export_workbook_hidden", what="columns", sheet=number)
    grid = []
    for row in sheet.iter_rows():
        if any(cell.data_type == "f" for cell in row):
            report.add("export_formula", row=row[0].row, sheet=number)
        if any(cell.hyperlink or cell.comment for cell in row):
            report.add("export_workbook_part", part="link or comment", sheet=number)
        cells = [_text(cell.value) for cell in row]
        if any(cells):
            grid.append(cells)
    if grid:
        tables.check(_trimmed(grid), report, context, str(sheet.title))


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _trimmed(grid: tables.Grid) -> tables.Grid:
    """Drop columns that are empty from top to bottom."""
    used = [position for position in range(len(grid[0])) if any(row[position] for row in grid)]
    return [[row[position] for position in used] for row in grid]
