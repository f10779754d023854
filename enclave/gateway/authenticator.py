"""Sign-in over the product's own accounts: passwords by Argon2id, attempts throttled, groups from the database."""

from __future__ import annotations

import asyncio
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jupyterhub.auth import Authenticator
from tornado.web import HTTPError, RequestHandler

from enclave.grants import service as grants
from enclave.kernel.db import reading
from enclave.kernel.errors import Refused
from enclave.kernel.identity import Account, Actor, load_actor, password_matches, system
from enclave.kernel.log import logger
from enclave.kernel.unit import unit_of_work

USERNAME = re.compile(r"[a-z][a-z0-9]{1,23}")
LONGEST_PASSWORD = 1024  # bounds the work of one attempt


@dataclass
class Attempts:
    """Failed attempts under one key since the last success or the last quiet hour."""

    count: int = 0
    blocked_until: float = 0.0
    last: float = 0.0


class Throttle:
    """Makes guessing slow: after `free` failures each further one doubles the wait, up to `longest` seconds."""

    def __init__(
        self, free: int, first: float = 2.0, longest: float = 900.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.free, self.first, self.longest, self.clock = free, first, longest, clock
        self._attempts: OrderedDict[str, Attempts] = OrderedDict()

    def wait(self, key: str) -> float:
        """Return the seconds until the next attempt is allowed, 0 when it is."""
        found = self._attempts.get(key)
        return max(0.0, found.blocked_until - self.clock()) if found else 0.0

    def failed(self, key: str) -> None:
        """Count a failure."""
        moment = self.clock()
        found = self._attempts.pop(key, Attempts())
        if moment - found.last > 3600:
            found = Attempts()
        found.count, found.last = found.count + 1, moment
        if found.count >= self.free:
            found.blocked_until = moment + min(self.first * 2 ** (found.count - self.free), self.longest)
        self._attempts[key] = found
        while len(self._attempts) > 10_000:  # the oldest go, so that a flood of names costs no memory
            self._attempts.popitem(last=False)

    def succeeded(self, key: str) -> None:
        """Forget the failures of a key."""
        self._attempts.pop(key, None)


def groups_of(actor: Actor) -> list[str]:
    """Return the hub groups of a person: `role-<role>` and `project-<id>` of every project valid for him now."""
    projects = [project.id for project in grants.projects_of(actor.username) if project.valid]
    return sorted([f"role-{role}" for role in actor.roles] + [f"project-{project}" for project in projects])


def current(username: str) -> dict[str, Any] | None:
    """Return what the hub should know of an account now, None when it may not sign in."""
    with reading() as session:
        account = session.get(Account, username)
        if account is None or not account.active:
            return None
        actor = load_actor(session, username)
    return {"name": username, "groups": groups_of(actor), "admin": False}


class EnclaveAuthenticator(Authenticator):  # type: ignore[misc]  # JupyterHub ships no types
    """Checks passwords against the accounts and keeps the hub's groups equal to the database."""

    by_account = Throttle(free=5)
    by_address = Throttle(free=30)

    async def authenticate(self, handler: RequestHandler, data: dict[str, str]) -> dict[str, Any]:
        """Return the hub's model of a person who proved who he is, or refuse in both languages."""
        username, password = data.get("username", "").strip().lower(), data.get("password", "")
        address = handler.request.remote_ip or ""
        wait = max(self.by_account.wait(username), self.by_address.wait(address))
        if wait:
            raise _refusal("sign_in_throttled", 429, seconds=int(wait) + 1)
        found = await asyncio.to_thread(_check, username, password)
        if found is None:
            self.by_account.failed(username)
            self.by_address.failed(address)
            if self.by_account.wait(username):
                await asyncio.to_thread(_record_throttled, username)
            # An error rather than None: the hub would write what was typed, perhaps a real name, to its log.
            raise _refusal("sign_in_failed", 403)
        self.by_account.succeeded(username)
        return found

    async def refresh_user(self, user: Any, handler: RequestHandler | None = None) -> dict[str, Any] | bool:
        """Return the groups as the database has them now; a closed account must sign in again, and cannot."""
        return await asyncio.to_thread(current, user.name) or False


def _check(username: str, password: str) -> dict[str, Any] | None:
    if len(password) > LONGEST_PASSWORD:
        return None
    with reading() as session:
        # Asked for any name at all, so that the time taken tells nothing.
        known = password_matches(session, username if USERNAME.fullmatch(username) else "", password)
    found = current(username) if known else None
    if found:
        with unit_of_work(Actor(username)) as unit:
            unit.record("account.signed-in", f"account:{username}")
    return found


def _record_throttled(username: str) -> None:
    with reading() as session:
        known = session.get(Account, username) is not None
    if known:  # a name that is no account may be anything, also somebody's real name
        with unit_of_work(system("hub")) as unit:
            unit.record("account.throttled", f"account:{username}")
    logger().warning("sign-in-throttled", state="known" if known else "unknown")


def _refusal(code: str, status: int, **facts: Any) -> HTTPError:
    error = Refused(code, **facts)
    return HTTPError(status, f"{error.message('zh')} {error.message('en')}")
