"""Tables of applications: the request, its team, files, panel, declared conflicts and signatures."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, CheckConstraint, Column, Integer, UniqueConstraint
from sqlmodel import Field

from enclave.kernel.db import Record, UtcDateTime

STATES = ("draft", "submitted", "in_review", "decided", "agreement", "granted", "refused", "withdrawn")
_request_version = Column("version", Integer, nullable=False)


def _json() -> Column[Any]:
    return Column(JSON, nullable=False)


class Request(Record, table=True):
    """One application. What each step found stands in JSON beside the version of the rules it used."""

    __tablename__ = "access_request"
    __table_args__ = (CheckConstraint(f"state IN {STATES}", name="state"),)
    __mapper_args__: ClassVar[dict[str, Any]] = {"version_id_col": _request_version}
    id: str = Field(primary_key=True)
    applicant: str = Field(foreign_key="account.username", index=True)
    institution: str = Field(index=True)
    title: str = ""
    dataset_id: str = Field(default="", index=True)
    version_kind: str = ""
    version_id: str = ""  # fixed on submission
    project_number: str = Field(default="", index=True)
    state: str = Field(default="draft", index=True)
    answers: dict[str, Any] = Field(sa_column=_json())
    rules: dict[str, str] = Field(sa_column=_json())
    score: dict[str, Any] = Field(sa_column=_json())
    history: dict[str, Any] = Field(sa_column=_json())
    evaluation: dict[str, Any] = Field(sa_column=_json())
    decision: dict[str, Any] = Field(sa_column=_json())
    agreement: dict[str, Any] = Field(sa_column=_json())
    project_id: str = ""
    registration: str = ""
    filing: str = ""
    created_at: datetime = Field(sa_type=UtcDateTime)
    submitted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    closed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    closing_reason: str = ""
    version: int = Field(default=1, sa_column=_request_version)


class RequestMember(Record, table=True):
    """A person of the team beside the applicant; the history check follows him too."""

    __tablename__ = "request_member"
    request_id: str = Field(primary_key=True, foreign_key="access_request.id")
    username: str = Field(primary_key=True, foreign_key="account.username", index=True)


class RequestFile(Record, table=True):
    """An uploaded document, sealed in the object store; `name` is what the applicant called it."""

    __tablename__ = "request_file"
    id: str = Field(primary_key=True)
    request_id: str = Field(foreign_key="access_request.id", index=True)
    kind: str
    name: str
    media_type: str
    object_key: str
    sha256: str
    size: int
    uploaded_at: datetime = Field(sa_type=UtcDateTime)


class Assignment(Record, table=True):
    """A committee member on the panel of a request, and his review once he gave it."""

    __tablename__ = "request_assignment"
    __table_args__ = (CheckConstraint("state IN ('assigned', 'reviewed', 'recused')", name="state"),)
    request_id: str = Field(primary_key=True, foreign_key="access_request.id")
    reviewer: str = Field(primary_key=True, foreign_key="account.username", index=True)
    state: str = "assigned"
    review: dict[str, Any] = Field(sa_column=_json())
    assigned_by: str
    assigned_at: datetime = Field(sa_type=UtcDateTime)
    reviewed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class DeclaredConflict(Record, table=True):
    """A person who says he must keep out of a request."""

    __tablename__ = "request_conflict"
    request_id: str = Field(primary_key=True, foreign_key="access_request.id")
    username: str = Field(primary_key=True, foreign_key="account.username")
    reason: str
    declared_at: datetime = Field(sa_type=UtcDateTime)


class Signature(Record, table=True):
    """The acceptance of exactly one PDF by one person; `seal` is the platform's Ed25519 signature over it."""

    __tablename__ = "request_signature"
    __table_args__ = (
        CheckConstraint("party IN ('party_a', 'party_b', 'member')", name="party"),
        UniqueConstraint("request_id", "username"),
    )
    id: str = Field(primary_key=True)
    request_id: str = Field(foreign_key="access_request.id", index=True)
    party: str
    username: str = Field(foreign_key="account.username")
    sha256: str
    statement: str
    signed_at: datetime = Field(sa_type=UtcDateTime)
    seal: str
    key: str


class Registration(Record, table=True):
    """The register of uses: what was granted to whom, for what and how long (9.1.4-4)."""

    __tablename__ = "request_registration"
    number: str = Field(primary_key=True)
    request_id: str = Field(foreign_key="access_request.id", unique=True)
    filing: str
    purpose: str
    mode: str
    starts_on: date
    ends_on: date
    registered_by: str
    registered_at: datetime = Field(sa_type=UtcDateTime)
