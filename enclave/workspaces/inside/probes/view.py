"""Probes of what the enclave sees: files, mounts, devices, variables, descriptors, time."""

from __future__ import annotations

import errno
import os
import re
import resource
import socket
import stat
import sys
import time
from pathlib import Path

from .registry import PROBES, Probe, Spec, only, probe, refused

HOME, SCRATCH, SHM = "/home/researcher", "/tmp", "/dev/shm"
CLIENT = Path("/opt/enclave/lib/enclave")
READ_ONLY = ("/", "/usr", "/data", "/dev", "/run/enclave", "/opt/enclave/venv", "/opt/enclave/inside", str(CLIENT))
LISTINGS = {
    "/": "bin data dev etc home lib lib64 opt proc run tmp usr",
    "/etc": "alternatives fonts group ld.so.cache mime.types passwd",
    "/home": "researcher",
    "/opt": "enclave",
    "/opt/enclave": "inside lib venv",
    "/run": "enclave",
    "/run/enclave": "gateway.sock",
    "/usr": "bin lib lib64 share",
    str(CLIENT): "__init__.py client",
    "/dev": "console core fd full null ptmx pts random shm stderr stdin stdout tty urandom zero",
    SCRATCH: "",
    SHM: "",
}


def _listing(path: str, allowed: str) -> Probe:
    def expected(spec: Spec) -> str:
        # An interpreter outside /usr is mounted at its own place, so its parents show.
        parts = Path(spec["python"]).parts
        above = {parts[i + 1] for i in range(len(parts) - 1) if Path(*parts[: i + 1]) == Path(path)}
        return only((entry.name for entry in Path(path).iterdir()), [*allowed.split(), *above])

    return expected


for _path, _allowed in LISTINGS.items():
    PROBES["listing_" + (_path.strip("/").replace("/", "_") or "root")] = _listing(_path, _allowed)


def _read_only(path: str) -> Probe:
    def held(_spec: Spec) -> str:
        if not os.statvfs(path).f_flag & os.ST_RDONLY:
            return "mounted writable"
        return refused(lambda: (Path(path) / "enclave-probe").touch(), errno.EROFS)

    return held


for _path in READ_ONLY:
    PROBES["read_only_" + (_path.strip("/").replace("/", "_") or "root")] = _read_only(_path)


@probe
def data_as_planned(spec: Spec) -> str:
    """Under /data lie the planned files with their planned sizes, and nothing else."""
    found = {str(path.relative_to("/data")): path.lstat() for path in Path("/data").rglob("*") if not path.is_dir()}
    sizes = {name: entry.st_size for name, entry in found.items() if stat.S_ISREG(entry.st_mode)}
    differing = {
        name for name in sizes.keys() | found.keys() | spec["data"].keys() if sizes.get(name) != spec["data"].get(name)
    }
    return only(differing, [])


@probe
def data_mounts(spec: Spec) -> str:
    """Every granted folder is a mount of its own, read-only."""
    planned = {"/data/" + name.split("/")[0] for name in spec["data"]}
    writable = {point for point, options, _ in _mounts() if point in planned and "ro" not in options}
    return only(writable | (planned - {point for point, _, _ in _mounts()}), [])


def _mounts() -> list[tuple[str, list[str], str]]:
    lines = [line.split(" ") for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [(parts[4], parts[5].split(","), parts[parts.index("-") + 1]) for parts in lines]


WRITABLE = re.compile(r"/tmp|/home/researcher|/proc|/dev/(shm|pts|console|null|zero|full|random|urandom|tty)")


@probe
def mounts_writable(_spec: Spec) -> str:
    """Only the workspace, the scratch folders and the kernel's own are writable."""
    return only((point for point, options, _ in _mounts() if "rw" in options and not WRITABLE.fullmatch(point)), [])


@probe
def mounts_no_setuid(_spec: Spec) -> str:
    """No mount honours setuid programs; device files work only under /dev."""
    bad = [point for point, options, _ in _mounts() if "nosuid" not in options]
    devices = [point for point, options, _ in _mounts() if "nodev" not in options and not point.startswith("/dev")]
    return only(bad + devices, [])


@probe
def host_files(spec: Spec) -> str:
    """Nothing of the host's own is there: the product's home, its source, the accounts of the machine."""
    return only((path for path in spec["hidden"] if os.path.lexists(path)), [])


@probe
def product_source(_spec: Spec) -> str:
    """Of the product only the client can be imported."""
    places = [*sys.path, str(CLIENT.parent)]
    return only((place for place in places if (Path(place) / "enclave" / "kernel").exists()), [])


@probe
def sys_absent(_spec: Spec) -> str:
    """The kernel's device tree is not there."""
    return "there is a /sys" if Path("/sys").exists() else ""


def _kernel_file(path: str, flags: int) -> Probe:
    return lambda _spec: refused(lambda: os.open(path, flags), errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT)


PROBES.update(
    proc_settings=_kernel_file("/proc/sys/kernel/core_pattern", os.O_WRONLY),
    proc_sysrq=_kernel_file("/proc/sysrq-trigger", os.O_WRONLY),
    proc_memory=_kernel_file("/proc/kcore", os.O_RDONLY),
)


@probe
def workspace_private(spec: Spec) -> str:
    """The workspace is the member's own and nobody else's."""
    entry = Path(HOME).stat()
    mode = stat.S_IMODE(entry.st_mode)
    return "" if entry.st_uid == spec["uid"] and mode == 0o700 else f"owner {entry.st_uid} mode {mode:o}"


@probe
def workspace_writable(_spec: Spec) -> str:
    """The workspace can be written, so the sandbox is usable as well as closed."""
    return "" if os.access(HOME, os.W_OK) and os.access(SCRATCH, os.W_OK) else "not writable"


VARIABLES = re.compile(
    r"JUPYTER(HUB|LAB)?_[A-Z_]+|HOME|USER|LOGNAME|SHELL|LANG|TZ|PATH|PWD|PYTHONPATH|IPYTHONDIR|MPLCONFIGDIR"
    r"|XDG_CACHE_HOME|ENCLAVE_PROJECT|(OPENBLAS|OMP)_NUM_THREADS"
)


@probe
def environment_names(_spec: Spec) -> str:
    """Only known variables are set."""
    return only((name for name in os.environ if not VARIABLES.fullmatch(name)), [])


@probe
def environment_secrets(_spec: Spec) -> str:
    """No variable is a secret but the token of this one server."""
    secret = re.compile("TOKEN|SECRET|PASS|KEY|CREDENTIAL|DATABASE", re.IGNORECASE)
    return only((name for name in os.environ if secret.search(name)), ["JUPYTERHUB_API_TOKEN"])


@probe
def descriptors(spec: Spec) -> str:
    """No file of the host is left open."""
    known = {"0", "1", "2", *map(str, spec["fds"])}
    # The listing itself is open while it is read, and closed again by the time it is looked at.
    others = [entry for entry in list(Path("/proc/self/fd").iterdir()) if entry.name not in known]
    return only((f"{entry.name} {entry.readlink()}" for entry in others if entry.is_symlink()), [])


@probe
def clock(spec: Spec) -> str:
    """The clock is the host's."""
    return "" if abs(time.time() - spec["issued_at"]) < 30 else f"off by {time.time() - spec['issued_at']:.0f} s"


@probe
def core_dumps(_spec: Spec) -> str:
    """No memory image is ever written."""
    return "" if resource.getrlimit(resource.RLIMIT_CORE) == (0, 0) else "core files are allowed"


@probe
def host_name(spec: Spec) -> str:
    """The machine's own name is not known."""
    return "" if socket.gethostname() == f"enclave-{spec['project']}" else "another name"
