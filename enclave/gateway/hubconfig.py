"""What the hub is told: its services with the least rights each needs, its roles, where people land."""

from __future__ import annotations

import os
import sys
from typing import Any

from jupyterhub.services import service
from traitlets import default

from enclave.kernel.process import as_parent
from enclave.kernel.settings import settings
from enclave.workspaces.hub import token

PORTALS = {"catalogue": 2, "workbench": 3}  # offset of each portal's inner port to `port_base`
PROCESSES = {"gateway": "enclave.gateway.sockets", "worker": "enclave.gateway.worker"}
LOOPBACK = "http://127.0.0.1"


class PromptServiceSpawner(service._ServiceSpawner):  # type: ignore[misc]  # JupyterHub ships no types
    """Notices within a second that a service ended (the hub's own looks every 30 s), and ends one as promptly."""

    @default("poll_interval")
    def _poll_interval(self) -> int:
        return 1

    @default("interrupt_timeout")
    def _interrupt_timeout(self) -> int:
        return 2

    @default("term_timeout")
    def _term_timeout(self) -> int:
        return 2


def watch_services_promptly() -> None:
    """Let the hub start its services by `PromptServiceSpawner`; it has no setting for this."""
    service._ServiceSpawner = PromptServiceSpawner


def environment(part: str) -> dict[str, str]:
    """Return the environment of a part the hub starts: the platform's settings and what programs need."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("ENCLAVE_") or name in ("HOME", "TZ")}
    # A user id without an account has no home, and some libraries insist on one.
    named = {"HOME": str(settings().folder("hub")), "ENCLAVE_HOME": str(settings().home), "ENCLAVE_PART": part}
    own = {key: named[key] for key in ("ENCLAVE_HOME", "ENCLAVE_PART")} | as_parent()
    return {**named, **kept, **own, "PYTHONUNBUFFERED": "1"}


def services() -> list[dict[str, Any]]:
    """Return the services the hub starts, watches and starts again."""
    return [*map(_portal, PORTALS), *map(_process, PROCESSES)]


def _portal(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "url": f"{LOOPBACK}:{settings().port_base + PORTALS[name]}",
        "command": [sys.executable, "-m", "enclave.gateway.portal", name],
        "environment": environment(name),
        "api_token": token(name),
        "oauth_no_confirm": True,
        "display": False,
    }


def _process(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "command": [sys.executable, "-m", PROCESSES[name]],
        "environment": environment(name),
        "api_token": token(name),
        "display": False,
    }


def roles() -> list[dict[str, Any]]:
    """Return the hub's roles: people may use the portals and their own enclaves, the worker may stop enclaves."""
    portals = [f"access:services!service={name}" for name in PORTALS]
    own = ["read:users!user", "read:users:activity!user", "users:activity!user", "servers!user", "access:servers!user"]
    return [
        {"name": "user", "description": "Signed-in person", "scopes": [*own, *portals]},
        {
            "name": "enclave-worker",
            "description": "Ends enclaves whose grant is over",
            "scopes": ["list:users", "read:servers", "delete:servers"],
            "services": ["worker"],
        },
    ]


def landing(handler: Any) -> str:
    """Return where `/` leads: the workbench for a person who signed in, the catalogue for everybody."""
    return "/services/workbench/" if handler.current_user else "/services/catalogue/"
