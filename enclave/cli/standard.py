"""`enclave standard`: how much of T/SHIA 8-2020 tests prove, component by component."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from enclave.kernel.errors import Invalid, NotFound
from enclave.kernel.i18n import text
from enclave.kernel.settings import settings
from enclave.policy.clauses import clauses, waivers
from enclave.policy.coverage import Coverage, behind, coverage, proofs

app = typer.Typer(no_args_is_help=True, help="The standard T/SHIA 8-2020.")
console = Console()
ROOT = Path(__file__).resolve().parents[2]
REPORT = "ENCLAVE_CLAUSE_REPORT"


@app.callback()
def _group() -> None:
    """Keep `coverage` a sub-command although it is the only one."""


@app.command("coverage")
def coverage_command(
    component: Annotated[str, typer.Option(help="One component: list its clauses; exit 1 if one is missing.")] = "",
    run: Annotated[bool, typer.Option("--run", help="Run the marked tests; only those that pass prove.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print proven, waived (with reason and date) and missing clauses of each component."""
    tests = ROOT / "tests"
    if not tests.is_dir():
        raise NotFound("standard_no_tests")
    found = proofs(tests)
    proven = _passed() if run else set(behind(found))
    shown = [one for one in coverage(proven) if component in ("", one.component)]
    if not shown:
        raise Invalid("standard_unknown_component", name=component)
    if as_json:
        typer.echo(json.dumps({one.component: _plain(one) for one in shown}, ensure_ascii=False, indent=2))
    else:
        _print(shown, "passed" if run else "marked")
        _print_debts(shown, detailed=bool(component))
        empty = sorted({proof.test for proof in found if not proof.asserts})
        if empty:
            console.print(text("standard_empty_test", settings().language, tests=", ".join(empty)), style="red")
    raise typer.Exit(1 if component and shown[0].missing else 0)


def _passed() -> set[str]:
    """Run the tests that carry a clause and return the clauses that passed."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "clauses.json"
        environment = {**os.environ, REPORT: str(report)}
        subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-m", "clause", "tests"], cwd=ROOT, env=environment, check=False
        )
        return set(json.loads(report.read_text("utf-8"))) if report.exists() else set()


def _plain(one: Coverage) -> dict[str, object]:
    return {"proven": list(one.proven), "waived": list(one.waived), "missing": list(one.missing), "total": one.total}


def _print(shown: list[Coverage], basis: str) -> None:
    language = settings().language
    title = text("standard_title", language, basis=text(f"standard_basis_{basis}", language))
    heads = ("component", "clauses", "proven", "waived", "missing")
    table = Table(*(text(f"standard_{head}", language) for head in heads), "%", title=title)
    rows = [(one.component, [one.total, len(one.proven), len(one.waived), len(one.missing)]) for one in shown]
    if len(rows) > 1:
        rows.append(
            (text("standard_total", language), [sum(column) for column in zip(*(row[1] for row in rows), strict=True)])
        )
    for name, counts in rows:
        table.add_row(name, *(str(count) for count in counts), f"{100 * counts[1] / max(counts[0], 1):.0f}")
    console.print(table)


def _print_debts(shown: list[Coverage], *, detailed: bool) -> None:
    language = settings().language
    for one in shown:
        for clause in one.waived:
            waiver = waivers()[clause]
            reason = waiver.zh if language == "zh" else waiver.en
            console.print(text("standard_waiver", language, clause=clause, since=waiver.since, reason=reason))
        if detailed:
            for clause in one.missing:
                console.print(f"  [red]{clause}[/]  {clauses()[clause].text(language)}")
