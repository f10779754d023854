"""Every page in a browser: in both languages, at desk and phone width, by everybody who finds it."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from enclave.kernel.i18n import text
from tests.browser.conftest import CHROMIUM, Portals, Visit, Visitor

# A text that is missing shows its key: these beginnings of keys never stand on a page.
KEYS = re.compile(
    r"\b(?:ui|nav|task|home|find|entry|manage|step|confirm|publish|texts|build|risk|mine|queue|apply|submit|request|"
    r"progress|score|history|beside|evaluation|panel|seat|review|decision|decide|agreement|signature|party|register|"
    r"project|grant|member|enclave|session|budget|answer|tables|exports|egress|severity|preview|ledger|operations|"
    r"members|level|degree|audience|kind|category|role|person|dictionary|versions|glossary)_[a-z0-9_]+\b"
)
NAMELESS = """() => [...document.querySelectorAll('input, textarea, select, button, a[href], [role=combobox]')]
  .filter(e => e.offsetParent !== null && !e.closest('[aria-hidden=true]'))
  .filter(e => !(e.getAttribute('aria-label') || '').trim() && !e.labels?.length && !e.textContent.trim()
            && !e.getAttribute('aria-labelledby') && !e.title && !(e.tagName === 'INPUT' && e.closest('label')))
  .map(e => e.outerHTML.slice(0, 160))"""

pytestmark = [pytest.mark.browser, pytest.mark.skipif(not CHROMIUM, reason="needs Debian's chromium")]


FITS = "() => { const m = document.querySelector('[data-testid=stMain]'); return m.scrollWidth <= m.clientWidth + 1 }"


def check(visitor: Visitor, name: str, *, tabs: bool = True) -> None:
    """Check what holds for every page."""
    page = visitor.page
    assert page.locator(".alert").count() == 0, page.locator(".alert").first.inner_text()
    assert page.locator("h1:visible").count() == 1
    for chrome in ("stMainMenu", "stAppDeployButton", "stDecoration", "stToolbarActions"):
        assert not page.get_by_test_id(chrome).is_visible()
    seen = page.locator("body").inner_text()
    for tab in page.get_by_role("tab").all() if tabs else []:
        tab.click()
        seen += page.locator("body").inner_text()
        assert page.locator(".alert").count() == 0
    assert not KEYS.findall(seen)
    assert not page.evaluate(NAMELESS)
    for width in (375, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function(FITS, timeout=5000)  # nothing is wider than the screen, once tables have followed
        _keep(page, f"{name}-{width}")
    assert not visitor.outside and not visitor.complaints


def _keep(page: Page, name: str) -> None:
    """Keep a picture where continuous integration collects them."""
    folder = os.environ.get("ENCLAVE_ARTIFACTS")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(Path(folder) / f"{re.sub(r'[^a-z0-9-]+', '-', name)}.png"))


CATALOGUE = ["", "glossary", "dataset?id=copd", "dataset?id=hostile"]
WORKBENCH = {
    "li": ["", "mine", "apply", "apply?id={empty}", "apply?id={complete}", "request?id={in_review}",
           "request?id={agreement}", "request?id={granted}", "projects", "project?id={project}",
           "export?id={export_waiting}", "export?id={export_blocked}", "export?id={export_released}"],
    "wang": ["", "data", "register", "confirm?id={ds_draft}", "deidentify?id={ds_draft}", "deidentify?id={ds_copd}",
             "sample?id={ds_copd}", "publish?id={ds_copd}", "requests", "request?id={submitted}", "egress",
             "export?id={export_waiting}"],
    "zhou": ["", "requests", "request?id={in_review}"],
    "wu": ["", "requests", "request?id={reviewed}", "request?id={agreement}", "request?id={signed}",
           "project?id={project}"],
    "feng": ["", "ledger", "requests", "operations"],
    "he": ["", "operations", "members"],
}  # fmt: skip


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("path", CATALOGUE)
def test_catalogue_pages(portals: Portals, visit: Visit, path: str, language: str) -> None:
    visitor = visit("", language)
    visitor.open(portals.catalogue + path)
    check(visitor, f"catalogue-{path}-{language}")


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("username", WORKBENCH)
def test_workbench_pages(portals: Portals, visit: Visit, username: str, language: str) -> None:
    visitor = visit(username, language)
    for path in WORKBENCH[username]:
        visitor.open(portals.address(path))
        check(visitor, f"{username}-{path.partition('{')[0]}{path.partition('{')[2]}-{language}")


TITLES = """window.titles = []; new MutationObserver(() => {
  if (document.title && window.titles.at(-1) !== document.title) window.titles.push(document.title)
}).observe(document, {subtree: true, childList: true, characterData: true})"""


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_tab_never_shows_another_title_first(portals: Portals, visit: Visit, language: str) -> None:
    visitor = visit("wang", language)
    visitor.page.add_init_script(TITLES)
    page = visitor.open(portals.address("data"))
    assert page.evaluate("window.titles") == [text("ui_workbench", language)]


@pytest.mark.promise("P12")
def test_what_a_person_wrote_never_runs_nor_loads(portals: Portals, visit: Visit) -> None:
    visitor = visit()
    alarms: list[str] = []
    visitor.page.on("dialog", lambda dialog: (alarms.append(dialog.message), dialog.dismiss()))
    page = visitor.open(portals.catalogue + "dataset?id=hostile")
    expect(page.locator("h1")).to_contain_text("<img src=")
    assert page.locator("a[href*='outside.test'], img[src*='outside.test']").count() == 0
    visitor.open(portals.catalogue)
    assert page.locator("a[href*='outside.test'], img[src*='outside.test']").count() == 0
    assert not alarms and not visitor.outside
