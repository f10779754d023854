"""A decision: its outcome, what it asks for, the degrees it weighed, and the clauses and sentences behind it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import Any

from enclave.kernel.errors import Refused
from enclave.policy.book import Book
from enclave.policy.request import DecisionRequest
from enclave.policy.ruling import Rule
from enclave.policy.workflows import Step, Track


class Outcome(IntEnum):
    """The lattice deny > ask > allow (P9): the strictest of all that speaks wins."""

    ALLOW = 0
    ASK = 1
    DENY = 2

    @property
    def code(self) -> str:
        """Return `allow`, `ask` or `deny`."""
        return self.name.lower()


@dataclass(frozen=True)
class Obligation:
    """Something asked for. `any_of` are the codes of which one suffices; `sources` the rules that ask."""

    any_of: tuple[str, ...]
    kind: str
    when: str
    met: bool
    zh: str
    en: str
    clauses: tuple[str, ...]
    sources: tuple[str, ...]

    @property
    def code(self) -> str:
        """Return the first code, by which the obligation is known."""
        return self.any_of[0]

    def sentence(self, language: str) -> str:
        """Return what is asked, in `zh` or `en`."""
        return self.zh if language == "zh" else self.en


@dataclass(frozen=True)
class Reason:
    """One rule that spoke: what it contributed, and why."""

    rule: str
    outcome: Outcome
    effect: str
    clauses: tuple[str, ...]
    zh: str
    en: str

    def sentence(self, language: str) -> str:
        """Return the reason in `zh` or `en`."""
        return self.zh if language == "zh" else self.en


@dataclass(frozen=True)
class DegreesWeighed:
    """The degree of the catalogue for the audience, the one the level implies, and the one that binds (D2)."""

    catalogue: str | None
    level: str | None
    effective: str | None
    source: str
    through: str  # the audience whose cell was used: a wider circle's where that asks for less


@dataclass(frozen=True)
class Decision:
    """The answer to one request. Frozen, total, and the same for the same request and rule version."""

    outcome: Outcome
    request: DecisionRequest
    rules: tuple[Rule, ...]
    met: frozenset[str]
    degrees: DegreesWeighed
    flow: str | None
    rule_version: str
    book: Book = field(repr=False)

    @property
    def allowed(self) -> bool:
        """Tell whether nothing is missing and nothing forbids."""
        return self.outcome is Outcome.ALLOW

    @property
    def denied(self) -> bool:
        """Tell whether something forbids."""
        return self.outcome is Outcome.DENY

    @property
    def processing(self) -> str | None:
        """Return the degree of processing the decision rests on (7-0)."""
        return self.request.identifiability

    @property
    def purpose(self) -> str | None:
        """Return the purpose the decision rests on (7-0)."""
        return self.request.purpose

    def holds_for(self, request: DecisionRequest, book: Book) -> bool:
        """Tell whether the decision still answers a request; another fact or rule needs a new one (7-0)."""
        return request.digest == self.request.digest and book.version == self.rule_version

    @cached_property
    def reasons(self) -> tuple[Reason, ...]:
        """Return every rule that spoke, the strictest first, in the order of the rule files."""
        found = [self._reason(rule) for rule in self.rules]
        return tuple(sorted(found, key=lambda reason: (-reason.outcome, _WEIGHT[reason.effect])))

    @cached_property
    def blocking(self) -> tuple[Reason, ...]:
        """Return the reasons that stand against an answer of allow."""
        return tuple(reason for reason in self.reasons if reason.outcome is not Outcome.ALLOW)

    @cached_property
    def clauses(self) -> tuple[str, ...]:
        """Return the clauses the outcome rests on, each once; never empty."""
        spoken = self.blocking or tuple(reason for reason in self.reasons if reason.effect != "duty")
        return tuple(dict.fromkeys(clause for reason in spoken for clause in reason.clauses))

    @cached_property
    def obligations(self) -> tuple[Obligation, ...]:
        """Return what is asked before, during and after, each once, with whether it is met."""
        gathered: dict[tuple[str, ...], list[Rule]] = {}
        for rule in self.rules:
            for need in [*rule.needs, *rule.duties]:
                gathered.setdefault(need if isinstance(need, tuple) else (need,), []).append(rule)
        strict = [one for one in gathered if not any(set(other) < set(one) for other in gathered)]
        return tuple(self._obligation(any_of, gathered[any_of]) for any_of in strict)

    @cached_property
    def missing(self) -> tuple[Obligation, ...]:
        """Return the needs that are not met."""
        needed = {need if isinstance(need, tuple) else (need,) for rule in self.rules for need in rule.needs}
        return tuple(one for one in self.obligations if one.any_of in needed and not one.met)

    @cached_property
    def duties(self) -> tuple[Obligation, ...]:
        """Return what holds during and after the use."""
        return tuple(one for one in self.obligations if one.when != "before")

    def needs(self, code: str) -> bool:
        """Tell whether an obligation is asked for and not met."""
        return any(code in one.any_of for one in self.missing)

    def asks(self, code: str) -> bool:
        """Tell whether an obligation is asked for, met or not."""
        return any(code in one.any_of for one in self.obligations)

    def because(self, rule: str) -> bool:
        """Tell whether a rule stands against an answer of allow."""
        return any(reason.rule == rule for reason in self.blocking)

    @cached_property
    def track(self) -> Track | None:
        """Return the track of steps to go, where the ground names one."""
        named = [rule for rule in self.rules if rule.track]
        first = [rule for rule in named if not any(rule.id in other.before for other in named)]
        return self.book.tracks[first[0].track] if first else None

    @cached_property
    def steps(self) -> tuple[tuple[Step, bool], ...]:
        """Return the steps of the track, each with whether it is done."""
        return tuple((step, step.done(self.met)) for step in self.track.steps) if self.track else ()

    def require(self) -> Decision:
        """Return the decision if it allows; raise `Refused` with its clauses and reasons otherwise."""
        if self.allowed:
            return self
        raise Refused(
            "policy_denied" if self.denied else "policy_not_yet",
            clauses=self.clauses,
            reasons_zh="；".join(self._told("zh")),
            reasons_en="; ".join(self._told("en")),
            rules=[reason.rule for reason in self.blocking],
            missing=[one.code for one in self.missing],
            rule_version=self.rule_version,
        )

    def as_facts(self) -> dict[str, Any]:
        """Return what the ledger keeps of a decision: codes only, no personal data (P12)."""
        return {
            "outcome": self.outcome.code,
            "rules": [reason.rule for reason in self.blocking] or self._grounds(),
            "missing": [one.code for one in self.missing],
            "degree": self.degrees.effective,
            "processing": self.processing,
            "purpose": self.purpose,
            "flow": self.flow,
            "request": self.request.digest,
            "rule_version": self.rule_version,
        }

    def _grounds(self) -> list[str]:
        return [rule.id for rule in self.rules if rule.effect == "permit"]

    def _told(self, language: str) -> Iterable[str]:
        denials = [reason for reason in self.blocking if reason.outcome is Outcome.DENY] or self.blocking
        return dict.fromkeys(reason.sentence(language).rstrip("。.") for reason in denials)

    def _reason(self, rule: Rule) -> Reason:
        return Reason(rule.id, contribution(rule, self.met), rule.effect, rule.clauses, rule.zh, rule.en)

    def _obligation(self, any_of: tuple[str, ...], rules: list[Rule]) -> Obligation:
        entries = [self.book.words("obligations")[code] for code in any_of]
        return Obligation(
            any_of,
            str(entries[0].attributes["kind"]),
            str(entries[0].attributes["when"]),
            not self.met.isdisjoint(any_of),
            "或".join(entry.zh for entry in entries),
            " or ".join(entry.en for entry in entries),
            tuple(dict.fromkeys(clause for rule in rules for clause in rule.clauses)),
            tuple(rule.id for rule in rules),
        )


_WEIGHT = {"deny": 0, "ask": 1, "need": 2, "permit": 3, "duty": 4}
_FIXED = {"deny": Outcome.DENY, "ask": Outcome.ASK}


def contribution(rule: Rule, met: frozenset[str]) -> Outcome:
    """Return what a rule that holds contributes: a need gives allow once it is met, or else its `otherwise`."""
    if rule.effect != "need":
        return _FIXED.get(rule.effect, Outcome.ALLOW)
    for need in rule.needs:
        if met.isdisjoint(need) if isinstance(need, tuple) else need not in met:
            return Outcome.DENY if rule.otherwise == "deny" else Outcome.ASK
    return Outcome.ALLOW
