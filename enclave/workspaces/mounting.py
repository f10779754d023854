"""What an enclave may mount at this moment: asked and verified byte for byte at every start (P2, P3)."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from catalog_browser import service as catalogue
from enclave.grants import service as grants
from enclave.grants.service import ProjectView
from enclave.kernel import storage
from enclave.kernel.db import reading
from enclave.kernel.errors import NotFound, Refused
from enclave.kernel.unit import unit_of_work
from enclave.policy import doors
from enclave.policy.decision import Decision
from enclave.policy.labels import from_footer
from enclave.workspaces import extracts, places
from enclave.workspaces.extracts import WORKER
from enclave.workspaces.models import Extract
from enclave.workspaces.views import MountFacts, MountPlan

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
    asked = {}
    for extract in found:
        extracts.check_mountable(extract.version_id)
        _verify(extract)
        asked[extract.grant_id] = _facts(project, extract)
    for decision in decisions(asked, probed=True).values():  # whether it is proved shows once it runs
        decision.require()
    uid = _uid(project, username)
    return MountPlan(
        project_id=project_id,
        username=username,
        uid=uid,
        data={extract.folder: places.data_folder(project_id, extract.folder) for extract in found},
        workspace=places.workspace(project_id, username, uid),
        grants=tuple(extract.grant_id for extract in found),
        asked=asked,
    )


def decisions(asked: Mapping[str, MountFacts], *, probed: bool) -> dict[str, Decision]:
    """Return what the rules say of mounting each grant's extract, now that isolation is proved or not (P2, P10)."""
    return {
        grant: doors.mount(
            facts.data,
            facts.use,
            registered=facts.registered,
            carried=facts.carried,
            verified=True,  # `_verify` raised otherwise
            probed=probed,
            granted=facts.granted,
            member=facts.granted,
        )
        for grant, facts in asked.items()
    }


def _facts(project: ProjectView, extract: Extract) -> MountFacts:
    """Gather what the rules ask; every file must carry the labels the register holds now (10.4.2-e-1j)."""
    grant = next(each for each in project.grants if each.id == extract.grant_id)
    data, registered = catalogue.ruled(extract.version_id, grant.columns)
    folder = places.data_folder(extract.project_id, extract.folder)
    carried = [_labels(folder / entry["file"]) for entry in extract.tables]
    differing = [each for each in carried if not registered.carried_by(each)]
    return MountFacts(
        data=data,
        use=doors.Use(**grant.use),
        registered=registered,
        carried=(differing or carried)[0],
        granted=grant in project.validity.grants,
        content=(grant.dataset_id, grant.version_id, *grant.columns),
        registration=grant.registration,
    )


def _labels(path: Path) -> dict[str, Any] | None:
    try:
        return from_footer(pq.read_schema(path).metadata)
    except pa.ArrowInvalid:  # not a Parquet file: it carries none
        return None


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
