"""`enclave deidentify`: a file or folder treated by a profile, with nothing running, and what that cost."""

from __future__ import annotations

import json as notation
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from enclave.deidentify import profiles
from enclave.deidentify.files import Wording
from enclave.deidentify.offline import TreatedTable
from enclave.deidentify.offline import deidentify as treat
from enclave.deidentify.profiles import Profile
from enclave.kernel.i18n import text
from enclave.kernel.settings import settings


def deidentify(
    file: Annotated[Path, typer.Argument(help="A file (CSV, Parquet, Excel), a zip or a folder of these.")],
    out: Annotated[Path, typer.Option(help="Folder to write to; it must not hold anything yet.")],
    profile: Annotated[str, typer.Option(help="A profile by name, or a YAML file.")] = "standard",
    form: Annotated[Literal["limited", "deidentified"], typer.Option(help="Which form of the data.")] = "deidentified",
    k: Annotated[int, typer.Option(min=0, help="Persons in a class at least; 0: as this installation asks.")] = 0,
    encoding: Annotated[str, typer.Option(help="Encoding of text files, where it is not found.")] = "",
    text_column: Annotated[list[str] | None, typer.Option(help="A column to read as text; may be repeated.")] = None,
    missing: Annotated[list[str] | None, typer.Option(help="A mark of missing values; may be repeated.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """De-identify a file or folder by a profile and say what was lost and how alone rows still stand."""
    asked = settings().k_deidentified if form == "deidentified" else settings().k_limited
    chosen, wording = _profile(profile), Wording(encoding, tuple(text_column or ()), tuple(missing or ()))
    made = treat(file, chosen, out, k or asked, form, wording)
    if json:
        typer.echo(notation.dumps(_plain(file, chosen, form, made), ensure_ascii=False))
        return
    for table in made:
        Console().print(_measured(table), _columns(table))
        typer.echo(text("file_written", settings().language, path=table.path, rows=table.rows))


def _profile(named: str) -> Profile:
    path = Path(named)
    return profiles.load(str(path.absolute().with_suffix("")) if path.suffix == ".yaml" else named)


def _plain(file: Path, profile: Profile, form: str, made: list[TreatedTable]) -> dict[str, Any]:
    head = {"file": file.name, "profile": profile.name, "version": profile.version, "form": form}
    tables = [table.as_dict() for table in made]
    body = tables[0] if len(tables) == 1 else {"tables": tables}
    return {**head, **body, "paths": [str(table.path) for table in made]}


def _measured(table: TreatedTable) -> Table:
    language = settings().language
    shown = Table("", text("risk_before", language), text("risk_after", language), title=table.name)
    shown.add_row("k", _number(table.before, "k"), _number(table.after, "k"))
    for name in ("classes", "uniques"):
        shown.add_row(text(f"file_risk_{name}", language), _number(table.before, name), _number(table.after, name))
    shown.add_row(text("file_loss", language), "0", f"{table.loss:.3f}")
    shown.add_row(text("file_suppressed", language), "", f"{table.suppressed_rows:,}, {table.suppressed_cells:,}")
    return shown


def _columns(table: TreatedTable) -> Table:
    language = settings().language
    shown = Table("", text("file_method", language), text("file_level", language), text("file_lost", language))
    for column, method in table.methods.items():
        lost = f"{table.losses[column]:.3f}" if column in table.losses else ""
        shown.add_row(column, text(f"method_{method}", language), str(table.levels.get(column, "")), lost)
    return shown


def _number(measures: Mapping[str, Any] | None, name: str) -> str:
    return f"{measures[name]:,}" if measures else "-"
