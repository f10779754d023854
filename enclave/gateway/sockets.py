"""The gateway of enclaves: one Unix socket for each member of an open project, there as long as his grant holds."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from aiohttp import web

from enclave.gateway.sockets_app import Member, make_app
from enclave.grants import service as grants
from enclave.kernel import log
from enclave.kernel.log import logger
from enclave.kernel.process import die_with_parent
from enclave.kernel.settings import settings
from enclave.privacy import engines

NAME = "gateway.sock"
MOST_CONNECTIONS = 64  # of one member at a time
TRIM_SECONDS = 0.1
ROOT = os.geteuid() == 0


class _Closed(asyncio.Protocol):
    """Ends a connection over the limit before it costs anything."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Close at once."""
        transport.close()


@dataclass
class _Open:
    """One socket being served."""

    runner: web.AppRunner
    server: asyncio.Server
    path: Path

    async def close(self) -> None:
        """Stop serving: the name goes first, then every connection, also those in the middle of a call."""
        self.path.unlink(missing_ok=True)
        self.server.close()
        for connection in list(self.runner.server.connections) if self.runner.server else ():
            if connection.transport is not None:
                connection.transport.abort()
        await self.runner.cleanup()


@dataclass
class Gateway:
    """All open sockets; `sync` makes them those of the members who may work now (P3)."""

    folder: Path
    client: aiohttp.ClientSession
    hub: str
    open: dict[Member, _Open] = field(default_factory=dict)

    async def sync(self) -> None:
        """Open and close sockets until they are those of the open members."""
        wanted = {Member(*found) for found in await asyncio.to_thread(grants.open_members)}
        for member in [member for member in self.open if member not in wanted]:
            await self.open.pop(member).close()
            logger().info("socket-closed", project=member.project_id)
        for member in wanted - self.open.keys():
            try:
                self.open[member] = await self._serve(member)
            except OSError as error:  # one member's trouble is not everybody's; the next round tries again
                logger().error("socket-open", project=member.project_id, code=type(error).__name__)
            else:
                logger().info("socket-open", project=member.project_id)

    async def _serve(self, member: Member) -> _Open:
        runner = web.AppRunner(
            make_app(member, self.client, self.hub), access_log=None, keepalive_timeout=60, shutdown_timeout=0.5
        )
        await runner.setup()
        handler = runner.server
        assert handler is not None

        def trim() -> None:
            for connection in handler.connections[MOST_CONNECTIONS:]:
                if connection.transport is not None:
                    connection.transport.close()

        def connected() -> asyncio.BaseProtocol:
            # A burst is accepted before any of it counts as connected: what came too much goes a moment later.
            asyncio.get_running_loop().call_later(TRIM_SECONDS, trim)
            return handler() if len(handler.connections) < MOST_CONNECTIONS else _Closed()

        path = self.folder / f"{member.username}--{member.project_id}" / NAME
        listener = listen(path, member.uid)
        server = await asyncio.get_running_loop().create_unix_server(connected, sock=listener, backlog=64)
        return _Open(runner, server, path)

    async def close(self) -> None:
        """Close everything."""
        while self.open:
            await self.open.popitem()[1].close()


def listen(path: Path, uid: int) -> socket.socket:
    """Return a socket at `path` that the member alone may connect to.

    The folder is ours and the member cannot write in it, so nothing can stand in the socket's place when its
    owner is set. It is the folder that an enclave mounts: it stays when the socket in it is made anew.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o755)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    os.fchmod(listener.fileno(), 0o600)  # the mode `bind` gives the name, from its first moment
    listener.bind(str(path))
    if ROOT:
        os.chown(path, uid, uid, follow_symlinks=False)
    listener.setblocking(False)
    return listener


def forget_strangers(folder: Path) -> None:
    """Remove the sockets an earlier gateway left behind."""
    for path in folder.glob(f"*/{NAME}"):
        path.unlink(missing_ok=True)


async def serve(stop: asyncio.Event) -> None:
    """Serve until `stop` is set."""
    folder = settings().run_dir / "gw"
    folder.mkdir(parents=True, exist_ok=True, mode=0o711)
    for step in (settings().run_dir, folder):
        step.chmod(0o711)
    forget_strangers(folder)
    hub = os.environ.get("JUPYTERHUB_API_URL", f"http://127.0.0.1:{settings().port_base + 1}/hub/api")
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30), trust_env=False) as client:
        gateway = Gateway(folder, client, hub)
        warming = asyncio.create_task(asyncio.to_thread(engines.warm_up))
        try:
            await _keep_in_step(gateway, stop)
        finally:
            await gateway.close()
            await warming


async def _keep_in_step(gateway: Gateway, stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            await gateway.sync()
        except Exception as error:  # noqa: BLE001  the database may be away for a moment; every call asks it anyway
            logger().error("socket-sync", code=type(error).__name__)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), settings().revocation_poll_seconds)


async def _until_told() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await serve(stop)


def main() -> None:
    """Run as a service of the hub."""
    die_with_parent()
    log.configure()
    asyncio.run(_until_told())


if __name__ == "__main__":
    main()
