"""Auditors read and prove the ledger, operators mend what failed, and nobody else does either."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlmodel import Session, select

from enclave.gateway import administration
from enclave.gateway.administration import PAGE, FindEvents
from enclave.kernel import accounts, db, ledger, outbox
from enclave.kernel.accounts import OpenAccount
from enclave.kernel.db import reading
from enclave.kernel.errors import Conflict, Invalid, NotFound, Refused
from enclave.kernel.identity import Actor, Role, system
from enclave.kernel.outbox import OutboxMessage
from enclave.kernel.unit import unit_of_work
from enclave.policy.book import current

QUERIES: dict[str, tuple[Callable[[Actor], object], set[str]]] = {
    "events": (lambda actor: administration.find_events(actor, FindEvents()), {"feng", "wu", "he"}),
    "actions": (administration.actions, {"feng", "wu", "he"}),
    "verify": (administration.verify, {"feng", "wu", "he"}),
    "export": (administration.export, {"feng", "wu"}),
    "failures": (administration.failures, {"he", "feng"}),
    "waiting": (administration.waiting, {"he", "feng"}),
    "members": (administration.members, {"he", "feng", "wu"}),
    "institutions": (administration.registered, {"he", "feng", "wu"}),
}


@pytest.mark.parametrize("query", QUERIES)
def test_only_those_who_watch_may_look(people: dict[str, Actor], query: str) -> None:
    ask, allowed = QUERIES[query]
    for username, actor in people.items():
        if username in allowed:
            ask(actor)
        else:
            with pytest.raises(Refused) as refused:
                ask(actor)
            assert refused.value.code == "forbidden"


def test_a_role_the_actor_claims_but_the_database_does_not_hold_opens_nothing(people: dict[str, Actor]) -> None:
    claimed = Actor("li", roles=people["feng"].roles)
    with pytest.raises(Refused):
        administration.find_events(claimed, FindEvents())


def record(count: int, action: str = "test.done") -> None:
    for number in range(count):
        with unit_of_work(system("tests")) as unit:
            unit.record(action, f"thing-{number:03}")


def test_events_come_newest_first_in_pages_that_share_none(people: dict[str, Actor]) -> None:
    record(PAGE + 5)
    first = administration.find_events(people["feng"], FindEvents(action="test.done"))
    second = administration.find_events(people["feng"], FindEvents(action="test.done", page=2))
    assert (first.total, first.pages, len(first.events), len(second.events)) == (PAGE + 5, 2, PAGE, 5)
    numbers = [event.seq for event in (*first.events, *second.events)]
    assert numbers == sorted(numbers, reverse=True) and len(set(numbers)) == PAGE + 5


def test_filters_match_from_the_beginning_and_take_signs_literally(people: dict[str, Actor]) -> None:
    record(2, "a_b.c")
    record(1, "axb.c")
    found = administration.find_events(people["feng"], FindEvents(action="a_b"))
    assert {event.action for event in found.events} == {"a_b.c"}
    assert administration.find_events(people["feng"], FindEvents(subject="%")).total == 0
    assert administration.find_events(people["feng"], FindEvents(who="system:", subject="thing-00")).total == 3


@pytest.mark.promise("P1")
def test_the_chain_is_proved_from_the_page_and_from_the_copy_it_gives(people: dict[str, Actor]) -> None:
    record(3)
    verdict = administration.verify(people["feng"])
    assert not verdict.fault and verdict.events > 3
    copy = administration.export(people["feng"]).decode().splitlines()
    assert ledger.verify(ledger.exported(copy), verdict.head) == verdict
    copy[1] = copy[1].replace("account", "acc0unt", 1)
    assert ledger.verify(ledger.exported(copy)).fault


def failed_message() -> str:
    with unit_of_work(system("tests")) as unit:
        unit.record("test.promised", "thing")
        unit.send("test.topic", value=1)

    def broken(payload: object) -> None:
        raise NotFound("not_found", kind="thing", id="x")

    with Session(db.engine()) as opened:
        message = opened.exec(select(OutboxMessage).where(OutboxMessage.topic == "test.topic")).one()
        message.attempts = outbox.ATTEMPTS - 1
        opened.commit()
    assert outbox.deliver_one({"test.topic": broken})
    return next(each.id for each in administration.failures(system("tests")) if each.topic == "test.topic")


def test_a_side_effect_given_up_is_shown_and_goes_back_to_work_once(people: dict[str, Actor]) -> None:
    identifier = failed_message()
    (shown,) = [each for each in administration.failures(people["he"]) if each.id == identifier]
    assert (shown.state, shown.error, shown.attempts) == ("failed", "not_found", outbox.ATTEMPTS)
    with pytest.raises(Refused):
        administration.retry(people["feng"], identifier)
    administration.retry(people["he"], identifier)
    with reading() as opened:
        assert opened.get_one(OutboxMessage, identifier).state == "waiting"
    with pytest.raises(Conflict):
        administration.retry(people["he"], identifier)
    events = administration.find_events(people["feng"], FindEvents(action="outbox.retried"))
    assert [event.subject for event in events.events] == [identifier]


def test_members_are_listed_with_their_roles_and_no_password(people: dict[str, Actor]) -> None:
    listed = administration.members(people["he"])
    assert {account.username for account in listed} == set(people)
    assert all(account.roles for account in listed)
    assert "argon2" not in repr(listed)


@pytest.mark.clause("C-4")
def test_an_account_belongs_to_a_registered_institution(people: dict[str, Actor]) -> None:
    """Under one spelling: the history check follows institutions."""
    for spelled in ("wch", "W C H", "成都市医院"):
        with pytest.raises(Invalid) as refused:
            accounts.open_account(people["he"], OpenAccount("new", "新", spelled, (Role.RESEARCHER,)))
        assert refused.value.code == "account_institution"
    accounts.open_account(people["he"], OpenAccount("new", "新", "WCH", (Role.RESEARCHER,)))
    found = {each.code: each.audience for each in administration.registered(people["feng"])}
    assert found == {"WCH": "enterprise", "UNI": "enterprise", "HIC": "government"}
    assert set(found.values()) <= set(current().words("audiences"))
    kinds = administration.institution_kinds("zh")
    assert "patient" not in kinds and "hospital" in kinds
