"""Notebooks: sources and outputs apart; every output is checked as what it is."""

from __future__ import annotations

import base64
import binascii
import json
import re
from html.parser import HTMLParser
from typing import Any

from enclave.outputs.files.checks import pictures, tables, text
from enclave.outputs.files.report import Context, Report
from enclave.outputs.files.rules import rules

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_LABELLED = re.compile(r"(\S.*?)\s{2,}(\d[\d,]*)")
_TEXTUAL = ("text/plain", "text/markdown", "text/latex")
MOST_METADATA = 500  # characters: state of widgets and the like is data that no cell shows
_METADATA = {"kernelspec", "language_info", "orig_nbformat", "title", "authors"}


def check_notebook(content: bytes, report: Report, context: Context) -> None:
    """Check a notebook."""
    written = text.decoded(content, report)
    if written is None:
        return
    import nbformat

    try:
        notebook = nbformat.from_dict(json.loads(written))  # type: ignore[no-untyped-call]  # nbformat is half typed
        nbformat.validate(notebook)
    except Exception as error:  # noqa: BLE001  whatever the reader stumbles over, the file was not checked (P6)
        report.add("export_unreadable", reason=type(error).__name__)
        return
    unseen = {name: value for name, value in notebook.metadata.items() if name not in _METADATA}
    if "widgets" in unseen or len(json.dumps(unseen)) > MOST_METADATA:
        report.add("export_notebook_state", part="metadata")
    if len(written) > rules().limits["picture_bytes"] + rules().limits["text_characters"]:
        # Nearly all of so long a notebook is pictures.
        report.add("export_many_pictures", most=rules().limits["picture_bytes"])
        return
    for number, cell in enumerate(notebook.cells, 1):
        _check_cell(cell, number, report, context)


def _check_cell(cell: Any, number: int, report: Report, context: Context) -> None:
    text.scan_lines(cell.source, report, context, cell=number)
    if cell.get("attachments"):
        report.add("export_notebook_state", part="attachment", cell=number)
    if len(json.dumps(cell.metadata)) > MOST_METADATA:
        report.add("export_notebook_state", part="cell metadata", cell=number)
    shown = Report(report.kind)
    for output in cell.get("outputs", ()):
        _check_output(output, number, shown, context)
    report.findings += [finding for finding in shown.findings if finding not in report.findings]
    report.tables += shown.tables
    report.preview.append({"type": "cell", "kind": cell.cell_type, "source": cell.source, "outputs": shown.preview})


def _check_output(output: Any, number: int, report: Report, context: Context) -> None:
    if output.output_type == "stream":
        _check_words(output.text, number, report, context)
        return
    if output.output_type == "error":
        _check_words("\n".join(output.traceback), number, report, context)
        return
    if len(json.dumps(output.get("metadata", {}))) > MOST_METADATA:
        report.add("export_notebook_state", part="output metadata", cell=number)
    for kind, value in output.data.items():
        if kind == "image/png":
            _check_picture(value, number, report)
        elif kind == "text/html":
            _check_html(value, number, report, context)
        elif kind in _TEXTUAL:
            _check_words(value, number, report, context)
        else:
            report.add("export_notebook_output", kind=str(kind)[:60], cell=number)


def _check_words(value: str, number: int, report: Report, context: Context) -> None:
    plain = _COLOUR.sub("", value)
    text.scan_lines(plain, report, context, cell=number)
    text.show(plain, report, cell=number)
    grid = _columns(plain)
    if grid:
        tables.check(grid, report, context, f"cell {number}")


def _columns(plain: str) -> tables.Grid | None:
    """Return printed columns as a table: a frame printed as text has equal gaps all the way down."""
    lines = [line for line in plain.splitlines() if line.strip()]
    rows = [line.split() for line in lines]
    # The index of a printed frame has no header.
    if len(rows) >= 2 and len(rows[0]) >= 2 and all(len(row) == len(rows[0]) + 1 for row in rows[1:]):
        return [["", *rows[0]], *rows[1:]]
    if len(rows) >= 2 and len(rows[0]) >= 2 and all(len(row) == len(rows[0]) for row in rows):
        return rows
    # A printed series, such as `value_counts()`: a label, a gap, a whole number.
    labelled = [match.groups() for line in lines if (match := _LABELLED.fullmatch(line.strip()))]
    return [["", "count"], *map(list, labelled)] if len(labelled) >= 2 else None


def _check_picture(value: str, number: int, report: Report) -> None:
    try:
        content = base64.b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        report.add("export_unreadable", reason="picture", cell=number)
        return
    pictures.inspect(content, report, cell=number)
    report.preview.append({"type": "picture", "png": base64.b64encode(content).decode()})


class _Tables(HTMLParser):
    """Collects the tables of an HTML output, and whatever else it holds."""

    def __init__(self) -> None:
        super().__init__()
        self.grids: list[tables.Grid] = []
        self.other: set[str] = set()
        self._cell: list[str] | None = None

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note tags that are no table."""
        if tag == "table":
            self.grids.append([])
        elif tag == "tr" and self.grids:
            self.grids[-1].append([])
        elif tag in ("td", "th") and self.grids and self.grids[-1]:
            self._cell = []
        elif tag not in (
            "thead",
            "tbody",
            "tfoot",
            "div",
            "p",
            "b",
            "strong",
            "em",
            "br",
            "span",
            "style",
            "caption",
            "small",
        ):
            self.other.add(tag)
        if any(
            name.startswith("on") or (value or "").strip().lower().startswith(("javascript:", "data:"))
            for name, value in attributes
        ):
            self.other.add("script")

    def handle_endtag(self, tag: str) -> None:
        """Close a cell."""
        if tag in ("td", "th") and self._cell is not None:
            self.grids[-1][-1].append("".join(self._cell).strip())
            self._cell = None

    def handle_data(self, data: str) -> None:
        """Collect the text of a cell."""
        if self._cell is not None:
            self._cell.append(data)


def _check_html(value: str, number: int, report: Report, context: Context) -> None:
    text.scan_lines(value, report, context, cell=number)
    parser = _Tables()
    parser.feed(value)
    parser.close()
    if parser.other:
        report.add("export_notebook_output", kind="text/html", cell=number)
    for grid in parser.grids:
        rows = [row for row in grid if row]
        if rows:
            tables.check(rows, report, context, f"cell {number}")
