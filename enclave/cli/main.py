"""The `enclave` command: one sub-command for each door an operator or steward needs."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time

import typer
from rich.console import Console
from sqlalchemy.exc import DatabaseError

from enclave.kernel.errors import EnclaveError
from enclave.kernel.i18n import text
from enclave.kernel.log import configure, logger
from enclave.kernel.settings import settings

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
console = Console()
# Modules of this package: each group has an `app`, each command a function of its name.
GROUPS = ("account", "dataset", "institution", "ledger", "policy", "standard")
COMMANDS = ("advise", "classify", "compare", "deidentify", "demo", "doctor", "kanonymity", "risk")

for _name in GROUPS:
    app.add_typer(importlib.import_module(f"enclave.cli.{_name}").app, name=_name)
for _name in COMMANDS:
    app.command(_name)(getattr(importlib.import_module(f"enclave.cli.{_name}"), _name))


@app.callback()
def _start() -> None:
    """Research health-data enclave (T/SHIA 8-2020)."""
    configure()


@app.command()
def up(detach: bool = typer.Option(False, help="Return once it is ready; end it with `enclave down`.")) -> None:
    """Start the platform and keep it up until Ctrl-C."""
    from enclave.gateway import supervisor

    if detach:
        _detach()
        return
    supervisor.run(lambda part: console.print(f"  [green]✓[/] {text(f'part_{part}', settings().language)}"), _ready)


def _ready() -> None:
    console.print(text("platform_ready", settings().language, url=settings().public_url))


def _detach() -> None:
    from enclave.gateway import supervisor

    log = (settings().folder("logs") / "supervisor.log").open("ab")
    child = subprocess.Popen(
        [sys.executable, "-m", "enclave.cli.main", "up"],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        env=dict(os.environ, ENCLAVE_HOME=str(settings().home)),
    )
    while supervisor.running(settings()) is None:
        if child.poll() is not None:
            raise typer.Exit(1)
        time.sleep(0.2)
    _ready()


@app.command()
def down() -> None:
    """End the platform of this home, and anything that outlived it."""
    from enclave.gateway import supervisor

    if not supervisor.down(settings()):
        console.print(text("platform_was_down", settings().language))


@app.command()
def status(json: bool = typer.Option(False, "--json", help="Print JSON.")) -> None:
    """Say which parts answer; exit 1 unless all do."""
    from enclave.gateway import supervisor

    state = supervisor.parts(settings())
    if json:
        typer.echo(supervisor.as_json(state))
    else:
        for part in state:
            mark = "[green]✓[/]" if part.answers else "[red]✗[/]"
            console.print(f"  {mark} {text(f'part_{part.name}', settings().language)}")
    raise typer.Exit(0 if all(part.answers for part in state) else 1)


def main() -> None:
    """Run, turning the product's errors into two sentences and exit code 2."""
    try:
        app()
    except EnclaveError as error:
        for language in ("zh", "en"):
            typer.echo(error.message(language), err=True)
        sys.exit(2)
    except DatabaseError as error:
        logger().error("database", state=type(error).__name__)
        for language in ("zh", "en"):
            typer.echo(text("ui_database_unusable", language), err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
