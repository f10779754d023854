"""Tables of extracts and of the enclaves that were opened on them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, CheckConstraint, Column, Integer, UniqueConstraint
from sqlmodel import Field

from enclave.kernel.db import Record, UtcDateTime

_extract_version = Column("version", Integer, nullable=False)


class Extract(Record, table=True):
    """The files of one grant: `tables` are mounted, `trusted` stay on our side and hold `_person`.

    Both are lists of `{"name", "file", "object_key", "sha256", "size", "rows", "columns"}`; `folder` is
    their name under the project's `data/` and `trusted/`.
    """

    __tablename__ = "workspace_extract"
    __table_args__ = (
        CheckConstraint("state IN ('building', 'ready', 'failed', 'destroyed')", name="state"),
        UniqueConstraint("grant_id"),
        UniqueConstraint("project_id", "folder"),
    )
    __mapper_args__: ClassVar[dict[str, Any]] = {"version_id_col": _extract_version}
    id: str = Field(primary_key=True)
    project_id: str = Field(foreign_key="project.id", index=True)
    grant_id: str = Field(foreign_key="access_grant.id")
    dataset_id: str
    version_id: str
    folder: str
    tables: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    trusted: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    risk: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    state: str = Field(default="building", index=True)
    error: str = ""
    created_at: datetime = Field(sa_type=UtcDateTime)
    ready_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    destroyed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    version: int = Field(default=1, sa_column=_extract_version)


class EnclaveSession(Record, table=True):
    """One enclave that was opened or refused: by whom, on which grants, what its probes said."""

    __tablename__ = "workspace_session"
    __table_args__ = (CheckConstraint("state IN ('running', 'refused', 'ended')", name="state"),)
    id: str = Field(primary_key=True)
    project_id: str = Field(foreign_key="project.id", index=True)
    username: str = Field(index=True)
    uid: int
    grants: list[str] = Field(sa_column=Column(JSON, nullable=False))
    probes: int
    failed_probes: list[str] = Field(sa_column=Column(JSON, nullable=False))
    state: str = Field(index=True)
    started_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_reason: str = ""
