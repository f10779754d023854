"""Answers questions with noise: checked, counted exactly, drawn and charged in one transaction, then returned (P4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import ibis.expr.types as ir

from catalog_browser import service as catalog
from enclave.kernel.db import reading
from enclave.kernel.errors import Invalid
from enclave.kernel.i18n import text
from enclave.kernel.identity import Actor
from enclave.kernel.unit import unit_of_work
from enclave.outputs import access, extracts
from enclave.outputs.answers import exact
from enclave.outputs.answers.views import KINDS, AnswerView, Ask
from enclave.privacy import amounts, engines, estimates
from enclave.privacy import service as privacy
from enclave.privacy.estimates import Bounds, Price
from enclave.privacy.service import ChargeView, Draw, Question
from enclave.workspaces.views import TrustedTable

__all__ = ["AnswerView", "Ask", "ask", "budgets", "history"]

CLAUSES = ("3.2-n", "4.1-T1-L1e", "10.4.2-e-1k")
MOST_BINS = 200
MOST_ROWS_PER_PERSON = 20
Counted = Callable[[ir.Table], Callable[[], Draw]]


@dataclass(frozen=True)
class _Plan:
    """A checked question: its canonical body, and how to count it. Counting happens only if it is not stored."""

    body: dict[str, Any]
    count: Counted


def ask(actor: Actor, command: Ask) -> AnswerView:
    """Answer a count, mean or histogram with differential privacy; the privacy unit is one person.

    The same question on the same extract returns the stored answer and charges nothing. Raises `Refused` when
    the grant or the budget is at its end, `Invalid` for what cannot be asked.
    """
    micro = amounts.micro_epsilon(command.epsilon)
    source = access.trusted_table(actor, command.project_id, command.table)
    with extracts.opened_persons(source.path) as table:
        plan = _plan(command, source, table)
        question = Question(command.project_id, source.dataset_id, plan.body, micro)
        with reading() as session:
            known = privacy.stored(session, question)
        draw = _never if known else plan.count(extracts.chosen_rows(table, plan.body["where"]))
    with unit_of_work(actor) as unit:
        validity = access.require_valid(unit.session, actor, command.project_id)
        decision = access.may_query(unit.session, validity, source)
        charge = privacy.spend(unit, question, draw)
        unit.record(
            "answer.given",
            command.project_id,
            clauses=dict.fromkeys((*CLAUSES, *decision.clauses)),
            decision=decision.as_facts(),
            charge=charge.id,
            kind=command.kind,
            epsilon="0" if charge.free else str(charge.epsilon),
        )
        unit.session.flush()
        remaining = privacy.account(unit.session, command.project_id, source.dataset_id).remaining
    return _view(charge, str(remaining))


def _never() -> Draw:
    raise AssertionError("a stored answer is never drawn again")


def _plan(command: Ask, source: TrustedTable, table: ir.Table) -> _Plan:
    if command.kind not in KINDS:
        raise Invalid("answer_kind", kind=str(command.kind)[:20], known=", ".join(KINDS))
    per_person = command.per_person
    if type(per_person) is not int or not 1 <= per_person <= MOST_ROWS_PER_PERSON:
        raise Invalid("answer_per_person", most=MOST_ROWS_PER_PERSON)
    body = {
        "kind": command.kind,
        "version": source.version_id,
        "extract": source.sha256,
        "table": source.name,
        "where": extracts.canonical(table, command.where),
        "per_person": per_person,
    }
    price = Price(amounts.micro_epsilon(command.epsilon), per_person)
    if command.kind == "count":
        return _Plan(body, lambda rows: _count(rows, price))
    if command.kind == "mean":
        return _plan_mean(command, table, body, price)
    return _plan_histogram(command, source, table, body, price)


def _count(rows: ir.Table, price: Price) -> Callable[[], Draw]:
    found = exact.count(rows, price.per_person)
    return lambda: estimates.count(engines.engine(), price, found)


def _plan_mean(command: Ask, table: ir.Table, body: dict[str, Any], price: Price) -> _Plan:
    name = _numeric(table, command.column)
    bounds = _bounds(command.bounds)

    def counted(rows: ir.Table) -> Callable[[], Draw]:
        found, total = exact.lattice(rows, name, bounds, price.per_person)
        return lambda: estimates.mean(engines.engine(), price, bounds, found, total)

    return _Plan(body | {"column": name, "bounds": [bounds.low, bounds.high]}, counted)


def _bounds(given: object) -> Bounds:
    if not isinstance(given, list | tuple) or len(given) != 2:
        raise Invalid("answer_bounds_missing")
    return Bounds(*_numbers(given))


def _numbers(given: list[Any] | tuple[Any, ...]) -> list[float]:
    if any(isinstance(each, bool) or not isinstance(each, int | float) or not abs(each) <= 1e12 for each in given):
        raise Invalid("answer_numbers")
    return [float(each) for each in given]


def _numeric(table: ir.Table, name: object) -> str:
    chosen = extracts.column(table, name)
    if not (chosen.type().is_numeric() or chosen.type().is_boolean()):
        raise Invalid("answer_not_numeric", column=chosen.get_name(), type=str(chosen.type()))
    return str(chosen.get_name())


def _plan_histogram(command: Ask, source: TrustedTable, table: ir.Table, body: dict[str, Any], price: Price) -> _Plan:
    if command.bins is not None:
        name, edges = _numeric(table, command.column), _edges(command.bins)

        def tally(rows: ir.Table) -> dict[str, int]:
            return exact.bins(rows, name, edges, price.per_person)

        keys: dict[str, Any] = {"bins": edges}
    else:
        name = str(extracts.column(table, command.column).get_name())
        listed = _categories(command, source, name)

        def tally(rows: ir.Table) -> dict[str, int]:
            return exact.categories(rows, name, listed, price.per_person)

        keys = {"categories": listed}

    def counted(rows: ir.Table) -> Callable[[], Draw]:
        found = tally(rows)
        return lambda: estimates.histogram(engines.engine(), price, found)

    return _Plan(body | {"column": name} | keys, counted)


def _edges(given: object) -> list[float]:
    if not isinstance(given, list | tuple) or not 2 <= len(given) <= MOST_BINS:
        raise Invalid("answer_bins", most=MOST_BINS)
    edges = _numbers(given)
    if any(low >= high for low, high in pairwise(edges)):
        raise Invalid("answer_bins", most=MOST_BINS)
    return edges


def _categories(command: Ask, source: TrustedTable, name: str) -> list[str]:
    """Return the public keys, sorted: the order they are listed in does not make another question."""
    listed: Any = command.categories if command.categories is not None else _codes(source, name)
    if not isinstance(listed, list | tuple) or not 1 <= len(set(map(str, listed))) <= MOST_BINS:
        raise Invalid("answer_categories_missing", column=name, most=MOST_BINS)
    reserved = {exact.OTHER, exact.MISSING}
    if any(not isinstance(key, str) or len(key) > MOST_BINS or key in reserved for key in listed):
        raise Invalid("answer_categories_form")
    return sorted(set(listed))


def _codes(source: TrustedTable, name: str) -> list[str]:
    for variable in catalog.variables(source.dataset_id):
        if (variable.table, variable.name) == (source.name, name):
            return sorted(variable.codes)
    return []


def budgets(actor: Actor, project_id: str) -> list[privacy.BudgetView]:
    """Return the budgets of a project the actor may use now."""
    with reading() as session:
        access.require_valid(session, actor, project_id)
        return privacy.accounts(session, project_id=project_id)


def history(actor: Actor, project_id: str) -> list[AnswerView]:
    """Return what the project has asked so far, newest first."""
    with reading() as session:
        access.require_valid(session, actor, project_id)
        left = {held.dataset_id: held.remaining for held in privacy.accounts(session, project_id=project_id)}
        found = privacy.charges(session, project_id)
    return [_view(charge, str(left[charge.dataset_id])) for charge in found]


def _view(charge: ChargeView, remaining: str) -> AnswerView:
    question, answer = charge.question, dict(charge.answer)
    value, accuracy = answer.pop("value"), answer.pop("accuracy")
    return AnswerView(
        id=charge.id,
        kind=question["kind"],
        table=question["table"],
        column=question.get("column"),
        where=question["where"],
        value=value,
        accuracy=accuracy,
        detail=answer,
        epsilon=str(charge.epsilon),
        charged="0" if charge.free else str(charge.epsilon),
        remaining=remaining,
        per_person=question["per_person"],
        mechanism=charge.mechanism,
        engine=charge.engine,
        asked_by=charge.asked_by,
        asked_at=charge.asked_at,
        notes_zh=_notes("zh", question, charge),
        notes_en=_notes("en", question, charge),
    )


def _notes(language: str, question: dict[str, Any], charge: ChargeView) -> tuple[str, ...]:
    keys = ["answer_note_unit", "answer_note_accuracy"]
    if question["kind"] == "mean":
        keys.append("answer_note_mean" if charge.answer["value"] is not None else "answer_note_mean_empty")
    if charge.free:
        keys.append("answer_note_free")
    facts = {"per_person": question["per_person"], "bounds": question.get("bounds", "")}
    return tuple(text(key, language, **facts) for key in keys)
