"""Projects with a grant, an account and an extract, without walking the whole application."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pandas as pd

from enclave.grants.models import Grant, Member, Project
from enclave.kernel import clock
from enclave.kernel.identity import system
from enclave.kernel.storage import sha256_of
from enclave.kernel.unit import unit_of_work
from enclave.privacy import service as privacy
from enclave.workspaces.views import TrustedTable


def make_project(
    project_id: str,
    members: tuple[str, ...] = ("li",),
    *,
    dataset_id: str = "ds-demo",
    epsilon: object = "4",
    first_uid: int = 200001,
) -> str:
    """Open a project with one grant that holds for a year, as registration would."""
    with unit_of_work(system("test")) as unit:
        unit.add(Project(id=project_id, title=project_id, lead=members[0], institution="WCH", created_at=clock.now()))
        for uid, username in enumerate(members, first_uid):
            unit.add(Member(project_id=project_id, username=username, uid=uid, joined_at=clock.now()))
        unit.add(_grant(project_id, dataset_id))
        privacy.allot(unit, project_id, dataset_id, epsilon, 1e-6)
        unit.record("test.project", project_id)
    return project_id


def _grant(project_id: str, dataset_id: str) -> Grant:
    return Grant(
        id=f"g-{project_id}",
        project_id=project_id,
        request_id=f"req-{project_id}",
        dataset_id=dataset_id,
        version_id=f"dsv-{dataset_id}",
        columns=["sex", "age"],
        row_filter=[],
        starts_on=clock.today(),
        ends_on=clock.today() + timedelta(days=365),
        epsilon=4.0,
        delta=1e-6,
        registration="REG-1",
        agreement_sha256="0" * 64,
        issued_at=clock.now(),
    )


def end_project(project_id: str) -> None:
    """Revoke every grant of a project."""
    with unit_of_work(system("test")) as unit:
        unit.get(Grant, f"g-{project_id}").state = "revoked"
        unit.get(Project, project_id).state = "ended"
        unit.record("test.end", project_id)


Extracts = dict[str, list[TrustedTable]]


def add_extract(
    extracts: Extracts, folder: Path, project_id: str, name: str, frame: pd.DataFrame, dataset_id: str = "ds-demo"
) -> TrustedTable:
    """Write `frame` (with its `_person` column) as a trusted table of a project."""
    path = folder / f"{project_id}-{name}.parquet"
    frame.to_parquet(path, index=False)
    columns = tuple(name for name in frame.columns if name != "_person")
    version_id, grant_id = f"dsv-{dataset_id}", f"g-{project_id}"
    table = TrustedTable(name, path, sha256_of(path), dataset_id, version_id, grant_id, len(frame), columns)
    extracts.setdefault(project_id, []).append(table)
    return table


def tables_of(extracts: Extracts) -> Callable[[str], list[TrustedTable]]:
    """Return what stands in for `workspaces.service.trusted_tables`."""
    return lambda project_id: extracts.get(project_id, [])
