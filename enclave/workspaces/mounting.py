"""What an enclave may mount at this moment: asked and verified byte for byte at every start (P2, P3)."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from enclave.grants import service as grants
from enclave.grants.service import ProjectView
from enclave.kernel import storage
from enclave.kernel.db import reading
from enclave.kernel.errors import NotFound, Refused
from enclave.kernel.unit import unit_of_work
from enclave.workspaces import extracts, places
from enclave.workspaces.extracts import WORKER
from enclave.workspaces.models import Extract
from enclave.workspaces.views import MountPlan

TAMPER_CLAUSES = ("4.1-T1-L2d3", "9.1.4-5")
ACCESS_CLAUSES = ("5.3-T4-F6-2", "9.1.4-5")


def mount_plan(project_id: str, username: str) -> MountPlan:
    """Return what this member's enclave mounts, or raise `Refused` with the reason.

    Reads and hashes every file, so call it in a thread where others wait.
    """
    try:
        project = grants.get_project(project_id, username)
    except NotFound as error:
        raise Refused("grant_project_unknown", clauses=ACCESS_CLAUSES) from error
    if not project.validity.valid:
        raise Refused(project.validity.reason, clauses=ACCESS_CLAUSES)
    with reading() as session:
        found = extracts.ready(session, project_id, {grant.id for grant in project.validity.grants})
    if not found:
        raise Refused("enclave_not_ready", clauses=ACCESS_CLAUSES)
    for extract in found:
        extracts.check_mountable(extract.version_id)
        _verify(extract)
    uid = _uid(project, username)
    return MountPlan(
        project_id=project_id,
        username=username,
        uid=uid,
        data={extract.folder: places.data_folder(project_id, extract.folder) for extract in found},
        workspace=places.workspace(project_id, username, uid),
        grants=tuple(extract.grant_id for extract in found),
    )


def _uid(project: ProjectView, username: str) -> int:
    if os.geteuid() != 0:
        return os.geteuid()
    return next(member.uid for member in project.members if member.username == username)


def _verify(extract: Extract) -> None:
    """Raise `Refused`, and put it on the ledger, unless the folder holds exactly the registered bytes."""
    folder = places.data_folder(extract.project_id, extract.folder)
    if not folder.exists():
        extracts.restore(extract)
    expected = {entry["file"]: entry["sha256"] for entry in extract.tables}
    found = {str(path.relative_to(folder)): _digest(path) for path in folder.rglob("*")}
    if found != expected:
        with unit_of_work(WORKER) as unit:
            altered = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
            unit.record(
                "extract.altered", extract.project_id, clauses=TAMPER_CLAUSES, extract=extract.id, files=len(altered)
            )
        raise Refused("enclave_extract_altered", clauses=TAMPER_CLAUSES, files=len(altered))


def _digest(path: Path) -> str:
    """Return a file's SHA-256; anything but a regular file with one name has none."""
    entry = path.lstat()
    return storage.sha256_of(path) if stat.S_ISREG(entry.st_mode) and entry.st_nlink == 1 else ""


def may_run(project_id: str, username: str, held: tuple[str, ...] | None) -> bool:
    """Tell whether an enclave may go on: every grant it mounted must still be in force.

    `held` None: it is not known (yet) what it mounted, so only ask whether the member may be there.
    """
    validity = grants.valid_now(project_id, username)
    if held is None:
        return validity.valid
    return validity.valid and bool(held) and set(held) <= {grant.id for grant in validity.grants}
