"""Every page in a browser: in both languages, at desk and phone width, by everybody who finds it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

HERE = Path(__file__).parent
CHROMIUM = shutil.which("chromium") or ""
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
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


@dataclass(frozen=True)
class Portals:
    """The running portals and the ids of what is in them."""

    catalogue: str
    workbench: str
    ids: dict[str, str]
    home: Path

    def address(self, path: str) -> str:
        """Return the address of a workbench page; `{name}` stands for an id."""
        return self.workbench + path.format(**self.ids)


def _port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def _environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ENCLAVE_", "JUPYTERHUB_"))}
    return kept | {"ENCLAVE_HOME": str(home), "ENCLAVE_MODE": "demo", "ENCLAVE_PORT": str(_port())}


@pytest.fixture(scope="module")
def portals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portals]:
    """Both portals on a home that holds something of everything."""
    folder = tmp_path_factory.mktemp("portals")
    environment, home = _environment(folder / "home"), folder / "home"
    subprocess.run([sys.executable, HERE / "seed.py", folder / "ids.json"], env=environment, cwd=folder, check=True)
    ids = json.loads((folder / "ids.json").read_text())
    processes, addresses = [], {}
    for name in ("catalogue", "workbench"):
        port = _port()
        addresses[name] = f"http://127.0.0.1:{port}/services/{name}/"
        command = [sys.executable, HERE / "standin.py", name, str(port)]
        processes.append(subprocess.Popen(command, env=environment, cwd=folder))
    try:
        for address in addresses.values():
            _wait(address)
        yield Portals(addresses["catalogue"], addresses["workbench"], ids, home)
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


def _wait(address: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            httpx.get(address, trust_env=False).raise_for_status()
            return
        except httpx.HTTPError:
            assert time.monotonic() < deadline, "the portal did not start"
            time.sleep(0.3)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield started
        started.close()


class Visitor:
    """One person's browser, watched for what it loads and complains of."""

    def __init__(self, context: BrowserContext) -> None:
        self.page = context.new_page()
        self.outside: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self._asked(request.url))
        self.page.on("console", lambda said: self._said(said.text) if said.type == "error" else None)
        self.page.on("pageerror", lambda error: self._said(str(error)))

    def _asked(self, url: str) -> None:
        if not url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")):
            self.outside.append(url)

    def _said(self, words: str) -> None:
        if "404 (Not Found)" not in words:  # the framework feels its way to its base path
            self.complaints.append(words)

    def open(self, address: str) -> Page:
        """Open an address and wait until the page stands."""
        self.page.goto(address)
        self.page.locator(".footer").wait_for()
        expect(self.page.locator("[data-testid=stSkeleton]")).to_have_count(0)
        return self.page


@pytest.fixture
def visit(browser: Browser) -> Iterator[object]:
    """Return a function that gives a person's browser."""
    contexts: list[BrowserContext] = []

    def visitor(username: str = "", language: str = "zh", width: int = 1280) -> Visitor:
        context = browser.new_context(viewport={"width": width, "height": 900}, locale="zh-CN")
        contexts.append(context)
        cookies = {"enclave-language": language, "standin-user": username}
        context.add_cookies(
            [{"name": key, "value": value, "url": "http://127.0.0.1"} for key, value in cookies.items() if value]
        )
        return Visitor(context)

    yield visitor
    for context in contexts:
        context.close()


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
def test_catalogue_pages(portals: Portals, visit: type[Visitor], path: str, language: str) -> None:
    visitor = visit("", language)  # type: ignore[call-arg, arg-type] # the fixture's function
    visitor.open(portals.catalogue + path)
    check(visitor, f"catalogue-{path}-{language}")


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("username", WORKBENCH)
def test_workbench_pages(portals: Portals, visit: type[Visitor], username: str, language: str) -> None:
    visitor = visit(username, language)  # type: ignore[call-arg, arg-type] # the fixture's function
    for path in WORKBENCH[username]:
        visitor.open(portals.address(path))
        check(visitor, f"{username}-{path.partition('{')[0]}{path.partition('{')[2]}-{language}")


@pytest.mark.promise("P12")
def test_what_a_person_wrote_never_runs_nor_loads(portals: Portals, visit: type[Visitor]) -> None:
    visitor = visit()  # type: ignore[call-arg] # the fixture's function
    alarms: list[str] = []
    visitor.page.on("dialog", lambda dialog: (alarms.append(dialog.message), dialog.dismiss()))
    page = visitor.open(portals.catalogue + "dataset?id=hostile")
    expect(page.locator("h1")).to_contain_text("<img src=")
    assert page.locator("a[href*='outside.test'], img[src*='outside.test']").count() == 0
    visitor.open(portals.catalogue)
    assert page.locator("a[href*='outside.test'], img[src*='outside.test']").count() == 0
    assert not alarms and not visitor.outside
