"""The hub's API as the worker sees it: which enclaves run, and ending them."""

from __future__ import annotations

from urllib.parse import quote

import httpx

from enclave.kernel.errors import Unavailable
from enclave.kernel.settings import settings

SECONDS = 10.0
PENDING = 400  # the hub refuses to stop what is still starting or already stopping


def token(service: str) -> str:
    """Return the API token of one of the hub's services."""
    return settings().secret(f"hub-token-{service}").hex()


def api_url() -> str:
    """Return the address of the hub's API, on loopback."""
    return f"http://127.0.0.1:{settings().port_base + 1}/hub/api"


def _call(method: str, path: str) -> httpx.Response:
    headers = {"Authorization": f"token {token('worker')}"}
    try:
        answer = httpx.request(method, api_url() + path, headers=headers, timeout=SECONDS, trust_env=False)
    except httpx.HTTPError as error:
        raise Unavailable("hub_unavailable") from error
    if answer.status_code >= 500 or answer.status_code in (401, 403):
        raise Unavailable("hub_unavailable")
    return answer


def active() -> list[tuple[str, str]]:
    """Return (user name, project) of every server the hub runs or starts."""
    users = _call("GET", "/users?state=active&limit=10000").raise_for_status().json()
    return [(user["name"], name) for user in users for name, server in user["servers"].items() if not server["stopped"]]


def stop(username: str, project_id: str) -> None:
    """Stop a server: its route goes first, then its processes, its tokens and its OAuth client."""
    answer = _call("DELETE", f"/users/{quote(username)}/servers/{quote(project_id)}")
    if answer.status_code == PENDING:
        raise Unavailable("hub_pending")
    if answer.status_code != 404:
        answer.raise_for_status()
