"""What a member's socket answers: who calls, whether the grant holds, how often, how much; then the call itself."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web

from enclave.gateway import sockets_calls, sockets_hub
from enclave.grants import service as grants
from enclave.kernel.db import reading
from enclave.kernel.errors import EnclaveError, NotFound, Refused, Unavailable
from enclave.kernel.identity import ANONYMOUS, Actor, load_actor
from enclave.kernel.log import correlated, logger

BODY_BYTES = 1 << 20
RATE, BURST = 30.0, 60.0  # calls a second, and at once
AT_ONCE = 2  # long calls of one member
CALL_SECONDS = 120.0
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Member:
    """Whom a socket belongs to."""

    project_id: str
    username: str
    uid: int


class TooMany(EnclaveError):
    """More calls than a person makes."""

    status = 429


class Bucket:
    """A token bucket: `RATE` calls a second, `BURST` at once."""

    def __init__(self) -> None:
        self.tokens, self.at = BURST, time.monotonic()

    def take(self) -> None:
        """Take a token or raise TooMany."""
        now = time.monotonic()
        self.tokens, self.at = min(BURST, self.tokens + (now - self.at) * RATE), now
        if self.tokens < 1:
            raise TooMany("gateway_too_many")
        self.tokens -= 1


MEMBER: web.AppKey[Member] = web.AppKey("member", Member)
BUCKET: web.AppKey[Bucket] = web.AppKey("bucket", Bucket)
TURNS: web.AppKey[asyncio.Semaphore] = web.AppKey("turns", asyncio.Semaphore)


def make_app(member: Member, client: aiohttp.ClientSession, hub: str) -> web.Application:
    """Return the application of one member's socket."""
    app = web.Application(client_max_size=BODY_BYTES, middlewares=[errors_as_json, guarded])
    app[MEMBER], app[BUCKET], app[TURNS] = member, Bucket(), asyncio.Semaphore(AT_ONCE)
    app.add_routes(sockets_hub.routes(member.username, client, hub))
    for (method, path), call in sockets_calls.CALLS.items():
        app.router.add_route(method, path, _called(call))
    return app


def peer_uid(request: web.Request) -> int:
    """Return the user id of the process at the other end, as the kernel knows it."""
    connection = request.transport.get_extra_info("socket") if request.transport else None
    if connection is None:
        return -1
    found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", found)[1])


def check_peer(request: web.Request, member: Member) -> None:
    """Refuse unless the socket's member and the caller's user id agree.

    The socket is the identity. As root every member has a user id of his own, which must be the caller's; else
    all processes bear ours.
    """
    expected = member.uid if os.geteuid() == 0 else os.geteuid()
    if peer_uid(request) != expected:
        raise Refused("gateway_stranger")


@web.middleware
async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Let a call through when it is the member's, not too many, and his grant holds now (P3)."""
    member = request.app[MEMBER]
    check_peer(request, member)
    request.app[BUCKET].take()
    validity = await asyncio.to_thread(grants.valid_now, member.project_id, member.username)
    if not validity.valid:
        raise Refused(validity.reason, clauses=("B.2-2-2b",))
    return await handler(request)


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer every failure with code and both messages; what is not ours to show is only named (P12)."""
    with correlated():
        try:
            return await handler(request)
        except EnclaveError as error:
            return _failure(error)
        except web.HTTPRequestEntityTooLarge:
            return _failure(TooMany("gateway_too_large", most=BODY_BYTES), 413)
        except web.HTTPException as error:
            return _failure(NotFound("gateway_no_call"), error.status)
        except Exception as error:  # noqa: BLE001  a defect of ours: the caller hears that, the log hears its kind
            logger().error("gateway-call", code=type(error).__name__)
            return _failure(Unavailable("gateway_defect"), 500)


def _failure(error: EnclaveError, status: int = 0) -> web.Response:
    return web.json_response(sockets_calls.plain(error.as_dict()), status=status or error.status)


def _called(call: Callable[[Actor, str, dict[str, Any]], Any]) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        member = request.app[MEMBER]
        body = sockets_calls.parsed(await request.read()) if request.method == "POST" else {}
        async with request.app[TURNS]:
            answer = await _in_time(_as_member, call, member, body)
        return web.json_response(sockets_calls.plain(answer))

    return handle


async def _in_time(function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return await asyncio.wait_for(asyncio.to_thread(function, *arguments), CALL_SECONDS)
    except TimeoutError as error:
        # What the call may still commit is stored: the same question then costs nothing.
        raise Unavailable("gateway_slow") from error


def _as_member(call: Callable[[Actor, str, dict[str, Any]], Any], member: Member, body: dict[str, Any]) -> Any:
    with reading() as session:
        actor = load_actor(session, member.username)
    if actor is ANONYMOUS:
        raise Refused("grant_account_inactive")
    return call(actor, member.project_id, body)
