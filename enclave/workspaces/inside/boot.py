"""First program inside the sandbox: proves the isolation, reports, then becomes the notebook server."""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import re
import resource
import signal
import socket
import sys
from typing import IO, Any, TextIO, cast

CODE = "/opt/enclave"
PR_SET_DUMPABLE = 4
# Services of Jupyter that only carry files out, or are not needed.
DROPPED = ("files", "nbconvert", "view", "shutdown", "metrics")


def read_spec(descriptor: int) -> dict[str, Any]:
    """Return what the host expects to be true in here."""
    with os.fdopen(descriptor, "rb") as file:
        spec: dict[str, Any] = json.load(file)
    return spec


def limit(spec: dict[str, Any]) -> None:
    """Set the limits no control group sets."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name, value in spec["rlimits"].items():
        resource.setrlimit(getattr(resource, name), (value, value))


def prove(spec: dict[str, Any]) -> bool:
    """Run the probes and send the report; tell whether all held."""
    probes = importlib.import_module("inside.probes")
    report = [result._asdict() for result in probes.run(spec)]
    with os.fdopen(spec["report_fd"], "w") as pipe:
        json.dump(report, pipe)
    return not probes.faults(report)


def keep_to_ourselves() -> None:
    """Keep kernels, which have the same user id, out of this process and out of the host's log."""
    # Without this a kernel could read and write /proc/<server>/mem (proved where there is no Yama).
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    log, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    for standard in (1, 2):
        os.dup2(nothing, standard)
    os.close(nothing)
    sys.stdout = sys.stderr = cast(TextIO, Nameless(os.fdopen(log, "w", buffering=1, errors="backslashreplace")))


class Nameless:
    """A log that never holds the names of the member's files: what follows a folder of theirs is cut (P12)."""

    private = re.compile(r"(/home/researcher/|/user/[a-z0-9]+/[a-z0-9-]+/(?:[a-z]+/){0,2})[^'\"\n]*")

    def __init__(self, file: IO[str]) -> None:
        self.file = file

    def write(self, text: str) -> int:
        """Write a text without private names."""
        return self.file.write(self.private.sub(r"\1…", text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


def serve(listener: socket.socket) -> None:
    """Be jupyterhub-singleuser on the listening socket the host handed in."""
    os.chdir(os.environ["HOME"])
    import tornado.web
    from jupyter_server import serverapp

    def bind(app: Any) -> bool:
        app.http_server.add_socket(listener)
        return True

    # The sandbox holds no path to its socket, so nothing in here can put another in its place.
    server: Any = serverapp.ServerApp
    server._bind_http_server_tcp = bind
    server.default_services = tuple(name for name in server.default_services if name not in DROPPED)
    # Requests name the member's files: those names stay out of the host's log.
    application: Any = tornado.web.Application
    application.log_request = lambda _self, _handler: None
    from jupyterhub.singleuser import main

    sys.argv = ["jupyterhub-singleuser"]
    main()


def start() -> None:
    """Prove, report, serve."""
    spec = read_spec(int(sys.argv[1]))
    listener = socket.socket(fileno=spec["listen_fd"]) if spec["listen_fd"] is not None else None
    limit(spec)
    if not prove(spec) or listener is None:  # not proved, or only asked to prove: the host looks and ends us
        signal.pause()
        return
    listener.setblocking(False)
    listener.set_inheritable(False)
    keep_to_ourselves()
    serve(listener)


if __name__ == "__main__":
    sys.path.insert(0, CODE)
    start()
