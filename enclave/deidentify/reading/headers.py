"""Checks the names of columns before a row is read: none empty, none twice, none reserved."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from enclave.deidentify.reading.limits import Limits
from enclave.kernel.errors import Invalid

PERSON = "_person"  # the hidden column of every stored person-level table
LONGEST = 200


def checked_names(raw: Sequence[object], file: str, limits: Limits) -> list[str]:
    """Return the names of a header in one form (NFC, single spaces), or raise Invalid naming the column."""
    if len(raw) > limits.columns:
        raise Invalid("ingest_too_many_columns", file=file, columns=len(raw), limit=limits.columns)
    names = [_tidy(name) for name in raw]
    first_seen: dict[str, int] = {}
    for position, name in enumerate(names, 1):
        if not name:
            raise Invalid("ingest_empty_header", file=file, row=1, column=position)
        if len(name) > LONGEST:
            raise Invalid("ingest_long_header", file=file, row=1, column=position, limit=LONGEST)
        if name.casefold() == PERSON:
            raise Invalid("ingest_reserved_header", file=file, row=1, column=name)
        same = first_seen.setdefault(unicodedata.normalize("NFKC", name).casefold(), position)
        if same != position:
            raise Invalid("ingest_duplicate_header", file=file, row=1, column=name, first=same, second=position)
    return names


def _tidy(name: object) -> str:
    """Return a name without control characters; names that differ only so would be traps."""
    text = unicodedata.normalize("NFC", "" if name is None else str(name)).replace("\ufeff", "")
    shown = "".join(" " if unicodedata.category(char) in ("Cc", "Zl", "Zp") else char for char in text)
    return " ".join(shown.split())
