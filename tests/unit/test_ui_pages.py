"""Every page: found, short, far from tables and storage, named in both languages, and open to the right roles."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from itertools import chain
from pathlib import Path

import pytest

from enclave.gateway.navigation import CATALOGUE, WORKBENCH
from enclave.kernel.i18n import catalogue
from enclave.kernel.identity import ANONYMOUS, Actor, Role
from enclave.ui.shell import Entry
from request_review.forms import fields, sections
from request_review.pages import draft, widgets
from request_review.rulebook import rules

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(path for package in ("enclave", "catalog_browser", "request_review", "synthetic")
               for path in (ROOT / package).rglob("pages/*.py"))  # fmt: skip
ENTRIES = [*CATALOGUE.entries, *WORKBENCH.entries]
FORBIDDEN = ("sqlmodel", "sqlalchemy", "minio", "enclave.kernel.db", "enclave.kernel.storage")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_a_page_is_short_and_touches_no_table_and_no_store(path: Path) -> None:
    source = path.read_text("utf-8")
    assert len(source.splitlines()) < 120
    imported = chain.from_iterable(
        [node.module or ""] + [f"{node.module}.{alias.name}" for alias in node.names]
        if isinstance(node, ast.ImportFrom)
        else [alias.name for alias in node.names]
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
    )
    assert not [module for module in imported if module.startswith(FORBIDDEN)]
    assert "unsafe_allow_html" not in source and "unsafe_allow_javascript" not in source


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.path)
def test_a_page_of_the_navigation_exists_and_has_a_title(entry: Entry) -> None:
    assert callable(import_module(entry.module).page)
    assert entry.title in catalogue()
    assert not entry.section or entry.section in catalogue()


def test_no_path_leads_to_two_pages() -> None:
    for portal in (CATALOGUE, WORKBENCH):
        paths = [entry.path for entry in portal.entries]
        assert len(paths) == len(set(paths))


# What each role finds in the workbench beside the home page; a change here is a change of the product.
FINDS = {
    Role.RESEARCHER: {"mine", "projects"},
    Role.STEWARD: {"projects", "requests", "egress", "data"},
    Role.COMMITTEE: {"requests"},
    Role.AUTHORITY: {"projects", "requests", "egress", "ledger", "members"},
    Role.AUDITOR: {"projects", "requests", "egress", "ledger", "operations", "members"},
    Role.OPERATOR: {"projects", "ledger", "operations", "members"},
    Role.ASSESSOR: set(),
}


@pytest.mark.parametrize("role", Role)
def test_every_role_finds_its_pages_and_no_others(role: Role) -> None:
    actor = Actor("somebody", roles=frozenset({role}))
    found = {entry.path for entry in WORKBENCH.entries if entry.open_to(actor) and not entry.hidden}
    assert found == {"home"} | FINDS[role]


def test_the_public_finds_the_catalogue_alone() -> None:
    assert {entry.path for entry in WORKBENCH.entries if entry.open_to(ANONYMOUS)} == {"home"}
    assert all(entry.open_to(ANONYMOUS) for entry in CATALOGUE.entries)
    assert CATALOGUE.anonymous and not WORKBENCH.anonymous


LITERAL = re.compile(r"""\btext\(\s*f?"([a-z0-9_]+)"\s*[,)]""")


@pytest.mark.parametrize("path", [*PAGES, *sorted((ROOT / "enclave/ui").glob("*.py"))], ids=name)
def test_every_sentence_a_page_names_exists(path: Path) -> None:
    missing = {key for key in LITERAL.findall(path.read_text("utf-8")) if key not in catalogue()}
    assert not missing


CODES = {
    "category": "catalog_browser.views.CATEGORIES",
    "role": "catalog_browser.views.ROLES",
    "dataset_state": "catalog_browser.views.DATASET_STATES",
    "version_state": "catalog_browser.views.VERSION_STATES",
    "audience": "catalog_browser.views.AUDIENCES",
    "kind": "catalog_browser.models.VERSION_KINDS",
    "person": "enclave.kernel.identity.Role",
    "method": "enclave.deidentify.profiles.Method",
}


@pytest.mark.parametrize("prefix", CODES)
def test_every_code_that_is_shown_has_a_name(prefix: str) -> None:
    module, _, attribute = CODES[prefix].rpartition(".")
    if not hasattr(import_module(module), attribute):
        codes: list[str] = ["source", "limited", "deidentified", "synthetic"]
    else:
        found = getattr(import_module(module), attribute)
        codes = list(getattr(found, "__args__", None) or found)
    assert not [code for code in codes if f"{prefix}_{code}" not in catalogue()]


def test_the_names_of_the_history_checks_findings_are_there() -> None:
    kinds = rules("history")["outcomes"]
    assert not [kind for kind in kinds if f"history_kind_{kind}" not in catalogue()]


def test_every_section_of_the_form_belongs_to_a_step_and_every_field_has_an_input() -> None:
    asked = [section for step in draft.STEPS for section in draft.sections_of(step)]
    assert sorted(asked) == sorted(sections())
    assert {field.type for field in fields().values()} <= set(widgets._DRAWERS)


def test_a_section_the_steps_do_not_know_is_still_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(draft, "sections", lambda: {**sections(), "new": {}})
    assert "new" in draft.sections_of("papers")


def test_every_term_of_the_glossary_has_a_meaning_and_a_source() -> None:
    keys = [key for key in catalogue() if key.startswith("term_")]
    terms = [key for key in keys if not key.endswith(("_meaning", "_source"))]
    assert len(terms) >= 25
    for term in terms:
        assert {f"{term}_meaning", f"{term}_source"} <= set(keys)
