"""Extracts: built for a grant, kept sealed in the store, laid out on disk, destroyed at its end."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, select

from catalog_browser import service as catalogue
from enclave.grants import service as grants
from enclave.grants.service import GrantView
from enclave.kernel import clock, storage
from enclave.kernel.db import new_id, reading
from enclave.kernel.errors import EnclaveError, NotFound, Refused
from enclave.kernel.identity import system
from enclave.kernel.settings import settings
from enclave.kernel.unit import unit_of_work
from enclave.workspaces import places
from enclave.workspaces.models import Extract
from enclave.workspaces.views import ExtractTable, ExtractView, TrustedTable

WORKER = system("worker")
MOUNTABLE = ("limited", "deidentified")
HIGHEST_LEVEL = 4
USABLE = ("ready", "published")
BUILD_CLAUSES = ("9.1.4-5", "10.4.2-e-3e")
REFUSE_CLAUSES = ("10.4.2-e-1m", "10.4.2-e-3e", "4.1-T1-L4d1")
END_CLAUSES = ("B.2-2-2b", "5.3-T4-F4-4b")


def prepare(project_id: str, grant_id: str) -> ExtractView | None:
    """Build the extract of a grant and lay it out; None when the grant is no longer in force.

    May be called again at any time, also after the process was killed in the middle: what stands is
    kept, what does not is built anew, and nothing half-made is ever ready.
    """
    grant = next((g for g in grants.get_project(project_id).grants if g.id == grant_id), None)
    if grant is None or grant.state != "active":
        return None
    with places.alone(project_id):
        extract = _begin(grant)
        if extract.state in ("ready", "destroyed"):
            return view(extract)
        try:
            return _build(grant, extract)
        except EnclaveError as error:
            _fail(extract.id, error.code)
            raise


def _begin(grant: GrantView) -> Extract:
    folder = _folder_name(grant)
    with unit_of_work(WORKER) as unit:
        extract = unit.session.exec(select(Extract).where(Extract.grant_id == grant.id)).first()
        if extract is None:
            taken = select(Extract.id).where(Extract.project_id == grant.project_id, Extract.folder == folder)
            if unit.session.exec(taken).first():
                folder = f"{folder}-{grant.id[-4:]}"
            extract = unit.add(
                Extract(
                    id=new_id("ex"),
                    project_id=grant.project_id,
                    grant_id=grant.id,
                    dataset_id=grant.dataset_id,
                    version_id=grant.version_id,
                    folder=folder,
                    created_at=clock.now(),
                )
            )
            unit.record("extract.begun", grant.project_id, extract=extract.id, grant=grant.id)
        return extract


def _folder_name(grant: GrantView) -> str:
    """Return the data set's slug, reduced to what is easy to type in a notebook."""
    slug = catalogue.get(WORKER, grant.dataset_id).slug
    return re.sub(r"[^a-z0-9_-]+", "-", slug.lower()).strip("-") or grant.dataset_id


def check_mountable(version_id: str) -> None:
    """Raise `Refused` unless the version may lie in an enclave (P2): limited or de-identified, below level 5."""
    version = catalogue.version(version_id)
    if version.identifiability not in MOUNTABLE or version.level > HIGHEST_LEVEL or version.state not in USABLE:
        raise Refused(
            "enclave_version_not_mountable",
            clauses=REFUSE_CLAUSES,
            identifiability=version.identifiability,
            level=version.level,
            state=version.state,
        )


def _build(grant: GrantView, extract: Extract) -> ExtractView:
    from enclave.deidentify.building import build_extract  # heavy libraries; the hub imports this module too

    check_mountable(grant.version_id)
    key = settings().secret(f"project-{grant.project_id}")
    _, labels = catalogue.ruled(grant.version_id, grant.columns)
    with places.under_construction(grant.project_id, extract.id) as folder:
        built = build_extract(
            catalogue.version(grant.version_id),
            list(grant.columns),
            list(grant.row_filter),
            key,
            folder,
            labels.as_footer(),
        )
        tables = [_stored(table) for table in built.mounted]
        trusted = [_stored(table) for table in built.trusted]
        _check_no_person(built.mounted)
        places.put_in_place(_gathered(folder, "data", built.mounted), _data(extract), sealed=True)
        places.put_in_place(_gathered(folder, "trusted", built.trusted), _trusted(extract), sealed=False)
    return _finish(extract.id, tables, trusted, dict(built.risk))


def _check_no_person(tables: Any) -> None:
    for table in tables:
        if any(name.startswith("_") for name in table.columns):
            raise Refused("enclave_hidden_column", clauses=REFUSE_CLAUSES)


def _stored(table: Any) -> dict[str, Any]:
    entry = storage.put(table.path, "extract")
    return {
        "name": table.name,
        "file": f"{table.name}.parquet",
        "object_key": entry.key,
        "sha256": entry.sha256,
        "size": entry.size,
        "rows": table.rows,
        "columns": list(table.columns),
    }


def _gathered(folder: Path, name: str, tables: Any) -> Path:
    target = folder / f".{name}"
    target.mkdir()
    for table in tables:
        table.path.replace(target / f"{table.name}.parquet")
    return target


def _data(extract: Extract) -> Path:
    return places.data_folder(extract.project_id, extract.folder)


def _trusted(extract: Extract) -> Path:
    return places.trusted_folder(extract.project_id, extract.folder)


def _finish(
    extract_id: str, tables: list[dict[str, Any]], trusted: list[dict[str, Any]], risk: dict[str, Any]
) -> ExtractView:
    with unit_of_work(WORKER) as unit:
        extract = unit.get(Extract, extract_id)
        storage.keep(unit, *(entry["object_key"] for entry in (*tables, *trusted)))
        extract.tables, extract.trusted, extract.risk = tables, trusted, risk
        extract.state, extract.error, extract.ready_at = "ready", "", clock.now()
        unit.record(
            "extract.ready",
            extract.project_id,
            clauses=BUILD_CLAUSES,
            extract=extract.id,
            grant=extract.grant_id,
            version=extract.version_id,
            files={entry["file"]: entry["sha256"] for entry in tables},
            rows=sum(entry["rows"] for entry in tables),
            stages=[*catalogue.version(extract.version_id).profile.get("stages", ()), "late"],  # (9.1.2)
        )
        return view(extract)


def _fail(extract_id: str, code: str) -> None:
    with unit_of_work(WORKER) as unit:
        extract = unit.get(Extract, extract_id)
        extract.state, extract.error = "failed", code
        unit.record("extract.failed", extract.project_id, extract=extract.id, code=code)


def restore(extract: Extract) -> None:
    """Lay a ready extract out again from the store, verified, where its folders are missing."""
    with places.alone(extract.project_id), places.under_construction(extract.project_id, extract.id) as folder:
        for entries, target, sealed in (
            (extract.tables, _data(extract), True),
            (extract.trusted, _trusted(extract), False),
        ):
            if target.exists():
                continue
            built = folder / ("data" if sealed else "trusted")
            built.mkdir()
            for entry in entries:
                storage.fetch(entry["object_key"], built / entry["file"])
            places.put_in_place(built, target, sealed=sealed)


def destroy_ended() -> int:
    """Destroy the extracts of grants that ended; return how many (periodic, and at every close)."""
    with reading() as session:
        open_ = list(session.exec(select(Extract).where(Extract.state != "destroyed")))
    ended = [extract for extract in open_ if not _grant_active(extract)]
    for extract in ended:
        _destroy(extract)
    for project_id in {extract.project_id for extract in ended}:
        _forget_key(project_id)
    return len(ended)


def _grant_active(extract: Extract) -> bool:
    return any(g.id == extract.grant_id and g.state == "active" for g in grants.get_project(extract.project_id).grants)


def _destroy(extract: Extract) -> None:
    """Destroy files and keys; the key's erasure makes every copy in the store unreadable."""
    with places.alone(extract.project_id):
        places.remove(_data(extract))
        places.remove(_trusted(extract))
        with unit_of_work(WORKER) as unit:
            row = unit.get(Extract, extract.id)
            if row.state == "destroyed":
                return
            for entry in (*row.tables, *row.trusted):
                storage.erase(unit, entry["object_key"])
            row.state, row.destroyed_at = "destroyed", clock.now()
            files = {entry["file"]: entry["sha256"] for entry in row.tables}
            unit.record(
                "extract.destroyed",
                row.project_id,
                clauses=END_CLAUSES,
                extract=row.id,
                grant=row.grant_id,
                files=files,
            )


def _forget_key(project_id: str) -> None:
    """Destroy the key of the project's pseudonyms once no extract of it is left."""
    with reading() as session:
        left = session.exec(
            select(Extract.id).where(Extract.project_id == project_id, Extract.state != "destroyed")
        ).first()
    if left is None:
        (settings().folder("secrets") / f"project-{project_id}").unlink(missing_ok=True)


def ready(session: Session, project_id: str, grant_ids: set[str]) -> list[Extract]:
    """Return the ready extracts of these grants."""
    query = (
        select(Extract).where(Extract.project_id == project_id, Extract.state == "ready").order_by(col(Extract.folder))
    )
    return [extract for extract in session.exec(query) if extract.grant_id in grant_ids]


def trusted_tables(project_id: str) -> list[TrustedTable]:
    """Return the trusted tables of a project's grants in force now; none when nothing is valid (P3)."""
    with reading() as session:
        held = {grant.id for grant in grants.is_valid(session, project_id, None).grants}
        found = ready(session, project_id, held)
    return [_trusted_table(extract, entry) for extract in found for entry in extract.trusted]


def _trusted_table(extract: Extract, entry: dict[str, Any]) -> TrustedTable:
    return TrustedTable(
        name=entry["name"],
        path=_trusted(extract) / entry["file"],
        sha256=entry["sha256"],
        dataset_id=extract.dataset_id,
        version_id=extract.version_id,
        grant_id=extract.grant_id,
        rows=entry["rows"],
        columns=tuple(name for name in entry["columns"] if not name.startswith("_")),
    )


def find(project_id: str) -> list[ExtractView]:
    """Return all extracts a project ever had."""
    with reading() as session:
        query = select(Extract).where(Extract.project_id == project_id).order_by(col(Extract.created_at))
        return [view(extract) for extract in session.exec(query)]


def get(extract_id: str) -> ExtractView:
    """Return one extract."""
    with reading() as session:
        extract = session.get(Extract, extract_id)
        if extract is None:
            raise NotFound("not_found", kind="extract", id=extract_id)
        return view(extract)


def view(extract: Extract) -> ExtractView:
    """Return an extract as others see it."""
    fields = extract.model_dump(exclude={"tables", "trusted", "version"})
    return ExtractView(**fields, tables=tuple(_table(extract, entry) for entry in extract.tables))


def _table(extract: Extract, entry: dict[str, Any]) -> ExtractTable:
    return ExtractTable(
        name=entry["name"],
        path=_data(extract) / entry["file"],
        sha256=entry["sha256"],
        size=entry["size"],
        rows=entry["rows"],
        columns=tuple(entry["columns"]),
    )
