"""Taking files out of a workspace: copied, checked by machine, sealed, and put before the stewards."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, func, select

from enclave.kernel import clock, storage
from enclave.kernel.db import new_id, reading
from enclave.kernel.errors import Invalid, Refused
from enclave.kernel.identity import Actor
from enclave.kernel.settings import settings
from enclave.kernel.storage import StoredObject
from enclave.kernel.unit import unit_of_work
from enclave.outputs import access, registers
from enclave.outputs.files import context, differences, isolated, manifest, opening, showing
from enclave.outputs.files.checks import identifiers
from enclave.outputs.files.report import Context, Report
from enclave.outputs.files.rules import rules
from enclave.outputs.files.views import ExportDetail, SubmitExport
from enclave.outputs.models import Export, ExportFile, ReleasedTable

CLAUSES = ("4.1-T1-L2d2e", "10.4.2-e-2d5", "5.3-T4-F6-1b")
LEAST_NOTE = 10
MOST_NOTE = 500
OPEN_STATES = ("in_review", "released")
DIFFERS = "export_differs_by_few"


@dataclass
class _Copied:
    """A file outside the workspace, its report, and its sealed object once it has one."""

    name: str
    path: Path
    sha256: str
    size: int
    report: Report
    stored: StoredObject | None = None


def submit(actor: Actor, command: SubmitExport) -> ExportDetail:
    """Copy files out of the actor's own workspace, check them, and queue them for two stewards.

    An export with a blocking finding gets the state `blocked`: no steward sees it, no byte of it is kept, and
    the view says what to change. Raises `Invalid` for paths that are not plain files of the workspace.
    """
    limits = rules().limits
    _check_command(command, limits)
    with reading() as session:
        datasets = sorted(
            {grant.dataset_id for grant in access.require_valid(session, actor, command.project_id).grants}
        )
    known = context.of_project(command.project_id)
    with _spool() as folder:
        files = list(_copied(actor, command, folder, known))
        blocked = any(file.report.blocked for file in files)
        if not blocked:
            for file in files:
                file.stored = storage.put(file.path, "exports")
        return _write(actor, command, datasets, files)


def _check_command(command: SubmitExport, limits: Any) -> None:
    paths: Any = command.paths
    if not isinstance(paths, list | tuple) or not 1 <= len(paths) <= limits["files"]:
        raise Invalid("export_files_number", most=limits["files"])
    names = [opening.checked_name(path, limits["name_bytes"]) for path in paths]
    if len(set(names)) != len(names) or manifest.NAME in names:
        raise Invalid("export_names_twice", reserved=manifest.NAME)
    if len(command.note.strip()) < LEAST_NOTE:
        raise Invalid("export_note_missing", least=LEAST_NOTE)
    if len(command.note) > MOST_NOTE:  # it is read, not reviewed: nothing of size may leave by it
        raise Invalid("export_note_long", most=MOST_NOTE)


@contextmanager
def _spool() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(dir=settings().folder("spool")))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def workspace_of(project_id: str, username: str) -> Path:
    """Return the member's workspace as it lies on this machine."""
    return settings().work_dir / project_id / "workspaces" / username


def _copied(actor: Actor, command: SubmitExport, folder: Path, known: Context) -> Iterator[_Copied]:
    limits, left = rules().limits, rules().limits["total_bytes"]
    source = workspace_of(command.project_id, actor.username)
    if not source.is_dir():
        raise Invalid("export_no_workspace")
    for number, name in enumerate(command.paths):
        target = folder / str(number)
        sha256, size = opening.copied(source, name, target, min(limits["file_bytes"], left))
        left -= size
        report = isolated.check(name, target, known)
        _check_name(name, report, known)
        yield _Copied(name, target, sha256, size, report)


def _check_name(name: str, report: Report, known: Context) -> None:
    words = Report("")
    identifiers.scan(Path(name).with_suffix("").as_posix().replace("/", " ").replace("_", " "), words, known)
    identifiers.scan(name, words, known)
    if words.findings:
        report.add("export_bad_name")


def _write(actor: Actor, command: SubmitExport, datasets: list[str], files: list[_Copied]) -> ExportDetail:
    with unit_of_work(actor) as unit:
        access.require_valid(unit.session, actor, command.project_id)
        registers.lock(unit, datasets)
        _check_quota(unit.session, command.project_id, files)
        _compare(unit.session, datasets, files)
        blocked = any(file.report.blocked for file in files)
        export = unit.add(_export(actor, command, datasets, files, "blocked" if blocked else "in_review"))
        for file in files:
            unit.add(_row(export, file))
            if file.stored and not blocked:
                storage.keep(unit, file.stored.key)
        unit.record(
            "export.blocked" if blocked else "export.submitted",
            export.id,
            clauses=CLAUSES,
            project=export.project_id,
            digest=export.digest,
            files=len(files),
            bytes=sum(file.size for file in files),
            rules=export.rules_version,
            findings=sorted({finding.code for file in files for finding in file.report.findings}),
        )
        return showing.detail(unit.session, actor, export)


def _check_quota(session: Session, project_id: str, files: list[_Copied]) -> None:
    most = rules().limits["project_day_bytes"]
    query = (
        select(func.coalesce(func.sum(ExportFile.size), 0))
        .join(Export, col(Export.id) == ExportFile.export_id)
        .where(Export.project_id == project_id, col(Export.submitted_at) > clock.now() - timedelta(days=1))
    )
    if int(session.exec(query).one()) + sum(file.size for file in files) > most:
        raise Refused("export_quota", clauses=("5.3-T4-F6-1b",), most=most)


def _compare(session: Session, datasets: list[str], files: list[_Copied]) -> None:
    """Compare the new tables with all that left or may leave on these data sets, of any project."""
    earlier = [*_exported(session, datasets), *_verified(session, datasets)]
    for file in files:
        for identifier, tables in earlier:
            persons = differences.least_difference(file.report.tables, tables, settings().cell_threshold)
            if persons:
                file.report.add(DIFFERS, export=identifier, persons=persons)


def _exported(session: Session, datasets: list[str]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    query = (
        select(Export.id, Export.dataset_ids, ExportFile.tables)
        .join(Export, col(Export.id) == ExportFile.export_id)
        .where(col(Export.state).in_(OPEN_STATES))
        .order_by(col(Export.submitted_at))
    )
    for identifier, touched, tables in session.exec(query):
        if set(touched) & set(datasets):
            yield identifier, list(tables)


def _verified(session: Session, datasets: list[str]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    query = select(ReleasedTable).where(col(ReleasedTable.dataset_id).in_(datasets))
    for row in session.exec(query):
        cells = [[sorted(value or "" for value in cell["values"]), [cell["persons"]]] for cell in row.cells]
        yield row.id, [{"columns": ["persons"], "cells": cells}]


def _export(actor: Actor, command: SubmitExport, datasets: list[str], files: list[_Copied], state: str) -> Export:
    return Export(
        id=new_id("exp"),
        project_id=command.project_id,
        submitted_by=actor.username,
        submitted_at=clock.now(),
        note=command.note.strip(),
        state=state,
        digest=manifest.digest((file.name, file.size, file.sha256) for file in files),
        rules_version=rules().version,
        dataset_ids=datasets,
        decided_at=clock.now() if state == "blocked" else None,
    )


def _row(export: Export, file: _Copied) -> ExportFile:
    kept = export.state == "in_review" and file.stored is not None
    return ExportFile(
        id=new_id("file"),
        export_id=export.id,
        name=file.name,
        kind=file.report.kind,
        size=file.size,
        sha256=file.sha256,
        object_key=file.stored.key if kept and file.stored else "",
        findings=[{"code": finding.code, "facts": dict(finding.facts)} for finding in file.report.findings],
        preview=file.report.preview if kept else [],
        tables=file.report.tables if kept else [],
    )
