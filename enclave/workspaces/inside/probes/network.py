"""Probes of the network: there is none, by no family of sockets."""

from __future__ import annotations

import ctypes
import errno
import socket
from collections.abc import Callable
from pathlib import Path

from .registry import PROBES, Probe, Spec, libc, only, probe, refused, syscall
from .rights import SYSCALLS


def _table(name: str) -> list[str]:
    path = Path("/proc/net") / name
    return path.read_text().splitlines()[1:] if path.exists() else []


@probe
def interfaces(_spec: Spec) -> str:
    """Only the loopback interface exists."""
    return only((name for _, name in socket.if_nameindex()), ["lo"])


@probe
def routes(_spec: Spec) -> str:
    """The kernel knows no way to anywhere."""
    v6 = Path("/proc/net/ipv6_route")
    away = [line.split()[-1] for line in (v6.read_text().splitlines() if v6.exists() else ())]
    return only([line.split()[0] for line in _table("route")] + away, ["lo"])


@probe
def foreign_sockets(_spec: Spec) -> str:
    """No socket of another process is in this network."""
    tables = ("tcp", "tcp6", "udp", "udp6", "raw", "raw6", "packet")
    return only((name for name in tables if _table(name)), [])


@probe
def abstract_sockets(_spec: Spec) -> str:
    """No abstract Unix socket of the host is in reach."""
    return only((line.split()[-1] for line in _table("unix") if "@" in line), [])


def _ports(spec: Spec, family: int, address: str) -> str:
    for port in spec["ports"]:
        with socket.socket(family, socket.SOCK_STREAM) as client:
            client.settimeout(0.2)
            code = client.connect_ex((address, port))
        if code not in (errno.ECONNREFUSED, errno.ENETUNREACH, errno.EADDRNOTAVAIL):
            return f"port {port}: {errno.errorcode.get(code, 'connected')}"
    return "" if spec["ports"] else "no port given"


@probe
def host_ports(spec: Spec) -> str:
    """The host's own services on loopback are not there."""
    return _ports(spec, socket.AF_INET, "127.0.0.1")


@probe
def host_ports_v6(spec: Spec) -> str:
    """The same over IPv6."""
    return _ports(spec, socket.AF_INET6, "::1")


@probe
def names(spec: Spec) -> str:
    """No name resolves: there is no resolver. Asked only when no packet could leave."""
    if Path("/etc/resolv.conf").exists() or interfaces(spec) or routes(spec):
        return "a resolver or a network is there"
    try:
        socket.getaddrinfo("enclave.invalid", 80)
    except socket.gaierror:
        return ""
    return "resolved"


OPEN_FAMILIES = (1, 2, 10, 16)  # Unix, IPv4, IPv6, netlink
NAMED = {"vsock": 40, "packet": 17, "alg": 38, "bluetooth": 31, "can": 29, "xdp": 44, "tipc": 30}


def _socket(family: int, kind: int = socket.SOCK_STREAM, protocol: int = 0) -> Callable[[], object]:
    return libc("socket", ctypes.c_int(family), ctypes.c_int(kind), ctypes.c_int(protocol))


def _family(number: int) -> Probe:
    return lambda _spec: refused(_socket(number, socket.SOCK_DGRAM), errno.EAFNOSUPPORT)


PROBES.update({f"socket_{name}": _family(number) for name, number in NAMED.items()})


def _is_refused(number: int) -> bool:
    try:
        socket.socket(number, socket.SOCK_DGRAM).close()
    except OSError as error:
        return error.errno == errno.EAFNOSUPPORT
    return False


@probe
def socket_other_families(_spec: Spec) -> str:
    """Every family but Unix, IPv4, IPv6 and netlink is refused."""
    return only((str(number) for number in range(64) if number not in OPEN_FAMILIES and not _is_refused(number)), [])


@probe
def socket_high_bits(_spec: Spec) -> str:
    """A family whose high bits a filter may see but the kernel ignores is refused too."""
    actions = (
        syscall(SYSCALLS["socket"], (1 << 32) | NAMED[name], socket.SOCK_DGRAM, 0) for name in ("vsock", "packet")
    )
    return next(filter(None, (refused(action, errno.EAFNOSUPPORT) for action in actions)), "")


@probe
def socket_raw(_spec: Spec) -> str:
    """No raw packets, even on loopback."""
    return refused(_socket(socket.AF_INET, socket.SOCK_RAW, 1), errno.EPERM)


@probe
def socket_netlink_audit(_spec: Spec) -> str:
    """Of netlink only the routing table may be asked."""
    return refused(_socket(OPEN_FAMILIES[3], socket.SOCK_RAW, 9), errno.EPERM)
