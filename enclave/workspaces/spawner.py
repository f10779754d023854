"""JupyterHub's spawner: a named server is one member's enclave of one project, in a sandbox that proved itself."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sys
from pathlib import Path
from urllib.parse import quote

from jupyterhub.spawner import Spawner, SpawnException

from enclave.kernel.errors import EnclaveError, Unavailable
from enclave.kernel.log import logger
from enclave.kernel.settings import settings
from enclave.workspaces import launch, mounting, sandbox, sessions
from enclave.workspaces.cgroups import Limits
from enclave.workspaces.launch import NotIsolated, Running
from enclave.workspaces.sandbox import SandboxSpec
from enclave.workspaces.views import MountPlan

PROJECT = re.compile(r"[a-z0-9-]{1,30}")
GATEWAY_SECONDS = 15.0
HUB_PORTS = (1, 2, 3)  # hub, catalogue, workbench: offsets to `port_base`; all of them listen by now


class EnclaveSpawner(Spawner):  # type: ignore[misc]  # JupyterHub ships no types
    """Starts an enclave only on a valid grant, verified files and proved isolation (P2, P3, P10)."""

    _running: Running | None = None
    _session = ""
    _plan: MountPlan | None = None
    _starting = False

    async def start(self) -> str:
        """Return the address of the proved sandbox's server, or raise with the reason in both languages."""
        self._starting = True
        try:
            self._plan = await asyncio.to_thread(self._checked_plan)
            await self._launch(self._plan)
            return "http+unix://" + quote(str(self._socket), safe="")
        except EnclaveError as error:
            raise _refusal(error) from error
        finally:
            self._starting = False

    def _checked_plan(self) -> MountPlan:
        if not PROJECT.fullmatch(self.name):
            raise EnclaveError("enclave_needs_project")
        try:
            return mounting.mount_plan(self.name, self.user.name)
        except EnclaveError as error:
            sessions.not_mounted(self.name, self.user.name, error.code, error.clauses)
            raise

    async def _launch(self, plan: MountPlan) -> None:
        spec = _spec(plan)
        await _gateway_answers(spec.gateway / Path(sandbox.GATEWAY_SOCKET).name)
        limits = Limits(settings().enclave_memory_bytes, settings().enclave_pids, settings().enclave_cpus)
        with contextlib.closing(launch.listen(self._socket)) as listener:
            # Not in a thread: the sandbox ends with the thread that started it, and that must be the hub.
            running = launch.start(
                spec,
                environment=sandbox.environment(spec, self.get_env(), settings().language, max(1, int(limits.cpus))),
                expected=launch.expectation(spec, _ports(), _hidden(plan)),
                limits=limits,
                log=settings().home / "logs" / f"enclave-{spec.name}.log",
                listener=listener,
            )
        self._running = running
        await self._prove(running, plan)
        # What was true when the files were verified may have ended since.
        if not await asyncio.to_thread(mounting.may_run, plan.project_id, plan.username, plan.grants):
            await self.stop(now=True)
            raise EnclaveError("grant_ended")

    async def _prove(self, running: Running, plan: MountPlan) -> None:
        try:
            await asyncio.to_thread(running.prove)
        except NotIsolated:
            failed = [entry["probe"] for entry in running.report if not entry["held"]]
            await self._end("not-isolated")
            for entry in (entry for entry in running.report if not entry["held"]):
                logger().error("probe-failed", project=plan.project_id, probe=entry["probe"], state=entry["detail"])
            await asyncio.to_thread(sessions.refused, plan, running.report, failed or ["no-report"])
            raise
        self._session = await asyncio.to_thread(sessions.opened, plan, running.report)

    @property
    def _socket(self) -> Path:
        return settings().run_dir / "srv" / f"{self.user.name}--{self.name}.sock"

    async def poll(self) -> int | None:
        """Return None while the enclave runs; one that may not go on is ended here and now (P3)."""
        if self._running is None:
            return None if self._starting else 0
        status = self._running.poll()
        if status is not None:
            await self._end("gone")
            return status
        if self._plan and not self._starting and not await self._may_run(self._plan):
            await self._end("cut-off")
            return 0
        return None

    async def _may_run(self, plan: MountPlan) -> bool:
        return await asyncio.to_thread(mounting.may_run, plan.project_id, plan.username, plan.grants)

    async def stop(self, now: bool = False) -> None:
        """End the enclave: one second to finish, then killed with everything in it."""
        await self._end("stopped", patience=0 if now else 1)

    async def _end(self, reason: str, patience: float = 0) -> None:
        running, self._running = self._running, None
        if running is not None:
            await asyncio.to_thread(running.stop, patience)
        self._socket.unlink(missing_ok=True)
        session, self._session = self._session, ""
        if session:
            cut_off = self._plan is not None and reason == "stopped" and not await self._may_run(self._plan)
            await asyncio.to_thread(sessions.ended, session, "cut-off" if cut_off else reason)


def _spec(plan: MountPlan) -> SandboxSpec:
    gateway = settings().run_dir / "gw" / f"{plan.username}--{plan.project_id}"
    gateway.mkdir(parents=True, exist_ok=True)
    gateway.chmod(0o755)  # listed by a probe; who may use the socket in it is the socket's own mode
    root = os.geteuid() == 0
    return SandboxSpec(plan.project_id, plan.username, plan.uid, plan.data, plan.workspace, gateway, root)


async def _gateway_answers(path: Path) -> None:
    """Wait for the member's gateway socket: the server inside has no other way to the hub."""
    deadline = asyncio.get_running_loop().time() + GATEWAY_SECONDS
    while True:
        try:
            _, writer = await asyncio.open_unix_connection(str(path))
            writer.close()
            return
        except OSError as error:
            if asyncio.get_running_loop().time() > deadline:
                raise Unavailable("enclave_gateway_unavailable") from error
            await asyncio.sleep(0.1)


def _ports() -> list[int]:
    """Return ports this host listens on, which the sandbox must not reach."""
    return [settings().port, *(settings().port_base + offset for offset in HUB_PORTS)]


def _hidden(plan: MountPlan) -> list[Path]:
    """Return what of this host must not be there; it is never told to the analyst's own programs."""
    source = Path(__file__).resolve().parents[1]
    fixed = ("/root", "/etc/shadow", "/etc/ssh", "/etc/hosts", "/var", "/boot", "/srv", "/mnt", "/lost+found")
    paths = [settings().home, settings().run_dir, plan.workspace, source, *map(Path, fixed)]
    return [path for path in paths if not Path(sys.base_prefix).is_relative_to(path)]


def _refusal(error: EnclaveError) -> SpawnException:
    message = f"{error.message('zh')} / {error.message('en')}"
    return SpawnException(message, reason=error.code, log_message=error.code, status_code=error.status)
