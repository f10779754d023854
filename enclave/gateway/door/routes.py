"""The door's table of routes, kept by the hub: longest prefix wins, and a route that goes takes its traffic along."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

import aiohttp


@dataclass
class Route:
    """One prefix and where it leads. `gone` is set when the hub takes it away."""

    prefix: str
    target: str
    data: dict[str, Any]
    seen: float = field(default_factory=time.time)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    sent: int = 0
    _client: aiohttp.ClientSession | None = None

    @property
    def is_enclave(self) -> bool:
        """Tell whether it leads into a sandbox."""
        return bool(self.data.get("user"))

    @property
    def is_hub(self) -> bool:
        """Tell whether it leads to the hub itself."""
        return not self.is_enclave and not self.data.get("service")

    def matches(self, path: str) -> bool:
        """Tell whether `path` lies at or below the prefix."""
        return path == self.prefix.rstrip("/") or path.startswith(self.prefix.rstrip("/") + "/")

    @property
    def base(self) -> str:
        """Return scheme and host to ask; for a Unix socket the host is only a name."""
        parts = urlsplit(self.target)
        return "http://enclave" if parts.scheme == "http+unix" else f"{parts.scheme}://{parts.netloc}"

    def client(self) -> aiohttp.ClientSession:
        """Return the client that connects to the target and nothing else."""
        if self._client is None:
            self._client = aiohttp.ClientSession(
                connector=self._connector(),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
            )
        return self._client

    def _connector(self) -> aiohttp.BaseConnector:
        parts = urlsplit(self.target)
        if parts.scheme == "http+unix":
            return aiohttp.UnixConnector(unquote(parts.netloc).removesuffix(":80"), limit=0)
        return aiohttp.TCPConnector(limit=0)

    async def end(self) -> None:
        """Close everything that goes through here, at once."""
        self.gone.set()
        if self._client:
            await self._client.close()

    def as_dict(self) -> dict[str, Any]:
        """Return the form JupyterHub's proxy interface asks for."""
        seen = datetime.fromtimestamp(self.seen, UTC).isoformat()
        return {"routespec": self.prefix, "target": self.target, "data": {**self.data, "last_activity": seen}}


class Routes:
    """All routes."""

    def __init__(self) -> None:
        self._routes: dict[str, Route] = {}

    def find(self, path: str) -> Route | None:
        """Return the route with the longest prefix of `path`."""
        return max((r for r in self._routes.values() if r.matches(path)), key=lambda r: len(r.prefix), default=None)

    async def add(self, prefix: str, target: str, data: dict[str, Any]) -> None:
        """Add a route; one with the same prefix that led elsewhere ends."""
        old = self._routes.get(prefix)
        if old is not None and (old.target, old.data) == (target, data):
            return
        self._routes[prefix] = Route(prefix, target, data)
        if old is not None:
            await old.end()

    async def remove(self, prefix: str) -> None:
        """Remove a route and close its traffic."""
        if old := self._routes.pop(prefix, None):
            await old.end()

    async def clear(self) -> None:
        """Remove all."""
        for prefix in list(self._routes):
            await self.remove(prefix)

    def as_dict(self) -> dict[str, dict[str, Any]]:
        """Return all routes as JupyterHub wants them."""
        return {prefix: route.as_dict() for prefix, route in self._routes.items()}

    def sent(self) -> dict[str, int]:
        """Return the bytes each enclave sent to its browser since its route stands."""
        return {
            f"{route.data['user']}--{route.data.get('server_name', '')}": route.sent
            for route in self._routes.values()
            if route.is_enclave
        }
