"""`enclave classify`: what each column of a file is found to be and why, with nothing running."""

from __future__ import annotations

import json as notation
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from enclave.deidentify.classify import ColumnFinding, classify_all
from enclave.deidentify.files import Wording, opened
from enclave.kernel.i18n import text
from enclave.kernel.settings import settings


def classify(
    file: Annotated[Path, typer.Argument(help="A file (CSV, Parquet, Excel), a zip or a folder of these.")],
    encoding: Annotated[str, typer.Option(help="Encoding of text files, where it is not found.")] = "",
    text_column: Annotated[list[str] | None, typer.Option(help="A column to read as text; may be repeated.")] = None,
    missing: Annotated[list[str] | None, typer.Option(help="A mark of missing values; may be repeated.")] = None,
    no_persons: Annotated[bool, typer.Option(help="Declare that no row is about a person.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Propose role, level and category of every column, with the reason; no value is printed."""
    wording = Wording(encoding, tuple(text_column or ()), tuple(missing or ()))
    with opened(file, wording) as tables:
        findings = classify_all(tables, personal=False if no_persons else None)
        found = [(table.file, finding.columns) for table, finding in zip(tables, findings, strict=True)]
    if json:
        parts = [{"file": name, "columns": [_plain(column) for column in columns]} for name, columns in found]
        whole: dict[str, Any] = parts[0] if len(parts) == 1 else {"file": file.name, "tables": parts}
        typer.echo(notation.dumps(whole, ensure_ascii=False))
        return
    for name, columns in found:
        Console().print(_shown(name, columns))


def _plain(column: ColumnFinding) -> dict[str, Any]:
    return {
        "name": column.name,
        "role": column.role,
        "level": column.level,
        "category": column.category,
        "kind": column.kind,
        "person_key": column.person_key,
        "topics": sorted(column.topics),
        "betrays": dict(column.betrays),
        "clause": column.clause,
        "reason_en": column.reason_en,
        "reason_zh": column.reason_zh,
    }


def _shown(name: str, columns: Sequence[ColumnFinding]) -> Table:
    language = settings().language
    table = Table("", text("catalog_role", language), "4.1", text("catalog_reason", language), title=name)
    for column in columns:
        role = text(f"catalog_role_{column.role}", language) + (" *" if column.person_key else "")
        reason = column.reason_zh if language == "zh" else column.reason_en
        table.add_row(column.name, role, str(column.level), f"{reason} ({column.clause})")
    return table
