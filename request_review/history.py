"""Judges a scope beside everything its people asked for before: on the data, in persons (10.4.2 e)(2))."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import combinations
from typing import Any

from pyroaring import BitMap

from enclave.disclosure.audit import Group, audit
from enclave.disclosure.cohorts import Difference, compare
from enclave.disclosure.linkage import Linkage
from enclave.kernel.i18n import text
from request_review.rulebook import rules

OUTCOMES = ("allow", "ask", "deny")


@dataclass(frozen=True)
class Cohort:
    """A scope, its columns as (table, column), its persons: None when it cannot be evaluated any more.

    `personal` is False when it touches only tables without persons, such as lists of places.
    """

    label: str
    state: str
    columns: frozenset[tuple[str, str]]
    persons: BitMap | None
    personal: bool = True

    @property
    def held(self) -> bool:
        """Tell whether its data were handed out, or are about to be."""
        return self.state in rules("history")["held"]


@dataclass(frozen=True)
class Alone:
    """What the columns asked for show alone, in one table: persons unique, and in classes under the threshold."""

    columns: tuple[str, ...]
    unique: int
    below: int


@dataclass(frozen=True)
class Finding:
    """One thing found: its kind, the answer it forces, and a sentence with numbers in both languages."""

    kind: str
    outcome: str
    zh: str
    en: str
    labels: tuple[str, ...]
    clauses: tuple[str, ...]

    def sentence(self, language: str) -> str:
        """Return the sentence in `zh` or `en`."""
        return self.zh if language == "zh" else self.en


@dataclass(frozen=True)
class Beside:
    """The new scope beside one earlier one: persons of each and in common, columns shared and added by it."""

    label: str
    state: str
    relation: str
    persons: int
    common: int
    columns_common: int
    columns_added: int


@dataclass(frozen=True)
class History:
    """The answer: allow, ask or deny, why, and beside what. `basis` seals the list of earlier scopes it rests on."""

    outcome: str
    zh: str
    en: str
    persons: int
    threshold: int
    findings: tuple[Finding, ...]
    beside: tuple[Beside, ...]
    rules: str
    basis: str = ""
    clauses: tuple[str, ...] = field(default_factory=tuple)

    def sentence(self, language: str) -> str:
        """Return the one sentence with numbers in `zh` or `en`."""
        return self.zh if language == "zh" else self.en

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> History:
        """Return what `as_dict` made."""
        findings = tuple(Finding(**{**part, **_tuples(part, "labels", "clauses")}) for part in kept["findings"])
        beside = tuple(Beside(**part) for part in kept["beside"])
        return cls(**{**kept, "findings": findings, "beside": beside, **_tuples(kept, "clauses")})


def _tuples(kept: Mapping[str, Any], *names: str) -> dict[str, tuple[Any, ...]]:
    return {name: tuple(kept[name]) for name in names}


def judge(
    new: Cohort, earlier: Sequence[Cohort], alone: Iterable[Alone], exposures: Iterable[Linkage], threshold: int
) -> History:
    """Judge a new scope beside earlier ones.

    Every finding rests on the new scope and a fixed choice of earlier ones, and the strictest wins, so another
    earlier scope can only add findings (P9). Whom the union of columns exposes is either exposed already by the
    new columns alone, or only by the union: both ask, so another column never answers more freely either.
    `alone` and `exposures` are measured on the data by the caller.
    """
    findings = [*_small(new, threshold), *_differences(new, earlier, threshold)]
    known = {frozenset({new.label, *found.labels}) for found in findings}  # said already, in plainer words
    findings += [found for found in _joint(new, earlier, threshold) if frozenset(found.labels) not in known]
    findings += [_alone(own, new, threshold) for own in alone if own.below]
    findings += [_exposure(linkage) for linkage in exposures if not linkage.safe or _more_unique(linkage)]
    findings += [*_pieces(new, earlier), *_refused(earlier), *_unreadable(earlier)]
    order = list(rules("history")["outcomes"])  # of equally strict findings the rules name the more telling first
    findings.sort(key=lambda found: (-OUTCOMES.index(found.outcome), order.index(found.kind)))
    outcome = findings[0].outcome if findings else "allow"
    sentences = _sentences(new, earlier, findings, threshold)
    return History(
        outcome=outcome,
        **sentences,
        persons=len(_people(new)),
        threshold=threshold,
        findings=tuple(findings),
        beside=tuple(_beside(new, other) for other in earlier),
        rules=rules("history").stamp,
        clauses=tuple(dict.fromkeys([*rules("history")["clauses"], *(c for found in findings for c in found.clauses)])),
    )


def _people(cohort: Cohort) -> BitMap:
    return BitMap() if cohort.persons is None else cohort.persons


def _finding(kind: str, held: bool, labels: Sequence[str], zh: str, en: str) -> Finding:
    rule = rules("history")["outcomes"][kind]
    return Finding(kind, rule["held" if held else "other"], zh, en, tuple(labels), tuple(rule["clauses"]))


def _said(kind: str, held: bool, labels: Sequence[str], code: str, **facts: Any) -> Finding:
    return _finding(kind, held, labels, text(code, "zh", **facts), text(code, "en", **facts))


def _small(new: Cohort, threshold: int) -> Iterator[Finding]:
    size = len(_people(new))
    if size < threshold and new.personal:
        yield _said("small", True, [new.label], "request_history_small", persons=size, threshold=threshold)


def _differences(new: Cohort, earlier: Sequence[Cohort], threshold: int) -> Iterator[Finding]:
    people = _people(new)
    for other in earlier:
        for found in compare(people, {other.label: _people(other)}, threshold).differences:
            yield _finding("difference", other.held, found.labels, found.sentence("zh"), found.sentence("en"))
    touching = [other for other in earlier if people.intersect(_people(other))]
    for first, second in combinations(touching, 2):
        rest = len(people - (_people(first) | _people(second)))
        if 0 < rest < threshold:
            found = Difference("uncovered", (first.label, second.label), rest, threshold)
            held = first.held and second.held
            yield _finding("pair", held, found.labels, found.sentence("zh"), found.sentence("en"))


def _joint(new: Cohort, earlier: Sequence[Cohort], threshold: int) -> Iterator[Finding]:
    """Find every linear combination of cohorts that isolates a few persons, whether or not the new one is in it."""
    for held in (True, False):
        chosen = [new, *(other for other in earlier if other.held or not held)]
        found = audit([Group(cohort.label, _people(cohort)) for cohort in chosen], threshold, most=5)
        if not found.complete and not found.attacks:
            yield _said("joint", held, [new.label], "request_history_incomplete", cohorts=len(chosen))
        for attack in found.attacks:
            labels = [term.label for term in attack.combination]
            if labels != [new.label]:  # the cohort by itself is `small`
                yield _finding("joint", held, labels, attack.sentence("zh"), attack.sentence("en"))
        if found.attacks:
            return


def _alone(own: Alone, new: Cohort, threshold: int) -> Finding:
    facts = {"columns": ", ".join(own.columns), "unique": own.unique, "below": own.below, "threshold": threshold}
    return _said("alone", True, [new.label], "request_history_alone", **facts)


def _more_unique(linkage: Linkage) -> bool:
    return linkage.after.uniques > linkage.before.uniques


def _exposure(linkage: Linkage) -> Finding:
    facts: dict[str, Any] = {
        "persons": linkage.persons,
        "before": linkage.before.uniques,
        "after": linkage.after.uniques,
        "exposed": linkage.exposed,
        "threshold": linkage.threshold,
        "columns": ", ".join(linkage.added_columns),
        "named": ", ".join(linkage.labels),
    }
    return _said("exposure", True, linkage.labels, "request_history_exposure", **facts)


def _pieces(new: Cohort, earlier: Sequence[Cohort]) -> Iterator[Finding]:
    share = rules("history")["pieces_share"]
    held = [other for other in earlier if other.held]
    for whole in earlier:
        if whole.state != "refused" or not _people(whole):
            continue
        parts = [cohort for cohort in (new, *held) if cohort.columns & whole.columns]
        covered = len(_people(whole) & BitMap.union(*map(_people, parts))) if parts else 0
        columns = whole.columns.intersection(*[frozenset().union(*(part.columns for part in parts))]) if parts else ()
        if len(parts) > 1 and covered / len(_people(whole)) >= share and len(columns) == len(whole.columns):
            labels = [whole.label, *(part.label for part in parts[1:])]
            percent = round(100 * covered / len(_people(whole)), 1)
            yield _said("pieces", True, labels, "request_history_pieces", label=whole.label, percent=percent)


def _refused(earlier: Sequence[Cohort]) -> Iterator[Finding]:
    labels = [other.label for other in earlier if other.state == "refused"]
    if labels:
        yield _said("refused", False, labels, "request_history_refused", count=len(labels), named=", ".join(labels))


def _unreadable(earlier: Sequence[Cohort]) -> Iterator[Finding]:
    for other in earlier:
        if other.persons is None:
            yield _said("unreadable", other.held, [other.label], "request_history_unreadable", label=other.label)


def _beside(new: Cohort, other: Cohort) -> Beside:
    found = compare(_people(new), {other.label: _people(other)}, 0).overlap
    return Beside(
        label=other.label,
        state=other.state,
        relation=found[0].relation if found else "disjoint",
        persons=len(_people(other)),
        common=found[0].common if found else 0,
        columns_common=len(new.columns & other.columns),
        columns_added=len(other.columns - new.columns),
    )


def _sentences(new: Cohort, earlier: Sequence[Cohort], findings: Sequence[Finding], threshold: int) -> dict[str, str]:
    most = max((len(_people(new) & _people(other)) for other in earlier), default=0)
    facts = {
        "persons": len(_people(new)),
        "earlier": len(earlier),
        "held": sum(other.held for other in earlier),
        "most": most,
        "threshold": threshold,
    }
    made = {}
    for language in ("zh", "en"):
        worst = findings[0].sentence(language) if findings else text("request_history_nothing", language, **facts)
        made[language] = text("request_history_sentence", language, **facts) + worst
    return made
