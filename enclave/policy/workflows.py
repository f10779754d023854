"""Tracks of steps: who may take which step after which, checked to be without circles and without orphans."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from enclave.policy.faults import Faults
from enclave.policy.reading import Located, read_yaml
from enclave.policy.vocabulary import Vocabularies, check_clauses, check_translations

ACTORS = ("pool_parties", "authorities", "parties", "positions")


@dataclass(frozen=True)
class Step:
    """One step. `fulfils` are the obligations it settles; `gives` is the state it brings about, where there is one."""

    code: str
    zh: str
    en: str
    actor: str
    after: tuple[str, ...]
    fulfils: tuple[str, ...]
    clauses: tuple[str, ...]
    gives: str = ""

    def name(self, language: str) -> str:
        """Return what is done, in `zh` or `en`."""
        return self.zh if language == "zh" else self.en

    def done(self, met: Collection[str]) -> bool:
        """Tell whether everything the step settles is met; a step that settles nothing is never done by itself."""
        return bool(self.fulfils) and all(code in met for code in self.fulfils)


@dataclass(frozen=True)
class Track:
    """Steps in an order that respects `after`."""

    code: str
    zh: str
    en: str
    clauses: tuple[str, ...]
    steps: tuple[Step, ...]

    def name(self, language: str) -> str:
        """Return the track's name in `zh` or `en`."""
        return self.zh if language == "zh" else self.en

    def step(self, code: str) -> Step:
        """Return a step; one that is not there raises KeyError."""
        return {step.code: step for step in self.steps}[code]

    def may(self, actor: str, code: str, taken: Collection[str] = ()) -> bool:
        """Tell whether `actor` may take a step now, given the steps taken already (9-9: never out of order)."""
        step = {step.code: step for step in self.steps}.get(code)
        return step is not None and step.actor == actor and code not in taken and set(step.after) <= set(taken)

    def state(self, taken: Collection[str]) -> str:
        """Return the state the last of the steps taken brought about, empty before the first."""
        given = [step.gives for step in self.steps if step.code in taken and step.gives]
        return given[-1] if given else ""


def read_tracks(folder: Path, vocabularies: Vocabularies, clauses: Collection[str], faults: Faults) -> dict[str, Track]:
    """Return the tracks of `vocab/workflows.yaml`; circles, orphans and steps nobody may take are faults."""
    rows = read_yaml(folder / "vocab" / "workflows.yaml", faults).get("tracks") or []
    check_translations(rows, faults)
    check_clauses(rows, clauses, faults)
    return {row["code"]: _track(row, vocabularies, faults) for row in rows}


def _track(row: Located, vocabularies: Vocabularies, faults: Faults) -> Track:
    written: dict[str, Located] = {}
    for step in row.get("steps") or []:
        if step["code"] in written:
            faults.add("policy_fault_twice", step.file, step.line, code=step["code"])
        written[step["code"]] = step
        _check_step(row, step, vocabularies, faults)
    order = _ordered(row, written, faults)
    return Track(
        row["code"],
        row["zh"],
        row["en"],
        tuple(str(clause) for clause in row.get("clauses") or ()),
        tuple(_step(written[code]) for code in order),
    )


def _check_step(track: Located, step: Located, vocabularies: Vocabularies, faults: Faults) -> None:
    where = {"track": track["code"], "step": step["code"]}
    if not any(step.get("actor") in vocabularies.get(name, {}) for name in ACTORS):
        faults.add("policy_fault_nobody", step.file, step.line, **where, actor=step.get("actor"))
    for code in step.get("fulfils") or []:
        if code not in vocabularies.get("obligations", {}):
            faults.add("policy_fault_code", step.file, step.line, code=code, vocabulary="obligations", where="fulfils")
    codes = {other["code"] for other in track["steps"]}
    for code in set(step.get("after") or []) - codes:
        faults.add("policy_fault_orphan", step.file, step.line, **where, after=code)
    if not step.get("clauses"):
        faults.add("policy_fault_no_clause", step.file, step.line, rule=f"{track['code']}.{step['code']}")


def _ordered(track: Located, written: Mapping[str, Located], faults: Faults) -> list[str]:
    graph = {code: [one for one in step.get("after") or [] if one in written] for code, step in written.items()}
    try:
        found = list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        line = written[error.args[1][0]].line
        faults.add("policy_fault_circle", track.file, line, track=track["code"], circle=" → ".join(error.args[1]))
        return []
    position = {code: number for number, code in enumerate(written)}
    depth: dict[str, int] = {}
    for code in found:
        depth[code] = 1 + max((depth[one] for one in graph[code]), default=-1)
    return sorted(found, key=lambda code: (depth[code], position[code]))


def _step(row: Mapping[str, Any]) -> Step:
    lists = {name: tuple(str(item) for item in row.get(name) or ()) for name in ("after", "fulfils", "clauses")}
    return Step(code=row["code"], zh=row["zh"], en=row["en"], actor=row["actor"], gives=row.get("gives", ""), **lists)
