"""`enclave advise`: which technique of 9.1 suits each column of a file, scored on the standard's six criteria."""

from __future__ import annotations

import json as notation
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from enclave.deidentify import advice
from enclave.deidentify.advice import Advice, rules
from enclave.deidentify.classify import classify_all
from enclave.deidentify.files import opened
from enclave.kernel.i18n import text
from enclave.kernel.settings import settings
from enclave.policy.book import current


def advise(
    file: Annotated[Path, typer.Argument(help="CSV, Parquet or XLSX, or a folder of them.")],
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Score the techniques for every column of a file; nothing needs to run and nothing is changed."""
    with opened(file) as tables:
        found = [
            (table.name, column.name, column.role, advice.advise(column.role, table.column(column.name), column.kind))
            for table, finding in zip(tables, classify_all(tables), strict=True)
            for column in finding.columns
        ]
    if json:
        typer.echo(notation.dumps([_plain(*each) for each in found], ensure_ascii=False))
        return
    several = len({table for table, *_ in found}) > 1
    console = Console(width=150)
    console.print(_shown([(f"{table}.{name}" if several else name, *rest) for table, name, *rest in found]))
    for line in _legend():
        console.print(line)


def _plain(table: str, column: str, role: str, found: list[Advice]) -> dict[str, Any]:
    return {"table": table, "column": column, "role": role, "techniques": [asdict(each) for each in found]}


def _shown(found: list[tuple[Any, ...]]) -> Table:
    """Return the best technique of each column that needs one, with its six scores, and the next best."""
    language = settings().language
    words = {name: current().words(name) for name in ("techniques", "technique_criteria", "column_roles")}
    criteria = [words["technique_criteria"][code].name(language) for code in rules()["weights"]]
    heads = [text(f"advise_{name}", language) for name in ("column", "role", "technique")]
    shown = Table(*heads, *criteria, text("advise_next", language))

    def named(each: Advice) -> str:
        return f"{words['techniques'][each.technique].name(language)} {each.total:.0f}"

    for column, role, scored in found:
        if role != "other" and scored:
            scores = [f"{scored[0].scores[code]:.1f}" for code in rules()["weights"]]
            after = named(scored[1]) if len(scored) > 1 else ""
            shown.add_row(column, words["column_roles"][role].name(language), named(scored[0]), *scores, after)
    return shown


def _legend() -> list[str]:
    language = settings().language
    names = current().words("techniques")
    lines = [f"  {names[code].name(language)}: {entry[language]}" for code, entry in rules()["techniques"].items()]
    return [text("advise_legend", language), *lines]
