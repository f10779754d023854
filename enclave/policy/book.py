"""The rule book: vocabularies, rules, tracks and catalogue read together, checked against each other, and versioned."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import Any

from enclave.policy.catalogue import Catalogue, read_catalogue
from enclave.policy.clauses import Clause, read_clauses, read_waivers
from enclave.policy.conditions import compiled
from enclave.policy.faults import Faults
from enclave.policy.glossary import read_glossary
from enclave.policy.reading import Located, read_yaml
from enclave.policy.ruling import Reader, Rule
from enclave.policy.vocabulary import Entry, Vocabularies, check_clauses, check_translations, read_vocabularies
from enclave.policy.workflows import Track, read_tracks

FOLDER = Path(__file__).parent
LATE = frozenset({"degree", "listed", "grounded"})  # facts the engine knows only after the first round of rules
Tests = tuple[tuple[str, Callable[[Any, Any], bool], Any], ...]


# Facts that sort rules into drawers: a rule that names one of their values is looked at only where it is stated.
DRAWERS = ("scenario", "flow", "use", "purpose", "position", "mode", "group", "principle", "release")


@dataclass(frozen=True)
class Shelf:
    """The rules of one door, sorted for speed. `late` hang on facts the engine learns after the first round."""

    general: tuple[tuple[Rule, Tests], ...]
    drawers: Mapping[tuple[str, Any], tuple[tuple[Rule, Tests], ...]]
    late: tuple[tuple[Rule, Tests], ...]

    def holding(self, facts: Mapping[str, Any]) -> list[Rule]:
        """Return the rules of the first round whose tests all hold."""
        found = [rule for rule, tests in self.general if _hold(tests, facts)]
        for name in DRAWERS:
            for rule, tests in self.drawers.get((name, facts[name]), ()):
                if _hold(tests, facts):
                    found.append(rule)
        return found

    def holding_late(self, facts: Mapping[str, Any]) -> list[Rule]:
        """Return the rules of the second round whose tests all hold."""
        return [rule for rule, tests in self.late if _hold(tests, facts)]


_EMPTY = Shelf((), {}, ())


def _hold(tests: Tests, facts: Mapping[str, Any]) -> bool:
    for fact, test, wanted in tests:  # noqa: SIM110  a loop is twice as fast as all(), and this is the innermost step
        if not test(facts[fact], wanted):
            return False
    return True


@dataclass(frozen=True)
class Book:
    """Everything a decision rests on. `version` is the SHA-256 of the files it was read from."""

    clauses: Mapping[str, Clause]
    vocabularies: Vocabularies
    rules: tuple[Rule, ...]
    tracks: Mapping[str, Track]
    catalogue: Catalogue
    version: str
    shelves: Mapping[str, Shelf] = field(default_factory=dict, repr=False)

    def words(self, name: str) -> Mapping[str, Entry]:
        """Return a vocabulary; one that does not exist raises KeyError."""
        return self.vocabularies[name]

    def rule(self, identifier: str) -> Rule:
        """Return a rule by its id; one that does not exist raises KeyError."""
        return {rule.id: rule for rule in self.rules}[identifier]

    def shelf(self, action: str | None) -> Shelf:
        """Return the rules of a door; one nobody knows gets the rules that hold at every door."""
        return self.shelves.get(action or "", _EMPTY)


def read_book(folder: Path | None = None) -> Book:
    """Read and check a folder of rules; `InvalidRules` lists everything wrong, with file and line."""
    folder = folder or FOLDER
    faults = Faults()
    clauses = read_clauses(folder, faults)
    vocabularies = read_vocabularies(folder, clauses, faults)
    faults.settle()  # rules are read against the vocabularies: without them every rule would be a fault
    rules = _rules(folder, vocabularies, clauses, faults)
    tracks = read_tracks(folder, vocabularies, clauses, faults)
    catalogue = read_catalogue(folder, vocabularies, faults)
    _check_together(rules, tracks, vocabularies, faults)
    read_waivers(folder, clauses, faults)
    read_glossary(folder / "glossary.yaml", faults)
    faults.settle()
    return made(Book(clauses, vocabularies, rules, tracks, catalogue, _version(folder)))


def made(book: Book) -> Book:
    """Return the book with its rules sorted door by door."""
    doors = tuple(book.vocabularies["actions"])
    shelves = {action: _shelf([rule for rule in book.rules if action in rule.doors]) for action in doors}
    shelves[""] = _shelf([rule for rule in book.rules if set(doors) <= set(rule.doors)])
    return replace(book, shelves=shelves)


def _shelf(rules: list[Rule]) -> Shelf:
    general, late = [], []
    drawers: dict[tuple[str, Any], list[tuple[Rule, Tests]]] = {}
    for rule in rules:
        named = next((test for test in rule.tests if test.test == "any" and test.fact in DRAWERS), None)
        ready = (rule, compiled(tuple(test for test in rule.tests if test.fact != "action" and test is not named)))
        if any(test.fact in LATE for test in rule.tests):
            late.append((rule, compiled(tuple(test for test in rule.tests if test.fact != "action"))))
        elif named is None:
            general.append(ready)
        else:
            for value in named.values:
                drawers.setdefault((named.fact, value), []).append(ready)
    return Shelf(tuple(general), {key: tuple(rows) for key, rows in drawers.items()}, tuple(late))


@lru_cache(maxsize=1)
def current() -> Book:
    """Return the project's own rule book, read once."""
    return read_book()


def check_rules(folder: Path | None = None) -> str:
    """Check the rule files and return their version; the platform calls this before it starts anything.

    Raises `InvalidRules` whose facts name file, line and reason of everything that does not hold.
    """
    return read_book(folder).version


def _rules(folder: Path, vocabularies: Vocabularies, clauses: Mapping[str, Clause], faults: Faults) -> tuple[Rule, ...]:
    reader = Reader(vocabularies, clauses, faults)
    found: dict[str, Rule] = {}
    for path in sorted((folder / "rules").glob("*.yaml")):
        loaded = read_yaml(path, faults)
        _check_levels(loaded, clauses, faults)
        for rule in reader.rules(loaded.get("rules") or [], path.name):
            if rule.id in found:
                faults.add("policy_fault_twice", rule.file, rule.line, code=rule.id)
            found[rule.id] = rule
    return tuple(found.values())


def _check_levels(loaded: Located, clauses: Mapping[str, Clause], faults: Faults) -> None:
    """Check the grading rules, which `levels.py` reads: clause, level and both languages."""
    rows = [row for name in ("columns", "data_sets") for row in loaded.get(name) or []]
    rows += list((loaded.get("versions") or {}).values())
    check_translations(rows, faults)
    check_clauses(rows, clauses, faults)
    for row in rows:
        if row.get("level") not in range(1, 6) or not row.get("clause") or row.get("when") == {}:
            faults.add("policy_fault_grade", row.file, row.line, level=row.get("level"))


def _check_together(rules: Iterable[Rule], tracks: Mapping[str, Track], words: Vocabularies, faults: Faults) -> None:
    by_id = {rule.id: rule for rule in rules}
    permits = [rule for rule in by_id.values() if rule.effect == "permit"]
    sets = frozenset(code for code, entry in words["facts"].items() if entry.attributes.get("set"))
    for rule in by_id.values():
        if rule.track and (rule.track not in tracks or rule.effect != "permit"):
            faults.add("policy_fault_track", rule.file, rule.line, rule=rule.id, track=rule.track)
        for other in set(rule.before) - set(by_id):
            faults.add("policy_fault_order", rule.file, rule.line, rule=rule.id, other=other)
        _check_dead(rule, permits, faults)
    for one, two in combinations(permits, 2):
        ordered = two.id in one.before or one.id in two.before
        if one.track != two.track and one.track and two.track and not ordered and one.meets(two, sets):
            facts = {"rule": two.id, "other": one.id, "other_line": one.line}
            faults.add("policy_fault_contradiction", two.file, two.line, **facts)


def _check_dead(rule: Rule, permits: list[Rule], faults: Faults) -> None:
    """A ground that a refusal always overrules contradicts it, unless the ground names it in `before`."""
    if rule.effect != "deny":
        return
    for permit in permits:
        if rule.id not in permit.before and rule.covers(permit):
            facts = {"rule": permit.id, "other": rule.id, "other_line": rule.line}
            faults.add("policy_fault_contradiction", permit.file, permit.line, **facts)


def _version(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted([*folder.glob("rules/*.yaml"), *folder.glob("vocab/*.*"), folder / "clauses.csv"]):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
