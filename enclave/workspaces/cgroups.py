"""One control group per sandbox: version 2 where its controllers are, else version 1, else none."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
PERIOD = 100_000  # microseconds over which the processor share is counted


@dataclass(frozen=True)
class Limits:
    """What one sandbox may use: bytes of memory, processes and threads, processors."""

    memory: int
    pids: int
    cpus: float


@dataclass(frozen=True)
class Cgroup:
    """The folders of one group; none where the machine gives us no controllers (then rlimits hold)."""

    version: int
    folders: tuple[Path, ...] = field(default=())

    @property
    def joiners(self) -> list[str]:
        """Return the files a process writes `0` to in order to join."""
        return [str(folder / "cgroup.procs") for folder in self.folders]

    def pids(self) -> set[int]:
        """Return the processes inside."""
        found: set[int] = set()
        for folder in self.folders:
            with suppress(OSError):
                found.update(map(int, (folder / "cgroup.procs").read_text().split()))
        return found

    def holds(self, pid: int, limits: Limits) -> bool:
        """Tell whether `pid` really is inside and memory and processes really are limited."""
        values = dict(_values(self.version, limits))
        inside = all(pid in set(map(int, (folder / "cgroup.procs").read_text().split())) for folder in self.folders)
        return inside and all(self._value(name) == str(values[name]) for name in _essential(self.version))

    def _value(self, name: str) -> str:
        path = next((folder / name for folder in self.folders if (folder / name).exists()), None)
        return path.read_text().strip() if path else ""

    def kill(self) -> None:
        """Kill everything inside."""
        for pid in self.pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def remove(self, patience: float = 2.0) -> None:
        """Remove the group once its last process is gone."""
        deadline = time.monotonic() + patience
        for folder in self.folders:
            while folder.exists():
                try:
                    folder.rmdir()
                except OSError:
                    if time.monotonic() > deadline:
                        return
                    self.kill()
                    time.sleep(0.02)


def _essential(version: int) -> tuple[str, ...]:
    return ("memory.max", "pids.max") if version == 2 else ("memory.limit_in_bytes", "pids.max")


def _values(version: int, limits: Limits) -> Sequence[tuple[str, object]]:
    memory = limits.memory - limits.memory % os.sysconf("SC_PAGE_SIZE")
    quota = int(limits.cpus * PERIOD)
    if version == 2:
        return (
            ("memory.max", memory),
            ("memory.swap.max", 0),
            ("memory.oom.group", 0),
            ("pids.max", limits.pids),
            ("cpu.max", f"{quota} {PERIOD}"),
        )
    return (
        ("memory.limit_in_bytes", memory),
        ("memory.memsw.limit_in_bytes", memory),
        ("pids.max", limits.pids),
        ("cpu.cfs_period_us", PERIOD),
        ("cpu.cfs_quota_us", quota),
    )


def _write(path: Path, value: object) -> None:
    # Not every kernel has every file (swap accounting may be off); `holds` checks the essential ones.
    with suppress(OSError):
        if path.exists():
            path.write_text(str(value))


def make(name: str, limits: Limits, root: Path = ROOT) -> Cgroup:
    """Make the group `enclave/<name>` with `limits`."""
    group = _version_2(name, root) or _version_1(name, root)
    for folder in group.folders:
        for file, value in _values(group.version, limits):
            _write(folder / file, value)
    return group


def sweep(prefix: str, root: Path = ROOT) -> int:
    """Remove the groups `<prefix>-*` an earlier, killed run left, and whatever still runs in them; return how many."""
    tops = [root / "enclave", *(root / controller / "enclave" for controller in ("memory", "pids", "cpu"))]
    found = [folder for top in tops if top.exists() for folder in top.glob(f"{prefix}-*") if folder.is_dir()]
    for folder in found:
        left = Cgroup(1, (folder,))
        left.kill()
        left.remove()
    return len(found)


def _version_2(name: str, root: Path) -> Cgroup | None:
    controllers = root / "cgroup.controllers"
    if not controllers.exists() or not {"memory", "pids"} <= set(controllers.read_text().split()):
        return None
    top = root / "enclave"
    try:
        top.mkdir(exist_ok=True)
        for folder in (root, top):
            _write(folder / "cgroup.subtree_control", "+memory +pids +cpu")
        (top / name).mkdir(exist_ok=True)
    except OSError:
        return None
    found = top / name
    return Cgroup(2, (found,)) if (found / "memory.max").exists() and (found / "pids.max").exists() else None


def _version_1(name: str, root: Path) -> Cgroup:
    folders = []
    for controller in ("memory", "pids", "cpu"):
        base = root / controller
        if not (base / "cgroup.procs").exists():
            continue
        with suppress(OSError):
            (base / "enclave" / name).mkdir(parents=True, exist_ok=True)
            folders.append(base / "enclave" / name)
    complete = {folder.parts[-3] for folder in folders} >= {"memory", "pids"}
    return Cgroup(1, tuple(folders)) if complete else Cgroup(0)
