"""Two states of the same files beside each other: what each column still tells, and how alone the rows stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from enclave.deidentify.classify import classify
from enclave.deidentify.files import Wording, opened
from enclave.deidentify.reading import ReadTable
from enclave.disclosure.loss import information
from enclave.disclosure.measures import Measures, measure
from enclave.disclosure.uniqueness import column_codes
from enclave.kernel.errors import Invalid

TIMES = ("date", "death_date")  # shifted, not coarsened: as quasi-identifiers they would make every row unique


@dataclass(frozen=True)
class ColumnChange:
    """One column before and after; `bits` is its entropy and `lost` the share of it that is gone, 0 to 1."""

    name: str
    kept: bool
    distinct_before: int
    distinct_after: int
    missing_before: int
    missing_after: int
    bits_before: float
    bits_after: float
    lost: float


@dataclass(frozen=True)
class Comparison:
    """One table before and after. Columns that are new in it are named, not measured."""

    name: str
    rows_before: int
    rows_after: int
    columns: tuple[ColumnChange, ...]
    added: tuple[str, ...]
    lost: float
    before: Measures
    after: Measures

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "table": self.name,
            "rows": {"before": self.rows_before, "after": self.rows_after},
            "lost": round(self.lost, 6),
            "columns": [column.__dict__ for column in self.columns],
            "added": list(self.added),
            "risk": {"before": self.before.as_dict(), "after": self.after.as_dict()},
        }


def compare(
    before: Path, after: Path, quasi_identifiers: Sequence[str] = (), wording: Wording | None = None
) -> list[Comparison]:
    """Compare two files, or the tables of equal name of two folders.

    Without `quasi_identifiers` those found in `before` count, times of events left out. After treatment the ones that
    are still there count; where none is, all rows are one class. Raises Invalid where no table has a counterpart.
    """
    with opened(before, wording) as old, opened(after, wording) as new:
        pairs = list(_paired(old, new))
        if not pairs:
            raise Invalid("file_nothing_to_compare", before=before.name, after=after.name)
        for name in quasi_identifiers:
            if not any(name in table.schema.names for table in old):
                known = ", ".join(name for table in old for name in table.schema.names)
                raise Invalid("file_no_column", file=before.name, column=name, known=known)
        return [_compared(one, other, quasi_identifiers) for one, other in pairs]


def _paired(old: Sequence[ReadTable], new: Sequence[ReadTable]) -> Iterator[tuple[ReadTable, ReadTable]]:
    if len(old) == len(new) == 1:
        yield old[0], new[0]
        return
    by_name = {table.name: table for table in new}
    for table in old:
        if table.name in by_name:
            yield table, by_name[table.name]


def _compared(old: ReadTable, new: ReadTable, wanted: Sequence[str]) -> Comparison:
    columns = tuple(_change(old, new, name) for name in old.schema.names)
    quasi = [name for name in wanted if name in old.schema.names] if wanted else _quasi(old)
    left = [name for name in quasi if name in new.schema.names]
    return Comparison(
        name=old.name,
        rows_before=old.rows,
        rows_after=new.rows,
        columns=columns,
        added=tuple(name for name in new.schema.names if name not in old.schema.names),
        lost=sum(column.lost for column in columns) / len(columns),
        before=_measured(old, quasi),
        after=_measured(new, left),
    )


def _quasi(table: ReadTable) -> list[str]:
    return [c.name for c in classify(table).columns if c.role == "quasi" and c.kind not in TIMES]


def _measured(table: ReadTable, quasi: Sequence[str]) -> Measures:
    return measure({name: table.column(name) for name in quasi or table.schema.names[:1]}, quasi)


def _change(old: ReadTable, new: ReadTable, name: str) -> ColumnChange:
    values = old.column(name)
    bits, distinct = information(values), column_codes(values)[1] - 1
    if name not in new.schema.names:
        return ColumnChange(name, False, distinct, 0, values.null_count, new.rows, round(bits, 6), 0.0, 1.0)
    left = new.column(name)
    told = information(left)
    return ColumnChange(
        name=name,
        kept=True,
        distinct_before=distinct,
        distinct_after=column_codes(left)[1] - 1,
        missing_before=values.null_count,
        missing_after=left.null_count,
        bits_before=round(bits, 6),
        bits_after=round(told, 6),
        lost=round(min(max(1 - told / bits, 0.0), 1.0), 6) if bits else 0.0,
    )
