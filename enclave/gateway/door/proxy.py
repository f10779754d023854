"""JupyterHub's Proxy class for the door: no Node, one hop, driven over a Unix socket."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from typing import Any

import aiohttp
from jupyterhub.proxy import Proxy
from tornado.ioloop import PeriodicCallback

from enclave.kernel.process import as_parent, dying_with_parent
from enclave.kernel.settings import settings

START_SECONDS = 10.0
CHECK_MILLISECONDS = 500


class EnclaveProxy(Proxy):  # type: ignore[misc]  # JupyterHub ships no types
    """Starts the door, starts it again when it ends, and keeps its routes."""

    _process: subprocess.Popen[bytes] | None = None
    _check: PeriodicCallback | None = None

    async def start(self) -> None:
        """Start the door and wait until it answers."""
        socket = settings().run_dir / "door.sock"
        self._socket = str(socket)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "enclave.gateway.door"],
            env={
                **os.environ,
                **as_parent(),
                "ENCLAVE_DOOR_BIND": self.public_url,
                "ENCLAVE_DOOR_ADMIN": self._socket,
                "ENCLAVE_PART": "door",
            },
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=dying_with_parent,
        )
        deadline = asyncio.get_running_loop().time() + START_SECONDS
        while True:
            try:
                await self._ask("GET")
                break
            except (OSError, aiohttp.ClientError):
                if self._process.poll() is not None or asyncio.get_running_loop().time() > deadline:
                    raise RuntimeError(f"the door did not open at {self.public_url}") from None
                await asyncio.sleep(0.05)
        if self._check is None:
            self._check = PeriodicCallback(self._start_again, CHECK_MILLISECONDS)
            self._check.start()

    async def _start_again(self) -> None:
        if self._process is not None and self._process.poll() is not None:
            self.log.error("The door ended (%s); starting it again", self._process.returncode)
            self._process = None  # one attempt at a time
            await self.start()
            await self.restore_routes()

    def stop(self) -> None:
        """End the door."""
        if self._check is not None:
            self._check.stop()
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()

    async def _ask(self, method: str, path: str = "/routes", **options: Any) -> dict[str, Any]:
        timeout = aiohttp.ClientTimeout(total=10)
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(self._socket), timeout=timeout) as session,
            session.request(method, f"http://door{path}", **options) as answer,
        ):
            answer.raise_for_status()
            found: dict[str, Any] = await answer.json()
            return found

    async def add_route(self, routespec: str, target: str, data: dict[str, Any]) -> None:
        """Add or replace a route."""
        await self._ask("POST", json={"routespec": routespec, "target": target, "data": data})

    async def delete_route(self, routespec: str) -> None:
        """Delete a route; its open connections close at once."""
        await self._ask("DELETE", json={"routespec": routespec})

    async def get_all_routes(self) -> dict[str, Any]:
        """Return all routes."""
        return await self._ask("GET")
