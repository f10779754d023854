"""What stewards have decided on columns before: their stricter words are proposed the next time a name comes."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from sqlmodel import col, select

from catalog_browser.models import DataSet, Variable
from catalog_browser.views import ROLES
from enclave.kernel.db import reading


@dataclass(frozen=True)
class Learned:
    """A role a steward gave a column of this name against what was proposed, and where."""

    kind: str
    role: str
    dataset: str


def key(name: str) -> str:
    """Return the form of a column's name under which decisions on it are remembered."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


def decisions() -> dict[str, Learned]:
    """Return the newest decision on each name that made a column stricter than proposed.

    A laxer word is not carried over: it had a reason that held for its data set alone (P9).
    """
    query = (
        select(Variable, DataSet.slug)
        .join(DataSet, col(DataSet.id) == Variable.dataset_id)
        .where(col(Variable.confirmed), Variable.role != Variable.proposed_role)
        .order_by(col(DataSet.created_at))
    )
    with reading() as session:
        return {
            key(variable.name): Learned(variable.kind, variable.role, slug)
            for variable, slug in session.exec(query)
            if ROLES.index(variable.role) < ROLES.index(variable.proposed_role)
        }
