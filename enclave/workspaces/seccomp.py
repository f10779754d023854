"""The system calls an enclave may not make, as a BPF program for `bwrap --seccomp FD` (libseccomp)."""

from __future__ import annotations

import errno
import os
import socket

import pyseccomp as seccomp

# Ways out of, or around, the namespaces; and large attack surfaces that no notebook needs.
DENIED = """
mount umount2 move_mount open_tree open_tree_attr fsopen fsconfig fsmount fspick mount_setattr pivot_root chroot
setns unshare ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd bpf perf_event_open
userfaultfd io_uring_setup io_uring_enter io_uring_register add_key request_key keyctl kexec_load kexec_file_load
init_module finit_module delete_module open_by_handle_at name_to_handle_at acct swapon swapoff reboot syslog
quotactl quotactl_fd nfsservctl personality vhangup modify_ldt iopl ioperm lookup_dcookie clock_settime
clock_adjtime adjtimex settimeofday sethostname setdomainname fanotify_init migrate_pages move_pages
mbind set_mempolicy memfd_secret
""".split()
# A network namespace confines these; it does not confine AF_VSOCK, and the rest is attack surface.
FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK)
LAST_FAMILY = 63
NEW_NAMESPACES = (0x10000000, 0x20000, 0x40000000, 0x20000000, 0x4000000, 0x8000000, 0x2000000)
TIOCSTI, TIOCLINUX = 0x5412, 0x541C
DEVICE_NODES = (0x2000, 0x6000)  # S_IFCHR, S_IFBLK; a FIFO may be made
FILE_TYPE = 0xF000
# The kernel reads these arguments as 32-bit numbers while the filter sees 64 bits: without the mask,
# `socket(2**32 + AF_VSOCK)` would pass as an unknown family and still open a VSOCK socket.
LOW = 0xFFFFFFFF


def program_fd() -> int:
    """Return a file descriptor of the compiled program; the caller closes it."""
    rules = seccomp.SyscallFilter(seccomp.ALLOW)  # other architectures (int 0x80, x32) are killed by default
    for name in DENIED:
        _deny(rules, name)
    # clone3 hides its flags behind a pointer; told ENOSYS, libc falls back to clone, whose flags we see.
    rules.add_rule(seccomp.ERRNO(errno.ENOSYS), "clone3")
    for flag in NEW_NAMESPACES:
        _deny(rules, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, flag, flag))
    for family in range(LAST_FAMILY + 1):
        if family not in FAMILIES:
            argument = seccomp.Arg(0, seccomp.MASKED_EQ, LOW, family)
            rules.add_rule(seccomp.ERRNO(errno.EAFNOSUPPORT), "socket", argument)
    netlink = seccomp.Arg(0, seccomp.MASKED_EQ, LOW, socket.AF_NETLINK)
    _deny(rules, "socket", netlink, seccomp.Arg(2, seccomp.NE, socket.NETLINK_ROUTE))
    for kind in DEVICE_NODES:
        _deny(rules, "mknod", seccomp.Arg(1, seccomp.MASKED_EQ, FILE_TYPE, kind))
        _deny(rules, "mknodat", seccomp.Arg(2, seccomp.MASKED_EQ, FILE_TYPE, kind))
    for request in (TIOCSTI, TIOCLINUX):  # typing into the terminal of whoever started us
        _deny(rules, "ioctl", seccomp.Arg(1, seccomp.MASKED_EQ, LOW, request))
    return _export(rules)


def _deny(rules: seccomp.SyscallFilter, name: str, *arguments: seccomp.Arg) -> None:
    try:
        rules.add_rule(seccomp.ERRNO(errno.EPERM), name, *arguments)
    except (ValueError, OSError, RuntimeError):
        if arguments:
            raise  # unknown to this kernel or architecture is fine for a name, never for a rule on arguments


def _export(rules: seccomp.SyscallFilter) -> int:
    descriptor = os.memfd_create("seccomp", 0)
    with os.fdopen(os.dup(descriptor), "wb") as program:
        rules.export_bpf(program)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
