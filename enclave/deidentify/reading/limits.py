"""How much of a file is read at most; every limit is checked on what arrives, never on what a header claims."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from enclave.kernel.errors import Invalid
from enclave.kernel.settings import settings

CHUNK = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Bytes, ratio and counts. `ratio` is judged only after `ratio_from` bytes came out of an archive."""

    file_bytes: int
    expanded_bytes: int
    ratio: int = 200
    ratio_from: int = 64 << 20
    tables: int = 500
    columns: int = 5_000
    rows: int = 100_000_000

    @staticmethod
    def configured() -> Limits:
        """Return the limits of this installation: what comes out of an archive may be twice an upload."""
        allowed = settings().upload_limit_bytes
        return Limits(file_bytes=allowed, expanded_bytes=2 * allowed)


class Meter:
    """Counts what comes out of the archives of one reading; refuses a bomb before it fills the disk.

    One meter serves a whole reading, so archives inside archives cannot multiply their allowances.
    """

    def __init__(self, limits: Limits, packed: int) -> None:
        self.limits, self.packed, self.bytes = limits, max(packed, 1), 0

    def count(self, size: int, file: str) -> None:
        """Add `size` bytes that came out of `file`; raise when the total or the ratio says bomb."""
        self.bytes += size
        if self.bytes > self.limits.ratio_from and self.bytes > self.limits.ratio * self.packed:
            raise Invalid("ingest_zip_bomb", file=file, ratio=self.limits.ratio)
        if self.bytes > self.limits.expanded_bytes:
            raise Invalid("ingest_expands_too_far", file=file, limit=self.limits.expanded_bytes)


def check_size(path: Path, file: str, limits: Limits) -> None:
    """Refuse a file over the limit before a byte of it is read, and an empty one."""
    size = path.stat().st_size
    if size > limits.file_bytes:
        raise Invalid("ingest_too_large", file=file, size=size, limit=limits.file_bytes)
    if size == 0:
        raise Invalid("ingest_empty_file", file=file)
