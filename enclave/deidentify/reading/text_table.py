"""A table whose cells are still text, on disk, with what is needed to name a row as its owner counts it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq


@dataclass(frozen=True)
class TextTable:
    """Text in Parquet, its columns named by position.

    `first_row` is the number of the first data row in the file, its header being row 1;
    `row_numbers` overrides it where rows were left out (spreadsheets with empty rows).
    """

    name: str
    file: str
    path: Path
    names: tuple[str, ...]
    rows: int
    first_row: int
    row_numbers: Sequence[int] | None = None

    @staticmethod
    def schema(width: int) -> pa.Schema:
        """Return the schema of a table of text with `width` columns."""
        return pa.schema([(str(position), pa.string()) for position in range(width)])

    def distinct(self, column: int) -> tuple[pa.Array, pa.Array]:
        """Return the distinct values of a column without null, and how often each occurs."""
        name = str(column)
        read = pq.read_table(self.path, columns=[name], read_dictionary=[name]).column(0)
        counts = pc.value_counts(read.drop_null().cast(pa.string()))
        return counts.field("values"), counts.field("counts")

    def first_with(self, column: int, values: pa.Array) -> int:
        """Return the row number of the first cell that is one of `values`."""
        cells = pq.read_table(self.path, columns=[str(column)]).column(0)
        index = pc.index(pc.is_in(cells, value_set=values), True).as_py()
        return self.row_numbers[index] if self.row_numbers else self.first_row + int(index)
