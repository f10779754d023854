"""The gate lets in whom the hub vouches for, on HTTP and WebSocket alike, and nobody who says so himself."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send
from tornado.web import HTTPError

from enclave.gateway import hubgate
from enclave.gateway.hubgate import HubGate

PREFIX = "/services/workbench/"
HTML = {"accept": "text/html"}


class Hub:
    """The few calls of `HubOAuth` the gate makes."""

    oauth_client_id, oauth_redirect_uri = "service-workbench", PREFIX + "oauth_callback"
    oauth_authorization_url, hub_prefix = "/hub/api/oauth2/authorize", "/hub/"
    access_scopes = frozenset({"access:services!service=workbench"})

    def __init__(self) -> None:
        self.users: dict[str, dict[str, Any]] = {"token-li": self.user("li")}
        self.down = False

    def user(self, name: str, *scopes: str) -> dict[str, Any]:
        return {"name": name, "groups": ["role-researcher"], "scopes": list(scopes or self.access_scopes)}

    def generate_pkce_code_challenge(self) -> tuple[str, str, str]:
        return "verifier", "challenge", "S256"

    async def token_for_code(self, code: str, code_verifier: str, sync: bool) -> str:
        assert code_verifier == "verifier"
        return f"token-{code}"

    async def user_for_token(self, token: str, sync: bool) -> dict[str, Any] | None:
        if self.down:
            raise HTTPError(502)
        return self.users.get(token)

    def check_scopes(self, required: frozenset[str], user: dict[str, Any]) -> bool:
        return bool(required.intersection(user["scopes"]))


class App:
    """What stands behind the gate: remembers what reached it."""

    def __init__(self) -> None:
        self.seen: list[dict[str, str]] = []
        self.messages: list[Message] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.seen.append({key.decode(): value.decode() for key, value in scope["headers"]})
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"page"})
            return
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] != "websocket.disconnect":
            self.messages.append(message)
        self.messages.append(message)


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", PREFIX)
    monkeypatch.setenv("JUPYTERHUB_SERVICE_NAME", "workbench")


@pytest.fixture
def gate(app: App, hub: Hub) -> HubGate:
    return HubGate(app, hub=hub)


@pytest.fixture
def open_gate(app: App, hub: Hub) -> HubGate:
    return HubGate(app, hub=hub, anonymous=True)


def browser(gate: HubGate) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(gate), base_url="http://door")


async def sign_in(client: httpx.AsyncClient, code: str = "li", path: str = PREFIX) -> httpx.Response:
    start = await client.get(path, headers=HTML)
    state = httpx.URL(start.headers["location"]).params["state"]
    return await client.get(f"{PREFIX}oauth_callback?code={code}&state={state}")


async def websocket(gate: HubGate, headers: dict[str, str], *incoming: Message) -> list[Message]:
    """Open a WebSocket, feed it messages, return what the gate and the app sent."""
    waiting: list[Message] = [{"type": "websocket.connect"}, *incoming, {"type": "websocket.disconnect", "code": 1000}]
    sent: list[Message] = []

    async def receive() -> Message:
        return waiting.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    raw = [(key.encode(), value.encode()) for key, value in headers.items()]
    scope = {"type": "websocket", "path": PREFIX + "_stcore/stream", "query_string": b"", "headers": raw}
    await gate(scope, receive, send)
    return sent


async def cookie_of(gate: HubGate) -> dict[str, str]:
    async with browser(gate) as client:
        await sign_in(client)
        return {"cookie": f"enclave-workbench={client.cookies['enclave-workbench']}"}


async def test_a_visitor_is_sent_to_the_hub_and_comes_back_where_he_was(gate: HubGate, app: App) -> None:
    async with browser(gate) as client:
        back = await sign_in(client, path=PREFIX + "requests?id=7")
        assert (back.status_code, back.headers["location"]) == (302, PREFIX + "requests?id=7")
        page = await client.get(PREFIX, headers=HTML)
    assert page.status_code == 200
    assert json.loads(app.seen[-1]["x-enclave-ident"]) == {"name": "li", "groups": ["role-researcher"]}


async def test_the_session_cookie_never_reaches_the_pages(gate: HubGate, app: App) -> None:
    async with browser(gate) as client:
        await sign_in(client)
        client.cookies.set("enclave-language", "en")
        await client.get(PREFIX)
    assert app.seen[-1]["cookie"] == "enclave-language=en"


async def test_the_session_cookie_is_out_of_reach_of_scripts_and_of_other_services(gate: HubGate) -> None:
    async with browser(gate) as client:
        cookie = (await sign_in(client)).headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=lax" in cookie and f"path={PREFIX.rstrip('/')};" in cookie


async def test_behind_tls_the_session_cookie_is_secure(gate: HubGate) -> None:
    async with browser(gate) as client:
        answer = await client.get(PREFIX, headers={**HTML, "x-forwarded-proto": "https"})
    assert "secure" in answer.headers["set-cookie"].lower()


@pytest.mark.parametrize("header", ["X-Enclave-Ident", "x-enclave-user", "X-ENCLAVE-anything"])
async def test_a_forged_identity_is_dropped(open_gate: HubGate, app: App, header: str) -> None:
    async with browser(open_gate) as client:
        await client.get(PREFIX, headers={header: '{"name": "wu"}'})
    assert not [name for name in app.seen[-1] if name.startswith("x-enclave")]
    await websocket(open_gate, {header: '{"name": "wu"}'})
    assert not [name for name in app.seen[-1] if name.lower().startswith("x-enclave")]


@pytest.mark.parametrize("path", ["_stcore/health", "_stcore/upload_file/a/b", "media/x", "static/js/index.js"])
async def test_without_a_session_no_route_answers(gate: HubGate, app: App, path: str) -> None:
    async with browser(gate) as client:
        assert (await client.get(PREFIX + path)).status_code == 401
        assert (await client.put(PREFIX + path)).status_code == 401
    assert not app.seen


@pytest.mark.parametrize("cookie", ["", "enclave-workbench=", "enclave-workbench=guess"])
async def test_a_websocket_without_a_session_is_closed_before_it_opens(gate: HubGate, app: App, cookie: str) -> None:
    assert await websocket(gate, {"cookie": cookie}) == [{"type": "websocket.close", "code": 4401}]
    assert not app.seen


async def test_somebody_without_the_scope_is_not_admitted(gate: HubGate, hub: Hub) -> None:
    hub.users["token-mo"] = hub.user("mo", "access:services!service=another")
    async with browser(gate) as client:
        await sign_in(client, "mo")
        assert (await client.get(PREFIX, headers=HTML)).status_code == 403


async def test_logging_out_at_the_hub_ends_a_running_websocket(gate: HubGate, app: App, hub: Hub) -> None:
    headers = await cookie_of(gate)
    told = {"type": "websocket.receive", "bytes": b"click"}
    sent = await websocket(gate, headers, told)
    assert told in app.messages and sent == [{"type": "websocket.accept"}]
    app.messages.clear()
    real = hub.user_for_token
    answers = [hub.users["token-li"], None]

    async def forget(token: str, sync: bool) -> dict[str, Any] | None:
        return answers.pop(0) if answers else await real(token, sync)

    hub.user_for_token = forget  # type: ignore[method-assign] # signed out between the handshake and the click
    sent = await websocket(gate, headers, told)
    assert told not in app.messages
    assert sent[-1] == {"type": "websocket.close", "code": 4401}


async def test_a_hub_that_does_not_answer_vouches_for_nobody_but_the_session_comes_back(
    gate: HubGate, hub: Hub
) -> None:
    async with browser(gate) as client:
        await sign_in(client)
        hub.down = True
        assert (await client.get(PREFIX)).status_code == 401
        hub.down = False
        assert (await client.get(PREFIX)).status_code == 200


async def test_an_anonymous_portal_lets_everybody_look_and_knows_who_signed_in(open_gate: HubGate, app: App) -> None:
    async with browser(open_gate) as client:
        assert (await client.get(PREFIX)).status_code == 200
        assert "x-enclave-ident" not in app.seen[-1]
        start = await client.get(f"{PREFIX}login?next={PREFIX}dataset%3Fid%3Dx")
        state = httpx.URL(start.headers["location"]).params["state"]
        back = await client.get(f"{PREFIX}oauth_callback?code=li&state={state}")
        assert back.headers["location"] == PREFIX + "dataset?id=x"
        await client.get(PREFIX)
    assert json.loads(app.seen[-1]["x-enclave-ident"])["name"] == "li"


@pytest.mark.parametrize(
    "target", ["https://elsewhere/", "//elsewhere", "/hub/logout", PREFIX + "../../hub/", "\\\\x", ""]
)
async def test_no_address_outside_the_portal_is_a_way_back(open_gate: HubGate, target: str) -> None:
    async with browser(open_gate) as client:
        start = await client.get(PREFIX + "login", params={"next": target})
        state = httpx.URL(start.headers["location"]).params["state"]
        back = await client.get(f"{PREFIX}oauth_callback?code=li&state={state}")
    assert back.headers["location"] == PREFIX


async def test_a_login_begun_in_another_browser_is_refused(gate: HubGate) -> None:
    async with browser(gate) as attacker, browser(gate) as victim:
        start = await attacker.get(PREFIX, headers=HTML)
        state = httpx.URL(start.headers["location"]).params["state"]
        answer = await victim.get(f"{PREFIX}oauth_callback?code=li&state={state}")
    assert answer.status_code == 403 and not gate.sessions


async def test_a_state_serves_once(gate: HubGate) -> None:
    async with browser(gate) as client:
        start = await client.get(PREFIX, headers=HTML)
        address = f"{PREFIX}oauth_callback?code=li&state={httpx.URL(start.headers['location']).params['state']}"
        assert (await client.get(address)).status_code == 302
        assert (await client.get(address)).status_code == 403


async def test_signing_out_ends_the_session_and_goes_on_to_the_hub(gate: HubGate) -> None:
    async with browser(gate) as client:
        await sign_in(client)
        answer = await client.get(PREFIX + "logout")
        assert answer.headers["location"] == "/hub/logout" and not gate.sessions
        assert (await client.get(PREFIX)).status_code == 401


async def test_a_flood_of_begun_logins_stays_small(open_gate: HubGate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hubgate, "PENDING_LIMIT", 10)
    async with browser(open_gate) as client:
        for _ in range(30):
            await client.get(PREFIX + "login")
    assert len(open_gate.pending) == 10


async def test_a_session_ends_after_its_time(app: App, hub: Hub) -> None:
    gate = HubGate(app, hub=hub, session_seconds=-1)
    async with browser(gate) as client:
        await sign_in(client)
        assert (await client.get(PREFIX)).status_code == 401
