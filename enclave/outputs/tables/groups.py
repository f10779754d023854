"""The persons behind every cell of a table."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import ibis.expr.types as ir
from pyroaring import BitMap

from enclave.outputs.extracts import PERSON

MOST_CELLS = 2_000


@dataclass(frozen=True)
class Cell:
    """One combination of values and the persons who have it in at least one row."""

    values: tuple[str | None, ...]
    persons: BitMap


def cells(rows: ir.Table, by: Sequence[str]) -> list[Cell]:
    """Return the combinations of `by` that occur, in the order of their values; without `by`, everybody."""
    labels = {f"v{position}": rows[name].cast("string") for position, name in enumerate(by)}
    found = rows.select(person=rows[PERSON], **labels).distinct()
    grouped = found.group_by(list(labels)) if labels else found
    gathered = grouped.aggregate(persons=found["person"].collect()).to_pyarrow().to_pylist()
    made = [Cell(tuple(row[name] for name in labels), BitMap(row["persons"] or [])) for row in gathered]
    return sorted(made, key=lambda cell: [value or "" for value in cell.values])


def pack(groups: Iterable[tuple[str, BitMap]]) -> bytes:
    """Return labelled groups as one object to be sealed."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        for position, (label, persons) in enumerate(groups):
            archive.writestr(f"{position}.label", label)
            archive.writestr(f"{position}.persons", persons.serialize())
    return body.getvalue()


def unpack(content: bytes) -> list[tuple[str, BitMap]]:
    """Return what `pack` packed."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        count = len(archive.namelist()) // 2
        return [
            (archive.read(f"{n}.label").decode(), BitMap.deserialize(archive.read(f"{n}.persons")))
            for n in range(count)
        ]


def as_csv(by: Sequence[str], shown: Iterable[Cell]) -> bytes:
    """Return the table as it leaves: UTF-8 with a byte order mark, so that spreadsheets read Chinese right."""
    import csv

    body = io.StringIO()
    writer = csv.writer(body, lineterminator="\r\n")
    writer.writerow([*by, "persons"])
    for cell in shown:
        writer.writerow([*(_harmless(value) for value in cell.values), len(cell.persons)])
    return body.getvalue().encode("utf-8-sig")


def _harmless(value: Any) -> str:
    # A value that a spreadsheet would run as a formula is shown as text.
    plain = "" if value is None else str(value)
    return f"'{plain}" if plain[:1] in ("=", "+", "@", "\t", "\r") else plain
