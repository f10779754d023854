"""What is asked of the gateway as a table, and what it shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class TableRequest:
    """Persons counted by up to three columns of a granted table, among rows that meet every condition."""

    project_id: str
    table: str
    by: tuple[str, ...] = ()
    where: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class TableView:
    """A released table. Cells are `{"values": [...], "persons": n}`; a missing value is None.

    Combinations of fewer than `threshold` persons, or of none, are not shown and not told apart.
    """

    id: str
    project_id: str
    dataset_id: str
    table: str
    by: list[str]
    where: list[dict[str, Any]]
    cells: list[dict[str, Any]]
    threshold: int
    csv_sha256: str
    released_by: str
    released_at: datetime
