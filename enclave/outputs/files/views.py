"""Commands and views of exports: everything a page shows is here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class SubmitExport:
    """Ask for files of one's own workspace, by paths relative to it; `note` says what they are and for what."""

    project_id: str
    paths: tuple[str, ...]
    note: str


@dataclass(frozen=True)
class ReviewExport:
    """A steward's decision, `approve` or `refuse`, on the bytes named by `digest`; refusing needs a comment."""

    export_id: str
    decision: str
    digest: str
    comment: str = ""


@dataclass(frozen=True)
class FindingView:
    """One finding in both languages; `severity` is `block` or `look`."""

    code: str
    severity: str
    zh: str
    en: str
    clauses: tuple[str, ...]
    facts: dict[str, Any]


@dataclass(frozen=True)
class FileView:
    """One file; `preview` holds the blocks described at `report.Report`."""

    id: str
    name: str
    kind: str
    size: int
    sha256: str
    findings: tuple[FindingView, ...]
    preview: list[dict[str, Any]]


@dataclass(frozen=True)
class ReviewView:
    """A decision the reader may see; `reviewer` is empty for those who may not know who decided."""

    reviewer: str
    decision: str
    comment: str
    reviewed_at: datetime


@dataclass(frozen=True)
class ExportView:
    """One export in a list. `barred` is the text code why the reader may not review it, empty when he may."""

    id: str
    project_id: str
    submitted_by: str
    submitted_at: datetime
    note: str
    state: str
    files: int
    size: int
    blocking: int
    looking: int
    barred: str
    decided_at: datetime | None
    release_id: str | None

    @property
    def may_review(self) -> bool:
        """Tell whether the reader may review it now."""
        return not self.barred


@dataclass(frozen=True)
class ReleaseView:
    """What left: the manifest and its hash, as they are on the ledger."""

    id: str
    export_id: str
    project_id: str
    files: tuple[dict[str, Any], ...]
    manifest: dict[str, Any]
    manifest_sha256: str
    released_at: datetime


@dataclass(frozen=True)
class ExportDetail:
    """All of one export the reader may see. `earlier` are the project's other exports (10.4.2-e-2d5).

    `reviews` holds nothing but the reader's own until both are in (P7).
    """

    summary: ExportView
    digest: str
    rules_version: str
    files: tuple[FileView, ...]
    reviews: tuple[ReviewView, ...]
    earlier: tuple[ExportView, ...]
    release: ReleaseView | None
