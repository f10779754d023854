"""`enclave compare`: what a treated file tells less than the original, column by column, and the risk of both."""

from __future__ import annotations

import json as notation
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from enclave.cli.risk import names_of
from enclave.deidentify.comparing import Comparison
from enclave.deidentify.comparing import compare as compared
from enclave.deidentify.files import Wording
from enclave.kernel.i18n import text
from enclave.kernel.settings import settings


def compare(
    before: Annotated[Path, typer.Argument(help="The original file or folder.")],
    after: Annotated[Path, typer.Argument(help="The treated file or folder.")],
    qi: Annotated[str, typer.Option("--qi", help="Quasi-identifiers, joined by commas; else those found.")] = "",
    encoding: Annotated[str, typer.Option(help="Encoding of text files, where it is not found.")] = "",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare two states of a file: information lost column by column, risk before and after."""
    found = compared(before, after, names_of(qi), Wording(encoding))
    if json:
        parts = [comparison.as_dict() for comparison in found]
        whole: dict[str, Any] = parts[0] if len(parts) == 1 else {"tables": parts}
        typer.echo(notation.dumps({"before": str(before), "after": str(after), **whole}, ensure_ascii=False))
        return
    for comparison in found:
        Console().print(_shown(comparison))


def _shown(found: Comparison) -> Table:
    language = settings().language
    lost = text("file_lost", language)
    shown = Table("", text("risk_before", language), text("risk_after", language), lost, title=found.name)
    shown.add_row(text("file_risk_rows", language), f"{found.rows_before:,}", f"{found.rows_after:,}", "")
    shown.add_row("k", f"{found.before.k:,}", f"{found.after.k:,}", "")
    uniques = f"{found.before.uniques:,}", f"{found.after.uniques:,}"
    shown.add_row(text("file_risk_uniques", language), *uniques, "", end_section=True)
    for column in found.columns:
        values = f"{column.distinct_before:,}", f"{column.distinct_after:,}" if column.kept else "-"
        shown.add_row(column.name, *values, f"{100 * column.lost:.1f} %")
    for name in found.added:
        shown.add_row(name, "-", text("file_added", language), "")
    return shown
