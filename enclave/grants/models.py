"""Tables of projects, grants and members."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, CheckConstraint, Column, Integer, UniqueConstraint
from sqlmodel import Field

from enclave.kernel.db import Record, UtcDateTime

FIRST_UID = 200_001
_project_version = Column("version", Integer, nullable=False)


class Project(Record, table=True):
    """One matter approved once (9.3: case by case); its id also names the enclave server."""

    __tablename__ = "project"
    __table_args__ = (CheckConstraint("state IN ('active', 'ended')", name="state"),)
    __mapper_args__: ClassVar[dict[str, Any]] = {"version_id_col": _project_version}
    id: str = Field(primary_key=True, max_length=10)
    title: str
    lead: str = Field(foreign_key="account.username", index=True)
    institution: str = Field(index=True)
    state: str = Field(default="active", index=True)
    created_at: datetime = Field(sa_type=UtcDateTime)
    version: int = Field(default=1, sa_column=_project_version)


class Grant(Record, table=True):
    """The rows and columns of one data set version that a project may use, between two days."""

    __tablename__ = "access_grant"
    __table_args__ = (
        CheckConstraint("state IN ('active', 'revoked', 'ended')", name="state"),
        CheckConstraint("starts_on <= ends_on", name="dates"),
        UniqueConstraint("request_id"),  # an approval covers one matter and is used once (9.3-1)
    )
    id: str = Field(primary_key=True)
    project_id: str = Field(foreign_key="project.id", index=True)
    request_id: str
    dataset_id: str = Field(index=True)
    version_id: str
    columns: list[str] = Field(sa_column=Column(JSON, nullable=False))
    row_filter: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))
    starts_on: date
    ends_on: date
    state: str = Field(default="active", index=True)
    epsilon: float
    delta: float
    registration: str
    agreement_sha256: str
    use: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    issued_at: datetime = Field(sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_reason: str = ""


class Member(Record, table=True):
    """One person of one project, with an operating-system user id no one else ever had."""

    __tablename__ = "project_member"
    __table_args__ = (
        CheckConstraint("state IN ('active', 'removed')", name="state"),
        CheckConstraint(f"uid >= {FIRST_UID}", name="uid"),
        UniqueConstraint("uid"),
    )
    project_id: str = Field(primary_key=True, foreign_key="project.id")
    username: str = Field(primary_key=True, foreign_key="account.username", index=True)
    uid: int
    state: str = "active"
    joined_at: datetime = Field(sa_type=UtcDateTime)
    left_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
