"""The controlled vocabularies of the standard: codes, names in both languages, clauses and attributes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from enclave.policy.faults import Faults
from enclave.policy.reading import Located, read_yaml

Vocabularies = Mapping[str, Mapping[str, "Entry"]]
# Attributes whose values are codes of another vocabulary; a code that is not there is a fault.
REFERS = {
    ("levels", "degree"): "degrees",
    ("levels", "points"): "obligations",
    ("purposes", "parties"): "parties",
    ("uses", "purposes"): "purposes",
    ("parties", "audience"): "audiences",
    ("roles", "kinds"): "parties",
    ("pool_parties", "functions"): "functions",
    ("product_roles", "functions"): "functions",
    ("product_roles", "never_with"): "product_roles",
    ("principles", "charges"): "charges",
    ("stages", "by"): "pool_parties",
    ("scenarios", "group"): "scenario_groups",
    ("scenarios", "modes"): "modes",
    ("scenarios", "flows"): "flows",
    ("scenarios", "uses"): "uses",
    ("scenarios", "parties"): "parties",
    ("scenario_roles", "scenario"): "scenarios",
    ("scenario_roles", "party"): "parties",
    ("scenario_roles", "role"): "roles",
    ("interconnection", "data"): "interconnection_data",
    ("interconnection", "consults"): "interconnection_data",
    ("interconnection", "uses"): "uses",
    ("handling", "flow"): "flows",
    ("handling", "side"): "sides",
    ("handling", "stage"): "stages_of_handling",
    ("handling", "points"): "obligations",
    ("modes", "states"): "application_items",
    ("obligations", "kind"): "obligation_kinds",
    ("applicant_criteria", "group"): "applicant_groups",
}


@dataclass(frozen=True)
class Entry:
    """One word of a vocabulary. `attributes` are what the file says beside code, names and clauses."""

    code: str
    zh: str
    en: str
    clauses: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    file: str = ""
    line: int = 0

    def name(self, language: str) -> str:
        """Return the word in `zh` or `en`."""
        return self.zh if language == "zh" else self.en

    def told(self, attribute: str, language: str) -> str:
        """Return a text attribute that comes in both languages, such as `about`."""
        return str(self.attributes.get(f"{attribute}_{language}", ""))

    def codes(self, attribute: str) -> tuple[str, ...]:
        """Return an attribute that lists codes, empty where it is not written."""
        value = self.attributes.get(attribute) or ()
        return (str(value),) if isinstance(value, str) else tuple(str(item) for item in value)


def read_vocabularies(folder: Path, clauses: Collection[str], faults: Faults) -> dict[str, dict[str, Entry]]:
    """Return every vocabulary of `folder/vocab/*.yaml`, checked word by word (see `REFERS`)."""
    found: dict[str, dict[str, Entry]] = {}
    for path in sorted((folder / "vocab").glob("*.yaml")):
        if path.name == "workflows.yaml":
            continue
        loaded = read_yaml(path, faults)
        for name, rows in loaded.items():
            if name in found:
                faults.add("policy_fault_twice", path.name, loaded.line, code=name)
            found[name] = _entries(rows, path.name, clauses, faults)
    _compute(found)
    _check_references(found, faults)
    return found


def nested(value: Any) -> Iterator[Located]:
    """Yield every mapping inside a value, outermost first."""
    if isinstance(value, Located):
        yield value
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, (list, tuple)) else ()
    for item in items:
        yield from nested(item)


def field_codes(entry: Entry) -> frozenset[str]:
    """Return the codes of all fields an entry names at any depth (tables 9 and 10, clinical domains)."""
    return frozenset(
        row["code"] for part in nested(dict(entry.attributes)) for row in part.get("fields", []) if "code" in row
    ) | frozenset(row["code"] for row in entry.attributes.get("fields", []))


def check_translations(rows: Any, faults: Faults) -> None:
    """Note every mapping that has one language without the other, at any depth."""
    for part in nested(rows):
        for here, there in (("zh", "en"), ("en", "zh")):
            for key in [key for key in part if key == here or key.endswith(f"_{here}")]:
                other = key.removesuffix(here) + there
                missing = not str(part.get(other, "") or "").strip() and str(part[key] or "").strip()
                if missing and not key.startswith("also_"):
                    faults.add(
                        "policy_fault_translation", part.file, part.line, code=part.get("code", key), language=there
                    )


def check_clauses(rows: Any, clauses: Collection[str], faults: Faults) -> None:
    """Note every clause id, at any depth, that the clause list does not have."""
    for part in nested(rows):
        cited = part.get("clauses") or [value for key, value in part.items() if key.endswith("clause")]
        for clause in cited if isinstance(cited, list) else [cited]:
            if str(clause) not in clauses:
                faults.add("policy_fault_clause", part.file, part.line, clause=clause)


def _entries(rows: Any, file: str, clauses: Collection[str], faults: Faults) -> dict[str, Entry]:
    check_translations(rows, faults)
    check_clauses(rows, clauses, faults)
    found: dict[str, Entry] = {}
    for row in rows or []:
        if not isinstance(row, Located) or not {"code", "zh", "en"} <= set(row):
            faults.add("policy_fault_entry", file, getattr(row, "line", 1), code=_named(row))
            continue
        if str(row["code"]) in found:
            faults.add("policy_fault_twice", row.file, row.line, code=row["code"])
        rest = {key: value for key, value in row.items() if key not in ("code", "zh", "en", "clauses")}
        cited = tuple(str(clause) for clause in row.get("clauses", ()))
        entry = Entry(str(row["code"]), row["zh"], row["en"], cited, rest, row.file, row.line)
        found[entry.code] = entry
    return found


def _named(row: Any) -> str:
    return str(row.get("code", "?") if isinstance(row, Mapping) else row)[:40]


def _compute(found: dict[str, dict[str, Entry]]) -> None:
    """Add the vocabularies that follow from others: classes of data and fields."""
    found["classes"] = {}
    for code, entry in found.get("categories", {}).items():
        parts = [part for part in entry.attributes.get("scope", []) if "fields" in part]
        found["classes"][code] = entry
        for part in parts:
            full = f"{code}.{part['code']}"
            found["classes"][full] = Entry(full, part["zh"], part["en"], tuple(part.get("clause", "").split()))
    fields: dict[str, Entry] = {}
    for name in ("insurance_fields", "supervision_fields", "clinical_domains", "categories"):
        for part in nested([dict(entry.attributes) for entry in found.get(name, {}).values()]):
            for row in part.get("fields", []):
                fields.setdefault(row["code"], Entry(row["code"], row["zh"], row["en"]))
        for entry in found.get(name, {}).values():
            for row in entry.attributes.get("fields", []):
                fields.setdefault(row["code"], Entry(row["code"], row["zh"], row["en"]))
    found["fields"] = fields


def _check_references(found: Vocabularies, faults: Faults) -> None:
    for (name, attribute), target in REFERS.items():
        for entry in found.get(name, {}).values():
            for code in entry.codes(attribute):
                if code not in found.get(target, {}):
                    faults.add(
                        "policy_fault_code", entry.file, entry.line, code=code, vocabulary=target, where=attribute
                    )
