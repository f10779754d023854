"""What this machine offers the product, each finding with how to get what is missing; looks only, changes nothing."""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from enclave.gateway import supervisor
from enclave.kernel.settings import Settings

Need = Literal["required", "recommended", "tests"]
GIB = 1024**3
DISK_NEEDED = 5 * GIB
MEMORY_NEEDED = 4 * GIB
CONTROLLERS = ("cpu", "memory", "pids")
INNER_PORTS = 16  # the inner loopback ports are port_base .. port_base + 15
FONT_NAMES = ("*CJK*", "*NotoSansSC*", "*NotoSerifSC*", "*SourceHanSans*", "wqy-*", "*simsun*", "*msyh*")


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `name` leads to its texts `doctor_<name>` and `doctor_get_<name>`; `detail` is technical."""

    name: str
    need: Need
    good: bool
    detail: str = ""

    @property
    def blocking(self) -> bool:
        """Tell whether the platform cannot work on this machine because of it."""
        return self.need == "required" and not self.good


def python() -> Finding:
    """Look at the interpreter."""
    version = sys.version_info[:3]
    return Finding("python", "required", (3, 11) <= version < (3, 14), ".".join(map(str, version)))


def find_bubblewrap() -> str:
    """Return the path of bwrap, from the system or from its wheel in this environment, or nothing."""
    return shutil.which("bwrap") or shutil.which("bwrap", path=str(Path(sys.executable).parent)) or ""


def bubblewrap() -> Finding:
    """Look for the program that makes the sandbox."""
    path = find_bubblewrap()
    return Finding("bubblewrap", "required", bool(path), path and f"{_output(path, '--version')} ({path})")


def namespaces() -> Finding:
    """Make an empty sandbox: the surest sign that the kernel and its settings allow one."""
    path = find_bubblewrap()
    if not path:
        return Finding("namespaces", "required", False)
    command = [path, "--ro-bind", "/", "/", "--unshare-all", "--die-with-parent", "/bin/true"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    mode = "root" if os.geteuid() == 0 else "user"
    return Finding("namespaces", "required", done.returncode == 0, done.stderr.strip()[:200] or mode)


def cgroups(root: Path = Path("/sys/fs/cgroup")) -> Finding:
    """Look for writable controllers (version 2 or 1): memory and process limits rest on them."""
    unified = root / "cgroup.controllers"
    offered = set(unified.read_text().split()) if unified.exists() else set()
    version = "v2"
    if not offered.issuperset(CONTROLLERS):
        offered, version = {name for name in CONTROLLERS if (root / name).is_dir()}, "v1"
    writable = {name for name in offered if os.access(root if version == "v2" else root / name, os.W_OK)}
    held = [name for name in CONTROLLERS if name in writable]
    return Finding("cgroups", "recommended", len(held) == len(CONTROLLERS), f"{version}: {', '.join(held) or '-'}")


def seccomp(actions: Path = Path("/proc/sys/kernel/seccomp/actions_avail")) -> Finding:
    """Load the library and ask the kernel for system-call filters."""
    try:
        ctypes.CDLL("libseccomp.so.2")
    except OSError:
        return Finding("seccomp", "required", False, "libseccomp.so.2")
    offered = actions.read_text().split() if actions.exists() else []
    return Finding("seccomp", "required", "errno" in offered, " ".join(offered))


def fonts() -> Finding:
    """Look for a font with Chinese characters."""
    folders = [Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path.home() / ".local/share/fonts"]
    found = next((hit for folder in folders for name in FONT_NAMES for hit in folder.rglob(name)), None)
    return Finding("fonts", "recommended", found is not None, found.name if found else "")


def chromium() -> Finding:
    """Look for the browser of the browser tests."""
    path = shutil.which("chromium") or ""
    return Finding("chromium", "tests", bool(path), path)


def store() -> Finding:
    """Look for the embedded object store's program."""
    path = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed") or ""
    return Finding("store", "required", bool(path), path)


def disk(home: Path) -> Finding:
    """Measure the room where the data will lie."""
    existing = next(folder for folder in [home, *home.parents] if folder.exists())
    free = shutil.disk_usage(existing).free
    return Finding("disk", "required", free >= DISK_NEEDED, f"{free / GIB:.1f} GiB")


def memory() -> Finding:
    """Measure the memory that can be had now."""
    free = psutil.virtual_memory().available
    return Finding("memory", "recommended", free >= MEMORY_NEEDED, f"{free / GIB:.1f} GiB")


def ports(config: Settings) -> Finding:
    """Try the door's port and the inner ones, unless the platform itself holds them."""
    if supervisor.running(config):
        return Finding("ports", "required", True, f"{config.port}: enclave")
    wanted = [config.port, *range(config.port_base, config.port_base + INNER_PORTS)]
    taken = [port for port in wanted if _taken(config.bind if port == config.port else "127.0.0.1", port)]
    free = f"{config.port}, {config.port_base}-{config.port_base + INNER_PORTS - 1}"
    return Finding("ports", "required", not taken, ", ".join(map(str, taken)) or free)


def examine(config: Settings) -> Iterator[Finding]:
    """Yield every finding; a check that breaks is itself a finding, never the end of the examination."""
    checks: list[Callable[[], Finding]] = [python, bubblewrap, namespaces, seccomp, cgroups, store, fonts]
    checks += [lambda: disk(config.home), memory, lambda: ports(config), chromium]
    for check in checks:
        yield check()


def _taken(address: str, port: int) -> bool:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((address, port))
        except OSError:
            return True
    return False


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    return done.stdout.strip()
