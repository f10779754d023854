"""Tables of the catalogue: data sets, their versions and their variables."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Column, UniqueConstraint
from sqlalchemy.orm import declared_attr
from sqlmodel import Field

from catalog_browser.views import AUDIENCES, CATEGORIES, DATASET_STATES, IDENTIFIABILITY, ROLES, VERSION_STATES
from enclave.kernel.db import Record, UtcDateTime


def _one_of(column: str, values: tuple[str, ...]) -> CheckConstraint:
    allowed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({allowed})", name=column)


class DataSet(Record, table=True):
    """A data set: what it is, whose it is, under which conditions it may be used (10.4.2-e-1a to 1f)."""

    __tablename__ = "data_set"
    __table_args__ = (
        _one_of("state", DATASET_STATES),
        _one_of("audience", AUDIENCES),
        _one_of("category", CATEGORIES),
        CheckConstraint("level BETWEEN 1 AND 5", name="level"),
    )
    id: str = Field(primary_key=True)
    slug: str = Field(unique=True, index=True, max_length=64)
    title_zh: str
    title_en: str
    description_zh: str = ""
    description_en: str = ""
    controller: str
    system: str = ""
    origin: str = ""
    jurisdiction: str = "510000"
    category: str
    level: int
    level_reason_zh: str = ""
    level_reason_en: str = ""
    audience: str = "public"
    state: str = Field("draft", index=True)
    years: str = ""
    conditions_zh: str = ""
    conditions_en: str = ""
    cost_zh: str = ""
    cost_en: str = ""
    duties_zh: str = ""
    duties_en: str = ""
    licence: str = ""
    attribution: str = ""
    legal_basis: str = ""
    resource: str = ""
    created_by: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    published_at: datetime | None = Field(None, sa_type=UtcDateTime)
    version: int = 1

    @declared_attr.directive
    @classmethod
    def __mapper_args__(cls) -> dict[str, Any]:
        return {"version_id_col": cls.__table__.c.version}  # type: ignore[attr-defined]  # set by SQLModel's metaclass


class DataSetVersion(Record, table=True):
    """One version: the source as registered, or a limited, de-identified or synthetic set made from it."""

    __tablename__ = "data_set_version"
    __table_args__ = (
        UniqueConstraint("dataset_id", "number"),
        _one_of("state", VERSION_STATES),
        _one_of("kind", ("source", "limited", "deidentified", "synthetic")),
        _one_of("identifiability", IDENTIFIABILITY),
        CheckConstraint("level BETWEEN 1 AND 5", name="level"),
    )
    id: str = Field(primary_key=True)
    dataset_id: str = Field(foreign_key="data_set.id", index=True)
    number: int
    kind: str
    level: int
    identifiability: str
    rows: int
    persons: int
    tables: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))
    files: list[dict[str, Any]] = Field(sa_column=Column(JSON, nullable=False))
    parent_id: str | None = Field(None, foreign_key="data_set_version.id")
    profile: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    profile_hash: str = ""
    risk: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    degrees: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    state: str = Field("ready", index=True)
    created_by: str
    created_at: datetime = Field(sa_type=UtcDateTime)


class Variable(Record, table=True):
    """One column of one table of a data set, as the dictionary describes it."""

    __tablename__ = "variable"
    __table_args__ = (
        UniqueConstraint("dataset_id", "table_name", "name"),
        _one_of("role", ROLES),
        _one_of("category", CATEGORIES),
        CheckConstraint("level BETWEEN 1 AND 5", name="level"),
    )
    id: str = Field(primary_key=True)
    dataset_id: str = Field(foreign_key="data_set.id", index=True)
    table_name: str
    name: str
    position: int
    dtype: str
    kind: str
    label_zh: str = ""
    label_en: str = ""
    codes: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    facts: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    indicator: dict[str, str] = Field(sa_column=Column(JSON, nullable=False))
    role: str
    person_key: bool = False
    reason_zh: str = ""
    reason_en: str = ""
    clause: str = ""
    level: int
    category: str
    proposed_role: str
    confirmed: bool = False
