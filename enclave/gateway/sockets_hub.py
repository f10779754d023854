"""The four calls of the hub's API that a notebook server needs, and no others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import aiohttp
from aiohttp import web

from enclave.kernel.errors import Refused, Unavailable

SENT = ("authorization", "content-type", "accept")
RETURNED = ("content-type", "x-jupyterhub-version")


def routes(username: str, client: aiohttp.ClientSession, hub: str) -> list[web.RouteDef]:
    """Return the routes of one member; `hub` is the address of the hub's API, ending in `/hub/api`.

    The path sent on is written here, never copied from the caller, and no query goes with it.
    """
    allowed = {
        ("GET", "/hub/api"): "",
        ("GET", "/hub/api/"): "/",
        ("GET", "/hub/api/user"): "/user",
        ("POST", "/hub/api/oauth2/token"): "/oauth2/token",
        ("POST", f"/hub/api/users/{username}/activity"): f"/users/{username}/activity",
    }
    calls = [web.route(method, path, _passed(client, method, hub + to)) for (method, path), to in allowed.items()]
    return [*calls, web.route("*", "/hub/{rest:.*}", _refused)]


def _passed(
    client: aiohttp.ClientSession, method: str, address: str
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        headers = {name: value for name, value in request.headers.items() if name.lower() in SENT}
        body = await request.read()
        try:
            async with client.request(
                method, address, headers=headers, data=body or None, allow_redirects=False
            ) as answer:
                kept = {name: value for name, value in answer.headers.items() if name.lower() in RETURNED}
                return web.Response(status=answer.status, body=await answer.read(), headers=kept)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unavailable("gateway_hub_unavailable") from error

    return handle


async def _refused(_request: web.Request) -> web.StreamResponse:
    raise Refused("gateway_hub_call")
