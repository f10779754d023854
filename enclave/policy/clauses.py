"""The clauses of T/SHIA 8-2020 as the project lists them, in its own words, and the waivers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

from enclave.kernel.i18n import LANGUAGES
from enclave.policy.faults import Faults
from enclave.policy.reading import read_csv, read_yaml

FOLDER = Path(__file__).parent
COLUMNS = ("id", "component", "origin", "zh", "en")


@dataclass(frozen=True)
class Clause:
    """One requirement. `origin` is `standard`, or `derived` where the product ties a feature of its own to the text."""

    id: str
    component: str
    origin: str
    zh: str
    en: str

    def text(self, language: str) -> str:
        """Return the requirement in `zh` or `en`."""
        return self.zh if language == "zh" else self.en


@dataclass(frozen=True)
class Waiver:
    """A clause the product does not prove yet: why, since when, and who decided."""

    clause: str
    since: date
    zh: str
    en: str


def read_clauses(folder: Path, faults: Faults) -> dict[str, Clause]:
    """Return the clause list of a folder by id."""
    found: dict[str, Clause] = {}
    for row in read_csv(folder / "clauses.csv", COLUMNS, faults):
        if row["id"] in found:
            faults.add("policy_fault_twice", row.file, row.line, code=row["id"])
        for language in LANGUAGES:
            if not row[language].strip():
                faults.add("policy_fault_translation", row.file, row.line, code=row["id"], language=language)
        found[row["id"]] = Clause(**row)
    return found


def read_waivers(folder: Path, clauses: Mapping[str, Clause], faults: Faults) -> dict[str, Waiver]:
    """Return the waivers of a folder by clause id; none of them without reason and date."""
    found: dict[str, Waiver] = {}
    for row in read_yaml(folder / "waivers.yaml", faults).get("waivers") or []:
        since: Any = row.get("since")
        if row.get("clause") not in clauses:
            faults.add("policy_fault_clause", row.file, row.line, clause=row.get("clause"))
        elif not isinstance(since, date) or not row.get("zh") or not row.get("en"):
            faults.add("policy_fault_waiver", row.file, row.line, clause=row["clause"])
        else:
            found[row["clause"]] = Waiver(row["clause"], since, row["zh"], row["en"])
    return found


@lru_cache(maxsize=1)
def clauses() -> dict[str, Clause]:
    """Return the project's clause list by id, in the order of the standard."""
    faults = Faults()
    found = read_clauses(FOLDER, faults)
    faults.settle()
    return found


@lru_cache(maxsize=1)
def waivers() -> dict[str, Waiver]:
    """Return the waivers by clause id."""
    faults = Faults()
    found = read_waivers(FOLDER, clauses(), faults)
    faults.settle()
    return found


def components() -> Iterator[str]:
    """Yield the components in the order of their first clause."""
    yield from dict.fromkeys(clause.component for clause in clauses().values())
