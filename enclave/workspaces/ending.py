"""Cutting enclaves off: at once on revocation, and whenever a look around finds one that may not go on (P3)."""

from __future__ import annotations

from contextlib import suppress

from enclave.kernel.errors import Invalid, Unavailable
from enclave.kernel.identity import Actor, Role
from enclave.kernel.log import logger
from enclave.kernel.unit import unit_of_work
from enclave.workspaces import extracts, hub, mounting, sessions


def close(project_id: str, username: str | None) -> None:
    """End one member's enclave, or all of a project's and its extracts; raise `Unavailable` to be tried again."""
    names = [username] if username else sessions.members(project_id)
    for name in names:
        hub.stop(name, project_id)
    if username is None:
        extracts.destroy_ended()


def watch() -> int:
    """Stop every running enclave that may not go on; return how many (periodic, every half second).

    Covers what sends no message: a day that ends, an account that is closed, a message that is late.
    """
    due = [s for s in sessions.running() if not mounting.may_run(s.project_id, s.username, s.grants)]
    return sum(_cut_off(session.username, session.project_id) for session in due)


def look_around() -> int:
    """Ask the hub itself what runs and stop what may not, also what no record knows (periodic)."""
    known = {(s.username, s.project_id): s.grants for s in sessions.running()}
    due = [(name, p) for name, p in hub.active() if not mounting.may_run(p, name, known.get((name, p)))]
    return sum(_cut_off(*pair) for pair in due)


def _cut_off(username: str, project_id: str) -> bool:
    with suppress(Unavailable):  # still starting, or the hub is away: the next round is half a second off
        hub.stop(username, project_id)
        logger().info("enclave-cut-off", project=project_id)
        return True
    return False


def stop(actor: Actor, project_id: str, username: str = "") -> None:
    """Ask for an enclave to be stopped: one's own, or a member's by a steward or operator."""
    name = username or actor.username
    with unit_of_work(actor) as unit:
        if name != actor.username:
            unit.require(Role.STEWARD, Role.OPERATOR)
        if not sessions.is_running(project_id, name):
            raise Invalid("enclave_not_running")
        unit.record("enclave.stop-requested", project_id)
        unit.send("workspace.stop", project=project_id, username=name)
