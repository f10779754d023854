"""Files stewards may register from the page: what lies in the incoming folder, and what a browser uploads."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from enclave.kernel.errors import NotFound
from enclave.kernel.settings import settings


@dataclass(frozen=True)
class Arrival:
    """A file or folder in the incoming folder; `size` is in bytes, 0 for a folder."""

    name: str
    size: int


def folder() -> Path:
    """Return the only folder of this machine a page may read from; an operator copies large files there."""
    return settings().folder("incoming")


def arrivals() -> list[Arrival]:
    """Return what lies there, without hidden files and without links that could lead elsewhere."""
    found = (path for path in folder().iterdir() if not path.name.startswith(".") and not path.is_symlink())
    return sorted((Arrival(p.name, p.stat().st_size if p.is_file() else 0) for p in found), key=lambda each: each.name)


def arrived(name: str) -> Path:
    """Return the path of an arrival, or raise NotFound: a name is never a way out of the folder."""
    if name not in {each.name for each in arrivals()}:
        raise NotFound("not_found", kind="file", id=name)
    return folder() / name


@contextmanager
def uploaded(name: str, content: BinaryIO) -> Iterator[Path]:
    """Give an upload a path under its own name, for as long as it is read."""
    with tempfile.TemporaryDirectory(prefix="upload-", dir=settings().folder("spool")) as spool:
        path = Path(spool) / (Path(name).name.lstrip(".") or "upload")
        with path.open("wb") as file:
            while chunk := content.read(1 << 20):
                file.write(chunk)
        yield path
