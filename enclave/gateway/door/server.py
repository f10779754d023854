"""The door's process: passes HTTP and WebSockets to where the hub's routes lead, within the policy."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp import WSMsgType, web

from enclave.gateway.door import pages, policy
from enclave.gateway.door.policy import EnclavePath
from enclave.gateway.door.routes import Route, Routes
from enclave.kernel.log import configure, logger
from enclave.kernel.process import die_with_parent
from enclave.kernel.settings import settings

HOP = frozenset(
    """connection keep-alive transfer-encoding te trailer upgrade proxy-authorization proxy-authenticate
    forwarded expect""".split()
)
ENCLAVE_BODY = 64 * 2**20  # a notebook with its outputs
HUB_BODY = 2**20
MULTIPART_SLACK = 2**20
MESSAGE_BYTES = 64 * 2**20
ENDED = 4403  # WebSocket close code: the route is gone
UPLOAD = "_stcore/upload_file"


class Door:
    """Handles every request that comes through the open port."""

    def __init__(self, routes: Routes) -> None:
        self.routes = routes

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request or carry one WebSocket."""
        path = request.path
        if not policy.is_plain(path):
            return pages.answer(request, 404, "door_not_found")
        route = self.routes.find(path)
        if route is None:
            return pages.answer(request, 503 if not self.routes.as_dict() else 404, "door_starting")
        enclave = policy.enclave_path(path) if route.is_enclave else None
        if refusal := self._refusal(request, route, enclave):
            return refusal
        try:
            if request.headers.get("Upgrade", "").lower() == "websocket":
                return await self._websocket(request, route, enclave)
            return await self._http(request, route, enclave)
        except (TimeoutError, aiohttp.ClientConnectionError, ConnectionError):
            return pages.answer(request, 503, "door_unavailable")

    def _refusal(self, request: web.Request, route: Route, enclave: EnclavePath | None) -> web.Response | None:
        if route.is_enclave:
            if enclave is None:
                return pages.answer(request, 404, "door_not_found")
            if not policy.enclave_allows(request.method, enclave.rest, request.query):
                logger().warning("door-blocked", project=enclave.project, path_kind=enclave.kind, code=request.method)
                return pages.answer(request, 403, "door_blocked")
        if route.is_hub and request.path.startswith("/services/"):
            return pages.answer(request, 503, "door_unavailable")  # a portal that is not up (yet)
        if route.is_hub and not policy.hub_allows(request.method, request.path):
            return pages.answer(request, 404, "door_not_found")
        if (request.content_length or 0) > self._limit(request, route):
            return pages.answer(request, 413, "door_too_large")
        return None

    def _limit(self, request: web.Request, route: Route) -> int:
        if route.is_enclave:
            return ENCLAVE_BODY
        if route.is_hub:
            return HUB_BODY
        return settings().upload_limit_bytes + MULTIPART_SLACK if UPLOAD in request.path else ENCLAVE_BODY

    # -- HTTP ---------------------------------------------------------------------------------------
    async def _http(self, request: web.Request, route: Route, enclave: EnclavePath | None) -> web.StreamResponse:
        body = Body(request, self._limit(request, route)) if request.body_exists else None
        address, headers = route.base + request.rel_url.raw_path_qs, forwarded(request, enclave)
        try:
            async with route.client().request(
                request.method, address, headers=headers, allow_redirects=False, data=body
            ) as answer:
                return await self._answer(request, answer, route, enclave)
        except aiohttp.ClientError:
            if body is not None and body.too_large:
                return pages.answer(request, 413, "door_too_large")
            raise

    async def _answer(
        self, request: web.Request, answer: aiohttp.ClientResponse, route: Route, enclave: EnclavePath | None
    ) -> web.StreamResponse:
        if answer.status < 400:
            route.seen = time.time()
        response = web.StreamResponse(status=answer.status)
        _answer_headers(request, answer, response, enclave)
        await response.prepare(request)
        copy = asyncio.ensure_future(_copy(answer, response, route))
        if not await _first(copy, route) and request.transport is not None:
            # The answer has begun, so all that is left is to cut it off: the browser sees it is not whole.
            request.transport.abort()
        return response

    # -- WebSockets ---------------------------------------------------------------------------------
    async def _websocket(self, request: web.Request, route: Route, enclave: EnclavePath | None) -> web.StreamResponse:
        asked = [p.strip() for p in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if p.strip()]
        headers = [(k, v) for k, v in forwarded(request, enclave) if not k.lower().startswith("sec-websocket")]
        try:
            inner = await route.client().ws_connect(
                route.base + request.rel_url.raw_path_qs,
                headers=headers,
                protocols=asked,
                max_msg_size=MESSAGE_BYTES,
                compress=0,
                timeout=aiohttp.ClientWSTimeout(ws_close=1),
            )
        except aiohttp.WSServerHandshakeError as error:
            return pages.answer(request, error.status if error.status >= 400 else 502, "door_unavailable")
        outer = web.WebSocketResponse(
            protocols=[inner.protocol] if inner.protocol else (), max_msg_size=MESSAGE_BYTES, compress=False, timeout=1
        )
        await outer.prepare(request)
        carried = _pump(outer, inner, route, False), _pump(inner, outer, route, True), route.gone.wait()
        tasks: list[asyncio.Future[Any]] = [asyncio.ensure_future(each) for each in carried]
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        code = ENDED if route.gone.is_set() else outer.close_code or inner.close_code or 1001
        await asyncio.gather(inner.close(), _close(outer, code), *tasks, return_exceptions=True)
        return outer


async def _close(socket: web.WebSocketResponse, code: int) -> None:
    valid = 1000 <= code < 5000 and code not in (1005, 1006, 1015)  # these three never travel
    await socket.close(code=code if valid else 1001)


async def _pump(
    source: web.WebSocketResponse | aiohttp.ClientWebSocketResponse,
    sink: web.WebSocketResponse | aiohttp.ClientWebSocketResponse,
    route: Route,
    outward: bool,
) -> None:
    async for message in source:
        route.seen = time.time()
        if outward:
            route.sent += len(message.data)
        if message.type == WSMsgType.TEXT:
            await sink.send_str(message.data)
        elif message.type == WSMsgType.BINARY:
            await sink.send_bytes(message.data)


async def _copy(answer: aiohttp.ClientResponse, response: web.StreamResponse, route: Route) -> None:
    async for chunk in answer.content.iter_any():
        route.sent += len(chunk)
        await response.write(chunk)
    await response.write_eof()


async def _first(work: asyncio.Future[None], route: Route) -> bool:
    """Wait for `work` or for the route to go; tell whether the work was done."""
    gone: asyncio.Future[Any] = asyncio.ensure_future(route.gone.wait())
    try:
        await asyncio.wait([work, gone], return_when=asyncio.FIRST_COMPLETED)
        return work.done() and not route.gone.is_set() and work.exception() is None
    finally:
        for task in (work, gone):
            task.cancel()
        await asyncio.gather(work, gone, return_exceptions=True)


class Body:
    """A request's body on its way in, up to `limit` bytes."""

    def __init__(self, request: web.Request, limit: int) -> None:
        self.request, self.limit, self.too_large = request, limit, False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the body's chunks; break off, and remember why, when there are too many."""
        received = 0
        async for chunk in self.request.content.iter_any():
            received += len(chunk)
            if received > self.limit:
                self.too_large = True
                raise ConnectionAbortedError("the body is too large")
            yield chunk


def is_secure(request: web.Request) -> bool:
    """Tell whether the visitor's browser speaks https, to us or to the web server in front of us."""
    return settings().tls_in_front or request.scheme == "https"


def visitor(request: web.Request) -> str:
    """Return the visitor's address; only a web server in front of us is believed about it, and only its own entry."""
    said = ",".join(request.headers.getall("X-Forwarded-For", [])).rsplit(",", 1)[-1].strip()
    return said if settings().tls_in_front and said else request.remote or ""


def forwarded(request: web.Request, enclave: EnclavePath | None) -> list[tuple[str, str]]:
    """Return the headers to pass on: ours say where the request came from, a visitor's own claims go."""
    kept = [
        (name, value)
        for name, value in request.headers.items()
        if name.lower() not in HOP and not name.lower().startswith(("x-forwarded-", "x-enclave-", "x-real-"))
    ]
    if enclave is not None:
        cookies = policy.enclave_cookies("; ".join(request.headers.getall("Cookie", [])), enclave)
        kept = [(name, value) for name, value in kept if name.lower() != "cookie"]
        kept += [("Cookie", cookies)] if cookies else []
    origin = [("X-Forwarded-For", visitor(request)), ("X-Forwarded-Proto", "https" if is_secure(request) else "http")]
    return [*kept, *origin, ("X-Forwarded-Host", request.host)]


def _answer_headers(
    request: web.Request, answer: aiohttp.ClientResponse, response: web.StreamResponse, enclave: EnclavePath | None
) -> None:
    for name, value in answer.headers.items():
        if name.lower() in HOP or (enclave is not None and not policy.enclave_answer(name, value, enclave)):
            continue
        response.headers.add(name, value)
    if enclave is not None:
        own = policy.content_security_policy(is_secure(request), request.host, enclave)
        response.headers["Content-Security-Policy"] = own
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        if not enclave.rest.startswith(("static/", "lab/extensions/")):
            response.headers["Cache-Control"] = "no-store"
    elif "Content-Security-Policy" not in response.headers:
        response.headers["Content-Security-Policy"] = "frame-ancestors 'self'"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Permissions-Policy"] = policy.PERMISSIONS


# -- the hub's side -----------------------------------------------------------------------------------
def administration(routes: Routes) -> web.Application:
    """Return the application behind the administration socket, which only the hub can open."""

    async def change(request: web.Request) -> web.Response:
        if request.method == "POST":
            body = await request.json()
            await routes.add(body["routespec"], body["target"], body["data"])
        elif request.method == "DELETE":
            await routes.remove((await request.json())["routespec"])
        return web.json_response(routes.as_dict())

    async def sent(_request: web.Request) -> web.Response:
        return web.json_response(routes.sent())

    application = web.Application()
    application.add_routes([web.route("*", "/routes", change), web.get("/sent", sent)])
    return application


def public(routes: Routes) -> web.Application:
    """Return the application behind the open port."""
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", Door(routes).handle)
    return application


@contextlib.asynccontextmanager
async def opened(host: str, port: int, admin_socket: Path) -> AsyncIterator[Routes]:
    """Open the door and its administration socket; give the table of routes."""
    routes = Routes()
    door = web.AppRunner(public(routes), access_log=None, auto_decompress=False)
    hub = web.AppRunner(administration(routes), access_log=None)
    await door.setup()
    await hub.setup()
    admin_socket.unlink(missing_ok=True)
    before = os.umask(0o177)
    try:
        await web.UnixSite(hub, str(admin_socket)).start()
    finally:
        os.umask(before)
    await web.TCPSite(door, host, port, backlog=512).start()
    try:
        yield routes
    finally:
        await routes.clear()
        await door.cleanup()
        await hub.cleanup()


async def serve(bind: str, admin_socket: Path) -> None:
    """Serve until cancelled."""
    address = urlsplit(bind)
    async with opened(address.hostname or "127.0.0.1", address.port or 80, admin_socket):
        await asyncio.Event().wait()


def main() -> None:
    """Run as the hub's proxy process."""
    die_with_parent()
    configure()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(os.environ["ENCLAVE_DOOR_BIND"], Path(os.environ["ENCLAVE_DOOR_ADMIN"])))
