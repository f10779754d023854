"""P1: state, ledger event and outbox message commit together or not at all, and never without an event."""

from __future__ import annotations

import pytest
from sqlalchemy import text, update
from sqlmodel import select

from enclave.kernel import ledger
from enclave.kernel.db import reading
from enclave.kernel.errors import Conflict, NotFound, Refused
from enclave.kernel.identity import Account, AccountRole, Role, system
from enclave.kernel.log import correlated
from enclave.kernel.outbox import OutboxMessage
from enclave.kernel.unit import UnrecordedWrite, in_progress, unit_of_work

SYSTEM = system("tests")


def roles(username: str) -> list[str]:
    with reading() as session:
        return list(session.exec(select(AccountRole.role).where(AccountRole.username == username)))


def actions() -> list[str]:
    """What the ledger holds, beside the institution every account comes with."""
    with reading() as session:
        found = [body["action"] for body, _ in ledger.stored(session)]
    return [action for action in found if action != "institution.verified"]


def topics() -> list[str]:
    with reading() as session:
        return list(session.exec(select(OutboxMessage.topic).order_by(OutboxMessage.created_at)))


@pytest.fixture
def li(account):
    return account("li", Role.RESEARCHER)


def add_role(unit) -> None:
    unit.add(AccountRole(username="li", role="steward"))


def change_by_bulk_statement(unit) -> None:
    unit.session.execute(update(Account).where(Account.username == "li").values(title="x"))


def change_by_plain_sql(unit) -> None:
    unit.session.execute(text("UPDATE account SET title = 'x'"))


def insert_by_plain_sql_on_the_connection(unit) -> None:
    unit.session.connection().exec_driver_sql("insert into account_role (username, role) values ('li', 'steward')")


def delete_in_a_common_table_expression(unit) -> None:
    unit.session.execute(text("WITH one AS (SELECT 'li' AS name) DELETE FROM account_role"))


def change_an_attribute(unit) -> None:
    unit.session.get_one(Account, "li").title = "x"


def delete_a_row(unit) -> None:
    unit.session.delete(unit.session.get_one(AccountRole, ("li", "researcher")))


@pytest.mark.promise("P1")
@pytest.mark.parametrize(
    "write",
    [
        add_role,
        change_by_bulk_statement,
        change_by_plain_sql,
        insert_by_plain_sql_on_the_connection,
        delete_in_a_common_table_expression,
        change_an_attribute,
        delete_a_row,
    ],
)
def test_a_write_without_a_ledger_event_is_refused_and_undone(li, write) -> None:
    with pytest.raises(UnrecordedWrite, match="account"), unit_of_work(SYSTEM) as unit:
        write(unit)
    assert roles("li") == ["researcher"]
    with reading() as session:
        assert session.get_one(Account, "li").title == ""
    with unit_of_work(SYSTEM) as unit:
        write(unit)
        unit.record("account.changed", "account:li")
    assert actions()[-1] == "account.changed"


@pytest.mark.promise("P1")
def test_state_event_and_message_commit_together(li) -> None:
    with unit_of_work(SYSTEM) as unit:
        add_role(unit)
        unit.record("account.roles", "account:li", clauses=["5.2"], added=1)
        unit.send("hub.account", username="li")
    assert (roles("li"), actions()[-1], topics()) == (["researcher", "steward"], "account.roles", ["hub.account"])


@pytest.mark.promise("P1")
def test_a_failure_undoes_state_event_and_message(li) -> None:
    before = actions()
    with pytest.raises(RuntimeError), unit_of_work(SYSTEM) as unit:
        add_role(unit)
        unit.record("account.roles", "account:li")
        unit.send("hub.account", username="li")
        raise RuntimeError
    assert (roles("li"), actions(), topics()) == (["researcher"], before, [])
    assert not in_progress()


def test_looking_needs_no_event(li) -> None:
    with unit_of_work(SYSTEM) as unit:
        unit.session.exec(select(Account).with_for_update()).all()
    assert actions() == ["account.created"]


def test_what_is_written_while_looking_is_dropped(li) -> None:
    with reading() as session:
        session.add(AccountRole(username="li", role="steward"))
        session.flush()
    assert roles("li") == ["researcher"]


@pytest.mark.promise("P1")
def test_joined_units_commit_as_one(li) -> None:
    with pytest.raises(RuntimeError), unit_of_work(SYSTEM) as outer:
        with unit_of_work(SYSTEM) as inner:
            assert inner.session is outer.session
            add_role(inner)
            inner.record("account.roles", "account:li")
        raise RuntimeError
    assert (roles("li"), actions()) == (["researcher"], ["account.created"])


@pytest.mark.promise("P1")
def test_a_joined_unit_that_fails_leaves_nothing_in_the_outer_one(li) -> None:
    with unit_of_work(SYSTEM) as outer:
        with pytest.raises(Refused), unit_of_work(SYSTEM) as inner:
            add_role(inner)
            inner.record("account.roles", "account:li")
            inner.send("hub.account", username="li")
            raise Refused("forbidden", roles="x")
        outer.record("account.refused", "account:li")
    assert (roles("li"), actions()[1:], topics()) == (["researcher"], ["account.refused"], [])


def test_a_joined_unit_that_fails_asks_for_no_event_of_the_outer_one(li) -> None:
    with unit_of_work(SYSTEM), pytest.raises(Refused), unit_of_work(SYSTEM) as inner:
        add_role(inner)
        raise Refused("forbidden", roles="x")
    assert roles("li") == ["researcher"]


def test_roles_are_asked_of_the_database_not_of_the_actor(li) -> None:
    with unit_of_work(SYSTEM) as unit:
        unit.session.get_one(Account, "li").active = False
        unit.record("account.blocked", "account:li")
    with pytest.raises(Refused) as refused, unit_of_work(li) as unit:  # `li` still says researcher
        unit.require(Role.RESEARCHER)
    assert refused.value.code == "forbidden"


def test_missing_rows_are_an_error_with_a_code(home) -> None:
    with pytest.raises(NotFound) as missing, unit_of_work(SYSTEM) as unit:
        unit.get(Account, "nobody")
    assert missing.value.as_dict()["facts"] == {"kind": "Account", "id": "nobody"}


def test_a_stale_row_is_a_conflict(li) -> None:
    from sqlalchemy.orm.exc import StaleDataError

    with pytest.raises(Conflict) as conflict, unit_of_work(SYSTEM):
        raise StaleDataError("a version column did not match")
    assert conflict.value.code == "already_decided"


def test_one_correlation_id_from_page_to_ledger_and_outbox(li) -> None:
    with correlated("from-the-page"), unit_of_work(SYSTEM) as unit:
        unit.send("hub.account", username="li")
        unit.record("account.synced", "account:li")
    with reading() as session:
        assert session.exec(select(OutboxMessage.correlation)).one() == "from-the-page"
        assert list(ledger.stored(session))[-1][0]["correlation"] == "from-the-page"
