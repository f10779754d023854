"""`enclave demo`: the platform with demonstration people and data, or its whole main job as a check."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from catalog_browser import service as catalogue
from enclave.kernel.i18n import text
from enclave.kernel.settings import settings

console = Console()


def demo(
    check: Annotated[bool, typer.Option(help="Drive the main job end to end in a home of its own, then end.")] = False,
    draft: Annotated[bool, typer.Option(help="Put a filled-in application into li's requests, and end.")] = False,
    home: Annotated[Path | None, typer.Option(help="Where to keep it; --check takes a temporary folder.")] = None,
    port: Annotated[int, typer.Option(help="Port of the door; --check takes a free one.")] = 0,
) -> None:
    """Start the demonstration and keep it up until Ctrl-C; with --check, prove the main job and end."""
    os.environ["ENCLAVE_MODE"] = "demo"
    if check:
        raise typer.Exit(_check(home, port))
    _use(home, port)
    from enclave.cli.demonstration import application, data
    from enclave.gateway import supervisor

    if draft:
        saved = application.draft(catalogue.get(data.person("li"), "diabetes-130").id)
        console.print(text("demo_draft", settings().language, title=saved.title, id=saved.id), highlight=False)
        return

    supervisor.run(_part, lambda: _ready(data.load(_step)))


def _use(home: Path | None, port: int) -> None:
    if home:
        os.environ["ENCLAVE_HOME"] = str(home.absolute())
    if port:
        os.environ["ENCLAVE_PORT"] = str(port)
    settings.cache_clear()


def _check(home: Path | None, port: int) -> int:
    from enclave.cli.demonstration import journey

    with tempfile.TemporaryDirectory(prefix="enclave-check-") as folder:
        _use(home or Path(folder) / "home", port or journey.free_ports())
        return 0 if journey.run(lambda line: console.print(line, highlight=False)) else 1


def _part(name: str) -> None:
    console.print(f"  [green]✓[/] {text(f'part_{name}', settings().language)}")


def _step(line: str) -> None:
    console.print(f"  [cyan]•[/] {line}", highlight=False)


def _ready(passwords: dict[str, str]) -> None:
    from enclave.cli.demonstration.people import PEOPLE

    language = settings().language
    if passwords:
        heads = [text(f"demo_{name}", language) for name in ("user", "password", "role", "name")]
        shown = Table(*heads, title=text("demo_accounts", language))
        for person in PEOPLE:
            if person.username in passwords:
                role = text(f"person_{person.role}", language)
                shown.add_row(person.username, passwords[person.username], role, person.display_name)
        console.print(shown)
    if earlier := [person.username for person in PEOPLE if person.username not in passwords]:
        hint = text("demo_again", language, names=" ".join(earlier), command=_renewal())
        console.print(hint, highlight=False, soft_wrap=True)  # a command that wraps cannot be copied
    console.print(text("demo_ready", language, url=settings().public_url), highlight=False)


def _renewal() -> str:
    """Return the command, as another terminal in this folder takes it, that gives an account a new password."""
    home = settings().home
    place = "" if home == Path(".enclave").absolute() else f"ENCLAVE_HOME={shlex.quote(str(home))} "
    return f"{place}{os.path.relpath(sys.argv[0])} account password"
