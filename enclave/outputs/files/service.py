"""Exports: submitted by researchers, reviewed by two blinded stewards, released byte for byte (P5, P7)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from enclave.grants.service import Validity
from enclave.kernel import clock, crypto, ledger, storage
from enclave.kernel.db import new_id, reading
from enclave.kernel.errors import Conflict, Invalid, NotFound, Refused
from enclave.kernel.identity import Actor, Role, system
from enclave.kernel.unit import UnitOfWork, unit_of_work
from enclave.outputs import access
from enclave.outputs.files import manifest, showing
from enclave.outputs.files.report import Finding
from enclave.outputs.files.submission import DIFFERS, submit
from enclave.outputs.files.views import (
    ExportDetail,
    ExportView,
    FileView,
    FindingView,
    ReleaseView,
    ReviewExport,
    ReviewView,
    SubmitExport,
)
from enclave.outputs.models import Export, ExportFile, ExportReview, Release
from enclave.policy import records

__all__ = [
    "ExportDetail", "ExportView", "FileView", "FindingView", "ReleaseView", "ReviewExport", "ReviewView",
    "SubmitExport", "close_ended", "download", "exports", "open_file", "queue", "release", "releases", "review",
    "submit", "view", "withdraw",
]  # fmt: skip

CLAUSES = ("4.1-T1-L2d2e", "B.2-2-3a")
OVERSEERS = (Role.STEWARD, Role.AUDITOR, Role.AUTHORITY)
REVIEWS = 2


def review(actor: Actor, command: ReviewExport) -> ExportDetail:
    """Decide on an export. The second decision settles it: both approve and it is released, else it is refused.

    The decision is bound to the bytes in the store at this moment, to the digest the reviewer saw, and to the
    one submitted; if they differ nothing is decided. Disagreement refuses: either steward can keep data in.
    """
    _check_review(command)
    with reading() as session:
        if _get(session, command.export_id).state != "in_review":
            raise Conflict("already_decided")
        files = showing.files_of(session, command.export_id)
    found = manifest.verified_digest(files)
    with unit_of_work(actor) as unit:
        unit.require(Role.STEWARD)
        export = _locked(unit, command.export_id)
        _check_reviewer(unit, export)
        access.check_validity(access.is_open(unit.session, export.project_id))
        if not found == command.digest == export.digest:
            raise Conflict("export_changed")
        unit.add(_review(actor, command))
        # What was decided stays out of the ledger until both are in: stewards may read it (P7).
        unit.record("export.reviewed", export.id, clauses=CLAUSES, project=export.project_id, digest=export.digest)
        _settle(unit, export, files)
        return showing.detail(unit.session, actor, export)


def _check_review(command: ReviewExport) -> None:
    if command.decision not in ("approve", "refuse"):
        raise Invalid("export_decision")
    if command.decision == "refuse" and len(command.comment.strip()) < 5:
        raise Invalid("export_comment_missing")


def _check_reviewer(unit: UnitOfWork, export: Export) -> None:
    reason = showing.barred(unit.session, unit.actor, export)
    if reason == "export_decided":
        raise Conflict("already_decided")
    if reason:
        raise Refused(reason, clauses=CLAUSES)


def _review(actor: Actor, command: ReviewExport) -> ExportReview:
    return ExportReview(
        export_id=command.export_id,
        reviewer=actor.username,
        decision=command.decision,
        comment=command.comment.strip(),
        digest=command.digest,
        reviewed_at=clock.now(),
    )


def _settle(unit: UnitOfWork, export: Export, files: list[ExportFile]) -> None:
    reviews = _reviews(unit.session, export.id)
    if len(reviews) < REVIEWS:
        return
    decisions = {entry.reviewer: entry.decision for entry in reviews}
    export.decided_at = clock.now()
    if set(decisions.values()) == {"approve"}:
        export.state = "released"
        _release(unit, export, files, reviews)
        return
    export.state = "refused"
    for file in files:
        storage.erase(unit, file.object_key)
    unit.record("export.refused", export.id, clauses=CLAUSES, project=export.project_id, decisions=decisions)


def _release(unit: UnitOfWork, export: Export, files: list[ExportFile], reviews: list[ExportReview]) -> None:
    if {entry.digest for entry in reviews} != {export.digest}:
        raise crypto.Tampered("object_tampered")
    validity = access.check_validity(access.is_open(unit.session, export.project_id))
    decisions = access.may_leave(unit.session, validity, _evidence(files, reviews))
    moment = clock.now()
    identifier = new_id("rel")
    content = manifest.build(identifier, export, files, reviews, moment.isoformat())
    row = Release(
        id=identifier,
        export_id=export.id,
        project_id=export.project_id,
        manifest=content,
        manifest_sha256=manifest.sha256(content),
        released_at=moment,
    )
    unit.add(row)
    unit.record(
        "export.released",
        row.id,
        clauses=CLAUSES,
        export=export.id,
        project=export.project_id,
        digest=export.digest,
        manifest=row.manifest_sha256,
        files=[entry["sha256"] for entry in content["files"]],
        approved_by=content["approved_by"],
        decisions={grant: decision.as_facts() for grant, decision in decisions.items()},
        disclosure=_disclosure(export, validity, content, moment),
    )


def _evidence(files: list[ExportFile], reviews: list[ExportReview]) -> access.Evidence:
    """Return what was found when the files came and who looked since; a finding that stops a file stops it now too."""
    found = [Finding(each["code"], each["facts"]) for file in files for each in file.findings]
    return access.Evidence(
        checks=not any(finding.blocking for finding in found),
        audited=not any(finding.code == DIFFERS for finding in found),
        stewards=len({review.reviewer for review in reviews if review.decision == "approve"}),
    )


def _disclosure(export: Export, validity: Validity, content: dict[str, Any], moment: datetime) -> dict[str, Any]:
    """Return the five attributes of this disclosure (3.10): the files by their hashes, under the grants' registers."""
    return records.disclosure(
        recipient=export.submitted_by,
        content=[entry["sha256"] for entry in content["files"]],
        purpose=", ".join(sorted({str(grant.use.get("purpose")) for grant in validity.grants})),
        legal_basis=", ".join(sorted({grant.registration for grant in validity.grants})),
        at=moment,
    )


def withdraw(actor: Actor, export_id: str) -> ExportDetail:
    """Take back one's own export while it waits; its bytes are destroyed."""
    with unit_of_work(actor) as unit:
        export = _locked(unit, export_id)
        if actor.username != export.submitted_by:
            raise NotFound("not_found", kind="export", id=export_id[:40])
        if export.state != "in_review":
            raise Conflict("already_decided")
        _close(unit, export, "withdrawn")
        return showing.detail(unit.session, actor, export)


def close_ended() -> int:
    """Withdraw what waits of projects that may no longer be used; return how many (periodic job)."""
    with reading() as session:
        waiting = session.exec(select(Export).where(Export.state == "in_review"))
        ended = [row.id for row in waiting if not access.is_open(session, row.project_id).valid]
    for export_id in ended:
        with unit_of_work(system("worker")) as unit:
            export = _locked(unit, export_id)
            if export.state == "in_review":
                _close(unit, export, "grant-ended")
    return len(ended)


def _close(unit: UnitOfWork, export: Export, reason: str) -> None:
    export.state, export.decided_at = "withdrawn", clock.now()
    for file in showing.files_of(unit.session, export.id):
        storage.erase(unit, file.object_key)
    unit.record("export.withdrawn", export.id, clauses=CLAUSES, project=export.project_id, reason=reason)


def queue(actor: Actor) -> list[ExportView]:
    """Return what waits for stewards, oldest first; `barred` says why one may not review an entry."""
    with reading() as session:
        if not actor.has(*OVERSEERS):
            raise Refused("forbidden", roles=", ".join(OVERSEERS))
        query = select(Export).where(Export.state == "in_review").order_by(col(Export.submitted_at))
        return [showing.summary(session, actor, export) for export in session.exec(query)]


def exports(actor: Actor, project_id: str = "") -> list[ExportView]:
    """Return exports, newest first: of a project to its members, of all to those who oversee."""
    with reading() as session:
        if not actor.has(*OVERSEERS):
            access.require_valid(session, actor, project_id)
        query = select(Export).order_by(col(Export.submitted_at).desc())
        if project_id:
            query = query.where(Export.project_id == project_id)
        return [showing.summary(session, actor, export) for export in session.exec(query)]


def view(actor: Actor, export_id: str) -> ExportDetail:
    """Return one export with its files, findings and previews, to its project's members and to those who oversee."""
    with reading() as session:
        return showing.detail(session, actor, _visible(session, actor, export_id))


def open_file(actor: Actor, file_id: str) -> bytes:
    """Return the bytes of one file of an export to who may see it; every look is on the ledger."""
    with reading() as session:
        file = session.get(ExportFile, file_id)
        if file is None or not file.object_key:
            raise NotFound("not_found", kind="file", id=file_id[:40])
        export = _visible(session, actor, file.export_id)
    content = manifest.fetched(file.object_key, file.sha256)
    with unit_of_work(actor) as unit:
        unit.record("export.viewed", export.id, clauses=CLAUSES, project=export.project_id, sha256=file.sha256)
    return content


def releases(actor: Actor, project_id: str = "") -> list[ReleaseView]:
    """Return releases, newest first: of a project to its members, of all to those who oversee."""
    with reading() as session:
        if not actor.has(*OVERSEERS):
            access.require_valid(session, actor, project_id)
        query = select(Release).order_by(col(Release.released_at).desc())
        if project_id:
            query = query.where(Release.project_id == project_id)
        return [showing.release_view(row) for row in session.exec(query)]


def release(actor: Actor, release_id: str) -> ReleaseView:
    """Return one release."""
    with reading() as session:
        row = _get_release(session, release_id)
        if not actor.has(*OVERSEERS):
            access.require_valid(session, actor, row.project_id)
        return showing.release_view(row)


def download(actor: Actor, release_id: str, name: str) -> bytes:
    """Return one released file, or `manifest.json`, to a member of the project while it may be used.

    Verified anew: the manifest against the ledger, the reviews against the manifest, the bytes against both.
    """
    with reading() as session:
        row = _get_release(session, release_id)
        access.require_valid(session, actor, row.project_id)
        _check_untouched(session, row)
        wanted = next((entry for entry in row.manifest["files"] if entry["name"] == name), None)
        stored = session.exec(
            select(ExportFile).where(ExportFile.export_id == row.export_id, ExportFile.name == name)
        ).first()
    if name == manifest.NAME:
        content, sha256 = manifest.as_bytes(row.manifest), row.manifest_sha256
    elif wanted and stored:
        content, sha256 = manifest.fetched(stored.object_key, wanted["sha256"]), wanted["sha256"]
    else:
        raise NotFound("not_found", kind="file", id=name[:40])
    with unit_of_work(actor) as unit:
        access.require_valid(unit.session, actor, row.project_id)
        unit.record("export.downloaded", row.id, clauses=CLAUSES, project=row.project_id, sha256=sha256)
    return content


def _check_untouched(session: Session, row: Release) -> None:
    """Raise Tampered unless manifest, reviews and the ledger's word on this release are one."""
    files = [(entry["name"], entry["size"], entry["sha256"]) for entry in row.manifest["files"]]
    digests = {review.digest for review in _reviews(session, row.export_id)} | {row.manifest["digest"]}
    query = select(ledger.LedgerEvent).where(
        ledger.LedgerEvent.action == "export.released", ledger.LedgerEvent.subject == row.id
    )
    promised = [event.facts["manifest"] for event in session.exec(query)]
    if digests != {manifest.digest(files)} or promised != [manifest.sha256(row.manifest)]:
        raise crypto.Tampered("object_tampered")


def _reviews(session: Session, export_id: str) -> list[ExportReview]:
    return list(session.exec(select(ExportReview).where(ExportReview.export_id == export_id)))


def _get(session: Session, export_id: str) -> Export:
    row = session.get(Export, export_id)
    if row is None:
        raise NotFound("not_found", kind="export", id=export_id[:40])
    return row


def _get_release(session: Session, release_id: str) -> Release:
    row = session.get(Release, release_id)
    if row is None:
        raise NotFound("not_found", kind="release", id=release_id[:40])
    return row


def _visible(session: Session, actor: Actor, export_id: str) -> Export:
    export = _get(session, export_id)
    if not actor.has(*OVERSEERS):
        access.require_valid(session, actor, export.project_id)
    elif export.state == "blocked":
        raise NotFound("not_found", kind="export", id=export_id[:40])
    return export


def _locked(unit: UnitOfWork, export_id: str) -> Export:
    query = select(Export).where(Export.id == export_id).with_for_update()
    found = unit.session.exec(query, execution_options={"populate_existing": True}).first()
    if found is None:
        raise NotFound("not_found", kind="export", id=export_id[:40])
    return found
