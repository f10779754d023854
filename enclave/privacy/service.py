"""Budgets are allotted, looked at and spent here: the charge commits before the answer leaves (P4)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlmodel import Session, col, func, select

from enclave.kernel import clock
from enclave.kernel.db import new_id
from enclave.kernel.errors import NotFound, Refused
from enclave.kernel.unit import UnitOfWork
from enclave.privacy import amounts
from enclave.privacy.models import BudgetAccount, Charge

CLAUSES = ("3.10-2p", "10.4.2-e-2d4")


@dataclass(frozen=True)
class BudgetView:
    """One account, in epsilon, exact. `dataset_spent` is what all projects together spent on the data set."""

    project_id: str
    dataset_id: str
    total: Decimal
    spent: Decimal
    remaining: Decimal
    dataset_spent: Decimal
    charges: int


@dataclass(frozen=True)
class Question:
    """What is asked, in canonical form: equal questions have equal `body`.

    `body` names the extract it is asked of, so that a changed extract is a new question.
    """

    project_id: str
    dataset_id: str
    body: Mapping[str, Any]
    epsilon_micro: int

    @property
    def key(self) -> str:
        """Return the SHA-256 of the canonical JSON of the body."""
        canonical = json.dumps(self.body, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(canonical.encode()).hexdigest()


@dataclass(frozen=True)
class Draw:
    """A noisy answer and how it came about."""

    answer: dict[str, Any]
    mechanism: str
    engine: str


@dataclass(frozen=True)
class ChargeView:
    """One stored answer. `free` tells that it had been paid for before."""

    id: str
    dataset_id: str
    question: dict[str, Any]
    answer: dict[str, Any]
    epsilon: Decimal
    mechanism: str
    engine: str
    asked_by: str
    asked_at: datetime
    free: bool = field(default=False)


def allot(unit: UnitOfWork, project_id: str, dataset_id: str, epsilon: object, delta: object = 0.0) -> BudgetView:
    """Open the account of a project on a data set, or add to it; the caller's unit of work commits it."""
    total, spare = amounts.micro_epsilon(epsilon), amounts.pico_delta(delta)
    account = _locked(unit.session, project_id, dataset_id)
    if account is None:
        opened = BudgetAccount(project_id=project_id, dataset_id=dataset_id, total_micro=total, opened_at=clock.now())
        account = unit.add(opened)
    else:
        account.total_micro += total
    account.delta_pico += spare
    unit.session.flush()
    unit.record(
        "privacy.allot",
        project_id,
        clauses=CLAUSES,
        dataset=dataset_id,
        epsilon=str(amounts.epsilon(total)),
        total=str(amounts.epsilon(account.total_micro)),
    )
    return _view(unit.session, account)


def account(session: Session, project_id: str, dataset_id: str) -> BudgetView:
    """Return the account of a project on a data set, or raise NotFound."""
    found = session.get(BudgetAccount, (project_id, dataset_id), populate_existing=True)
    if found is None:
        raise NotFound("privacy_no_account")
    return _view(session, found)


def accounts(session: Session, *, project_id: str = "", dataset_id: str = "") -> list[BudgetView]:
    """Return the accounts of a project, of a data set, or all."""
    query = select(BudgetAccount).order_by(col(BudgetAccount.opened_at), col(BudgetAccount.dataset_id))
    if project_id:
        query = query.where(BudgetAccount.project_id == project_id)
    if dataset_id:
        query = query.where(BudgetAccount.dataset_id == dataset_id)
    return [_view(session, row) for row in session.exec(query)]


def charges(session: Session, project_id: str, dataset_id: str = "") -> list[ChargeView]:
    """Return what a project has asked, newest first."""
    query = select(Charge).where(Charge.project_id == project_id).order_by(col(Charge.asked_at).desc())
    if dataset_id:
        query = query.where(Charge.dataset_id == dataset_id)
    return [_charge_view(row, free=False) for row in session.exec(query)]


def stored(session: Session, question: Question) -> ChargeView | None:
    """Return the answer already paid for: the same question, answered at least as exactly, or None.

    Handing out a noisy number again is post-processing and reveals nothing more (Dwork & Roth 2014, 2.1). Of
    several, the least exact that is exact enough is chosen, so that a repeated question never changes its answer.
    """
    query = (
        select(Charge)
        .where(
            Charge.project_id == question.project_id,
            Charge.dataset_id == question.dataset_id,
            Charge.question_key == question.key,
            Charge.epsilon_micro >= question.epsilon_micro,
        )
        .order_by(col(Charge.epsilon_micro))
        .limit(1)
    )
    found = session.exec(query).first()
    return _charge_view(found, free=True) if found else None


def spend(unit: UnitOfWork, question: Question, draw: Callable[[], Draw]) -> ChargeView:
    """Answer a question once: lock the account, check what remains, draw, store answer and charge.

    `draw` is called at most once, after the account is known to bear the price. The answer may be shown only
    after the caller's unit of work has committed; when anything fails before, nothing was charged and the
    noise drawn was seen by nobody. Raises Refused("privacy_budget_exhausted").
    """
    held = _locked(unit.session, question.project_id, question.dataset_id)
    if held is None:
        raise NotFound("privacy_no_account")
    if again := stored(unit.session, question):
        return again
    remaining = held.total_micro - held.spent_micro
    if question.epsilon_micro > remaining:
        asked = amounts.epsilon(question.epsilon_micro)
        left = amounts.epsilon(remaining)
        raise Refused("privacy_budget_exhausted", clauses=CLAUSES, asked=str(asked), remaining=str(left))
    drawn = draw()
    held.spent_micro += question.epsilon_micro
    charge = unit.add(_charge(unit, question, drawn))
    unit.record("privacy.charge", question.project_id, clauses=CLAUSES, **_facts(unit.session, held, charge))
    return _charge_view(charge, free=False)


def _charge(unit: UnitOfWork, question: Question, drawn: Draw) -> Charge:
    return Charge(
        id=new_id("chg"),
        project_id=question.project_id,
        dataset_id=question.dataset_id,
        question_key=question.key,
        question=dict(question.body),
        epsilon_micro=question.epsilon_micro,
        mechanism=drawn.mechanism,
        engine=drawn.engine,
        answer=drawn.answer,
        asked_by=unit.actor.username,
        asked_at=clock.now(),
    )


def _facts(session: Session, held: BudgetAccount, charge: Charge) -> dict[str, str]:
    return {
        "charge": charge.id,
        "dataset": held.dataset_id,
        "mechanism": charge.mechanism,
        "engine": charge.engine,
        "epsilon": str(amounts.epsilon(charge.epsilon_micro)),
        "spent": str(amounts.epsilon(held.spent_micro)),
        "dataset_spent": str(amounts.epsilon(_dataset_spent(session, held.dataset_id))),
    }


def _locked(session: Session, project_id: str, dataset_id: str) -> BudgetAccount | None:
    # On SQLite the unit of work holds the write lock already and FOR UPDATE is left out by the dialect.
    query = (
        select(BudgetAccount)
        .where(BudgetAccount.project_id == project_id, BudgetAccount.dataset_id == dataset_id)
        .with_for_update()
    )
    return session.exec(query, execution_options={"populate_existing": True}).first()


def _dataset_spent(session: Session, dataset_id: str) -> int:
    query = select(func.coalesce(func.sum(BudgetAccount.spent_micro), 0)).where(BudgetAccount.dataset_id == dataset_id)
    return int(session.exec(query).one())


def _view(session: Session, held: BudgetAccount) -> BudgetView:
    count = select(func.count()).where(Charge.project_id == held.project_id, Charge.dataset_id == held.dataset_id)
    return BudgetView(
        project_id=held.project_id,
        dataset_id=held.dataset_id,
        total=amounts.epsilon(held.total_micro),
        spent=amounts.epsilon(held.spent_micro),
        remaining=amounts.epsilon(held.total_micro - held.spent_micro),
        dataset_spent=amounts.epsilon(_dataset_spent(session, held.dataset_id)),
        charges=int(session.exec(count).one()),
    )


def _charge_view(row: Charge, *, free: bool) -> ChargeView:
    return ChargeView(
        id=row.id,
        dataset_id=row.dataset_id,
        question=row.question,
        answer=row.answer,
        epsilon=amounts.epsilon(row.epsilon_micro),
        mechanism=row.mechanism,
        engine=row.engine,
        asked_by=row.asked_by,
        asked_at=row.asked_at,
        free=free,
    )
