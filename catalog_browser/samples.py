"""The synthetic sample of an entry, to look at and to take away; a real row never passes here (10.4.2-e-1g)."""

from __future__ import annotations

import csv
import io
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from catalog_browser import service
from catalog_browser.views import VersionView
from enclave.kernel.errors import NotFound
from enclave.kernel.identity import Actor
from enclave.kernel.settings import settings


@dataclass(frozen=True)
class SampleTable:
    """One table of the sample: column names and rows of plain values."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def csv(self) -> bytes:
        """Return the table as CSV in UTF-8 with a byte order mark, as spreadsheets expect Chinese."""
        written = io.StringIO(newline="")
        writer = csv.writer(written)
        writer.writerow(self.columns)
        writer.writerows(self.rows)
        return written.getvalue().encode("utf-8-sig")


def sample(actor: Actor, dataset_id: str) -> tuple[SampleTable, ...]:
    """Return the newest synthetic sample the actor may see; none yet gives an empty tuple."""
    chosen = service.get(actor, dataset_id).latest("synthetic")
    return _read(chosen) if chosen else ()


def _read(chosen: VersionView) -> tuple[SampleTable, ...]:
    if chosen.kind != "synthetic" or chosen.identifiability != "synthetic":
        raise NotFound("not_found", kind="sample", id=chosen.id)
    with tempfile.TemporaryDirectory(dir=settings().folder("spool")) as folder:
        paths = service.fetch_tables(chosen, Path(folder))
        return tuple(_table(name, path) for name, path in paths.items())


def _table(name: str, path: Path) -> SampleTable:
    content = pq.read_table(path)
    columns = tuple(column for column in content.column_names if column != "_person")
    values = [content.column(column).to_pylist() for column in columns]
    return SampleTable(name, columns, tuple(zip(*values, strict=True)))
