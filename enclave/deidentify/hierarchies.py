"""Reads generalisation hierarchies in ARX's form: a file for each column, a line for each value, fine to coarse."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Sequence
from pathlib import Path

from enclave.deidentify.reading.encoding import as_utf8
from enclave.deidentify.reading.tables import shown_name
from enclave.kernel.errors import Invalid

SEPARATORS = ";,\t|"
Hierarchy = dict[str, tuple[str, ...]]


def read_hierarchies(folder: Path, columns: Sequence[str], data: str = "") -> dict[str, Hierarchy]:
    """Return the hierarchy of each column from `*_hierarchy_<column>.csv`; value -> labels from fine to coarse.

    Where several data sets have theirs in one folder, those that begin with the name of the file `data` are meant.
    Raises Invalid naming column, file and line: none or several files, lines of unequal length, a value twice.
    """
    return {column: read_hierarchy(_file_of(folder, column, data.split(".")[0]), column) for column in columns}


def _file_of(folder: Path, column: str, data: str) -> Path:
    ending = f"hierarchy_{column}.csv"
    found = [path for path in sorted(folder.glob("*.csv")) if path.name == ending or path.name.endswith(f"_{ending}")]
    found = [path for path in found if path.name == f"{data}_{ending}"] or found
    if len(found) != 1:
        names = ", ".join(shown_name(path.name) for path in found) or "—"
        raise Invalid("hierarchy_file", column=column, wanted=f"*_{ending}", found=names)
    return found[0]


def read_hierarchy(path: Path, column: str) -> Hierarchy:
    """Return one hierarchy; the separator is the one that gives all lines the same number of fields, at least two."""
    file = shown_name(path.name)
    with tempfile.TemporaryDirectory() as folder:
        text = as_utf8(path, file, Path(folder) / "plain").read_text("utf-8-sig")
    lines = text.splitlines()
    read = (list(csv.reader(lines, delimiter=separator)) for separator in SEPARATORS)
    tables = [rows for rows in read if rows and min(map(len, rows)) > 1]
    if not tables:
        raise Invalid("hierarchy_form", file=file, column=column)
    rows = max(tables, key=lambda found: len(found[0]))
    made: Hierarchy = {}
    for number, (value, *labels) in enumerate(rows, 1):
        if len(labels) != len(rows[0]) - 1:
            raise Invalid("hierarchy_width", file=file, row=number, wanted=len(rows[0]), got=len(labels) + 1)
        if value in made:
            raise Invalid("hierarchy_twice", file=file, row=number, value=value[:60])
        made[value] = tuple(labels)
    return made
