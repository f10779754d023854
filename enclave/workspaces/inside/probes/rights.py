"""Probes of what the enclave's processes may do: identity, capabilities, namespaces, system calls."""

from __future__ import annotations

import errno
import os
import platform
import socket
import stat
import time
from collections.abc import Callable
from pathlib import Path

from .registry import PROBES, Probe, Spec, libc, only, probe, refused, syscall


def _status() -> dict[str, str]:
    lines = Path("/proc/self/status").read_text().splitlines()
    return {key: value.strip() for key, _, value in (line.partition(":") for line in lines)}


@probe
def user_id(spec: Spec) -> str:
    """All four user and group ids are the member's own."""
    status, own = _status(), [str(spec["uid"])] * 4
    held = status["Uid"].split() == own and status["Gid"].split() == own
    return "" if held else f"uid {status['Uid'].split()[0]} gid {status['Gid'].split()[0]}"


@probe
def groups(spec: Spec) -> str:
    """There are no other groups. Without root the deployer's stay, shown as the overflow group."""
    return only(_status()["Groups"].split(), [] if spec["root"] else ["65534", str(spec["uid"])])


def _capabilities(kind: str) -> Probe:
    return lambda _spec: "" if int(_status()[kind], 16) == 0 else f"{kind} {_status()[kind]}"


PROBES.update({f"capabilities_{kind.lower()}": _capabilities(f"Cap{kind}") for kind in "Inh Prm Eff Bnd Amb".split()})


@probe
def no_new_privileges(_spec: Spec) -> str:
    """No program can give more rights than this one has."""
    return "" if _status()["NoNewPrivs"] == "1" else "NoNewPrivs is off"


@probe
def seccomp_filter(_spec: Spec) -> str:
    """A filter of system calls is on."""
    return "" if _status()["Seccomp"] == "2" else f"Seccomp {_status()['Seccomp']}"


@probe
def become_root(_spec: Spec) -> str:
    """Root cannot be become; without a mapping the id does not even exist."""
    return refused(lambda: os.setresuid(0, 0, 0), errno.EPERM, errno.EINVAL)


def _namespace(kind: str) -> Probe:
    def differs(spec: Spec) -> str:
        own = str(Path(f"/proc/self/ns/{kind}").readlink())
        return "shared with the host" if own == spec["namespaces"][kind] else ""

    return differs


PROBES.update({f"namespace_{kind}": _namespace(kind) for kind in ("net", "pid", "ipc", "uts", "mnt", "cgroup")})


@probe
def processes(_spec: Spec) -> str:
    """Only this sandbox's own processes are in sight."""
    numbers = [entry.name for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    first = Path("/proc/1/comm").read_text().strip()
    return "" if first == "bwrap" and len(numbers) <= 3 else f"{len(numbers)} processes, the first is {first}"


# (x86_64, aarch64); what libc wraps is called by name instead.
NUMBERS = {
    "socket": (41, 198), "pivot_root": (155, 41), "process_vm_readv": (310, 270), "add_key": (248, 217),
    "keyctl": (250, 219), "bpf": (321, 280), "io_uring_setup": (425, 425), "perf_event_open": (298, 241),
    "userfaultfd": (323, 282), "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264),
    "pidfd_getfd": (438, 438), "kcmp": (312, 272), "fsopen": (430, 430), "open_tree": (428, 428),
    "move_mount": (429, 429), "mount_setattr": (442, 442), "clone": (56, 220), "clone3": (435, 435),
    "kexec_load": (246, 104), "init_module": (175, 105), "finit_module": (313, 273), "syslog": (103, 116),
    "setns": (308, 268), "move_pages": (279, 239), "memfd_secret": (447, 447), "fanotify_init": (300, 262),
}  # fmt: skip
_COLUMN = {"x86_64": 0, "aarch64": 1}[platform.machine()]
SYSCALLS = {name: numbers[_COLUMN] for name, numbers in NUMBERS.items()}
NEW_USER, NEW_MOUNT, NEW_NET = 0x10000000, 0x20000, 0x40000000


def _denied(action: Callable[[], object], expected: int = errno.EPERM) -> Probe:
    return lambda _spec: refused(action, expected)


def _clone() -> None:
    if syscall(SYSCALLS["clone"], NEW_USER | 17, 0, 0, 0, 0)() == 0:
        os._exit(0)


PROBES.update(
    call_unshare_user=_denied(libc("unshare", NEW_USER)),
    call_unshare_mount=_denied(libc("unshare", NEW_MOUNT)),
    call_unshare_net=_denied(libc("unshare", NEW_NET)),
    call_clone_user=_denied(_clone),
    call_clone3=_denied(syscall(SYSCALLS["clone3"], 0, 0), errno.ENOSYS),
    call_mount=_denied(libc("mount", b"none", b"/tmp", b"tmpfs", 0, None)),
    call_umount=_denied(libc("umount2", b"/data", 2)),
    call_chroot=_denied(libc("chroot", b"/tmp")),
    call_ptrace=_denied(libc("ptrace", 0, 0, 0, 0)),
    call_personality=_denied(libc("personality", 0)),
    call_set_clock=_denied(lambda: time.clock_settime(time.CLOCK_REALTIME, time.time())),
    call_host_name=_denied(lambda: socket.sethostname("elsewhere")),
    call_device_node=_denied(lambda: os.mknod("/tmp/null", stat.S_IFCHR | 0o600, os.makedev(1, 3))),
    **{
        f"call_{name}": _denied(syscall(number, 0, 0, 0, 0, 0))
        for name, number in SYSCALLS.items()
        if name not in ("socket", "clone", "clone3")
    },
)
