"""The list of probes, how they run, and how one tries what must fail without leaving a trace."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

Spec = Mapping[str, Any]
Probe = Callable[[Spec], str]
PROBES: dict[str, Probe] = {}
LIBC = ctypes.CDLL(None, use_errno=True)


class Result(NamedTuple):
    """What one probe found."""

    probe: str
    held: bool
    detail: str


def probe(function: Probe) -> Probe:
    """Add a probe under its function's name. It returns "" when the isolation holds, else what it found."""
    PROBES[function.__name__] = function
    return function


def run(spec: Spec) -> list[Result]:
    """Run every probe; one that itself fails has not held."""
    results = []
    for name, function in PROBES.items():
        try:
            found = function(spec)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in a probe means: not proved
            found = f"{type(error).__name__}: {error}"
        results.append(Result(name, not found, found[:200]))
    return results


def faults(report: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the names of probes that failed or are missing from a report."""
    entries = list(report)
    held = {entry["probe"] for entry in entries if entry["held"] is True}
    failed = {entry["probe"] for entry in entries if entry["held"] is not True}
    return sorted((set(PROBES) - held) | failed)


def only(found: Iterable[str], allowed: Iterable[str]) -> str:
    """Return what is found and not allowed, as a text."""
    extra = sorted(set(found) - set(allowed))
    return f"unexpected: {', '.join(extra[:8])}" if extra else ""


def refused(action: Callable[[], object], *expected: int) -> str:
    """Run an action that must fail with one of `expected`, in a child, so that nothing lasts."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        with suppress(BaseException):
            os.write(writer, _outcome(action, expected).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        found = pipe.read().decode()
    os.waitpid(child, 0)
    return found.removeprefix("refused") if found else "the child was killed"


def _outcome(action: Callable[[], object], expected: tuple[int, ...]) -> str:
    try:
        action()
    except OSError as error:
        return "refused" if error.errno in expected else errno.errorcode.get(error.errno or 0, "?")
    return "allowed"


def libc(name: str, *arguments: object) -> Callable[[], object]:
    """Return a call of a libc function that raises `OSError` when it fails."""

    def call() -> None:
        if getattr(LIBC, name)(*arguments) < 0:
            raise OSError(ctypes.get_errno(), name)

    return call


def syscall(number: int, *arguments: int) -> Callable[[], int]:
    """Return a raw system call that raises `OSError` when it fails."""
    values = [ctypes.c_long(value) for value in arguments]

    def call() -> int:
        found: int = LIBC.syscall(ctypes.c_long(number), *values)
        if found < 0:
            raise OSError(ctypes.get_errno(), "syscall")
        return found

    return call
