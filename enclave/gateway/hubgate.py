"""The hub's sign-on in front of a portal: a pure ASGI gate for HTTP and WebSocket alike."""

from __future__ import annotations

import json
import os
import secrets
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode

from jupyterhub.services.auth import HubOAuth
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from tornado.web import HTTPError

VOUCHED = b"x-enclave-"  # every header the portal trusts lives under this prefix; a visitor's own are dropped
LOGIN_SECONDS = 600
PENDING_LIMIT = 4096  # logins begun and not finished; more than a real crowd, less than a flood's memory
LOGIN_REQUIRED, NOT_ADMITTED = 4401, 4403  # WebSocket close codes in the private range

User = dict[str, Any]


@dataclass(frozen=True)
class Pending:
    """A login on its way through the hub."""

    target: str
    verifier: str
    expires: float


class HubGate:
    """Lets in whom the hub vouches for, and tells the portal who that is in `X-Enclave-Ident`.

    With `anonymous` everybody is let in; only a signed-in visitor carries an identity. The identity is a
    name, never a right: roles come from the database. A long-lived WebSocket is checked again on its traffic.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        anonymous: bool = False,
        hub: HubOAuth | None = None,
        session_seconds: int = 8 * 3600,
        recheck_seconds: int = 10,
    ) -> None:
        self.app, self.anonymous, self.session_seconds = app, anonymous, session_seconds
        self.prefix = os.environ["JUPYTERHUB_SERVICE_PREFIX"]
        self.hub = hub or HubOAuth(cache_max_age=recheck_seconds)
        self.cookie = "enclave-" + os.environ["JUPYTERHUB_SERVICE_NAME"]
        self.sessions: dict[str, tuple[str, float]] = {}
        self.pending: dict[str, Pending] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or one WebSocket."""
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        cookies = cookie_parser(Headers(scope=scope).get("cookie", ""))
        scope = self._cleaned(scope, cookies)
        if scope["type"] == "http" and (answer := await self._own_page(scope, cookies)):
            return await answer(scope, receive, send)
        user = await self._identify(cookies)
        refusal = self._refusal(user)
        if refusal:
            return await self._refuse(refusal, scope, receive, send)
        if user:
            scope["headers"] = [*scope["headers"], (VOUCHED + b"ident", _identity(user))]
        if scope["type"] == "http":
            return await self.app(scope, receive, send)
        return await self.app(scope, self._rechecking(cookies, user, receive, send), send)

    # -- who it is ----------------------------------------------------------------------------------
    async def _identify(self, cookies: dict[str, str]) -> User | None:
        sid = cookies.get(self.cookie, "")
        token, expires = self.sessions.get(sid, ("", 0.0))
        if expires < time.time():
            self.sessions.pop(sid, None)
            return None
        try:
            user: User | None = await self.hub.user_for_token(token, sync=False)
        except HTTPError:
            return None  # the hub does not answer: nobody is vouched for, and the session may come back
        if user is None:
            self.sessions.pop(sid, None)
        return user

    def _refusal(self, user: User | None) -> int:
        if user is None:
            return 0 if self.anonymous else LOGIN_REQUIRED
        return 0 if self.hub.check_scopes(self.hub.access_scopes, user) else NOT_ADMITTED

    async def _refuse(self, code: int, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await receive()
            return await send({"type": "websocket.close", "code": code})  # before accept: HTTP 403
        if code == NOT_ADMITTED:
            return await PlainTextResponse("无权访问 / not admitted", 403)(scope, receive, send)
        navigates = scope["method"] == "GET" and "text/html" in Headers(scope=scope).get("accept", "")
        answer = self._login(scope, _address(scope)) if navigates else PlainTextResponse("login required", 401)
        return await answer(scope, receive, send)

    def _rechecking(self, cookies: dict[str, str], user: User | None, receive: Receive, send: Send) -> Receive:
        async def checked() -> Message:
            message = await receive()
            if message["type"] != "websocket.receive":
                return message
            current = await self._identify(cookies)
            if _name(current) == _name(user) and not self._refusal(current):
                return message
            await send({"type": "websocket.close", "code": LOGIN_REQUIRED})
            return {"type": "websocket.disconnect", "code": LOGIN_REQUIRED}

        return checked

    # -- signing in and out -------------------------------------------------------------------------
    async def _own_page(self, scope: Scope, cookies: dict[str, str]) -> Response | None:
        query = parse_qs(scope["query_string"].decode())
        match scope["path"].removeprefix(self.prefix):
            case "oauth_callback":
                return await self._callback(scope, query, cookies)
            case "login":
                return self._login(scope, self._inside(query.get("next", [""])[0]))
            case "logout":
                return self._logout(cookies)
        return None

    def _inside(self, target: str) -> str:
        """Keep a return address within this portal: no open redirect."""
        safe = target.startswith(self.prefix) and "\\" not in target and ".." not in target
        return target if safe else self.prefix

    def _login(self, scope: Scope, target: str) -> Response:
        verifier, challenge, method = self.hub.generate_pkce_code_challenge()
        state, now = secrets.token_urlsafe(24), time.time()
        alive = [(key, entry) for key, entry in self.pending.items() if entry.expires > now]
        self.pending = dict(alive[-PENDING_LIMIT + 1 :])
        self.pending[state] = Pending(target, verifier, now + LOGIN_SECONDS)
        question = urlencode({
            "client_id": self.hub.oauth_client_id, "redirect_uri": self.hub.oauth_redirect_uri,
            "response_type": "code", "state": state, "code_challenge": challenge, "code_challenge_method": method,
        })  # fmt: skip
        answer = RedirectResponse(f"{self.hub.oauth_authorization_url}?{question}", 302)
        self._set_cookie(answer, scope, self.cookie + "-state", state, LOGIN_SECONDS)
        return answer

    async def _callback(self, scope: Scope, query: dict[str, list[str]], cookies: dict[str, str]) -> Response:
        state, code = query.get("state", [""])[0], query.get("code", [""])[0]
        entry = self.pending.pop(state, None)
        expected = cookies.get(self.cookie + "-state", "")
        if not entry or not code or entry.expires < time.time() or not secrets.compare_digest(expected, state):
            return PlainTextResponse("登录未完成，请重试 / sign-in was not completed, please try again", 403)
        token = await self.hub.token_for_code(code, code_verifier=entry.verifier, sync=False)
        sid, now = secrets.token_urlsafe(32), time.time()
        alive = {key: session for key, session in self.sessions.items() if session[1] > now}
        self.sessions = alive | {sid: (token, now + self.session_seconds)}
        answer = RedirectResponse(entry.target, 302)
        self._set_cookie(answer, scope, self.cookie, sid, None)
        answer.delete_cookie(self.cookie + "-state", path=self._cookie_path)
        return answer

    def _logout(self, cookies: dict[str, str]) -> Response:
        self.sessions.pop(cookies.get(self.cookie, ""), None)
        answer = RedirectResponse(f"{self.hub.hub_prefix}logout", 302)
        answer.delete_cookie(self.cookie, path=self._cookie_path)
        return answer

    # -- headers and cookies ------------------------------------------------------------------------
    @property
    def _cookie_path(self) -> str:
        return self.prefix.rstrip("/") or "/"  # with the slash, `/services/x` would redirect for ever

    def _set_cookie(self, answer: Response, scope: Scope, name: str, value: str, seconds: int | None) -> None:
        secure = Headers(scope=scope).get("x-forwarded-proto", scope.get("scheme")) in ("https", "wss")
        answer.set_cookie(
            name, value, max_age=seconds, path=self._cookie_path, httponly=True, samesite="lax", secure=secure
        )

    def _cleaned(self, scope: Scope, cookies: dict[str, str]) -> Scope:
        """Drop headers only we may set, and our own cookies: the portal's pages need neither."""
        headers = [(k, v) for k, v in scope["headers"] if k.lower() != b"cookie" and not k.lower().startswith(VOUCHED)]
        kept = "; ".join(f"{k}={v}" for k, v in cookies.items() if not k.startswith(self.cookie))
        if kept:
            headers.append((b"cookie", kept.encode("latin-1", "ignore")))
        return {**scope, "headers": headers}


def _identity(user: User) -> bytes:
    return json.dumps({"name": user["name"], "groups": sorted(user.get("groups", []))}).encode()


def _name(user: User | None) -> str:
    return str(user["name"]) if user else ""


def _address(scope: Scope) -> str:
    query: str = scope["query_string"].decode()
    return str(scope["path"]) + (f"?{query}" if query else "")
