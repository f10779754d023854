"""Sign-in: passwords, slowed guessing, groups from the database."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from sqlmodel import select
from tornado.web import HTTPError

from enclave.gateway.authenticator import EnclaveAuthenticator, Throttle, current
from enclave.kernel import ledger
from enclave.kernel.db import reading
from enclave.kernel.identity import Account, Role, system
from enclave.kernel.unit import unit_of_work
from tests.conftest import AccountFactory, Home
from tests.factories.accounts import PASSWORD
from tests.factories.projects import end_project, make_project


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def authenticator() -> Iterator[EnclaveAuthenticator]:
    found = EnclaveAuthenticator()
    found.by_account, found.by_address = Throttle(3), Throttle(10)
    yield found


def visit(address: str = "127.0.0.1") -> Any:
    return SimpleNamespace(request=SimpleNamespace(remote_ip=address))


async def sign_in(found: EnclaveAuthenticator, name: str, password: str, address: str = "127.0.0.1") -> Any:
    return await found.authenticate(visit(address), {"username": name, "password": password})


def actions() -> list[str]:
    with reading() as session:
        return [event.action for event in session.exec(select(ledger.LedgerEvent))]


async def test_the_right_password_gives_groups_from_the_database(
    authenticator: EnclaveAuthenticator, account: AccountFactory
) -> None:
    account("li", Role.RESEARCHER, Role.STEWARD)
    make_project("p-one", ("li",))
    make_project("p-two", ("li",), first_uid=200010)
    end_project("p-two")
    found = await sign_in(authenticator, " LI ", PASSWORD)
    assert found == {"name": "li", "groups": ["project-p-one", "role-researcher", "role-steward"], "admin": False}
    assert "account.signed-in" in actions()


@pytest.mark.parametrize("password", ["", "wrong", PASSWORD + " ", "x" * 100_000])
async def test_a_wrong_password_is_refused(
    authenticator: EnclaveAuthenticator, account: AccountFactory, password: str
) -> None:
    account("li", Role.RESEARCHER)
    with pytest.raises(HTTPError) as refusal:
        await sign_in(authenticator, "li", password)
    assert refusal.value.status_code == 403


@pytest.mark.parametrize("name", ["", "nobody", "li' OR 1=1", "../li", "李", "system:hub", "anonymous"])
async def test_names_that_are_no_account_are_refused_alike(
    home: Home, authenticator: EnclaveAuthenticator, name: str
) -> None:
    with pytest.raises(HTTPError) as refusal:
        await sign_in(authenticator, name, PASSWORD)
    assert refusal.value.status_code == 403
    assert name not in str(refusal.value.log_message) or name == ""


async def test_a_closed_account_neither_signs_in_nor_stays(
    authenticator: EnclaveAuthenticator, account: AccountFactory
) -> None:
    account("li", Role.RESEARCHER)
    assert await authenticator.refresh_user(SimpleNamespace(name="li"))
    with unit_of_work(system("test")) as unit:
        unit.session.get_one(Account, "li").active = False
        unit.record("test.close", "account:li")
    assert await authenticator.refresh_user(SimpleNamespace(name="li")) is False
    assert current("li") is None
    with pytest.raises(HTTPError):
        await sign_in(authenticator, "li", PASSWORD)


async def test_guessing_one_account_is_stopped_and_put_on_the_ledger(
    authenticator: EnclaveAuthenticator, account: AccountFactory
) -> None:
    account("li", Role.RESEARCHER)
    for _ in range(3):
        with pytest.raises(HTTPError):
            await sign_in(authenticator, "li", "wrong")
    with pytest.raises(HTTPError) as refusal:  # also the right password: a guesser must not learn that it was
        await sign_in(authenticator, "li", PASSWORD, "10.0.0.9")
    assert refusal.value.status_code == 429
    assert actions().count("account.throttled") == 1


@pytest.mark.promise("P12")
async def test_what_is_no_account_never_reaches_the_ledger(home: Home, authenticator: EnclaveAuthenticator) -> None:
    for _ in range(4):
        with pytest.raises(HTTPError):
            await sign_in(authenticator, "zhangsan", "wrong")
    assert "account.throttled" not in actions()


async def test_guessing_many_accounts_from_one_place_is_stopped(
    authenticator: EnclaveAuthenticator, account: AccountFactory
) -> None:
    account("li", Role.RESEARCHER)
    for number in range(10):
        with pytest.raises(HTTPError):
            await sign_in(authenticator, f"guess{number}", "wrong")
    with pytest.raises(HTTPError) as refusal:
        await sign_in(authenticator, "li", PASSWORD)
    assert refusal.value.status_code == 429
    assert await sign_in(authenticator, "li", PASSWORD, "10.0.0.9")


def test_each_further_failure_doubles_the_wait_up_to_an_end() -> None:
    clock = Clock()
    throttle = Throttle(free=3, first=2, longest=60, clock=clock)
    waits = []
    for _ in range(10):
        throttle.failed("li")
        waits.append(throttle.wait("li"))
        clock.now += throttle.wait("li")
    assert waits == [0, 0, 2, 4, 8, 16, 32, 60, 60, 60]
    assert throttle.wait("zhang") == 0
    throttle.succeeded("li")
    throttle.failed("li")
    assert throttle.wait("li") == 0


def test_a_quiet_hour_forgives_and_a_flood_of_names_costs_no_memory() -> None:
    clock = Clock()
    throttle = Throttle(free=2, clock=clock)
    throttle.failed("li")
    clock.now += 3601
    throttle.failed("li")
    assert throttle.wait("li") == 0
    for number in range(10_050):
        throttle.failed(f"name{number}")
    assert len(throttle._attempts) == 10_000
