"""What waits for a person now, gathered from every feature, with counts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from catalog_browser import service as catalogue
from enclave.gateway import administration
from enclave.grants import service as grants
from enclave.kernel.identity import Actor, Role
from enclave.outputs.files import service as exports
from request_review import service as requests


@dataclass(frozen=True)
class Task:
    """Work of one kind: `code` names it in the locale as `task_<code>`, `path` is the page where it is done."""

    code: str
    count: int
    path: str


def waiting(actor: Actor) -> list[Task]:
    """Return what waits for the actor, by all his roles; nothing that waits for nobody."""
    found = [task for role, gather in _BY_ROLE.items() if actor.has(role) for task in gather(actor)]
    merged: dict[tuple[str, str], int] = {}
    for task in found:
        key = (task.code, task.path)
        merged[key] = max(merged.get(key, 0), task.count)
    return [Task(code, count, path) for (code, path), count in merged.items() if count]


def _researcher(actor: Actor) -> list[Task]:
    mine = requests.my_requests(actor)
    drafts = sum(line.state == "draft" for line in mine)
    to_sign = sum("sign" in line.todo for line in mine)
    usable = sum(project.valid for project in grants.projects_of(actor.username))
    return [Task("sign", to_sign, "mine"), Task("drafts", drafts, "mine"), Task("projects", usable, "projects")]


def _judge(actor: Actor) -> list[Task]:
    steps = Counter(command for line in requests.queue(actor) for command in line.todo)
    return [Task(command, steps[command], "requests") for command in
            ("assign_reviewers", "review", "decide", "sign", "register_grant")]  # fmt: skip


def _steward(actor: Actor) -> list[Task]:
    unfinished = sum(entry.state in ("draft", "confirmed") for entry in catalogue.find(actor))
    to_review = sum(export.may_review for export in exports.queue(actor))
    return [Task("exports", to_review, "egress"), *_judge(actor), Task("data", unfinished, "data")]


def _operator(actor: Actor) -> list[Task]:
    failed = [failure for failure in administration.failures(actor) if failure.state == "failed"]
    return [Task("failures", len(failed), "operations")]


_BY_ROLE: dict[Role, Callable[[Actor], list[Task]]] = {
    Role.RESEARCHER: _researcher,
    Role.STEWARD: _steward,
    Role.COMMITTEE: _judge,
    Role.AUTHORITY: _judge,
    Role.OPERATOR: _operator,
}
