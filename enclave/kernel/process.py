"""Processes that never outlive the one that started them."""

from __future__ import annotations

import ctypes
import os
import signal

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
PARENT = "ENCLAVE_PARENT"


def dying_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent dies; for `preexec_fn`.

    The signal follows the *thread* that forked: start such children from a thread that lives as
    long as the process.
    """
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def as_parent() -> dict[str, str]:
    """Return what a child that calls `die_with_parent` finds in its environment: who started it."""
    return {PARENT: str(os.getpid())}


def die_with_parent() -> None:
    """The same, called by the child itself at its start; end at once if the parent is gone already.

    Only the parent's own word tells that: an orphan's new parent may be any process, and in a container a
    parent may well be process 1.
    """
    dying_with_parent()
    started_by = os.environ.pop(PARENT, "")
    if started_by and os.getppid() != int(started_by):
        os._exit(0)


def adopt_orphans() -> None:
    """Make this process the parent of every descendant whose own parent died."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
