"""Starting, proving and ending one sandbox on this machine."""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil

from enclave.kernel.errors import EnclaveError
from enclave.kernel.settings import settings
from enclave.workspaces import cgroups, sandbox, seccomp
from enclave.workspaces.cgroups import Cgroup, Limits
from enclave.workspaces.inside import probes
from enclave.workspaces.sandbox import SandboxSpec

REPORT_SECONDS = 30.0
LOG_BYTES = 4 * 2**20
# Each step joins one control group; the shell then becomes bubblewrap, keeping its process id and parent.
JOIN = 'while [ "$1" != -- ]; do echo 0 > "$1" || exit 97; shift; done; shift; exec "$@"'


class NotIsolated(EnclaveError):
    """An isolation probe failed or did not report; the enclave does not start (P10)."""

    status = 403


@dataclass
class Running:
    """One sandbox that was started. `report` are the probes' results, once read."""

    spec: SandboxSpec
    process: subprocess.Popen[bytes]
    group: Cgroup
    limits: Limits
    report_fd: int
    report: list[dict[str, Any]] = field(default_factory=list)

    def poll(self) -> int | None:
        """Return the exit status, None while it runs."""
        return self.process.poll()

    def prove(self, patience: float = REPORT_SECONDS) -> None:
        """Wait for the probes' report; raise `NotIsolated` unless every one held (P10)."""
        try:
            report = json.loads(_read_all(self.report_fd, patience) or b"[]")
        except ValueError:
            report = []
        finally:
            os.close(self.report_fd)
        outside = self._from_outside()
        self.report = [*report, *outside]
        faults = probes.faults(report) + [entry["probe"] for entry in outside if not entry["held"]]
        if faults:
            raise NotIsolated("enclave_not_isolated", probe=faults[0], failed=len(faults))

    def _from_outside(self) -> list[dict[str, Any]]:
        """Return what only the host can see: the limits really hold this process."""
        if not self.group.version:
            return []
        try:
            held = self.group.holds(self.process.pid, self.limits)
        except OSError:
            held = False
        return [{"probe": "control_group", "held": held, "detail": "" if held else "not limited"}]

    def stop(self, patience: float = 1.0) -> None:
        """End everything inside: ask, wait at most `patience` seconds, kill."""
        inside = self._processes()
        if patience:
            for process in inside:
                with suppress(psutil.Error):
                    process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(patience)
        # When bubblewrap dies the kernel kills the whole process namespace with it.
        with suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        psutil.wait_procs(inside, 1)
        self.group.kill()
        self.group.remove()

    def _processes(self) -> list[psutil.Process]:
        """Return the processes inside, bubblewrap's own two left out."""
        with suppress(psutil.Error):
            found = psutil.Process(self.process.pid).children(recursive=True)
            return [process for process in found if _name(process) != "bwrap"]
        return []


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.Error:
        return ""


def _read_all(descriptor: int, patience: float) -> bytes:
    """Return everything up to the end of the pipe; stop after `patience` seconds or a megabyte."""
    found, deadline = bytearray(), time.monotonic() + patience
    while len(found) < 2**20:
        ready, _, _ = select.select([descriptor], [], [], max(0, deadline - time.monotonic()))
        chunk = os.read(descriptor, 65536) if ready else b""
        if not chunk:
            break
        found += chunk
    return bytes(found)


NAMESPACES = ("net", "pid", "ipc", "uts", "mnt", "cgroup")


def expectation(spec: SandboxSpec, ports: Iterable[int], hidden: Iterable[Path]) -> dict[str, Any]:
    """Return what must be true inside; `ports` are ones this host listens on, `hidden` paths it has."""
    return {
        "project": spec.project,
        "uid": spec.uid,
        "root": spec.root,
        "python": sys.base_prefix,
        "data": {f"{name}/{file}": size for name, folder in spec.data.items() for file, size in _files(folder)},
        "namespaces": {kind: str(Path(f"/proc/self/ns/{kind}").readlink()) for kind in NAMESPACES},
        "ports": list(ports),
        "hidden": [str(path) for path in hidden],
        "issued_at": time.time(),
    }


def _files(folder: Path) -> list[tuple[str, int]]:
    return [(str(path.relative_to(folder)), path.lstat().st_size) for path in folder.rglob("*") if not path.is_dir()]


def start(
    spec: SandboxSpec,
    *,
    environment: Mapping[str, str],
    expected: Mapping[str, Any],
    limits: Limits,
    log: Path,
    listener: socket.socket | None,
) -> Running:
    """Start a sandbox that proves itself and then serves on `listener`; without one it only proves.

    Call it in the main thread: the sandbox ends with the *thread* that started it.
    """
    name = f"{settings().run_dir.name}-{spec.name}"
    group = cgroups.make(name, limits) if spec.root else Cgroup(0)
    report_fd, report_in = os.pipe()
    handed = [report_in] + ([listener.fileno()] if listener else [])
    inside = {
        **expected,
        "fds": handed,
        "report_fd": report_in,
        "listen_fd": listener.fileno() if listener else None,
        "rlimits": {} if group.version else {"RLIMIT_DATA": limits.memory, "RLIMIT_NPROC": limits.pids},
    }
    files = [_memory_file(content) for content in (*sandbox.accounts(spec), json.dumps(inside).encode())]
    passwd_fd, group_fd, spec_fd = files
    seccomp_fd = seccomp.program_fd()
    command = sandbox.argv(spec, seccomp_fd, passwd_fd, group_fd, sandbox.boot_command(spec_fd))
    if group.version:
        command = ["/bin/sh", "-c", JOIN, "join", *group.joiners, "--", *command]
    passed = [*files, seccomp_fd, *handed]
    try:
        with _open_log(log) as output:
            process = subprocess.Popen(
                command,
                env=dict(environment),
                pass_fds=passed,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                cwd="/",
            )
    except BaseException:
        os.close(report_fd)
        raise
    finally:
        for descriptor in (*files, seccomp_fd, report_in):
            os.close(descriptor)
    return Running(spec, process, group, limits, report_fd)


def _memory_file(content: bytes) -> int:
    descriptor = os.memfd_create("enclave")
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _open_log(path: Path) -> IO[bytes]:
    """Open a server's log for appending; an old long one is kept once."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_suffix(".old.log"))
    return path.open("ab")


def listen(path: Path) -> socket.socket:
    """Return a listening Unix socket at `path`, for the door and the hub alone."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    path.chmod(0o600)
    listener.listen(128)
    return listener
