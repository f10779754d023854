"""`enclave risk`: how alone the rows of a file stand over its quasi-identifiers, with nothing running."""

from __future__ import annotations

import json as notation
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from enclave.deidentify.files import Wording, measured, opened
from enclave.disclosure.measures import Measures
from enclave.kernel.i18n import text
from enclave.kernel.settings import settings


def names_of(joined: str) -> tuple[str, ...]:
    """Return the names in a list joined by commas, of either width."""
    return tuple(name.strip() for name in joined.replace("，", ",").split(",") if name.strip())


def risk(
    file: Annotated[Path, typer.Argument(help="A file (CSV, Parquet, Excel), a zip or a folder of these.")],
    qi: Annotated[str, typer.Option("--qi", help="Quasi-identifiers, joined by commas.")],
    sensitive: Annotated[str, typer.Option(help="Columns for l and t; without it those found sensitive.")] = "",
    encoding: Annotated[str, typer.Option(help="Encoding of text files, where it is not found.")] = "",
    text_column: Annotated[list[str] | None, typer.Option(help="A column to read as text; may be repeated.")] = None,
    missing: Annotated[list[str] | None, typer.Option(help="A mark of missing values; may be repeated.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Measure k, uniques, l and t of a file over its quasi-identifiers."""
    wording = Wording(encoding, tuple(text_column or ()), tuple(missing or ()))
    with opened(file, wording) as tables:
        found = measured(tables, names_of(qi), names_of(sensitive))
        several = len(tables) > 1
    if json:
        typer.echo(notation.dumps(_plain(file, found, several=several), ensure_ascii=False))
        return
    for name, measures in found.items():
        Console().print(shown(name, measures))


def _plain(file: Path, found: dict[str, Measures], *, several: bool) -> dict[str, Any]:
    """Return the measures of the one table, or of each where there are several."""
    if not several:
        return next(iter(found.values())).as_dict()
    return {"file": file.name, "tables": [{"table": name, **each.as_dict()} for name, each in found.items()]}


def shown(name: str, measures: Measures) -> Table:
    """Return the measures of one table as a table for a terminal."""
    language = settings().language
    table = Table("", "", title=f"{name}: {', '.join(measures.quasi_identifiers)}", show_header=False)
    table.add_row(text("file_risk_rows", language), f"{measures.rows:,}")
    reading = text(f"file_risk_missing_{measures.missing}", language)
    table.add_row("k", f"{measures.k:,} ({reading})")
    table.add_row(text("file_risk_classes", language), f"{measures.classes:,}")
    table.add_row(text("file_risk_uniques", language), _share(measures.uniques, measures.rows))
    for threshold, rows in measures.below_k.items():
        table.add_row(text("file_risk_below", language, k=threshold), _share(rows, measures.rows))
    for column, fewest in measures.l.items():
        table.add_row(f"l, t · {column}", f"{fewest:,}, {measures.t[column]:.3f}")
    return table


def _share(part: int, whole: int) -> str:
    return f"{part:,} ({100 * part / whole if whole else 0:.1f} %)"
