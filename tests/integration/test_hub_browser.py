"""JupyterLab in Chromium behind the door: it works, in Chinese, and nothing can be downloaded or sent elsewhere."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Page, sync_playwright
from playwright.sync_api import TimeoutError as NotYet

from tests.factories.accounts import PASSWORD
from tests.fixtures.databases import Databases
from tests.fixtures.runtime import Hub, filled_home, running_hub

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]
PROJECT = "p-work"
# Each way a page's script might carry something out; a document of an enclave runs scripts of its analyst.
ESCAPES = """
async () => {
  const found = {};
  const attempt = async (name, action) => {
    try { const answer = await action(); found[name] = answer && answer.status ? String(answer.status) : "done"; }
    catch (error) { found[name] = "blocked"; }
  };
  await attempt("another listener", () => fetch("http://127.0.0.1:PORT/take?data=1"));
  await attempt("the hub", () => fetch("/hub/api/"));
  await attempt("a portal", () => fetch("/services/workbench/"));
  await attempt("another enclave", () => fetch("/user/zhang/p-other/api/status"));
  await attempt("a window", () => { if (!window.open("/hub/home")) throw new Error(); });
  await attempt("own server", () => fetch("/user/li/PROJECT/api/status"));
  for (const address of ["data:text/csv,secret", URL.createObjectURL(new Blob(["secret"]))]) {
    const link = document.createElement("a");
    link.href = address; link.download = "secret.csv"; document.body.append(link); link.click();
  }
  return found;
}
"""


@pytest.fixture
def hub(tmp_path: Path, databases: Databases) -> Iterator[Hub]:
    with filled_home(tmp_path / "home", databases, {PROJECT: ("li",)}), running_hub(tmp_path) as running:
        yield running


@contextmanager
def listener() -> Iterator[tuple[int, list[str]]]:
    """Listen on this host's loopback; give the port and what was asked for."""
    visits: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            visits.append(self.path)
            self.send_response(200)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port, visits
        server.shutdown()


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield browser.new_page(accept_downloads=True, viewport={"width": 1280, "height": 800})
        browser.close()


def run_first_cell(page: Page, code: str, expected: str) -> None:
    """Type and run; JupyterLab drops what is run while it still connects, so it is run again until it answers."""
    cell = page.locator(".jp-Notebook .jp-CodeCell .cm-content").first
    for _ in range(8):
        cell.click()
        page.keyboard.press("Control+a")
        page.keyboard.type(code)
        page.keyboard.press("Control+Enter")
        with suppress(NotYet):
            page.locator(".jp-OutputArea-output", has_text=expected).first.wait_for(timeout=10_000)
            return
    raise AssertionError("the cell never answered")


@pytest.mark.promise("P5")
def test_jupyterlab_works_and_lets_nothing_out(hub: Hub, page: Page, tmp_path: Path) -> None:
    downloads: list[str] = []
    page.on("download", lambda download: downloads.append(download.suggested_filename))
    page.goto(f"{hub.url}/hub/login?next=/hub/spawn/li/{PROJECT}")
    page.fill("#username_input", "li")
    page.fill("#password_input", PASSWORD)
    page.click("#login_submit")
    page.wait_for_url(f"**/user/li/{PROJECT}/lab**", timeout=90_000)
    page.wait_for_selector(".jp-LauncherCard", timeout=90_000)
    assert page.locator("text=笔记本").count() > 0
    assert page.evaluate("() => document.querySelectorAll('.jp-LauncherCard').length") >= 1
    page.locator(".jp-LauncherCard", has_text="Python 3").first.click()
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status='idle']", timeout=90_000)
    run_first_cell(page, "print(40 + 2)", "42")
    with listener() as (port, visits):
        found = page.evaluate(ESCAPES.replace("PORT", str(port)).replace("PROJECT", PROJECT))
        page.wait_for_timeout(500)
    assert found.pop("own server") in ("200", "403"), "it answers, be it that it wants Jupyter's own token"
    assert found == dict.fromkeys(found, "blocked"), json.dumps(found)
    assert visits == []
    assert downloads == []
    page.locator(".jp-DirListing-item").first.click(button="right")
    menu = page.locator(".lm-Menu").all_inner_texts()
    assert menu
    assert not [text for text in menu if "下载" in text or "Download" in text]
