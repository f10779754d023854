"""The portals as served: no framework chrome, no word sent elsewhere, the catalogue unable to write."""

from __future__ import annotations

from pathlib import Path

import pytest
import streamlit
from sqlalchemy.exc import OperationalError
from starlette.types import Message, Receive, Scope, Send
from streamlit.testing.v1 import AppTest

from enclave.gateway import portal
from enclave.kernel import accounts, db
from enclave.kernel.db import reading
from enclave.kernel.i18n import text
from enclave.kernel.identity import Account, Actor, system
from enclave.kernel.settings import settings
from enclave.ui import session
from tests.conftest import Home
from tests.factories.accounts import verify_institution

WORKBENCH = Path(portal.__file__).parent / "apps" / "workbench.py"
CATALOGUE = WORKBENCH.with_name("catalogue.py")


def test_options_hide_the_framework_and_send_nothing_home(home: Home) -> None:
    options = portal.options("/services/workbench/")
    expected = {
        "server.baseUrlPath": "services/workbench",
        "server.trustedUserHeaders": {"X-Enclave-Ident": "ident"},
        "server.enableAgentApi": False,
        "browser.gatherUsageStats": False,
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "client.disableDataExport": True,
    }
    assert expected.items() <= options.items()
    assert options["server.maxUploadSize"] == portal.UPLOAD_LIMIT_MB


def test_an_upload_is_never_larger_than_the_platforms_limit(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENCLAVE_UPLOAD_LIMIT_BYTES", str(5 << 20))
    settings.cache_clear()
    assert portal.options("/x/")["server.maxUploadSize"] == 5


async def answered(
    content_type: str, *, accept: str = "text/html,*/*", cookie: str = ""
) -> tuple[dict[bytes, bytes], bytes]:
    """Return what a browser gets of the framework's own page, served in two pieces."""
    sent: list[Message] = []
    page = (streamlit_static() / "index.html").read_bytes()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert not {b"accept-encoding", b"if-none-match"} & dict(scope["headers"]).keys() or "html" not in accept
        headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(page)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": page[:900], "more_body": True})
        await send({"type": "http.response.body", "body": page[900:]})

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    asked = [
        (b"accept", accept.encode()),
        (b"cookie", cookie.encode()),
        (b"accept-encoding", b"gzip"),
        (b"if-none-match", b"1"),
    ]
    scope = {"type": "http", "method": "GET", "query_string": b"", "headers": asked}
    await portal.OwnTitle(app, "ui_workbench")(scope, receive, send)
    return dict(sent[0]["headers"]), b"".join(message["body"] for message in sent[1:])


def streamlit_static() -> Path:
    return Path(streamlit.__file__).parent / "static"


@pytest.mark.parametrize(("language", "html"), [("zh", "zh-CN"), ("en", "en")])
async def test_the_tab_has_the_portals_title_before_any_script_runs(home: Home, language: str, html: str) -> None:
    headers, body = await answered("text/html; charset=utf-8", cookie=f"enclave-language={language}")
    page = body.decode()
    assert f"<title>{text('ui_workbench', language)}</title>" in page
    assert f'<html lang="{html}">' in page
    assert "<title>Streamlit" not in page
    assert headers[b"content-length"] == str(len(body)).encode()


async def test_what_is_no_page_passes_as_it_is(home: Home) -> None:
    for content_type, accept in (("application/octet-stream", "text/html"), ("text/html", "*/*")):
        headers, body = await answered(content_type, accept=accept)
        assert body == (streamlit_static() / "index.html").read_bytes()
        assert headers[b"content-length"] == str(len(body)).encode()


async def test_every_answer_forbids_loading_and_framing_elsewhere() -> None:
    sent: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-own", b"1")]})

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    await portal.SecurityHeaders(app)({"type": "http"}, receive, send)
    headers = dict(sent[0]["headers"])
    policy = headers[b"content-security-policy"].decode()
    assert headers[b"x-own"] == b"1"
    for rule in ("default-src 'self'", "connect-src 'self'", "frame-ancestors 'none'", "object-src 'none'"):
        assert rule in policy
    assert "http:" not in policy and "https:" not in policy and "*" not in policy


def test_the_catalogues_process_cannot_write(home: Home) -> None:
    verify_institution("X")
    db.engine().dispose()  # the portal's process begins with no connection
    portal.read_only()
    with pytest.raises(OperationalError, match="readonly"):
        accounts.open_account(system("tests"), accounts.OpenAccount("eve", "Eve", "X", ()))
    with reading() as opened:
        assert opened.get(Account, "eve") is None


def opened(monkeypatch: pytest.MonkeyPatch, script: Path, username: str, language: str = "zh") -> AppTest:
    """Run a portal's script in this process, signed in as `username`."""
    monkeypatch.setattr(session, "username", lambda: username)
    monkeypatch.setenv("ENCLAVE_LANGUAGE", language)
    settings.cache_clear()
    return AppTest.from_file(str(script), default_timeout=60).run()


def words(app: AppTest) -> str:
    return "\n".join(str(element.proto.body) for element in app.get("html"))


@pytest.mark.parametrize("username", ["li", "wang", "sun", "wu", "feng", "he", "qian"])
@pytest.mark.parametrize(("language", "greeting"), [("zh", "您好"), ("en", "Hello")])
def test_everybody_finds_his_home_page(
    people: dict[str, Actor], monkeypatch: pytest.MonkeyPatch, username: str, language: str, greeting: str
) -> None:
    app = opened(monkeypatch, WORKBENCH, username, language)
    assert not app.exception
    said = words(app)
    assert greeting in said and 'role="alert"' not in said


@pytest.mark.parametrize("username", ["", "nobody"])
def test_the_workbench_shows_nothing_to_somebody_without_a_role(
    people: dict[str, Actor], monkeypatch: pytest.MonkeyPatch, username: str
) -> None:
    app = opened(monkeypatch, WORKBENCH, username)
    assert not app.exception
    assert "此账号尚未开通" in words(app) and "您好" not in words(app)


def test_the_catalogue_is_open_to_visitors_and_says_when_it_is_empty(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = opened(monkeypatch, CATALOGUE, "")
    assert not app.exception
    assert "目录中还没有已发布的数据集" in words(app)


def test_the_language_switches_in_place(people: dict[str, Actor], monkeypatch: pytest.MonkeyPatch) -> None:
    app = opened(monkeypatch, WORKBENCH, "li")
    app.button(key="ui_language_button").click().run()
    assert "Hello" in words(app)
    app.button(key="ui_language_button").click().run()
    assert "您好" in words(app)
