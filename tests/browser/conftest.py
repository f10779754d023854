"""The portals on a full home, and browsers of people, for the tests of this folder."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

HERE = Path(__file__).parent
CHROMIUM = shutil.which("chromium") or ""
expect.set_options(timeout=20_000)  # a page's first run imports what it needs, on a busy machine slowly
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()


@dataclass(frozen=True)
class Portals:
    """The running portals and the ids of what is in them."""

    catalogue: str
    workbench: str
    ids: dict[str, str]
    environment: dict[str, str]

    def address(self, path: str) -> str:
        """Return the address of a workbench page; `{name}` stands for an id."""
        return self.workbench + path.format(**self.ids)

    def command(self, *words: str) -> None:
        """Run the product's command line on this home."""
        subprocess.run([sys.executable, "-m", "enclave.cli.main", *words], env=self.environment, check=True)


def _port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def _environment(home: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ENCLAVE_", "JUPYTERHUB_"))}
    return kept | {"ENCLAVE_HOME": str(home), "ENCLAVE_MODE": "demo", "ENCLAVE_PORT": str(_port())}


Visit = Callable[..., "Visitor"]


@pytest.fixture(scope="module")
def portals(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portals]:
    """Both portals on a home that holds something of everything."""
    folder = tmp_path_factory.mktemp("portals")
    environment = _environment(folder / "home")
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
        yield Portals(addresses["catalogue"], addresses["workbench"], ids, environment)
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
def visit(browser: Browser) -> Iterator[Visit]:
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
