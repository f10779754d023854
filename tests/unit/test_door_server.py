"""The door itself, between a client and servers behind it, all on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest
from aiohttp import WSMsgType, web

from enclave.gateway.door import server
from enclave.gateway.door.routes import Routes
from enclave.kernel.settings import settings

PORT, PORTAL = 18440, 18441
ENCLAVE = "/user/li/p-1/"


@dataclass
class Surroundings:
    """A door, an enclave behind a Unix socket, a portal behind a TCP port."""

    client: aiohttp.ClientSession
    routes: Routes
    admin: aiohttp.ClientSession
    target: str


async def echo(request: web.Request) -> web.StreamResponse:
    if request.headers.get("Upgrade", "").lower() == "websocket":
        socket = web.WebSocketResponse(protocols=["v1.kernel"])
        await socket.prepare(request)
        async for message in socket:
            if message.type == WSMsgType.TEXT:
                await socket.send_str("echo " + message.data)
        return socket
    if "stream" in request.path:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(100):
            await response.write(b"tick\n")
            await asyncio.sleep(0.05)
        return response
    body = await request.read()
    answer = {"path": request.path_qs, "headers": dict(request.headers), "size": len(body), "method": request.method}
    extra = {
        "Set-Cookie": "hub=1; Path=/",
        "X-Odd": "1",
        "Content-Disposition": "attachment",
        "Cache-Control": "max-age=9",
    }
    return web.json_response(answer, headers=extra)


@pytest.fixture
async def door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Surroundings]:
    monkeypatch.setenv("ENCLAVE_HOME", str(tmp_path))
    monkeypatch.setenv("ENCLAVE_UPLOAD_LIMIT_BYTES", str(3 * 2**20))
    settings.cache_clear()
    behind = web.Application(client_max_size=2**30)
    behind.router.add_route("*", "/{path:.*}", echo)
    runner = web.AppRunner(behind, access_log=None)
    await runner.setup()
    inner = tmp_path / "s.sock"
    await web.UnixSite(runner, str(inner)).start()
    await web.TCPSite(runner, "127.0.0.1", PORTAL).start()
    async with server.opened("127.0.0.1", PORT, tmp_path / "a.sock") as routes:
        target = "http+unix://" + quote(str(inner), safe="") + ":80"  # the hub adds a port to every address
        await routes.add("/", f"http://127.0.0.1:{PORTAL}", {"hub": True})
        await routes.add("/services/workbench/", f"http://127.0.0.1:{PORTAL}", {"service": "workbench"})
        await routes.add(ENCLAVE, target, {"user": "li", "server_name": "p-1"})
        async with (
            aiohttp.ClientSession(f"http://127.0.0.1:{PORT}", cookie_jar=aiohttp.DummyCookieJar()) as client,
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(tmp_path / "a.sock"))) as admin,
        ):
            yield Surroundings(client, routes, admin, target)
    await runner.cleanup()
    settings.cache_clear()


async def test_it_passes_what_is_allowed_and_says_where_it_came_from(door: Surroundings) -> None:
    claims = {"X-Forwarded-For": "9.9.9.9", "X-Enclave-Ident": "wu", "Cookie": "enclave-workbench=1; _xsrf=2"}
    async with door.client.post(ENCLAVE + "api/kernels", json={"name": "python3"}, headers=claims) as answer:
        seen = await answer.json()
    assert seen["path"] == ENCLAVE + "api/kernels"
    assert seen["size"] == len(json.dumps({"name": "python3"}))
    assert seen["headers"]["X-Forwarded-For"] == "127.0.0.1"
    assert seen["headers"]["X-Forwarded-Host"] == f"127.0.0.1:{PORT}"
    assert "X-Enclave-Ident" not in seen["headers"]
    assert seen["headers"]["Cookie"] == "_xsrf=2"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "sandbox allow-scripts" in answer.headers["Content-Security-Policy"]
    assert not {"Set-Cookie", "X-Odd", "Content-Disposition"} & set(answer.headers)


async def test_a_web_server_in_front_is_believed_about_who_asks_and_how(
    door: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ENCLAVE_TLS_IN_FRONT", "true")
    settings.cache_clear()
    claims = {"X-Forwarded-For": "6.6.6.6, 192.0.2.7", "X-Forwarded-Proto": "http"}
    async with door.client.get(ENCLAVE + "lab", headers=claims) as answer:
        seen = (await answer.json())["headers"]
    assert (seen["X-Forwarded-For"], seen["X-Forwarded-Proto"]) == ("192.0.2.7", "https")
    assert "wss://127.0.0.1" in answer.headers["Content-Security-Policy"]


async def test_a_portal_keeps_its_own_headers(door: Surroundings) -> None:
    async with door.client.get("/services/workbench/x?y=1") as answer:
        assert (await answer.json())["path"] == "/services/workbench/x?y=1"
    assert answer.headers["Set-Cookie"] == "hub=1; Path=/"
    assert answer.headers["Content-Security-Policy"] == "frame-ancestors 'self'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.promise("P5")
@pytest.mark.parametrize(
    "path",
    ["files/x", "%66iles/x", "files%2Fx", "lab/../files/x", "lab/%2e%2e/files/x", "%2566iles/x", "nbconvert/html/x",
     "//files/x", "api/contents/x?format=base64", "api/contents/x?%66ormat=base64",
     "api/contents/x?format=text&format=base64"],
)  # fmt: skip
async def test_no_spelling_of_a_download_passes(door: Surroundings, path: str) -> None:
    from yarl import URL

    address = URL(f"http://127.0.0.1:{PORT}{ENCLAVE}{path}", encoded=True)
    async with aiohttp.ClientSession() as session, session.get(address) as answer:
        assert answer.status in (403, 404)
        assert "path" not in await answer.json()


async def test_refusals_are_pages_for_people_and_json_for_programs(door: Surroundings) -> None:
    async with door.client.get(ENCLAVE + "files/x", headers={"Accept": "text/html"}) as answer:
        page = await answer.text()
    assert answer.status == 403
    assert "数据不能直接下载" in page
    assert "cannot be downloaded" in page
    async with door.client.get(ENCLAVE + "files/x") as answer:
        assert (await answer.json())["code"] == "door_blocked"


async def test_the_hubs_inner_pages_are_not_there(door: Surroundings) -> None:
    for path in ("/hub/admin", "/hub/api/users", "/hub/token"):
        async with door.client.get(path) as answer:
            assert answer.status == 404


async def test_uploads_stream_up_to_the_limit_and_no_further(door: Surroundings) -> None:
    async def chunks(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield b"x" * 2**20

    async with door.client.put("/services/workbench/_stcore/upload_file/a/b", data=chunks(3)) as answer:
        assert (await answer.json())["size"] == 3 * 2**20
    async with door.client.put("/services/workbench/_stcore/upload_file/a/b", data=b"x" * 5 * 2**20) as answer:
        assert answer.status == 413
    async with door.client.put("/services/workbench/_stcore/upload_file/a/b", data=chunks(6)) as answer:
        assert answer.status == 413
    async with door.client.post("/hub/login", data=b"x" * 2 * 2**20) as answer:
        assert answer.status == 413


async def test_a_websocket_passes_both_ways_with_its_protocol(door: Surroundings) -> None:
    async with door.client.ws_connect(ENCLAVE + "api/kernels/1/channels", protocols=["v1.kernel"]) as socket:
        await socket.send_str("hello")
        assert await socket.receive_str() == "echo hello"
        assert socket.protocol == "v1.kernel"
    assert door.routes.sent()["li--p-1"] == len("echo hello")


@pytest.mark.promise("P3")
async def test_taking_a_route_away_closes_its_traffic_at_once(door: Surroundings) -> None:
    socket = await door.client.ws_connect(ENCLAVE + "api/kernels/1/channels")
    stream = await door.client.get(ENCLAVE + "api/contents/stream")
    await socket.send_str("hello")
    assert await socket.receive_str() == "echo hello"
    started = asyncio.get_running_loop().time()
    async with door.admin.delete("http://door/routes", json={"routespec": ENCLAVE}) as answer:
        assert ENCLAVE not in await answer.json()
    assert (await socket.receive(timeout=2)).type in (WSMsgType.CLOSE, WSMsgType.CLOSED)
    with pytest.raises(aiohttp.ClientError):
        await asyncio.wait_for(stream.read(), 2)
    assert asyncio.get_running_loop().time() - started < 1
    assert socket.close_code == server.ENDED
    async with door.client.get(ENCLAVE + "api/status") as gone:
        # What is left is the hub's own answer for an enclave that does not run: it gets no request of the enclave's.
        assert (await gone.json())["headers"].get("Cookie") is None
    await socket.close()


async def test_a_route_that_leads_elsewhere_replaces_the_old_one(door: Surroundings) -> None:
    socket = await door.client.ws_connect(ENCLAVE + "api/kernels/1/channels")
    await door.routes.add(ENCLAVE, door.target, {"user": "li", "server_name": "p-1"})
    await socket.send_str("still here")
    assert await socket.receive_str() == "echo still here"
    await door.routes.add(ENCLAVE, "http://127.0.0.1:1", {"user": "li", "server_name": "p-1"})
    assert (await socket.receive(timeout=2)).type in (WSMsgType.CLOSE, WSMsgType.CLOSED)
    async with door.client.get(ENCLAVE + "api/status") as answer:
        assert answer.status == 503
        assert (await answer.json())["code"] == "door_unavailable"


async def test_the_administration_socket_is_the_hubs_alone(door: Surroundings, tmp_path: Path) -> None:
    assert (tmp_path / "a.sock").stat().st_mode & 0o777 == 0o600
    async with door.admin.get("http://door/routes") as answer:
        table = await answer.json()
    assert table[ENCLAVE]["target"] == door.target
    assert "last_activity" in table[ENCLAVE]["data"]


async def test_nothing_is_up_yet(tmp_path: Path) -> None:
    async with (
        server.opened("127.0.0.1", PORT, tmp_path / "a.sock"),
        aiohttp.ClientSession() as client,
        client.get(f"http://127.0.0.1:{PORT}/services/workbench/", headers={"Accept": "text/html"}) as answer,
    ):
        assert answer.status == 503
        assert "平台正在启动" in await answer.text()
