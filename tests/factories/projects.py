"""Projects with a grant, an account and an extract, without walking the whole application."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pandas as pd

from catalog_browser import rule_facts
from catalog_browser.models import DataSet, DataSetVersion, Variable
from enclave.grants.models import Grant, Member, Project
from enclave.kernel import clock
from enclave.kernel.identity import system
from enclave.kernel.storage import sha256_of
from enclave.kernel.unit import unit_of_work
from enclave.privacy import service as privacy
from enclave.workspaces.views import TrustedTable

# What the application of a university's researcher states; the kind is the verified one.
USE = {
    "organisation": "education_institution",
    "use": "scientific_research",
    "purpose": "P7",
    "scenario": "10.4.2",
    "mode": "point_to_point",
}
COLUMNS = ("sex", "age", "area")


def make_version(dataset_id: str = "ds-demo", *, identifiability: str = "limited", level: int = 3) -> str:
    """Write a data set with one published version that may be mounted, unless it is there; return the version's id."""
    version_id = f"dsv-{dataset_id}"
    with unit_of_work(system("test")) as unit:
        if unit.session.get(DataSetVersion, version_id):
            return version_id
        unit.add(
            DataSet(
                id=dataset_id, slug=dataset_id.removeprefix("ds-"), title_zh="演示", title_en="Demo", controller="HIC",
                category="electronic_medical_record", level=level, state="published", created_by="wang",
                created_at=clock.now(),
            )
        )  # fmt: skip
        for position, name in enumerate(COLUMNS):
            unit.add(
                Variable(
                    id=f"var-{dataset_id}-{name}", dataset_id=dataset_id, table_name="visits", name=name,
                    position=position, dtype="text", kind="text", codes={}, facts={}, indicator={}, role="quasi",
                    level=3, category="personal_attribute", proposed_role="quasi", confirmed=True,
                )
            )  # fmt: skip
        table = {"name": "visits", "object_key": "", "sha256": "", "rows": 3, "columns": list(COLUMNS)}
        unit.add(
            DataSetVersion(
                id=version_id, dataset_id=dataset_id, number=1, kind=identifiability, level=level,
                identifiability=identifiability, rows=3, persons=3, tables=[table], files=[], profile={},
                profile_hash="", risk={"passed": True}, degrees=rule_facts.degrees("", level),
                state="published", created_by="wang", created_at=clock.now(),
            )
        )  # fmt: skip
        unit.record("test.version", dataset_id)
    return version_id


def make_project(
    project_id: str,
    members: tuple[str, ...] = ("li",),
    *,
    dataset_id: str = "ds-demo",
    epsilon: object = "4",
    first_uid: int = 200001,
) -> str:
    """Open a project with one grant that holds for a year, as registration would, on a version there is."""
    make_version(dataset_id)
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
        use=USE,
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
