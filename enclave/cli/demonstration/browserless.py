"""A person without a browser: signs in at the hub, opens an enclave, runs code in its kernel."""

from __future__ import annotations

import asyncio
import json
import time
from types import TracebackType
from typing import Any
from uuid import uuid4

import aiohttp
import httpx

from enclave.kernel.errors import Refused, Unavailable

SPAWN_SECONDS = 60


class Visitor:
    """One signed-in person, talking to the door alone."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx.Client(base_url=url, follow_redirects=True, timeout=60, trust_env=False)

    def __enter__(self) -> Visitor:
        return self

    def __exit__(self, *_error: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.http.close()

    def sign_in(self, username: str, password: str) -> None:
        """Sign in at the hub's own form; raise `Refused` when it says no."""
        self.http.get("/hub/login")
        form = {"username": username, "password": password, "_xsrf": self._xsrf("/hub/")}
        answer = self.http.post("/hub/login?next=%2Fhub%2Fhome", data=form)
        if answer.status_code != 200 or "/hub/login" in str(answer.url):
            raise Refused("demo_sign_in", status=answer.status_code)
        self.username = username

    def _xsrf(self, path: str) -> str:
        found = [c.value for c in self.http.cookies.jar if c.name == "_xsrf" and c.path == path]
        return found[-1] or "" if found else ""

    def open_enclave(self, project: str) -> float:
        """Open the project's server and wait until JupyterLab's API answers; return the seconds taken."""
        started = time.monotonic()
        self.http.get(f"/hub/spawn/{self.username}/{project}")
        while True:
            self.enclave("GET", project, "lab")  # the page signs in at the server, its API only answers
            answer = self.enclave("GET", project, "api/status")
            if answer.status_code == 200 and "started" in answer.text:
                return time.monotonic() - started
            if time.monotonic() - started > SPAWN_SECONDS:
                raise Unavailable("demo_enclave_not_ready", status=answer.status_code)
            time.sleep(0.2)

    def enclave(self, method: str, project: str, path: str, **options: Any) -> httpx.Response:
        """Send a request to the project's server."""
        base = f"/user/{self.username}/{project}/"
        headers = {"X-XSRFToken": self._xsrf(base)} if method != "GET" else {}
        return self.http.request(method, base + path, headers=headers, **options)

    def run(self, project: str, code: str, seconds: float = 60) -> str:
        """Run code in a fresh kernel over its WebSocket; return what it printed, or raise on an error."""
        kernel = self.enclave("POST", project, "api/kernels", json={"name": "python3"})
        kernel.raise_for_status()
        identifier = kernel.json()["id"]
        try:
            return asyncio.run(asyncio.wait_for(self._execute(project, identifier, code), seconds))
        finally:
            self.enclave("DELETE", project, f"api/kernels/{identifier}")

    async def _execute(self, project: str, kernel: str, code: str) -> str:
        path = f"/user/{self.username}/{project}/api/kernels/{kernel}/channels"
        request = self.http.build_request("GET", path)
        headers = {"Cookie": request.headers.get("cookie", ""), "Origin": self.url}
        address = self.url.replace("http", "ws", 1) + path
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.ws_connect(address, headers=headers, max_msg_size=0) as socket,
        ):
            await socket.send_str(json.dumps(_execute_request(code)))
            return await _collect(socket)


def _execute_request(code: str) -> dict[str, Any]:
    header = {"msg_id": uuid4().hex, "msg_type": "execute_request", "username": "", "session": uuid4().hex}
    content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
    return {
        "channel": "shell",
        "header": header | {"version": "5.3", "date": ""},
        "parent_header": {},
        "metadata": {},
        "content": content,
    }


async def _collect(socket: aiohttp.ClientWebSocketResponse) -> str:
    printed: list[str] = []
    replied = idle = False
    async for frame in socket:
        message = json.loads(frame.data)
        kind, content = message["header"]["msg_type"], message["content"]
        if kind == "stream":
            printed.append(content["text"])
        elif kind == "error":
            raise Refused("demo_kernel_error", name=content["ename"], value=content["evalue"])
        replied = replied or kind == "execute_reply"
        idle = idle or (kind == "status" and content["execution_state"] == "idle" and bool(message["parent_header"]))
        if replied and idle:
            break
    return "".join(printed)
