"""A person at a browser: signs in, fills in what a page asks by its labels, presses, reads, keeps a picture."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from datetime import date
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Download, FilePayload, Locator, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from enclave.kernel.i18n import text
from tests.browser.test_pages import FITS, KEYS

PICTURES = Path(__file__).resolve().parents[2] / "artifacts" / "journey"
PATIENCE = 120_000  # ms: the machine may be ten times slower than a desk's
WIDE, NARROW = 1280, 375
# The page stands when its script has rested for a moment, and nothing is still to be drawn.
STANDS = """() => {
  const app = document.querySelector('[data-testid=stApp]');
  const rests = app && app.dataset.testScriptState === 'notRunning' && app.dataset.testConnectionState === 'CONNECTED'
    && document.querySelector('.footer') && !document.querySelector('[data-testid=stSkeleton], [data-stale=true]');
  if (!rests) { window.restsSince = undefined; return false; }
  window.restsSince ??= performance.now();
  return performance.now() - window.restsSince > 300;
}"""
HEIGHT = "() => document.querySelector('[data-testid=stMain]').scrollHeight"


class Walker:
    """One signed-in person, or nobody, with a browser of his own."""

    def __init__(self, browser: Browser, url: str, username: str = "", language: str = "zh") -> None:
        self.url, self.username, self.language = url, username, language
        self.context: BrowserContext = browser.new_context(viewport={"width": WIDE, "height": 900}, locale="zh-CN")
        self.context.set_default_timeout(PATIENCE)
        self.context.add_cookies([{"name": "enclave-language", "value": language, "url": url}])
        self.page: Page = self.context.new_page()
        self.outside: list[str] = []
        self.context.on("request", lambda request: self._asked(request.url))

    def _asked(self, url: str) -> None:
        if not url.startswith((self.url, self.url.replace("http", "ws", 1), "data:", "blob:")):
            self.outside.append(url)

    # Going somewhere

    def sign_in(self, password: str) -> None:
        """Sign in at the hub, where the workbench sends whoever is not."""
        self.page.goto(f"{self.url}/services/workbench/")
        self.page.get_by_label("用户名").fill(self.username)
        self.page.get_by_label("密码").fill(password)
        self.page.get_by_role("button", name="登录").click()
        self.page.wait_for_url("**/services/workbench/**")
        self.settle()

    def open(self, address: str) -> None:
        """Open an address below the door."""
        self.page.goto(self.url + address)
        self.settle()

    def follow(self, link: str | re.Pattern[str]) -> None:
        """Follow the first link that says so in the page or its navigation."""
        self.page.get_by_role("link", name=link).first.click()
        self.settle()

    def change_language(self) -> None:
        """Change to the other language with the switch of the page."""
        self.press(self.t("ui_other_language"))
        self.language = "en" if self.language == "zh" else "zh"

    def beside(self) -> Walker:
        """Return the same person with a second page open."""
        second = copy(self)
        second.page = self.context.new_page()
        return second

    def settle(self) -> None:
        """Wait until the page stands; whatever went wrong is shown."""
        self.page.evaluate("() => { window.restsSince = undefined }")
        self.page.wait_for_function(STANDS)
        alert = self.page.locator(".alert:visible, [data-testid=stException]:visible")
        assert alert.count() == 0, alert.first.inner_text()

    def says(self, words: str | re.Pattern[str]) -> None:
        """Wait for words to be seen on the page."""
        expect(self.main.get_by_text(words).locator("visible=true").first).to_be_visible(timeout=PATIENCE)
        self.settle()

    @property
    def main(self) -> Locator:
        """The page without its frame."""
        return self.page.get_by_test_id("stMainBlockContainer")

    def tab(self, name: str) -> None:
        """Open a tab."""
        self.main.get_by_role("tab", name=name, exact=True).click()
        self.settle()

    # Filling in

    def press(self, button: str, exact: bool = False) -> None:
        """Press the button that says so."""
        self.main.get_by_role("button", name=button, exact=exact).locator("visible=true").first.click()
        self.settle()

    def write(self, label: str, words: str) -> None:
        """Write into a text field, and leave it."""
        field = self.main.get_by_role("textbox", name=label, exact=True)
        field.fill(words)
        field.blur()
        self.settle()

    def choose(self, label: str, option: str) -> None:
        """Choose an option that begins so from a list."""
        box = self.main.get_by_role("combobox", name=label, exact=True)
        self._click_option(box, option)
        expect(box).to_have_value(re.compile("^" + re.escape(option)))
        self.settle()

    def choose_all(self, label: str, options: Sequence[str]) -> None:
        """Choose several options from a list, and leave it."""
        box = self.main.get_by_role("combobox", name=label, exact=True)
        for option in options:
            self._click_option(box, option)
            self.settle()
        box.press("Tab")
        self.settle()

    def _click_option(self, box: Locator, option: str) -> None:
        box.click()
        box.press_sequentially(option[:12])
        self.page.get_by_role("option").filter(has_text=re.compile("^" + re.escape(option))).first.click()

    def add_all(self, label: str, words: Sequence[str]) -> None:
        """Add to a list what it does not offer."""
        box = self.main.get_by_role("combobox", name=label, exact=True)
        box.click()
        for each in words:
            box.press_sequentially(each)
            box.press("Enter")
            self.settle()
        box.press("Tab")
        self.settle()

    def tick(self, label: str | re.Pattern[str]) -> None:
        """Tick a box."""
        box = self.page.get_by_role("checkbox", name=label)
        if not box.is_checked():
            self.main.locator("label").filter(has=box).click()
        expect(box).to_be_checked()
        self.settle()

    def pick(self, label: str) -> None:
        """Pick one of several."""
        self.main.locator("label").filter(has=self.page.get_by_role("radio", name=label, exact=True)).click()
        self.settle()

    def date(self, label: str, day: date) -> None:
        """Type a date, from its year on."""
        self.main.get_by_role("group", name=label, exact=True).get_by_role("spinbutton").first.click()
        self.page.keyboard.type(f"{day:%Y%m%d}")
        self.page.keyboard.press("Tab")
        self.settle()

    def cell(self, label: str, words: str) -> None:
        """Write into the first cell of a grid, which is drawn and has no fields."""
        grid = self.main.get_by_role("region", name=label).locator(".dvn-scroller")
        editor = self.page.locator("textarea.gdg-input")
        for _attempt in range(5):  # the first click may only close what was open before
            grid.dblclick(position={"x": 150, "y": 52})
            with suppress(PlaywrightTimeout):
                editor.wait_for(timeout=4000)
                break
        editor.fill(words)
        editor.press("Enter")
        expect(editor).to_have_count(0)
        self.settle()

    def hand_in(self, label: str, file: Path | FilePayload) -> None:
        """Give a file to the box of that name."""
        self.main.locator(f"[aria-label='{label}'] input[type=file]").set_input_files(file)
        self.settle()

    def download(self, button: str, within: Locator | None = None) -> tuple[str, bytes]:
        """Press a button that gives a file; return its name and its bytes."""
        with self.page.expect_download() as waited:
            (within or self.main).get_by_role("button", name=button).locator("visible=true").first.click()
        given: Download = waited.value
        return given.suggested_filename, Path(given.path()).read_bytes()

    # Looking

    def t(self, key: str, **facts: Any) -> str:
        """Return a sentence of the product in this person's language."""
        return text(key, self.language, **facts)

    def seen(self) -> str:
        """Return the words of the page."""
        return str(self.main.inner_text())

    def keep(self, name: str) -> None:
        """Keep a picture of the whole page; nothing on it is untranslated or wider than the screen."""
        self.settle()
        assert not KEYS.findall(self.seen()), KEYS.findall(self.seen())
        assert not self.outside, self.outside
        self.page.wait_for_function(FITS)
        width = self.page.viewport_size["width"] if self.page.viewport_size else WIDE
        self.page.set_viewport_size({"width": width, "height": max(900, min(self.page.evaluate(HEIGHT), 6000))})
        self.settle()
        picture(self.page, f"{name}-{self.language}-{width}")
        self.page.set_viewport_size({"width": width, "height": 900})

    def keep_narrow(self, name: str) -> None:
        """Keep a picture as a phone shows the page."""
        self.page.set_viewport_size({"width": NARROW, "height": 900})
        self.keep(name)
        self.page.set_viewport_size({"width": WIDE, "height": 900})
        self.settle()


def run_in_lab(page: Page, code: str, kept: str = "") -> str:
    """Open a notebook from JupyterLab's launcher, run `code` in it, and return what it printed."""
    page.wait_for_url("**/lab**", timeout=PATIENCE)
    page.locator(".jp-LauncherCard", has_text="Python 3").first.click()
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status='idle']")
    cells = page.locator(".jp-Notebook .jp-CodeCell")
    for _attempt in range(12):  # JupyterLab drops what is run while it still connects
        cells.first.locator(".cm-content").click()
        page.keyboard.press("Control+a")
        page.keyboard.insert_text("print(6 * 7)")
        page.keyboard.press("Control+Enter")
        with suppress(PlaywrightTimeout):
            cells.first.locator(".jp-OutputArea-output", has_text="42").wait_for(timeout=8000)
            break
    for key in ("Escape", "b", "Enter"):  # a new cell below, open for writing
        page.keyboard.press(key)
    expect(cells).to_have_count(2)
    page.keyboard.insert_text(code)
    page.keyboard.press("Control+Enter")
    output = cells.nth(1).locator(".jp-OutputArea-output").first
    output.wait_for()
    expect(cells.nth(1).locator(".jp-InputArea-prompt")).to_have_text(re.compile(r"\[\d+\]"))
    output.scroll_into_view_if_needed()
    if kept:
        picture(page, kept)
    return output.inner_text()


def picture(page: Page, name: str) -> None:
    """Keep a picture of what the screen shows."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png")


class Times:
    """How long each part of a walk took, kept beside its pictures."""

    def __init__(self, name: str) -> None:
        self.path, self.taken = PICTURES / f"{name}.json", dict[str, float]()

    @contextmanager
    def __call__(self, part: str) -> Iterator[None]:
        """Time a part."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.taken[part] = round(time.monotonic() - started, 1)
            PICTURES.mkdir(parents=True, exist_ok=True)
            self.path.write_text(json.dumps(self.taken, ensure_ascii=False, indent=1))


def fill_in(walker: Walker, fields: Sequence[Any], answers: dict[str, Any], dataset: str) -> None:
    """Fill in fields of the application form by their labels, each in the way of its type."""
    for field in fields:
        answer, label = answers.get(field.code), field.label(walker.language)
        label += {"zh": "（选填）", "en": " (optional)"}[walker.language] if field.optional else ""
        if answer in (None, "", []):
            continue
        match field.type:
            case "text" | "phone" | "long_text":
                walker.write(label, answer)
            case "date":
                walker.date(label, answer)
            case "choice":
                walker.choose(label, field.options[answer][walker.language])
            case "dataset":
                walker.choose(label, dataset)
            case "boolean":
                walker.tick(label)
            case "columns":
                walker.choose_all(label, answer)
            case "members":
                walker.add_all(label, answer)
            case "publications":
                walker.cell(label, answer[0]["reference"])
            case kind:
                raise AssertionError(f"no way to fill in {kind}")
