"""Serves one portal behind the hub's sign-on: `python -m enclave.gateway.portal catalogue|workbench`."""

from __future__ import annotations

import os
import sys
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import streamlit as st
import uvicorn
from sqlalchemy import event
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.web import bootstrap

from enclave.gateway.hubgate import HubGate
from enclave.gateway.navigation import PORTALS
from enclave.kernel import db, i18n, log
from enclave.kernel.process import die_with_parent
from enclave.kernel.settings import settings
from enclave.ui import session, theme

APPS = Path(__file__).parent / "apps"
HTML = "text/html"
UPLOAD_LIMIT_MB = 512  # a browser upload is held in memory; larger files go through the incoming folder
# Charts are compiled in the browser, hence unsafe-eval; nothing is ever loaded from another place.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' 'wasm-unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; "
    "connect-src 'self'; frame-src 'none'; object-src 'none'; base-uri 'self'; form-action 'self'; "
    "frame-ancestors 'none'"
)
SECURITY_HEADERS = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
]


class SecurityHeaders:
    """Sets the headers that keep a page from loading, sending or being framed elsewhere."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, adding the headers to every HTTP answer."""

        async def dressed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *SECURITY_HEADERS]}
            await send(message)

        await self.app(scope, receive, dressed if scope["type"] == "http" else send)


class OwnTitle:
    """Gives the page its title and language before the framework's script has run."""

    def __init__(self, app: ASGIApp, title: str) -> None:
        self.app, self.title = app, title

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve, dressing the page a browser navigates to."""
        if scope["type"] != "http" or HTML not in Headers(scope=scope).get("accept", ""):
            await self.app(scope, receive, send)
            return
        # Neither packed nor left to the copy the browser keeps: both would hold the framework's words.
        left_out = (b"accept-encoding", b"if-none-match", b"if-modified-since")
        scope = {**scope, "headers": [header for header in scope["headers"] if header[0] not in left_out]}
        held: list[Message] = []  # the page itself; everything else passes as it comes

        async def dressed(message: Message) -> None:
            starts = message["type"] == "http.response.start"
            if not held and not (starts and Headers(raw=message["headers"]).get("content-type", "").startswith(HTML)):
                await send(message)
                return
            held.append(message)
            if not starts and not message.get("more_body"):
                await self._send(held, scope, send)

        await self.app(scope, receive, dressed)

    async def _send(self, held: list[Message], scope: Scope, send: Send) -> None:
        body = self._dressed(b"".join(message.get("body", b"") for message in held[1:]), scope)
        headers = MutableHeaders(raw=list(held[0]["headers"]))
        if "content-length" in headers and scope["method"] != "HEAD":
            headers["content-length"] = str(len(body))
        await send({**held[0], "headers": headers.raw})
        await send({"type": "http.response.body", "body": body})

    def _dressed(self, page: bytes, scope: Scope) -> bytes:
        asked = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("lang", [""])[0]
        kept = cookie_parser(Headers(scope=scope).get("cookie", "")).get(session.COOKIE, "")
        language = session.chosen(asked, kept)
        title = f"<title>{escape(i18n.text(self.title, language))}</title>"
        opening = f'<html lang="{session.HTML_LANGUAGES[language]}">'
        page = page.replace(b"<title>Streamlit</title>", title.encode(), 1)
        return page.replace(b'<html lang="en">', opening.encode(), 1)


def options(prefix: str) -> dict[str, Any]:
    """Return the Streamlit options; under plain ASGI its environment variables are not read."""
    limit = max(1, min(UPLOAD_LIMIT_MB, settings().upload_limit_bytes >> 20))
    return {
        "server.baseUrlPath": prefix.strip("/"),
        "server.trustedUserHeaders": {"X-Enclave-Ident": "ident"},
        "server.fileWatcherType": "none",
        "server.enableAgentApi": False,
        "server.maxUploadSize": limit,
        "browser.gatherUsageStats": False,
        "client.toolbarMode": "minimal",
        "client.showErrorDetails": "none",
        "client.showErrorLinks": False,
        "client.disableDataExport": True,
        **theme.OPTIONS,
    }


def read_only() -> None:
    """Let this process look at the database only: the catalogue is open to everybody."""
    engine = db.engine()
    command = {
        "sqlite": "PRAGMA query_only = ON",
        "postgresql": "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
    }[engine.dialect.name]

    @event.listens_for(engine, "connect")
    def _restrict(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(command)
        cursor.close()
        if engine.dialect.name == "postgresql":
            connection.commit()


def build(name: str) -> st.App:
    """Return the portal as an ASGI application."""
    bootstrap.load_config_options(options(os.environ["JUPYTERHUB_SERVICE_PREFIX"]))
    gate = Middleware(HubGate, anonymous=name == "catalogue")
    return st.App(APPS / f"{name}.py", middleware=[*dress(name), gate])


def dress(name: str) -> list[Middleware]:
    """Return what every answer of the portal passes through."""
    return [Middleware(SecurityHeaders), Middleware(OwnTitle, title=PORTALS[name].title)]


def main() -> None:
    """Serve the portal named on the command line at the address the hub gave it."""
    die_with_parent()
    log.configure()
    name = sys.argv[1]
    if name == "catalogue":
        read_only()
    address = urlparse(os.environ["JUPYTERHUB_SERVICE_URL"])
    uvicorn.run(
        build(name),
        host=address.hostname or "127.0.0.1",
        port=address.port or 0,
        proxy_headers=False,
        access_log=False,
        log_level="warning",
        ws_max_size=64 << 20,
    )


if __name__ == "__main__":
    main()
