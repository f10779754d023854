"""The pages of both portals and who finds them, as data."""

from __future__ import annotations

from enclave.kernel.identity import Role
from enclave.ui.shell import Entry, Portal

CATALOGUE_PREFIX, WORKBENCH_PREFIX = "/services/catalogue/", "/services/workbench/"
EVERYBODY: frozenset[Role] = frozenset()
RESEARCHERS, STEWARDS = frozenset({Role.RESEARCHER}), frozenset({Role.STEWARD})
OVERSEERS = frozenset({Role.STEWARD, Role.AUTHORITY, Role.AUDITOR, Role.OPERATOR})
RELEASERS = frozenset({Role.STEWARD, Role.AUDITOR, Role.AUTHORITY})
JUDGES = frozenset({Role.STEWARD, Role.COMMITTEE, Role.AUTHORITY, Role.AUDITOR})
READERS = RESEARCHERS | JUDGES
WATCHERS = frozenset({Role.AUDITOR, Role.AUTHORITY, Role.OPERATOR})
OPERATORS = frozenset({Role.OPERATOR, Role.AUDITOR})


def _entry(path: str, module: str, section: str, icon: str, roles: frozenset[Role]) -> Entry:
    return Entry(path, f"nav_{path}", module, f"nav_group_{section}", f":material/{icon}:", roles)


def _inner(path: str, module: str, roles: frozenset[Role]) -> Entry:
    """A page that is reached from another one, not from the navigation."""
    return Entry(path, f"nav_{path}", module, roles=roles, hidden=True)


CATALOGUE = Portal(
    name="catalogue",
    title="ui_catalogue",
    prefix=CATALOGUE_PREFIX,
    anonymous=True,
    neighbour=("ui_to_workbench", WORKBENCH_PREFIX),
    entries=(
        Entry("list", "nav_datasets", "catalog_browser.pages.find"),
        _inner("dataset", "catalog_browser.pages.entry", EVERYBODY),
        Entry("glossary", "nav_glossary", "catalog_browser.pages.glossary"),
    ),
)

WORKBENCH = Portal(
    name="workbench",
    title="ui_workbench",
    prefix=WORKBENCH_PREFIX,
    neighbour=("ui_to_catalogue", CATALOGUE_PREFIX),
    entries=(
        Entry("home", "nav_home", "enclave.gateway.pages.home", icon=":material/checklist:"),
        _entry("mine", "request_review.pages.mine", "use", "description", RESEARCHERS),
        _inner("apply", "request_review.pages.apply", RESEARCHERS),
        _inner("request", "request_review.pages.request", READERS),
        _entry("projects", "enclave.outputs.pages.projects", "use", "science", RESEARCHERS | OVERSEERS),
        _inner("project", "enclave.outputs.pages.project", RESEARCHERS | OVERSEERS),
        _inner("export", "enclave.outputs.pages.export", RESEARCHERS | RELEASERS),
        _entry("requests", "request_review.pages.queue", "review", "rule", JUDGES),
        _entry("egress", "enclave.outputs.pages.egress", "review", "outbox", RELEASERS),
        _entry("data", "catalog_browser.pages.manage", "data", "database", STEWARDS),
        _inner("register", "enclave.deidentify.pages.register", STEWARDS),
        _inner("confirm", "catalog_browser.pages.confirm", STEWARDS),
        _inner("deidentify", "enclave.deidentify.pages.build", STEWARDS),
        _inner("sample", "synthetic.pages.sample", STEWARDS),
        _inner("publish", "catalog_browser.pages.publish", STEWARDS),
        _entry("ledger", "enclave.gateway.pages.ledger", "watch", "receipt_long", WATCHERS),
        _entry("operations", "enclave.gateway.pages.operations", "watch", "monitor_heart", OPERATORS),
        _entry("members", "enclave.gateway.pages.members", "watch", "group", WATCHERS),
    ),
)

PORTALS = {portal.name: portal for portal in (CATALOGUE, WORKBENCH)}
