"""Institutions people belong to: names, and the kind that somebody has verified (C-4)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Field, Session, select

from enclave.kernel import clock
from enclave.kernel.db import Record, UtcDateTime, reading
from enclave.kernel.errors import Invalid
from enclave.kernel.i18n import language as current_language
from enclave.kernel.identity import Actor, Role
from enclave.kernel.unit import unit_of_work

CODE = re.compile(r"[A-Z][A-Z0-9-]{0,23}")
KIND = re.compile(r"[a-z_]{1,40}")


class Institution(Record, table=True):
    """An institution. `kind` is a party of the rules' vocabulary (`hospital`, `research_institution`, …)."""

    __tablename__ = "institution"
    code: str = Field(primary_key=True, max_length=24)
    name_zh: str
    name_en: str
    kind: str
    verified_by: str
    verified_at: datetime = Field(sa_type=UtcDateTime)


@dataclass(frozen=True)
class VerifyInstitution:
    """An institution with the kind that its papers show. The rules take the audience of its members from it."""

    code: str
    name_zh: str
    name_en: str
    kind: str


def verify(actor: Actor, command: VerifyInstitution) -> None:
    """Register an institution as verified, or correct it; the kind is never a word from a form (C-4)."""
    if not CODE.fullmatch(command.code):
        raise Invalid("institution_code")
    if not KIND.fullmatch(command.kind) or not command.name_zh.strip() or not command.name_en.strip():
        raise Invalid("institution_incomplete")
    with unit_of_work(actor) as unit:
        unit.require(Role.OPERATOR, Role.AUTHORITY)
        unit.session.merge(
            Institution(
                code=command.code,
                name_zh=command.name_zh.strip(),
                name_en=command.name_en.strip(),
                kind=command.kind,
                verified_by=actor.username,
                verified_at=clock.now(),
            )
        )
        unit.record("institution.verified", f"institution:{command.code}", clauses=("C-4",), kind=command.kind)


def kind_of(session: Session, code: str) -> str | None:
    """Return the verified kind of an institution, None where nobody verified it."""
    row = session.get(Institution, code)
    return row.kind if row else None


def name_of(code: str, language: str = "") -> str:
    """Return the name of an institution in `zh` or `en`; the code itself where it is not registered."""
    with reading() as session:
        row = session.get(Institution, code)
    if row is None:
        return code
    return row.name_zh if (language or current_language.get()) == "zh" else row.name_en


def listed() -> list[Institution]:
    """Return every registered institution, for operators."""
    with reading() as session:
        return list(session.exec(select(Institution).order_by(Institution.code)))
