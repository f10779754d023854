"""The pages of both portals and who finds them, as data."""

from __future__ import annotations

from enclave.kernel.identity import Role
from enclave.ui.shell import Entry, Portal

CATALOGUE_PREFIX, WORKBENCH_PREFIX = "/services/catalogue/", "/services/workbench/"

CATALOGUE = Portal(
    name="catalogue",
    title="ui_catalogue",
    prefix=CATALOGUE_PREFIX,
    anonymous=True,
    neighbour=("ui_to_workbench", WORKBENCH_PREFIX),
    entries=(
        Entry("list", "nav_datasets", "catalog_browser.pages.find"),
        Entry("dataset", "nav_dataset", "catalog_browser.pages.entry", hidden=True),
        Entry("glossary", "nav_glossary", "catalog_browser.pages.glossary"),
    ),
)

STAFF = frozenset({Role.STEWARD})

WORKBENCH = Portal(
    name="workbench",
    title="ui_workbench",
    prefix=WORKBENCH_PREFIX,
    neighbour=("ui_to_catalogue", CATALOGUE_PREFIX),
    entries=(),
)
