"""The data of the demonstration, registered, de-identified and published as a steward would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from catalog_browser import service as catalogue
from catalog_browser.views import ConfirmVariables, DataSetDetail, PublishDataSet, Texts
from enclave.cli.demonstration.people import open_accounts
from enclave.deidentify.service import BuildVersions, RegisterDataSet, build_versions, register
from enclave.kernel.db import reading
from enclave.kernel.errors import NotFound
from enclave.kernel.i18n import text
from enclave.kernel.identity import Actor, load_actor
from enclave.kernel.settings import settings
from synthetic.service import GenerateSample, generate

FOLDER = Path(__file__).resolve().parents[3] / "deploy" / "demo"
STEWARD = "wang"
SAMPLE_ROWS = 100


def person(username: str) -> Actor:
    """Return a demonstration person as the database knows him now."""
    with reading() as session:
        return load_actor(session, username)


def described() -> list[dict[str, Any]]:
    """Return the descriptions of the demonstration's data sets."""
    entries: list[dict[str, Any]] = yaml.safe_load((FOLDER / "datasets.yaml").read_text("utf-8"))
    return entries


def command(entry: dict[str, Any]) -> RegisterDataSet:
    """Return the registration of one entry."""
    fields = {**entry, "texts": Texts(**entry["texts"]), "path": FOLDER / entry["path"]}
    return RegisterDataSet(**fields)


def publish(entry: dict[str, Any]) -> DataSetDetail:
    """Take one data set from its file to the catalogue, from wherever an earlier attempt was cut short."""
    steward = person(STEWARD)
    found = _known(entry["slug"]) or register(steward, command(entry))
    if found.state == "published":
        return found
    if found.state == "draft":
        found = catalogue.confirm_variables(steward, ConfirmVariables(found.id))
    if not found.latest("deidentified"):
        build_versions(steward, BuildVersions(found.id))
    if not found.latest("synthetic"):
        generate(steward, GenerateSample(found.id, SAMPLE_ROWS))
    return catalogue.publish(steward, PublishDataSet(found.id))


def load(report: Callable[[str], object]) -> dict[str, str]:
    """Open the accounts and publish what is missing; return the passwords of new accounts."""
    passwords = open_accounts()
    for entry in described():
        known = _known(entry["slug"])
        if not known or known.state != "published":
            report(text("demo_loading", settings().language, title=entry["texts"][f"title_{settings().language}"]))
            publish(entry)
    return passwords


def _known(slug: str) -> DataSetDetail | None:
    try:
        return catalogue.get(person(STEWARD), slug)
    except NotFound:
        return None
