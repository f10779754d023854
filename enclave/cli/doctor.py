"""`enclave doctor`: what is missing on this machine and how to get it."""

from __future__ import annotations

import dataclasses
import json

import typer
from rich.console import Console
from rich.table import Table

from enclave.cli import health
from enclave.kernel.i18n import text
from enclave.kernel.settings import settings


def doctor(as_json: bool = typer.Option(False, "--json", help="Print findings for a program to read.")) -> None:
    """Say what this machine lacks and how to get it; exit 1 when the platform cannot run."""
    findings = list(health.examine(settings()))
    if as_json:
        print(json.dumps([_described(finding) for finding in findings], ensure_ascii=False, indent=2))
    else:
        _show(findings)
    raise typer.Exit(1 if any(finding.blocking for finding in findings) else 0)


def _described(finding: health.Finding) -> dict[str, object]:
    remedy = {f"get_{language}": text(f"doctor_get_{finding.name}", language) for language in ("zh", "en")}
    return dataclasses.asdict(finding) | ({} if finding.good else remedy)


def _show(findings: list[health.Finding]) -> None:
    language = settings().language
    table = Table(box=None, pad_edge=False)
    for name in ("", "what", "need", "found"):
        table.add_column(name and text(f"doctor_column_{name}", language))
    for finding in findings:
        mark = "[green]✓[/]" if finding.good else ("[red]✗[/]" if finding.blocking else "[yellow]![/]")
        need = text(f"doctor_need_{finding.need}", language)
        table.add_row(mark, text(f"doctor_{finding.name}", language), need, finding.detail)
    console = Console()
    console.print(table)
    for finding in findings:
        if not finding.good:
            console.print(f"[bold]{text(f'doctor_{finding.name}', language)}[/]: ", end="")
            console.print(text(f"doctor_get_{finding.name}", language), markup=False)
    verdict = "doctor_blocked" if any(finding.blocking for finding in findings) else "doctor_ready"
    console.print(text(verdict, language))
