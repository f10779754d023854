"""Turns rows of exports into views; what reviewers may not know of each other is left out here (P7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlmodel import Session, col, select

from enclave.grants import service as grants
from enclave.kernel.i18n import text
from enclave.kernel.identity import Actor, Role
from enclave.outputs.files.rules import rules
from enclave.outputs.files.views import ExportDetail, ExportView, FileView, FindingView, ReleaseView, ReviewView
from enclave.outputs.models import Export, ExportFile, ExportReview, Release


def barred(session: Session, actor: Actor, export: Export) -> str:
    """Return the text code why `actor` may not review an export, empty when he may (P7).

    One rule for the button shown and the call refused. Membership counts even when it is over.
    """
    if not actor.has(Role.STEWARD) or actor.system:
        return "export_not_steward"
    if actor.username == export.submitted_by:
        return "export_own"
    project = grants.get_project(export.project_id)
    if actor.username == project.lead or actor.username in {member.username for member in project.members}:
        return "export_conflict"
    if session.get(ExportReview, (export.id, actor.username)) is not None:
        return "export_reviewed_already"
    return "" if export.state == "in_review" else "export_decided"


def summary(session: Session, actor: Actor, export: Export) -> ExportView:
    """Return one export for a list."""
    # Not the whole rows: previews are large, and lists are long.
    files = session.exec(select(ExportFile.size, ExportFile.findings).where(ExportFile.export_id == export.id)).all()
    severities = [severity(finding["code"]) for _, findings in files for finding in findings]
    release = session.exec(select(Release.id).where(Release.export_id == export.id)).first()
    return ExportView(
        id=export.id,
        project_id=export.project_id,
        submitted_by=export.submitted_by,
        submitted_at=export.submitted_at,
        note=export.note,
        state=export.state,
        files=len(files),
        size=sum(size for size, _ in files),
        blocking=severities.count("block"),
        looking=severities.count("look"),
        barred=barred(session, actor, export),
        decided_at=export.decided_at,
        release_id=release,
    )


def detail(session: Session, actor: Actor, export: Export) -> ExportDetail:
    """Return all of one export that `actor` may see."""
    others = select(Export).where(Export.project_id == export.project_id, Export.id != export.id)
    release = session.exec(select(Release).where(Release.export_id == export.id)).first()
    return ExportDetail(
        summary=summary(session, actor, export),
        digest=export.digest,
        rules_version=export.rules_version,
        files=tuple(file_view(file) for file in files_of(session, export.id)),
        reviews=_reviews(session, actor, export),
        earlier=tuple(
            summary(session, actor, other) for other in session.exec(others.order_by(col(Export.submitted_at).desc()))
        ),
        release=release_view(release) if release else None,
    )


def _reviews(session: Session, actor: Actor, export: Export) -> tuple[ReviewView, ...]:
    query = select(ExportReview).where(ExportReview.export_id == export.id).order_by(col(ExportReview.reviewed_at))
    decided = export.state in ("released", "refused")
    named = actor.has(Role.STEWARD, Role.AUDITOR, Role.AUTHORITY)
    return tuple(
        ReviewView(row.reviewer if named else "", row.decision, row.comment, row.reviewed_at)
        for row in session.exec(query)
        if decided or row.reviewer == actor.username
    )


def files_of(session: Session, export_id: str) -> list[ExportFile]:
    """Return the files of an export, by name."""
    query = select(ExportFile).where(ExportFile.export_id == export_id).order_by(col(ExportFile.name))
    return list(session.exec(query))


def file_view(file: ExportFile) -> FileView:
    """Return one file."""
    return FileView(
        id=file.id,
        name=file.name,
        kind=file.kind,
        size=file.size,
        sha256=file.sha256,
        findings=tuple(finding_view(each) for each in file.findings),
        preview=file.preview,
    )


def severity(code: str) -> str:
    """Return what a finding means; one without a rule stops the file (P6)."""
    rule = rules().findings.get(code)
    return rule.severity if rule else "block"


def finding_view(finding: Mapping[str, Any]) -> FindingView:
    """Return a finding with its sentences and where in the file it is."""
    code, facts = finding["code"], dict(finding["facts"])
    rule = rules().findings.get(code)
    return FindingView(
        code=code,
        severity=severity(code),
        zh=_place(code, facts, "zh") + text(code, "zh", **facts),
        en=_place(code, facts, "en") + text(code, "en", **facts),
        clauses=rule.clauses if rule else (),
        facts=facts,
    )


def _place(code: str, facts: Mapping[str, Any], language: str) -> str:
    """Return where in the file it is, as far as the sentence does not say so itself."""
    said = text(code, language)
    names = [name for name in ("sheet", "cell", "line", "row") if name in facts and f"{{{name}}}" not in said]
    parts = [text(f"export_place_{name}", language, at=facts[name]) for name in names]
    return text("export_place", language, places=" ".join(parts)) if parts else ""


def release_view(row: Release) -> ReleaseView:
    """Return a release."""
    return ReleaseView(
        id=row.id,
        export_id=row.export_id,
        project_id=row.project_id,
        files=tuple(row.manifest["files"]),
        manifest=row.manifest,
        manifest_sha256=row.manifest_sha256,
        released_at=row.released_at,
    )
