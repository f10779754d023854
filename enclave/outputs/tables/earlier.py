"""Everything released on a data set before, as groups of persons."""

from __future__ import annotations

from pyroaring import BitMap
from sqlmodel import col, select

from catalog_browser import service as catalog
from enclave.disclosure.audit import Group
from enclave.kernel import storage
from enclave.kernel.db import reading
from enclave.kernel.errors import NotFound
from enclave.outputs.models import ReleasedTable
from enclave.outputs.tables import groups

PUBLIC = "N (数据集公布总人数 / published size of the data set)"


class Earlier:
    """The groups of all tables of one data set, read as they come; `tables` counts those read."""

    def __init__(self, dataset_id: str) -> None:
        self.dataset_id = dataset_id
        self.groups: list[Group] = _published(dataset_id)
        self.tables = 0

    def catch_up(self) -> None:
        """Read what was released since the last call."""
        with reading() as session:
            query = (
                select(ReleasedTable.groups_key)
                .where(ReleasedTable.dataset_id == self.dataset_id, ReleasedTable.number > self.tables)
                .order_by(col(ReleasedTable.number))
            )
            keys = list(session.exec(query))
        for key in keys:
            self.groups += [Group(label, persons) for label, persons in groups.unpack(storage.fetch_bytes(key))]
        self.tables += len(keys)


def _published(dataset_id: str) -> list[Group]:
    # The catalogue shows how many persons a data set has: a number everybody may subtract from.
    try:
        persons = catalog.latest(dataset_id, "source").persons
    except NotFound:
        return []
    return [Group(PUBLIC, BitMap(range(persons)))]
