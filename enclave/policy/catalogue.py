"""Appendix C: 120 items of 11 systems and the degree to which each audience may have them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from enclave.kernel.i18n import LANGUAGES
from enclave.policy.faults import Faults
from enclave.policy.reading import read_csv
from enclave.policy.vocabulary import Vocabularies

AUDIENCES = ("public", "enterprise", "government")
COLUMNS = (
    "system",
    "system_zh",
    "system_en",
    "category_zh",
    "category_en",
    "item_zh",
    "item_en",
    "status",
    *AUDIENCES,
    "inferred",
)


@dataclass(frozen=True)
class Item:
    """One row. `degrees` by audience; `inferred` names the audiences whose cell the text of the standard lost."""

    system: str
    system_zh: str
    system_en: str
    category_zh: str
    category_en: str
    item_zh: str
    item_en: str
    status: str
    degrees: Mapping[str, str]
    inferred: tuple[str, ...] = ()
    line: int = 0

    def name(self, language: str) -> str:
        """Return system, category and item, joined, in `zh` or `en`."""
        parts = (getattr(self, f"{part}_{language}") for part in ("system", "category", "item"))
        return " / ".join(part for part in parts if part)

    def words(self) -> set[str]:
        """Return every name the row goes by."""
        parts = ("system", "category", "item")
        return {getattr(self, f"{part}_{language}") for part in parts for language in LANGUAGES} | {self.system}


@dataclass(frozen=True)
class Degrees:
    """The three degrees of a data set and where they come from: `catalogue`, `assigned` or `unlisted` (C-0)."""

    public: str = "none"
    enterprise: str = "none"
    government: str = "none"
    source: str = "unlisted"

    def of(self, audience: str) -> str:
        """Return the degree for an audience; an unknown audience gets none."""
        return str(getattr(self, audience)) if audience in AUDIENCES else "none"


@dataclass(frozen=True)
class Catalogue:
    """The rows in their order, found by system, category and item in either language."""

    items: tuple[Item, ...]
    _by_name: Mapping[tuple[str, str, str], Item] = field(default_factory=dict, repr=False)

    def find(self, system: str, category: str, item: str = "") -> Item | None:
        """Return the row of exactly these names (zh or en, or `s1`..`s11` for the system), or None."""
        return self._by_name.get((system, category, item))

    def degrees(self, system: str, category: str, item: str = "") -> Degrees:
        """Return the degrees of a resource.

        What is not listed is none for everybody (C-0); a new item of a listed category takes the category's
        degrees, the strictest of them for each audience, until a decision says otherwise (C-2).
        """
        found = self.find(system, category, item)
        siblings = [found] if found else [row for row in self.items if _under(row, system, category)]
        if not siblings:
            return Degrees()
        strictest = {name: strictest_degree(row.degrees[name] for row in siblings) for name in AUDIENCES}
        return Degrees(**strictest, source="catalogue")

    def search(self, words: str) -> Iterator[Item]:
        """Yield the rows that carry a word in any of their names, in the order of the appendix."""
        wanted = words.strip().lower()
        for item in self.items:
            if any(wanted in name.lower() for name in item.words() if name):
                yield item


def strictest_degree(degrees: Iterable[str]) -> str:
    """Return what several degrees ask together: their duties joined, and none above all (D2)."""
    asked = set(degrees)
    if "none" in asked or not asked:
        return "none"
    if {"agreement", "deidentified"} <= asked or "deidentified_agreement" in asked:
        return "deidentified_agreement"
    return next(degree for degree in ("deidentified", "agreement", "full") if degree in asked)


def read_catalogue(folder: Path, vocabularies: Vocabularies, faults: Faults) -> Catalogue:
    """Return the catalogue of a folder; unknown degrees, lost names and rows that contradict are faults."""
    items: dict[tuple[str, str, str], Item] = {}
    for row in read_csv(folder / "vocab" / "catalogue.csv", COLUMNS, faults):
        known = True
        for audience in AUDIENCES:
            if row[audience] not in vocabularies.get("degrees", {}) or row[audience] == "deidentified_agreement":
                faults.add("policy_fault_degree", row.file, row.line, degree=row[audience], audience=audience)
                known = False
        if row["status"] not in vocabularies.get("construction_states", {}):
            faults.add("policy_fault_code", row.file, row.line, code=row["status"], vocabulary="status", where="status")
        for part in ("system", "category", "item"):
            if bool(row[f"{part}_zh"]) != bool(row[f"{part}_en"]):
                faults.add("policy_fault_translation", row.file, row.line, code=row[f"{part}_zh"], language="zh/en")
        key = (row["system"], row["category_zh"], row["item_zh"])
        if key in items:
            faults.add("policy_fault_row_twice", row.file, row.line, first=items[key].line, item=" / ".join(key))
        if known:
            items[key] = _item(row, row.line)
    rows = tuple(items.values())
    return Catalogue(rows, {name: item for item in rows for name in _names(item)})


def _under(row: Item, system: str, category: str) -> bool:
    return system in (row.system, row.system_zh, row.system_en) and category in (row.category_zh, row.category_en)


def _item(row: Mapping[str, str], line: int) -> Item:
    plain = {name: row[name] for name in COLUMNS if name not in (*AUDIENCES, "inferred")}
    return Item(
        **plain, degrees={name: row[name] for name in AUDIENCES}, inferred=tuple(row["inferred"].split()), line=line
    )


def _names(item: Item) -> Iterator[tuple[str, str, str]]:
    for language in LANGUAGES:
        for system in (item.system, item.system_zh, item.system_en):
            yield system, getattr(item, f"category_{language}"), getattr(item, f"item_{language}")
