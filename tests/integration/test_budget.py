"""A budget is never overspent, and an answer is paid for before anybody sees it (P4)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from enclave.kernel import ledger
from enclave.kernel.db import engine, reading
from enclave.kernel.errors import EnclaveError, NotFound, Refused
from enclave.kernel.identity import Actor, system
from enclave.kernel.unit import unit_of_work
from enclave.outputs import access
from enclave.outputs.answers import service as answers
from enclave.outputs.answers.service import Ask
from enclave.privacy import service as privacy
from enclave.privacy.service import Draw, Question
from tests.conftest import Home
from tests.factories import projects

pytestmark = pytest.mark.promise("P4")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(home: Home, people: dict[str, Actor]) -> str:
    return projects.make_project("p-budget01", ("li", "zhang"), epsilon="1")


def question(body: object, micro: int = 100_000, project_id: str = "p-budget01") -> Question:
    return Question(project_id, "ds-demo", {"q": body}, micro)


def pay(asked: Question) -> privacy.ChargeView:
    with unit_of_work(system("test")) as unit:
        return privacy.spend(unit, asked, lambda: Draw({"value": time.monotonic_ns()}, "test", "test"))


# A program of its own pays the same way.
PAYING = """
import os, signal, sys, time
from enclave.kernel.identity import system
from enclave.kernel.unit import unit_of_work
from enclave.privacy import service as privacy
from enclave.privacy.service import Draw, Question
def pay(body, micro=100_000, project_id="p-budget01"):
    with unit_of_work(system("test")) as unit:
        asked = Question(project_id, "ds-demo", {"q": body}, micro)
        return privacy.spend(unit, asked, lambda: Draw({"value": time.monotonic_ns()}, "test", "test"))
"""


def started(program: str, *arguments: str) -> subprocess.Popen[str]:
    code = PAYING + textwrap.dedent(program)
    return subprocess.Popen([sys.executable, "-c", code, *arguments], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def held(project_id: str = "p-budget01") -> privacy.BudgetView:
    with reading() as session:
        return privacy.account(session, project_id, "ds-demo")


def books_balance(project_id: str = "p-budget01") -> None:
    """The account equals the sum of its charges, and every charge is on the ledger."""
    with reading() as session:
        account = privacy.account(session, project_id, "ds-demo")
        charges = privacy.charges(session, project_id)
        assert account.spent == sum((charge.epsilon for charge in charges), Decimal(0))
        assert account.spent <= account.total
        chain = list(ledger.stored(session))
    assert ledger.verify(chain).fault == ""
    on_ledger = {body["facts"]["charge"] for body, _ in chain if body["action"] == "privacy.charge"}
    assert on_ledger == {charge.id for charge in charges}


def test_fifty_callers_at_once_spend_no_more_than_there_is(project: str) -> None:
    def one(number: int) -> str:
        try:
            return str(pay(question(number)).id)
        except Refused as refusal:
            return refusal.code

    with ThreadPoolExecutor(50) as pool:
        outcomes = list(pool.map(one, range(50)))
    assert outcomes.count("privacy_budget_exhausted") == 40
    assert held().remaining == 0
    books_balance()


def test_fifty_callers_with_one_question_pay_once_and_hear_the_same(project: str) -> None:
    with ThreadPoolExecutor(50) as pool:
        heard = list(pool.map(lambda _: pay(question("same")), range(50)))
    assert len({charge.answer["value"] for charge in heard}) == 1
    assert [charge.free for charge in heard].count(False) == 1
    assert held().spent == Decimal("0.1")
    books_balance()


def test_processes_at_once_spend_no_more_than_there_is(project: str) -> None:
    program = """
        from enclave.kernel.errors import Refused
        for number in range(4):
            try: print(pay(f"{sys.argv[1]}-{number}").id)
            except Refused as refusal: print(refusal.code)
    """
    workers = [started(program, str(number)) for number in range(4)]
    outcomes = [line for worker in workers for line in worker.communicate(timeout=120)[0].split()]
    assert len(outcomes) == 16
    assert outcomes.count("privacy_budget_exhausted") == 6
    books_balance()


def test_the_last_epsilon_is_spent_exactly_and_then_nothing_is_left(project: str) -> None:
    for number in range(3):
        pay(question(number, 300_000))
    pay(question("last", 100_000))
    assert held().remaining == 0
    with pytest.raises(Refused, match="Not enough"):
        pay(question("one more", 1_000))


def test_a_refused_question_draws_no_noise(project: str) -> None:
    drawn = []
    with pytest.raises(Refused), unit_of_work(system("test")) as unit:
        privacy.spend(unit, question("dear", 5_000_000), lambda: drawn.append(1))  # type: ignore[func-returns-value, arg-type] # must not be called
    assert drawn == []


@pytest.mark.parametrize("moment", ["ledger", "commit"])
def test_failure_between_noise_and_commit_charges_nothing_and_shows_nothing(
    project: str, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    drawn: list[int] = []

    def draw() -> Draw:
        drawn.append(42)
        return Draw({"value": 42}, "test", "test")

    def fail(*_: object) -> None:
        assert drawn  # the noise exists at this moment
        raise RuntimeError("the machine stops here")

    target = "enclave.kernel.ledger.append" if moment == "ledger" else "sqlmodel.Session.commit"
    with monkeypatch.context() as patch, pytest.raises(RuntimeError):
        patch.setattr(target, fail)
        with unit_of_work(system("test")) as unit:
            privacy.spend(unit, question("crash"), draw)
    assert held().spent == 0
    assert not pay(question("crash")).free
    books_balance()


@pytest.mark.parametrize("kill_before_commit", [True, False])
def test_kill_nine_around_the_commit(project: str, kill_before_commit: bool) -> None:
    """Killed before the commit: not charged. Killed after it, before the answer left: charged, answer kept, free."""
    program = f"""
        from sqlmodel import Session
        commit = Session.commit
        def dying(session):
            if not {kill_before_commit}: commit(session)
            os.kill(os.getpid(), signal.SIGKILL)
        Session.commit = dying
        print(pay("killed").answer["value"], flush=True)
    """
    killed = started(program)
    assert killed.communicate(timeout=60)[0] == ""
    assert killed.returncode == -signal.SIGKILL
    expected = Decimal(0) if kill_before_commit else Decimal("0.1")
    assert held().spent == expected
    assert pay(question("killed")).free is not kill_before_commit
    books_balance()


def test_kill_nine_at_any_moment_loses_no_answer_that_was_shown(home: Home, people: dict[str, Actor]) -> None:
    projects.make_project("p-budget02", ("li",), epsilon="100")
    program = """
        import itertools
        for number in itertools.count():
            charge = pay(f"{sys.argv[1]}-{number}", 1_000, "p-budget02")
            print(charge.id, charge.answer["value"], flush=True)
    """
    shown: dict[str, int] = {}
    for turn in range(4):
        child = started(program, str(turn))
        assert child.stdout
        lines = [child.stdout.readline() for _ in range(3 + turn)]
        os.kill(child.pid, signal.SIGKILL)
        lines += child.stdout.read().splitlines()
        child.wait()
        shown |= {line.split()[0]: int(line.split()[1]) for line in lines if len(line.split()) == 2}
    with reading() as session:
        kept = {charge.id: charge.answer["value"] for charge in privacy.charges(session, "p-budget02")}
    assert len(shown) >= 18
    assert shown.items() <= kept.items()
    books_balance("p-budget02")


def test_the_database_itself_refuses_an_overspent_account(project: str) -> None:
    with pytest.raises(IntegrityError), engine().begin() as connection:
        connection.execute(text("UPDATE budget_account SET spent_micro = total_micro + 1"))


def test_a_less_exact_question_is_answered_by_the_more_exact_answer_and_never_changes(project: str) -> None:
    rough = pay(question("how many", 100_000))
    fine = pay(question("how many", 300_000))
    assert rough.answer != fine.answer
    assert not fine.free
    assert pay(question("how many", 100_000)).answer == rough.answer
    assert pay(question("how many", 200_000)).answer == fine.answer
    assert held().spent == Decimal("0.4")


@pytest.mark.clause("3.10-2p")
def test_every_charge_records_mechanism_price_and_running_total(home: Home, people: dict[str, Actor]) -> None:
    for name, first_uid in (("p-budget03", 200001), ("p-budget04", 200003)):
        projects.make_project(name, ("li",), epsilon="2", first_uid=first_uid)
    pay(question(1, 500_000, "p-budget03"))
    pay(question(1, 250_000, "p-budget04"))
    with reading() as session:
        facts = [body["facts"] for body, _ in ledger.stored(session) if body["action"] == "privacy.charge"]
        assert [fact["dataset_spent"] for fact in facts] == ["0.5", "0.75"]
        assert all(fact["mechanism"] and fact["engine"] and fact["epsilon"] for fact in facts)
        assert privacy.account(session, "p-budget03", "ds-demo").dataset_spent == Decimal("0.75")


def test_a_second_allotment_adds_to_the_account(project: str) -> None:
    with unit_of_work(system("test")) as unit:
        view = privacy.allot(unit, project, "ds-demo", 0.5)
    assert (view.total, view.remaining) == (Decimal("1.5"), Decimal("1.5"))


def test_no_account_no_answer(home: Home) -> None:
    with pytest.raises(NotFound):
        pay(question("x", project_id="p-nowhere0"))


# --- the same through `ask`, on real rows ------------------------------------------------------------------------


@pytest.fixture
def extract(project: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pd.DataFrame]:
    rows = 4_000
    frame = pd.DataFrame(
        {
            "_person": [n // 2 for n in range(rows)],  # two rows a person
            "sex": ["女" if n % 4 < 2 else "男" for n in range(rows)],
            "age": [20 + n % 60 for n in range(rows)],
            "cost": [float(n % 100) for n in range(rows)],
        }
    )
    extracts: projects.Extracts = {}
    projects.add_extract(extracts, tmp_path, project, "visits", frame)
    monkeypatch.setattr(access.workspaces, "trusted_tables", projects.tables_of(extracts))
    yield frame


def test_fifty_askers_get_one_answer_for_one_price(extract: pd.DataFrame, people: dict[str, Actor]) -> None:
    command = Ask("p-budget01", "visits", "count", "0.1", where=({"column": "sex", "op": "=", "value": "女"},))

    def one(name: str) -> answers.AnswerView:
        return answers.ask(people[name], command)

    with ThreadPoolExecutor(25) as pool:
        views = list(pool.map(one, ["li", "zhang"] * 25))
    assert len({(view.id, view.value) for view in views}) == 1
    assert [view.charged for view in views].count("0.1") == 1
    assert abs(views[0].value - 1000) < 400  # two rows a person, one of them counted
    books_balance()


def test_questions_that_mean_the_same_are_the_same(extract: pd.DataFrame, people: dict[str, Actor]) -> None:
    older = {"column": "age", "op": ">=", "value": 65}
    women = {"column": "sex", "op": "=", "value": "女"}
    same = [(older, women), (women, older), (women, {**older, "value": 65.0}, women),
            ({**women, "op": "in", "value": ["女", "女"]}, older)]  # fmt: skip
    asked = [answers.ask(people["li"], Ask("p-budget01", "visits", "count", 0.1, where=where)) for where in same]
    assert len({view.id for view in asked}) == 1
    other = Ask("p-budget01", "visits", "count", 0.1, where=(women, {**older, "op": ">"}))
    assert answers.ask(people["li"], other).id != asked[0].id


def test_an_ended_grant_ends_answers_stored_ones_too(extract: pd.DataFrame, people: dict[str, Actor]) -> None:
    command = Ask("p-budget01", "visits", "count", 0.1)
    answers.ask(people["li"], command)
    projects.end_project("p-budget01")
    with pytest.raises(Refused):
        answers.ask(people["li"], command)


def test_only_members_ask(extract: pd.DataFrame, people: dict[str, Actor]) -> None:
    with pytest.raises(EnclaveError) as refusal:
        answers.ask(people["wang"], Ask("p-budget01", "visits", "count", 0.1))
    assert refusal.value.code == "grant_not_member"
    assert held().spent == 0
