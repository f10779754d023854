"""Takes files out of gzip and zip archives without trusting a word of what the archive says of itself."""

from __future__ import annotations

import gzip
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Protocol, cast

from enclave.deidentify.reading.limits import CHUNK, Meter
from enclave.kernel.errors import Invalid

_UTF8_NAMES = 0x800
_ENCRYPTED = 0x1
_LITTER = ("__MACOSX", ".")


class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def gunzip(path: Path, file: str, target: Path, meter: Meter) -> Path:
    """Inflate a gzip file into `target`, counting as it grows."""
    try:
        with gzip.open(path, "rb") as packed:
            _copy(packed, target, meter, file)
    except (EOFError, OSError, zlib.error) as error:
        raise Invalid("ingest_broken_archive", file=file) from error
    return target


def unzip(path: Path, file: str, folder: Path, meter: Meter) -> Iterator[tuple[str, Path]]:
    """Yield (name inside the archive, extracted file); targets are numbered, so no name can escape `folder`."""
    with _opened(path, file) as archive:
        members = [member for member in archive.infolist() if not member.is_dir() and not _litter(member.filename)]
        if len(members) > meter.limits.tables:
            raise Invalid("ingest_too_many_tables", file=file, limit=meter.limits.tables)
        for position, member in enumerate(members):
            if member.flag_bits & _ENCRYPTED:
                raise Invalid("ingest_encrypted_archive", file=file)
            name = _name(member)
            target = folder / f"{position:04d}{PurePosixPath(name).suffix[:8]}"
            with _member(archive, member, file) as packed:
                _copy_member(packed, target, meter, file)
            yield name, target


def check_zip(path: Path, file: str, meter: Meter) -> None:
    """Inflate every member of a zip-based document (XLSX) into nothing, so a bomb never reaches its reader."""
    with _opened(path, file) as archive:
        for member in archive.infolist():
            with _member(archive, member, file) as packed:
                _copy_member(packed, None, meter, file)


def _opened(path: Path, file: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise Invalid("ingest_broken_archive", file=file) from error


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, file: str) -> zipfile.ZipExtFile:
    try:
        return cast(zipfile.ZipExtFile, archive.open(member))
    except RuntimeError as error:
        raise Invalid("ingest_encrypted_archive", file=file) from error
    except (zipfile.BadZipFile, NotImplementedError, OSError) as error:
        raise Invalid("ingest_broken_archive", file=file) from error


def _copy_member(packed: _Readable, target: Path | None, meter: Meter, file: str) -> None:
    try:
        _copy(packed, target, meter, file)
    except (zipfile.BadZipFile, EOFError, OSError, zlib.error) as error:
        raise Invalid("ingest_broken_archive", file=file) from error


def _copy(packed: _Readable, target: Path | None, meter: Meter, file: str) -> None:
    sink = target.open("wb") if target else None
    try:
        while chunk := packed.read(CHUNK):
            meter.count(len(chunk), file)
            if sink:
                sink.write(chunk)
    finally:
        if sink:
            sink.close()


def is_workbook(path: Path) -> bool:
    """Tell whether a zip is an Excel or OpenDocument workbook by the members every one of them has."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError):
        return False  # whatever it is, reading it as a zip says what is wrong with it
    return "[Content_Types].xml" in names or "mimetype" in names


def _litter(name: str) -> bool:
    return any(part.startswith(_LITTER) for part in PurePosixPath(name).parts)


def _name(member: zipfile.ZipInfo) -> str:
    """Return a member's name; Chinese Windows writes GBK names and leaves the UTF-8 flag off."""
    name = member.filename
    if not member.flag_bits & _UTF8_NAMES:
        raw = name.encode("cp437", "replace")
        for encoding in ("utf-8", "gb18030"):
            try:
                name = raw.decode(encoding)
                break
            except UnicodeDecodeError:
                continue
    return unicodedata.normalize("NFC", name)
