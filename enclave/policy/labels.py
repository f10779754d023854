"""Labels that travel with every copy: category, level and identifiability, in a form machines read (10.4.2 e)(1))."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

SCHEME = "T/SHIA 8-2020"
FOOTER = b"enclave.labels"  # key of the labels in the footer of a Parquet file


@dataclass(frozen=True)
class Labels:
    """The labels of one version of one data set. `categories` are codes of 4.2, `level` is 1 to 5."""

    dataset: str
    version: str
    categories: tuple[str, ...]
    level: int
    identifiability: str

    def as_metadata(self) -> dict[str, Any]:
        """Return the labels as JSON carries them, beside a copy or in a Parquet footer."""
        return {"scheme": SCHEME, **asdict(self), "categories": sorted(self.categories)}

    def as_footer(self) -> dict[bytes, bytes]:
        """Return the labels as a Parquet footer holds them: a copy of the file takes them along."""
        return {FOOTER: json.dumps(self.as_metadata(), ensure_ascii=False, sort_keys=True).encode()}

    def carried_by(self, metadata: Mapping[str, Any] | None) -> bool:
        """Tell whether a copy carries exactly these labels; one that is missing or differs makes it false."""
        return metadata is not None and dict(metadata) == self.as_metadata()


def from_footer(footer: Mapping[bytes, bytes] | None) -> dict[str, Any] | None:
    """Return the labels a Parquet footer holds, None where it has none or they cannot be read."""
    try:
        found = json.loads((footer or {})[FOOTER])
    except (KeyError, ValueError):
        return None
    return found if isinstance(found, dict) else None
