"""Text and delimited text: decoded strictly, scanned whole, and read as a table where it is one."""

from __future__ import annotations

import codecs
import csv
import io
import re

from enclave.outputs.files.checks import identifiers, tables
from enclave.outputs.files.report import Context, Report
from enclave.outputs.files.rules import rules

_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
# Invisible characters that hide or reorder text, besides plain control codes.
_CONTROL = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ue000-\uf8ff\ufeff]")
_SEPARATORS = (",", "\t", ";", "|")
csv.field_size_limit(1 << 20)


def decoded(content: bytes, report: Report) -> str | None:
    """Return the text, or None with a finding: a file that is not surely decoded is not checked (P6)."""
    mark, named = next(((mark, name) for mark, name in _MARKS if content.startswith(mark)), (b"", ""))
    for encoding in (named,) if named else ("utf-8", "gb18030"):
        try:
            text = content[len(mark) :].decode(encoding)
        except UnicodeDecodeError:
            continue
        hidden = _CONTROL.search(text)
        if hidden:
            report.add("export_control_characters", line=text.count("\n", 0, hidden.start()) + 1)
            return None
        return text
    report.add("export_unreadable", reason="encoding")
    return None


def check_text(content: bytes, report: Report, context: Context) -> None:
    """Check plain text; a text that is a table all through is checked as one."""
    text = decoded(content, report)
    if text is None:
        return
    scan_lines(text, report, context)
    show(text, report)
    separator = _separator(text)
    grid = _grid(text, separator) if separator else None
    if grid and len(grid) > 2 and len({len(row) for row in grid}) == 1:
        tables.check(grid, report, context, "")


def scan_lines(text: str, report: Report, context: Context, **place: object) -> None:
    """Scan text line by line, so that a finding names its line."""
    for number, line in enumerate(text.splitlines(), 1):
        identifiers.scan(line, report, context, line=number, **place)


def show(text: str, report: Report, **place: object) -> None:
    """Put a text before the stewards, or stop one that nobody would read through."""
    most = rules().limits["text_characters"]
    if len(text) > most:
        report.add("export_long_text", characters=len(text), most=most, **place)
    else:
        report.preview.append({"type": "text", "text": text})


def check_delimited(content: bytes, report: Report, context: Context) -> None:
    """Check delimited text: every record must have as many cells as the header."""
    text = decoded(content, report)
    if text is None:
        return
    grid = _grid(text, _separator(text) or ",")
    if grid is None:
        report.add("export_unreadable", reason="quotes")
        return
    if not grid:
        report.add("export_empty")
        return
    tables.check(grid, report, context, "")


def _separator(text: str) -> str:
    """Return the separator that cuts most lines like the first, empty when none cuts it."""
    lines = [line for line in text.splitlines()[:200] if line.strip()]
    if not lines:
        return ""

    def fit(separator: str) -> tuple[int, int]:
        width = lines[0].count(separator)
        return (sum(line.count(separator) == width for line in lines) if width else 0, width)

    best = max(_SEPARATORS, key=fit)
    return best if lines[0].count(best) else ""


def _grid(text: str, separator: str) -> list[list[str]] | None:
    """Return the records without empty ones, or None for text whose quoting is broken."""
    source = io.StringIO(text, newline="")
    try:
        return [
            row for row in csv.reader(source, delimiter=separator, strict=True) if any(cell.strip() for cell in row)
        ]
    except csv.Error:
        return None
