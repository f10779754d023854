"""`enclave dataset`: register, list, confirm, publish and withdraw data sets from the machine itself."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from catalog_browser import service as catalogue
from catalog_browser.views import ConfirmVariables, DataSetDetail, PublishDataSet, Texts, WithdrawDataSet
from enclave.deidentify import service as deidentify
from enclave.deidentify.descriptions import load_descriptions
from enclave.kernel.db import reading
from enclave.kernel.errors import NotFound
from enclave.kernel.i18n import text
from enclave.kernel.identity import ANONYMOUS, Actor, load_actor, system
from enclave.kernel.settings import settings
from synthetic import service as synthetic

app = typer.Typer(no_args_is_help=True, help="Data sets of the catalogue.")
console = Console()
As = Annotated[str, typer.Option("--as", help="Act as this account; without it the machine itself acts.")]


@app.command()
def register(
    source: Annotated[str, typer.Argument(help="A file, a folder of tables, or s3://bucket/key.")],
    slug: Annotated[str, typer.Option(help="Short name: lower-case letters, digits and hyphens.")] = "",
    title_zh: Annotated[str, typer.Option(help="Chinese title.")] = "",
    title_en: Annotated[str, typer.Option(help="English title.")] = "",
    controller: Annotated[str, typer.Option(help="Organisation that answers for the data.")] = "",
    describe: Annotated[Path | None, typer.Option(help="YAML with texts, labels and codes of one data set.")] = None,
    encoding: Annotated[str, typer.Option(help="Encoding of text files, where it is not found.")] = "",
    text_column: Annotated[list[str] | None, typer.Option(help="A column to read as text; may be repeated.")] = None,
    missing: Annotated[list[str] | None, typer.Option(help="A mark of missing values; may be repeated.")] = None,
    no_persons: Annotated[bool, typer.Option(help="Declare that no row is about a person.")] = False,
    person_key: Annotated[str, typer.Option(help="The column that tells persons apart.")] = "",
    username: As = "",
) -> None:
    """Register a data set as a draft and show what each column was found to be."""
    described = load_descriptions(describe)[0] if describe else None
    command = described or deidentify.RegisterDataSet(slug=slug, texts=Texts(), controller=controller)
    given = {"title_zh": title_zh, "title_en": title_en}
    command = replace(
        command,
        slug=slug or command.slug,
        controller=controller or command.controller,
        texts=replace(command.texts, **{name: value for name, value in given.items() if value}),
        path=None if source.startswith("s3://") else Path(source),
        s3_url=source if source.startswith("s3://") else "",
        encoding=encoding or command.encoding,
        text_columns=(*command.text_columns, *(text_column or ())),
        missing_marks=(*command.missing_marks, *(missing or ())),
        persons=False if no_persons else command.persons,
        person_key=person_key or command.person_key,
    )
    _show(deidentify.register(_actor(username), command))


@app.command("list")
def show(
    query: Annotated[str, typer.Argument(help="Words to look for.")] = "",
    public: Annotated[bool, typer.Option(help="Only what anonymous visitors see.")] = False,
) -> None:
    """List data sets."""
    shown = Table("slug", "", "4.1", "", "n", "")
    for entry in catalogue.find(ANONYMOUS if public else _actor(""), query):
        shown.add_row(
            entry.slug,
            entry.title(settings().language),
            str(entry.level),
            text(f"catalog_state_{entry.state}", settings().language),
            entry.persons_text,
            ", ".join(entry.kinds),
        )
    console.print(shown)


@app.command("show")
def variables(dataset: Annotated[str, typer.Argument(help="Short name or id.")]) -> None:
    """Show the columns of a data set with role, level and reason."""
    _show(catalogue.get(_actor(""), dataset))


@app.command()
def confirm(dataset: str, username: As = "") -> None:
    """Confirm the proposed role, level and category of every column."""
    actor = _actor(username)
    found = catalogue.get(actor, dataset)
    _say(catalogue.confirm_variables(actor, ConfirmVariables(found.id, version=found.version)))


@app.command()
def build(dataset: str, username: As = "") -> None:
    """Make the limited and the de-identified version of a confirmed data set."""
    actor = _actor(username)
    found = catalogue.get(actor, dataset)
    for made in deidentify.build_versions(actor, deidentify.BuildVersions(found.id)):
        typer.echo(text("catalog_built", settings().language, kind=made.kind, rows=made.rows, level=made.level))


@app.command()
def sample(dataset: str, rows: int = 100, username: As = "") -> None:
    """Make the synthetic sample of a data set."""
    actor = _actor(username)
    made = synthetic.generate(actor, synthetic.GenerateSample(catalogue.get(actor, dataset).id, rows))
    typer.echo(text("catalog_built", settings().language, kind=made.kind, rows=made.rows, level=made.level))


@app.command()
def publish(dataset: str, username: As = "") -> None:
    """Publish a data set and its ready versions, once nothing is missing."""
    actor = _actor(username)
    found = catalogue.get(actor, dataset)
    _say(catalogue.publish(actor, PublishDataSet(found.id, found.version)))


@app.command()
def withdraw(dataset: str, reason: str, username: As = "") -> None:
    """Withdraw a data set and its versions."""
    actor = _actor(username)
    _say(catalogue.withdraw(actor, WithdrawDataSet(catalogue.get(actor, dataset).id, reason)))


def _actor(username: str) -> Actor:
    if not username:
        return system("command-line")
    with reading() as session:
        actor = load_actor(session, username)
    if actor == ANONYMOUS:
        raise NotFound("not_found", kind="account", id=username)
    return actor


def _say(detail: DataSetDetail) -> None:
    language = settings().language
    typer.echo(f"{detail.slug}: {text(f'catalog_state_{detail.state}', language)}")


def _show(detail: DataSetDetail) -> None:
    language = settings().language
    shown = Table(
        "", "", text("catalog_role", language), "4.1", text("catalog_reason", language), title=detail.title(language)
    )
    for variable in detail.variables:
        role = text(f"catalog_role_{variable.role}", language) + (" *" if variable.person_key else "")
        shown.add_row(
            variable.table, variable.name, role, str(variable.level), f"{variable.reason(language)} ({variable.clause})"
        )
    console.print(shown)
    typer.echo(text("catalog_registered", language, slug=detail.slug, rows=detail.rows, persons=detail.persons))
