"""Files as a steward has them at hand, read and measured with nothing running and nothing kept."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from enclave.deidentify.classify import TableFinding, classify_all
from enclave.deidentify.names import expected_values
from enclave.deidentify.reading import Limits, ReadOptions, ReadTable, read_tables
from enclave.disclosure.measures import Measures, measure
from enclave.kernel.errors import Invalid


@dataclass(frozen=True)
class Wording:
    """What a steward says of files that do not speak for themselves; as in `enclave dataset register`."""

    encoding: str = ""
    text_columns: tuple[str, ...] = ()
    missing_marks: tuple[str, ...] = ()


@contextmanager
def opened(path: Path, wording: Wording | None = None) -> Iterator[list[ReadTable]]:
    """Give the tables of a file, a folder or an archive; what was made of them is gone at the end.

    Raises Invalid `ingest_*` naming file, column and row.
    """
    said = wording or Wording()
    options = ReadOptions(said.encoding, frozenset(said.text_columns), said.missing_marks, expected_values)
    with tempfile.TemporaryDirectory(prefix="enclave-") as folder:
        yield read_tables(path, Path(folder), Limits.configured(), options)


def measured(
    tables: Sequence[ReadTable], quasi_identifiers: Sequence[str], sensitive: Sequence[str] = ()
) -> dict[str, Measures]:
    """Measure each table over those of the quasi-identifiers it has; a table with none of them is left out.

    Without `sensitive` the columns found to be sensitive are. Raises Invalid for a column that no table has.
    """
    check_quasi_identifiers(tables, quasi_identifiers)
    _check_columns(tables, sensitive)
    findings = [None] * len(tables) if sensitive else classify_all(tables)
    found = {}
    for table, finding in zip(tables, findings, strict=True):
        quasi = [name for name in quasi_identifiers if name in table.schema.names]
        wanted = _sensitive(finding) if finding else [name for name in sensitive if name in table.schema.names]
        if quasi:
            told = [name for name in wanted if name not in quasi]
            frame = {name: table.column(name) for name in {*quasi, *told}}
            found[table.name] = measure(frame, quasi, told)
    return found


def check_quasi_identifiers(tables: Sequence[ReadTable], names: Sequence[str]) -> None:
    """Refuse no quasi-identifier at all, one named twice, and one that no table has."""
    if not names:
        raise Invalid("file_no_quasi_identifiers", file=tables[0].file)
    _check_columns(tables, names)


def _check_columns(tables: Sequence[ReadTable], names: Sequence[str]) -> None:
    files = ", ".join(table.file for table in tables)
    known = list(dict.fromkeys(name for table in tables for name in table.schema.names))
    twice = next((name for place, name in enumerate(names) if name in names[:place]), None)
    if twice:
        raise Invalid("file_column_twice", file=files, column=twice)
    for name in names:
        if name not in known:
            raise Invalid("file_no_column", file=files, column=name, known=", ".join(known))


def _sensitive(finding: TableFinding) -> list[str]:
    return [column.name for column in finding.columns if column.role == "sensitive" and column.kind != "free_text"]
