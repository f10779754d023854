"""The conditions of a rule: a small language that is checked when it is read and fast when it is asked.

A rule's `when` maps facts to tests, all of which must hold. A test is a value, a list of values, `true`/`false`, or

| test                    | holds when                                                              |
|-------------------------|-------------------------------------------------------------------------|
| `v` or `[v, w]`         | the fact is one of them; a set holds one of them                        |
| `{outside: [v, w]}`     | the fact is known and none of them; a set holds another one too         |
| `{within: [v, w]}`      | the fact is one of them; a set is not empty and holds no other          |
| `{at_least: n}`         | a number or rank is at least n                                          |
| `{at_most: n}`          | a number or rank is known and at most n                                 |
| `{lacks: [v, [w, x]]}`  | a set lacks v, or both w and x                                          |
| `{holds: [v]}`          | a set holds all of them                                                 |
| `{stated: true}`        | the fact is known; a set is not empty                                   |
| `{stated: false}`       | the fact is not known                                                   |

An unknown fact satisfies no test but `stated: false`: nothing stated never allows (P9).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Facts = Mapping[str, Any]
Test = Callable[[Facts], bool]
UNKNOWN = None
# Tests that go on holding when a rising fact grows; the only ones a restriction may use on it. Of falling facts the
# same is true of `lacks`. Grounds, which permit, may use the opposite ones.
UPWARD = frozenset({"any", "outside", "at_least", "true"})
DOWNWARD = frozenset({"within", "at_most", "false", "holds"})


@dataclass(frozen=True)
class Condition:
    """One test of one fact, as written."""

    fact: str
    test: str
    values: tuple[Any, ...]

    def holds(self, value: Any) -> bool:
        """Tell whether a value satisfies the test."""
        return _TESTS[self.test](value, self.values)

    def implies(self, other: Condition) -> bool:
        """Tell, on the safe side, whether whatever satisfies this test satisfies the other as well."""
        if self.fact != other.fact:
            return False
        if self == other or (other.test == "stated" and self.test != "unstated"):
            return True
        mine, theirs = set(_flat(self.values)), set(_flat(other.values))
        if self.test == other.test:
            return _TIGHTER[self.test](mine, theirs)
        one_of = self.test in ("any", "within") and other.test in ("any", "within")
        return one_of and mine <= theirs

    def excludes(self, other: Condition) -> bool:
        """Tell whether no value of a single-valued fact can satisfy both tests."""
        if self.fact != other.fact:
            return False
        tests = {self.test, other.test}
        mine, theirs = set(_flat(self.values)), set(_flat(other.values))
        if tests <= {"any", "within"}:
            return not mine & theirs
        if tests == {"any", "outside"} or tests == {"within", "outside"}:
            inside, outside = (mine, theirs) if self.test != "outside" else (theirs, mine)
            return inside <= outside
        if tests == {"at_least", "at_most"}:
            low, high = (self, other) if self.test == "at_least" else (other, self)
            return bool(low.values[0] > high.values[0])
        return tests in ({"true", "false"}, {"stated", "unstated"}) or ("unstated" in tests and len(tests) == 2)


def conditions(when: Mapping[str, Any]) -> tuple[Condition, ...]:
    """Return the tests of a `when` as written; ValueError names a test that does not exist."""
    found: list[Condition] = []
    for fact, written in when.items():
        if isinstance(written, Mapping):
            found.extend(_named(fact, name, value) for name, value in written.items())
        elif isinstance(written, bool):
            found.append(Condition(fact, "true" if written else "false", ()))
        else:
            values = tuple(written) if isinstance(written, list) else (written,)
            found.append(Condition(fact, "any", values))
    if not found or any(not item.values and item.test in _NEED_VALUES for item in found):
        # A rule without a test, or with an empty list, would match everything or nothing by accident.
        raise ValueError("empty")
    return tuple(found)


def compiled(tests: tuple[Condition, ...]) -> tuple[tuple[str, Callable[[Any, Any], bool], Any], ...]:
    """Return the tests in the form the engine runs through."""
    return tuple((item.fact, _TESTS[item.test], _prepared(item)) for item in tests)


def _named(fact: str, name: str, value: Any) -> Condition:
    if name == "stated":
        return Condition(fact, "stated" if value else "unstated", ())
    if name not in ("outside", "within", "at_least", "at_most", "lacks", "holds"):
        raise ValueError(name)
    values = tuple(value) if isinstance(value, list) else (value,)
    return Condition(fact, name, tuple(tuple(item) if isinstance(item, list) else item for item in values))


def _prepared(item: Condition) -> Any:
    return frozenset(item.values) if item.test in ("any", "outside", "within", "holds") else item.values


def _flat(values: tuple[Any, ...]) -> list[Any]:
    return [part for item in values for part in (item if isinstance(item, tuple) else (item,))]


def _any(value: Any, wanted: Any) -> bool:
    if isinstance(value, frozenset):
        return not value.isdisjoint(wanted)
    return value is not UNKNOWN and value in wanted


def _outside(value: Any, wanted: Any) -> bool:
    if isinstance(value, frozenset):
        return not value <= frozenset(wanted)
    return value is not UNKNOWN and value not in wanted


def _within(value: Any, wanted: Any) -> bool:
    if isinstance(value, frozenset):
        return bool(value) and value <= frozenset(wanted)
    return value is not UNKNOWN and value in wanted


def lacking(held: frozenset[str], wanted: tuple[Any, ...]) -> bool:
    """Tell whether a set lacks one of the wanted; a tuple among them stands for alternatives."""
    return any(held.isdisjoint(one) if isinstance(one, tuple) else one not in held for one in wanted)


_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "any": _any,
    "outside": _outside,
    "within": _within,
    "at_least": lambda value, wanted: value is not UNKNOWN and value >= wanted[0],
    "at_most": lambda value, wanted: value is not UNKNOWN and value <= wanted[0],
    "lacks": lacking,
    "holds": lambda value, wanted: frozenset(wanted) <= value,
    "true": lambda value, _: value is True,
    "false": lambda value, _: value is False,
    "stated": lambda value, _: value is not UNKNOWN and value != frozenset(),
    "unstated": lambda value, _: value is UNKNOWN or value == frozenset(),
}
_NEED_VALUES = frozenset({"any", "outside", "within", "lacks", "holds", "at_least", "at_most"})
_TIGHTER: dict[str, Callable[[set[Any], set[Any]], bool]] = {
    "any": lambda mine, theirs: mine <= theirs,
    "within": lambda mine, theirs: mine <= theirs,
    "outside": lambda mine, theirs: mine >= theirs,
    "lacks": lambda mine, theirs: mine <= theirs,
    "holds": lambda mine, theirs: mine >= theirs,
    "at_least": lambda mine, theirs: max(mine) >= max(theirs),
    "at_most": lambda mine, theirs: min(mine) <= min(theirs),
    "true": lambda mine, theirs: True,
    "false": lambda mine, theirs: True,
    "stated": lambda mine, theirs: True,
    "unstated": lambda mine, theirs: True,
}
