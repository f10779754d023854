"""`enclave ledger`: export the chain and prove it, with or without the platform."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from enclave.kernel import ledger
from enclave.kernel.db import reading
from enclave.kernel.i18n import text
from enclave.kernel.settings import settings

app = typer.Typer(no_args_is_help=True, help="The hash-chained ledger.")


@app.command()
def export(target: Path) -> None:
    """Write the ledger as JSON lines."""
    with reading() as session, target.open("w", encoding="utf-8") as file:
        for line in ledger.export_lines(session):
            file.write(line + "\n")


@app.command()
def verify(
    file: Annotated[Path | None, typer.Option(help="An exported ledger; without it the database is read.")] = None,
    head: Annotated[str, typer.Option(help="The digest the chain must end in, noted earlier.")] = "",
) -> None:
    """Prove the chain; exit 1 and name the first event that does not hold."""
    if file:
        with file.open(encoding="utf-8") as lines:
            verdict = ledger.verify(ledger.exported(lines), head)
    else:
        with reading() as session:
            verdict = ledger.verify(ledger.stored(session), head)
    key = "ledger_broken" if verdict.fault else "ledger_holds"
    language = settings().language
    typer.echo(text(key, language, events=verdict.events, head=verdict.head, fault=verdict.told(language)))
    raise typer.Exit(1 if verdict.fault else 0)
