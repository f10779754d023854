"""Budget accounts and the charges against them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, CheckConstraint, Column, ForeignKeyConstraint, UniqueConstraint
from sqlmodel import Field

from enclave.kernel.db import Record, UtcDateTime


class BudgetAccount(Record, table=True):
    """The privacy budget of one project on one data set.

    The database itself refuses an overspent account: a defect in the code above would end in an error, not in
    a broken promise (P4).
    """

    __tablename__ = "budget_account"
    __table_args__ = (
        CheckConstraint("total_micro > 0", name="total"),
        CheckConstraint("spent_micro >= 0 AND spent_micro <= total_micro", name="spent"),
        CheckConstraint("delta_pico >= 0", name="delta"),
    )
    project_id: str = Field(primary_key=True)
    dataset_id: str = Field(primary_key=True, index=True)
    total_micro: int = Field(sa_type=BigInteger)
    spent_micro: int = Field(default=0, sa_type=BigInteger)
    delta_pico: int = Field(default=0, sa_type=BigInteger)
    opened_at: datetime = Field(sa_type=UtcDateTime)


class Charge(Record, table=True):
    """One answer and its price, written in one transaction; asking again reads `answer` and pays nothing."""

    __tablename__ = "budget_charge"
    __table_args__ = (
        ForeignKeyConstraint(["project_id", "dataset_id"], ["budget_account.project_id", "budget_account.dataset_id"]),
        UniqueConstraint("project_id", "dataset_id", "question_key", "epsilon_micro"),
        CheckConstraint("epsilon_micro > 0", name="epsilon"),
    )
    id: str = Field(primary_key=True)
    project_id: str
    dataset_id: str
    question_key: str = Field(index=True)
    question: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    epsilon_micro: int = Field(sa_type=BigInteger)
    mechanism: str
    engine: str
    answer: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    asked_by: str
    asked_at: datetime = Field(sa_type=UtcDateTime)
