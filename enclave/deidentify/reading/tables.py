"""The one door of reading: a file, archive or folder becomes typed Parquet tables, or a clear refusal."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath

import pyarrow as pa
import pyarrow.parquet as pq

from enclave.deidentify.reading.archives import check_zip, gunzip, is_workbook, unzip
from enclave.deidentify.reading.delimited import read_delimited
from enclave.deidentify.reading.infer import infer
from enclave.deidentify.reading.limits import Limits, Meter, check_size
from enclave.deidentify.reading.parquet import read_parquet
from enclave.deidentify.reading.sheets import read_workbook
from enclave.deidentify.reading.text_table import TextTable
from enclave.kernel.errors import Invalid

TEXT_ENDINGS = ("", ".csv", ".tsv", ".tab", ".txt", ".dat", ".psv")
DOCUMENTS = ("readme", "license", "licence", "notice")


def _expects_nothing(_table: str, _column: str) -> str:
    return ""


@dataclass(frozen=True)
class ReadOptions:
    """A steward's own words on a file. `expect(table, column)` says what a name promises: text, number, date or ""."""

    encoding: str = ""
    text_columns: frozenset[str] = frozenset()
    missing_marks: tuple[str, ...] = ()
    expect: Callable[[str, str], str] = field(default=_expects_nothing)


@dataclass(frozen=True)
class ReadTable:
    """A typed table on disk, as Parquet. `file` is what its owner calls the file it came from."""

    name: str
    file: str
    path: Path
    schema: pa.Schema
    rows: int
    first_row: int = 1
    row_numbers: Sequence[int] | None = None

    def row_number(self, index: int) -> int:
        """Return the number its owner gives to the row at `index`: a header is row 1."""
        return self.row_numbers[index] if self.row_numbers else self.first_row + index

    def column(self, name: str) -> pa.ChunkedArray:
        """Return one column."""
        return pq.read_table(self.path, columns=[name]).column(0)


def read_tables(
    path: Path, folder: Path, limits: Limits | None = None, options: ReadOptions | None = None
) -> list[ReadTable]:
    """Read every table at `path` into `folder`; any that cannot be read refuses the whole.

    Raises Invalid with an `ingest_*` code whose facts name file, row and column where there is one.
    """
    limits, options = limits or Limits.configured(), options or ReadOptions()
    tables: dict[str, ReadTable] = {}
    for table in _read_any(path, folder, limits, options):
        if table.name in tables:
            raise Invalid("ingest_duplicate_table", file=table.file, table=table.name)
        tables[table.name] = table
    if not tables:
        raise Invalid("ingest_nothing_to_read", file=shown_name(path.name))
    return list(tables.values())


def shown_name(name: str) -> str:
    """Return a file's name as text that can be stored: NFC, undecodable bytes replaced."""
    return unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode("utf-8", "replace"))


def files_of(path: Path) -> list[Path]:
    """Return the files below a folder in order of name, or the file itself."""
    if not path.is_dir():
        return [path]
    return [file for file in sorted(path.rglob("*")) if file.is_file() and not _is_document(file.relative_to(path))]


def _is_document(name: PurePath) -> bool:
    hidden = any(part.startswith((".", "__MACOSX")) for part in name.parts)
    return hidden or name.stem.casefold() in DOCUMENTS or name.suffix.casefold() == ".md"


@dataclass(frozen=True)
class _Reading:
    """What all files of one reading share."""

    limits: Limits
    options: ReadOptions
    meter: Meter


@dataclass(frozen=True)
class _Source:
    """One file to read: where it lies, what its owner calls it, where to work, and what it came out of."""

    path: Path
    file: str
    work: Path
    inside: str = ""


def _read_any(path: Path, folder: Path, limits: Limits, options: ReadOptions) -> Iterator[ReadTable]:
    shown = shown_name(path.name)
    if not path.exists():
        raise Invalid("ingest_no_such_file", file=shown)
    files = files_of(path)
    if len(files) > limits.tables:
        raise Invalid("ingest_too_many_tables", file=shown, limit=limits.tables)
    size = sum(part.stat().st_size for part in files)
    if size > limits.file_bytes:
        raise Invalid("ingest_too_large", file=shown, size=size, limit=limits.file_bytes)
    reading = _Reading(limits, options, Meter(limits, size))
    for position, part in enumerate(files):
        named = shown_name(part.relative_to(path).as_posix()) if path.is_dir() else shown
        work = _made(folder / f"{position:04d}")
        (work / "source").symlink_to(part.absolute())  # a plain name: Arrow opens no path that is not UTF-8
        yield from _read_file(_Source(work / "source", named, work), reading)


def _read_file(source: _Source, reading: _Reading) -> Iterator[ReadTable]:
    """Read one file by what its first bytes say it is."""
    path, file, work = source.path, source.file, source.work
    check_size(path, file, reading.limits)
    with path.open("rb") as opened:
        magic = opened.read(4)
    if magic.startswith(b"\x1f\x8b"):
        yield from _read_gzip(source, reading)
    elif magic == b"PAR1":
        schema, rows = read_parquet(path, file, work / "table.parquet", reading.limits)
        yield ReadTable(_table_name(file), file, work / "table.parquet", schema, rows)
    elif magic in (b"PK\x03\x04", b"PK\x05\x06") and not is_workbook(path):
        yield from _read_zip(source, reading)
    elif magic in (b"PK\x03\x04", b"\xd0\xcf\x11\xe0"):
        yield from _read_workbook(source, reading, zipped=magic.startswith(b"PK"))
    elif PurePath(file.casefold().removesuffix(".gz")).suffix in TEXT_ENDINGS:
        text = read_delimited(path, file, _table_name(file), work, reading.limits, reading.options.encoding)
        yield _typed(text, work / "table.parquet", reading.options)
    else:
        raise Invalid("ingest_unknown_format", file=file)


def _read_gzip(source: _Source, reading: _Reading) -> Iterator[ReadTable]:
    if source.inside == "gzip":
        raise Invalid("ingest_nested_archive", file=source.file)
    target = gunzip(source.path, source.file, source.work / "gunzipped", reading.meter)
    yield from _read_file(_Source(target, source.file, source.work, inside="gzip"), reading)


def _read_zip(source: _Source, reading: _Reading) -> Iterator[ReadTable]:
    if source.inside:
        raise Invalid("ingest_nested_archive", file=source.file)
    members = unzip(source.path, source.file, _made(source.work / "members"), reading.meter)
    for position, (name, member) in enumerate(members):
        if not _is_document(PurePath(name)):
            part = _made(source.work / f"{position:04d}")
            yield from _read_file(_Source(member, f"{source.file}/{name}", part, inside="zip"), reading)


def _read_workbook(source: _Source, reading: _Reading, *, zipped: bool) -> Iterator[ReadTable]:
    if zipped:
        check_zip(source.path, source.file, reading.meter)
    tables = read_workbook(source.path, source.file, _table_name(source.file), source.work, reading.limits)
    for position, table in enumerate(tables):
        yield _typed(table, source.work / f"{position}.parquet", reading.options)


def _made(folder: Path) -> Path:
    folder.mkdir(mode=0o700)
    return folder


def _typed(text: TextTable, target: Path, options: ReadOptions) -> ReadTable:
    """Type a table of text and write it; memory holds one column, then one batch, at a time."""
    types = []
    for position, name in enumerate(text.names):
        expected = "text" if name in options.text_columns else options.expect(text.name, name)
        types.append(infer(text, position, expected, options.missing_marks))
    schema = pa.schema([(name, kind.arrow) for name, kind in zip(text.names, types, strict=True)])
    with pq.ParquetFile(text.path) as source, pq.ParquetWriter(target, schema, compression="zstd") as writer:
        for batch in source.iter_batches(batch_size=131_072):
            columns = [kind.convert(column) for kind, column in zip(types, batch.columns, strict=True)]
            writer.write_batch(pa.record_batch(columns, schema=schema))
    text.path.unlink()
    return ReadTable(text.name, text.file, target, schema, text.rows, text.first_row, text.row_numbers)


def _table_name(file: str) -> str:
    name = PurePath(file).name
    for ending in (".gz", ".csv", ".tsv", ".tab", ".txt", ".dat", ".psv", ".parquet", ".xlsx", ".xls", ".ods", ".xlsm"):
        if name.casefold().endswith(ending):
            name = name[: -len(ending)] or name
    return name.strip() or "table"
