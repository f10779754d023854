"""Proposes the level (4.1) of a column, a data set and a version from `rules/levels.yaml`, with its clause."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

RULES = Path(__file__).parent / "rules" / "levels.yaml"
_CONDITIONS = {"role", "kind", "topic", "persons"}


@dataclass(frozen=True)
class Grade:
    """A level from 1 to 5, the clause it rests on, and the reason in both languages."""

    level: int
    clause: str
    zh: str
    en: str


@lru_cache(maxsize=1)
def rules() -> dict[str, Any]:
    """Return the rules; a rule that would always match, or knows a strange condition, stops the start."""
    loaded: dict[str, Any] = yaml.safe_load(RULES.read_text("utf-8"))
    for rule in [*loaded["columns"], *loaded["data_sets"]]:
        if not rule["when"] or not set(rule["when"]) <= _CONDITIONS or any(v == [] for v in rule["when"].values()):
            raise ValueError(f"levels.yaml: a rule needs known, non-empty conditions: {rule['when']}")
    return loaded


def column_grade(role: str, kind: str = "", topics: Collection[str] = ()) -> Grade:
    """Return the level of a column: the highest of all rules that match (P9).

    `role` is direct, quasi, sensitive or other; `kind` what the values are; `topics` the sensitive
    topics found (special_disease, performance, drug_consumption).
    """
    return _highest_match("columns", {"role": {role}, "kind": {kind}, "topic": set(topics)})


def reference_grade() -> Grade:
    """Return the level of a column of a table without records of persons."""
    return _highest_match("data_sets", {"persons": False})


def data_set_grade(columns: Iterable[Grade], roles: Collection[str], *, persons: bool) -> Grade:
    """Return the level of a set: never below its parts, nor below what its records are (4.1-0)."""
    own = _highest_match("data_sets", {"role": set(roles), "persons": persons})
    return max([own, *columns], key=lambda grade: grade.level)  # max keeps the first of equals: the set's own reason


def version_grade(identifiability: str, *, risk_below_threshold: bool = False) -> Grade:
    """Return the level of a version by its identifiability and measured risk (D5)."""
    found = rules()["versions"]
    key = f"{identifiability}_below_threshold"
    return _grade(found[key] if risk_below_threshold and key in found else found[identifiability])


def highest(levels: Iterable[int]) -> int:
    """Return the highest level of the parts; a set without parts has no level and raises ValueError."""
    return max(levels)


def _highest_match(section: str, facts: Mapping[str, Any]) -> Grade:
    matching = [rule for rule in rules()[section] if all(_holds(facts.get(n), v) for n, v in rule["when"].items())]
    if not matching:  # fail closed: what no rule knows counts as identifying
        return Grade(4, "4.1-L4", "没有适用的规则，按可标识个人处理", "no rule applies; treated as identifying")
    return _grade(max(matching, key=lambda rule: rule["level"]))


def _holds(fact: Any, wanted: Any) -> bool:
    return fact is wanted if isinstance(wanted, bool) else bool(fact) and bool(set(wanted) & fact)


def _grade(rule: Mapping[str, Any]) -> Grade:
    return Grade(rule["level"], str(rule["clause"]), rule["zh"], rule["en"])
