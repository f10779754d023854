"""The rows of one entry in the catalogue's tables: its versions and its variables."""

from __future__ import annotations

from sqlmodel import Session, col, select

from catalog_browser import rule_facts
from catalog_browser.models import DataSet, DataSetVersion, Variable


def versions(session: Session, dataset_id: str) -> list[DataSetVersion]:
    """Return the versions of a data set, oldest first."""
    query = select(DataSetVersion).where(DataSetVersion.dataset_id == dataset_id)
    return list(session.exec(query.order_by(col(DataSetVersion.number))))


def variables(session: Session, dataset_id: str) -> list[Variable]:
    """Return the variables of a data set, in the order of its tables."""
    query = select(Variable).where(Variable.dataset_id == dataset_id)
    return list(session.exec(query.order_by(col(Variable.table_name), col(Variable.position))))


def has_persons(session: Session, dataset_id: str) -> bool:
    """Tell whether the source holds records of persons."""
    return any(version.kind == "source" and version.persons for version in versions(session, dataset_id))


def next_number(session: Session, dataset_id: str) -> int:
    """Return the number the next version gets."""
    return 1 + max((row.number for row in versions(session, dataset_id)), default=0)


def set_states(session: Session, dataset_id: str, old: str, new: str, *, keep_source: bool = False) -> None:
    """Bring every version from one state to another; the source stays where `keep_source` says so."""
    for row in versions(session, dataset_id):
        if row.state == old and not (keep_source and row.kind == "source"):
            row.state = new


def publish_versions(session: Session, row: DataSet) -> None:
    """Publish what is ready, each version with the degrees that decide who may have it (6, D2, D10)."""
    for version in versions(session, row.id):
        if version.state == "ready" and version.kind != "source":
            version.state, version.degrees = "published", rule_facts.degrees(row.resource, version.level)
