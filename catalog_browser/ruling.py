"""The catalogue's questions to the rules: may this be registered, made visible, seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from catalog_browser import rule_facts
from catalog_browser.rule_facts import DataSetFacts, VariableFacts
from catalog_browser.views import AddVersion, DataSetDetail, VariableView
from enclave.kernel.identity import Actor, Role
from enclave.policy import doors
from enclave.policy.decision import Decision

# An entry for registered users is for institutions; the widest audience of the others is the public.
AUDIENCE = {"public": "public", "registered": "enterprise"}


def registration(
    entry: DataSetFacts, variables: Iterable[VariableFacts], level: int, *, persons: bool | None = None
) -> Decision:
    """Return the decision that a data set may be registered with this level, or raise `Refused` (4.1-0, 4.2-0)."""
    return doors.registration(rule_facts.of_set(entry, variables, persons=persons), level).require()


def version(entry: DataSetFacts, command: AddVersion, variables: Iterable[VariableView], parent: int) -> Decision:
    """Return the decision that a version may be registered, or raise `Refused` (3.2, 4.1-T1-L2b).

    A version below its source needs a second opinion: the measured report of its re-identification risk, and for a
    sample its privacy tests, must be there; the publication of the version is the steward's own word on it.
    """
    if command.kind == "source":
        return registration(entry, variables, command.level, persons=command.persons > 0)
    names = [name for table in command.tables for name in table.columns]
    data = rule_facts.of_version(entry, command, variables, names)
    met = {"second_level_opinion"} if measured(command) else set()
    return doors.registration(data, command.level, parents=(parent,), met=met).require()


def measured(command: AddVersion) -> bool:
    """Tell whether the risk of a version was measured, and met the threshold where its kind has one."""
    return command.risk.get("passed") is True or (command.kind == "limited" and "passed" in command.risk)


def publication(actor: Actor, entry: DataSetFacts, detail: DataSetDetail, *, persons: bool) -> dict[str, Decision]:
    """Return the decisions that description and sample may become visible, or raise `Refused` (6.1, 10.4.2-e-1)."""
    data = rule_facts.of_set(entry, detail.variables, persons=persons)
    audience, met = AUDIENCE[detail.audience], _met(actor, detail)
    found = {"description": doors.publication(data, "description", audience=audience, met=met).require()}
    sample = detail.latest("synthetic")
    if sample is not None:
        tested = {"privacy_tests"} if sample.risk.get("passed") else set()
        drawn = replace(data, identifiability="synthetic")
        found["sample"] = doors.publication(drawn, "sample", audience=audience, met=met | tested).require()
    return found


def _met(actor: Actor, detail: DataSetDetail) -> set[str]:
    """Return what is settled when a steward publishes: the act is the recorded review (4.1-T1-L1d)."""
    held = {
        "entry_complete": not detail.missing,
        "classification_confirmed": all(variable.confirmed for variable in detail.variables),
        "public_release_review": actor.has(Role.STEWARD, Role.AUTHORITY),
        "authority_decision": actor.has(Role.AUTHORITY),
    }
    return {code for code, holds in held.items() if holds}


def entry(actor: Actor, found: DataSetFacts) -> Decision:
    """Return whether an entry shows to somebody: one of level 5 to stewards and the authority only (4.1-T1-L5c)."""
    listed = actor.has(Role.STEWARD, Role.AUTHORITY)
    data = doors.Data(found.level, None, (found.category,), found.controller, jurisdiction=found.jurisdiction)
    return doors.entry(data, on_access_list=listed)
