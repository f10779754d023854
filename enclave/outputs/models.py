"""Tables of what leaves: verified tables, exports under review, and releases."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, CheckConstraint, Column, Integer, UniqueConstraint
from sqlmodel import Field

from enclave.kernel.db import Record, UtcDateTime

_export_version = Column("version", Integer, nullable=False)


class ReleaseRegister(Record, table=True):
    """How many tables were released on a data set: the row that joint release audits take turns on."""

    __tablename__ = "release_register"
    ledger_exempt: ClassVar[bool] = True  # every release that raises the number is recorded itself
    dataset_id: str = Field(primary_key=True)
    tables: int = 0


class ReleasedTable(Record, table=True):
    """A verified table. `cells` are the released numbers; the persons behind each lie sealed under `groups_key`."""

    __tablename__ = "released_table"
    __table_args__ = (UniqueConstraint("project_id", "question_key"), UniqueConstraint("dataset_id", "number"))
    id: str = Field(primary_key=True)
    project_id: str = Field(index=True)
    dataset_id: str = Field(index=True)
    version_id: str
    number: int  # order of release on the data set
    question_key: str
    table_name: str
    by: list[str] = Field(sa_column=Column(JSON, nullable=False))
    where: list[dict[str, Any]] = Field(sa_column=Column("conditions", JSON, nullable=False))
    cells: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))
    threshold: int
    groups_key: str
    csv_key: str
    csv_sha256: str
    released_by: str
    released_at: datetime = Field(sa_type=UtcDateTime)


class Export(Record, table=True):
    """Files a researcher wants out of the enclave. `digest` is over the names, sizes and hashes of all of them."""

    __tablename__ = "export"
    __table_args__ = (
        CheckConstraint("state IN ('blocked', 'in_review', 'released', 'refused', 'withdrawn')", name="state"),
    )
    __mapper_args__: ClassVar[dict[str, Any]] = {"version_id_col": _export_version}
    id: str = Field(primary_key=True)
    project_id: str = Field(index=True)
    submitted_by: str
    submitted_at: datetime = Field(sa_type=UtcDateTime, index=True)
    note: str
    state: str = Field(index=True)
    digest: str
    rules_version: str
    dataset_ids: list[str] = Field(sa_column=Column(JSON, nullable=False))
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    version: int = Field(default=1, sa_column=_export_version)


class ExportFile(Record, table=True):
    """One file of an export, as it was copied out of the workspace; its bytes lie sealed under `object_key`."""

    __tablename__ = "export_file"
    __table_args__ = (UniqueConstraint("export_id", "name"),)
    id: str = Field(primary_key=True)
    export_id: str = Field(foreign_key="export.id", index=True)
    name: str
    kind: str
    size: int
    sha256: str
    object_key: str
    findings: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))
    preview: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))
    tables: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))  # counts, for later differencing


class ExportReview(Record, table=True):
    """One steward's decision on the bytes named by `digest`."""

    __tablename__ = "export_review"
    __table_args__ = (CheckConstraint("decision IN ('approve', 'refuse')", name="decision"),)
    export_id: str = Field(primary_key=True, foreign_key="export.id")
    reviewer: str = Field(primary_key=True)
    decision: str
    comment: str
    digest: str
    reviewed_at: datetime = Field(sa_type=UtcDateTime)


class Release(Record, table=True):
    """What left: the manifest names every file with its SHA-256, the rules, and both reviewers."""

    __tablename__ = "release"
    __table_args__ = (UniqueConstraint("export_id"),)
    id: str = Field(primary_key=True)
    export_id: str = Field(foreign_key="export.id")
    project_id: str = Field(index=True)
    manifest: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    manifest_sha256: str
    released_at: datetime = Field(sa_type=UtcDateTime)
