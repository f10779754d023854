"""From what a door states to the facts that rules look at: nothing is invented, and what is strange is unknown."""

from __future__ import annotations

from typing import Any

from enclave.policy.book import Book
from enclave.policy.conditions import UNKNOWN
from enclave.policy.request import DecisionRequest

UNMAPPED = "unmapped"  # a column without a class or field of the standard: outside every table of the standard
PROVINCE = "51"
BASIC_PURPOSES, BASIC_GROUPS = frozenset({"P1", "P2", "P3"}), frozenset({"10.1", "10.2"})
# Facts that are one code of a vocabulary, and the vocabulary.
CODED = {
    "scenario": "scenarios",
    "mode": "modes",
    "platform": "platforms",
    "purpose": "purposes",
    "use": "uses",
    "origin": "scenarios",
    "party": "parties",
    "role": "roles",
    "position": "positions",
    "release": "releases",
    "principle": "principles",
    "charge": "charges",
    "status": "construction_states",
    "omics_access": "omics_access",
}
RANKED = {"identifiability": "identifiability", "audience": "audiences"}


def facts_of(request: DecisionRequest, book: Book) -> dict[str, Any]:
    """Return the facts of a case by name, as `vocab/actions.yaml` declares them; UNKNOWN where nothing is stated."""
    facts: dict[str, Any] = {}
    unknown = _coded(request, book, facts)
    _about_use(request, book, facts)
    _about_data(request, book, facts, unknown)
    facts["flow"] = flow(request.from_role, request.role, same_party=request.same_party)
    facts["met"] = _met(request, facts)
    facts["unknown"] = frozenset(unknown)
    return facts


def flow(from_role: str | None, to_role: str | None, *, same_party: bool) -> str | None:
    """Return the flow F1-F6 between two roles (5.3), None where the roles do not make one."""
    if same_party:
        return "F3" if from_role == to_role == "controller" else UNKNOWN
    return _FLOWS.get((from_role, to_role), UNKNOWN)


_FLOWS: dict[tuple[str | None, str | None], str] = {
    ("subject", "controller"): "F1",
    ("controller", "subject"): "F2",
    ("controller", "processor"): "F4",
    ("controller", "controller"): "F5",
    ("controller", "user"): "F6",
}


def _coded(request: DecisionRequest, book: Book, facts: dict[str, Any]) -> set[str]:
    unknown = set()
    words = book.vocabularies
    facts["action"] = request.action if request.action in words["actions"] else UNKNOWN
    if facts["action"] is UNKNOWN:
        unknown.add("action")
    for name, vocabulary in CODED.items():
        value = getattr(request, name)
        known = value is None or value in words[vocabulary]
        facts[name] = value if known else UNKNOWN
        if not known:
            unknown.add(name)
    for name, vocabulary in RANKED.items():
        entry = words[vocabulary].get(getattr(request, name) or "")
        facts[name] = entry.attributes["rank"] if entry else UNKNOWN
        if entry is None and getattr(request, name):
            unknown.add(name)
    return unknown


def _about_use(request: DecisionRequest, book: Book, facts: dict[str, Any]) -> None:
    scenario, use = book.words("scenarios").get(facts["scenario"] or ""), book.words("uses").get(facts["use"] or "")
    facts["group"] = scenario.attributes["group"] if scenario else UNKNOWN
    facts["profit"] = bool(use.attributes.get("profit")) if use else UNKNOWN
    facts["trace"] = request.trace
    facts["months"] = request.months
    stated = facts["purpose"] is not UNKNOWN and facts["group"] is not UNKNOWN
    basic = facts["purpose"] in BASIC_PURPOSES and facts["group"] in BASIC_GROUPS and facts["profit"] is not True
    facts["basic"] = basic if stated else UNKNOWN  # D27


def _about_data(request: DecisionRequest, book: Book, facts: dict[str, Any], unknown: set[str]) -> None:
    columns = request.columns
    facts["roles"] = frozenset(column.role for column in columns if column.role)
    facts["classes"] = frozenset(column.class_ or UNMAPPED for column in columns)
    facts["fields"] = frozenset(column.field or UNMAPPED for column in columns)
    facts["topics"] = frozenset(request.topics).union(*(column.topics for column in columns))
    facts["documents"] = frozenset(request.documents)
    facts["categories"] = frozenset(request.categories)
    facts["omics_mixed"] = len(set(request.omics_types)) > 1
    for name in ("roles", "topics", "documents", "categories"):
        words = book.vocabularies[_OF[name]]
        if not all(code in words for code in facts[name]):
            unknown.add(name)
    facts["level"] = _level(request, unknown)
    facts["claimed"] = request.claimed
    facts["below_parts"] = _below(request.claimed, facts["level"])
    facts["derived"] = request.derived
    facts["parents_stated"] = bool(request.parents)
    facts["below_parents"] = _below(request.claimed or facts["level"], max(request.parents, default=None))
    facts["personal"] = _personal(request, facts)
    facts["in_province"] = request.jurisdiction.startswith(PROVINCE) if request.jurisdiction else UNKNOWN


_OF = {
    "roles": "column_roles",
    "topics": "topics",
    "documents": "interconnection_data",
    "categories": "categories",
}


def _level(request: DecisionRequest, unknown: set[str]) -> int | None:
    """Return the highest level of the set and its columns (4.1-0); a number that is no level makes it unknown."""
    stated = [level for level in (request.level, *(column.level for column in request.columns)) if level is not None]
    if not all(level in range(1, 6) for level in stated):
        unknown.add("level")
        return UNKNOWN
    return max(stated, default=UNKNOWN)


def _below(one: int | None, other: int | None) -> bool | None:
    return UNKNOWN if one is None or other is None else one < other


def _personal(request: DecisionRequest, facts: dict[str, Any]) -> bool:
    """Tell whether the records lead to persons, alone or in combination (3.1); unsaid, identifying columns decide."""
    if request.persons is not None:
        return request.persons or "direct" in facts["roles"]
    return bool(facts["roles"] & {"direct", "quasi"})


def _met(request: DecisionRequest, facts: dict[str, Any]) -> frozenset[str]:
    """Add to what is met what the facts themselves show."""
    found = set(request.met)
    if (request.controller or "").strip():
        found.add("controller_named")
    released = facts["identifiability"] is not UNKNOWN and facts["identifiability"] <= _RELEASABLE
    graded = facts["level"] is not UNKNOWN and facts["level"] <= 3
    if released and graded and "direct" not in facts["roles"]:
        found.add("desensitisation")
    else:
        found.discard("desensitisation")  # a treatment shows in the data, not in a claim
    return frozenset(found)


_RELEASABLE = 3  # rank of a limited data set in vocab/identifiability.yaml
