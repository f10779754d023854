"""The workflow engine: states and steps are data; what is shown as possible is what is checked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from enclave.kernel.errors import Conflict, EnclaveError, Refused
from request_review.rulebook import Rules, rules

Guard = Callable[[], None]
RELATIONS = ("applicant", "member", "reviewer")
GUARDS = (
    "form_complete", "minimums_met", "no_conflict", "panel_open", "review_open", "reviews_complete",
    "not_signed_yet", "all_signed",
)  # fmt: skip
ROLES = ("researcher", "steward", "committee", "authority", "assessor", "auditor", "operator")


@dataclass(frozen=True)
class Step:
    """A command: from which states to which, who may take it, what must hold, and its clauses."""

    command: str
    zh: str
    en: str
    sources: frozenset[str]
    targets: frozenset[str]
    who: frozenset[str]
    guards: tuple[str, ...]
    clauses: tuple[str, ...]

    def label(self, language: str) -> str:
        """Return the name of the step in `zh` or `en`."""
        return self.zh if language == "zh" else self.en


@dataclass(frozen=True)
class Workflow:
    """States and steps of one rule file."""

    rules: Rules
    states: Mapping[str, Mapping[str, str]]
    steps: Mapping[str, Step]

    def check(self, command: str, state: str, parties: Collection[str], guards: Mapping[str, Guard]) -> Step:
        """Return the step if it may be taken now; otherwise raise why not.

        `parties` are the actor's relations and roles, `guards` the checks by name; each raises its refusal.
        Who may not take a step at all learns that first, and nothing about its state.
        """
        step = self.steps[command]
        if not step.who.intersection(parties):
            raise Refused("request_not_yours", clauses=step.clauses, who=", ".join(sorted(step.who)))
        if state not in step.sources:
            names = {f"state_{language}": self.states[state][language] for language in ("zh", "en")}
            steps = {f"step_{language}": step.label(language) for language in ("zh", "en")}
            raise Conflict("request_wrong_state", clauses=step.clauses, state=state, **names, **steps)
        for name in step.guards:
            guards[name]()
        return step

    def refusal(
        self, command: str, state: str, parties: Collection[str], guards: Mapping[str, Guard]
    ) -> EnclaveError | None:
        """Return why the step may not be taken now, or None: the same check, so page and service agree."""
        try:
            self.check(command, state, parties, guards)
        except EnclaveError as error:
            return error
        return None

    def table(self) -> dict[tuple[str, str], frozenset[str]]:
        """Return who may take which command in which state; what is not listed nobody may."""
        return {(step.command, state): step.who for step in self.steps.values() for state in step.sources}


@lru_cache(maxsize=1)
def workflow() -> Workflow:
    """Return the workflow in force."""
    return build(rules("workflow"))


def build(source: Rules) -> Workflow:
    """Make a workflow from its rules; one that cannot be walked stops the start with the reason."""
    steps = {entry["command"]: _step(entry) for entry in source["steps"]}
    made = Workflow(source, source["states"], steps)
    if len(steps) != len(source["steps"]):
        raise ValueError("workflow: a command is defined twice")
    for step in steps.values():
        _check_step(step, made.states)
    _check_reachable(made, source["start"])
    return made


def _step(entry: Mapping[str, Any]) -> Step:
    return Step(
        command=entry["command"],
        zh=entry["zh"],
        en=entry["en"],
        sources=frozenset(entry["from"]),
        targets=frozenset(entry["to"]),
        who=frozenset(entry["who"]),
        guards=tuple(entry["guards"]),
        clauses=tuple(entry["clauses"]),
    )


def _check_step(step: Step, states: Mapping[str, Any]) -> None:
    if not step.who:
        raise ValueError(f"workflow: nobody may take the step {step.command}")
    if not step.clauses:
        raise ValueError(f"workflow: the step {step.command} cites no clause")
    if not step.sources or not step.targets or not (step.sources | step.targets) <= set(states):
        raise ValueError(f"workflow: the step {step.command} names no or unknown states")
    for what, unknown in (
        ("people", step.who.difference(RELATIONS, ROLES)),
        ("guards", {*step.guards}.difference(GUARDS)),
    ):
        if unknown:
            raise ValueError(f"workflow: the step {step.command} names unknown {what}: {sorted(unknown)}")


def _check_reachable(made: Workflow, start: str) -> None:
    forward = {
        state: {t for s in made.steps.values() if state in s.sources for t in s.targets} for state in made.states
    }
    reached: set[str] = {start}
    while grown := {target for state in reached for target in forward[state]} - reached:
        reached |= grown
    if missing := set(made.states) - reached:
        raise ValueError(f"workflow: states nobody can reach: {sorted(missing)}")
    ends = {state for state in made.states if not forward[state] - {state}}
    can_end: set[str] = set(ends)
    while more := {state for state in made.states if forward[state] & can_end} - can_end:
        can_end |= more
    if stuck := set(made.states) - can_end:
        raise ValueError(f"workflow: states that never come to an end: {sorted(stuck)}")
