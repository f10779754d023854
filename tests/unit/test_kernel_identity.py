"""Who acts: roles and passwords come from the database, and a wrong name tells nothing."""

from __future__ import annotations

import re

import pytest

from enclave.kernel.db import new_id, reading
from enclave.kernel.identity import ANONYMOUS, Actor, Role, load_actor, password_matches, system
from tests.factories.accounts import PASSWORD


def test_an_actor_has_the_roles_of_the_database(account) -> None:
    actor = account("li", Role.RESEARCHER, Role.STEWARD, institution="UNI")
    assert actor.roles == {Role.RESEARCHER, Role.STEWARD}
    assert actor.has(Role.STEWARD)
    assert not actor.has(Role.OPERATOR, Role.AUDITOR)
    assert actor.institution == "UNI"


@pytest.mark.parametrize(
    ("username", "password", "matches"),
    [
        ("li", PASSWORD, True),
        ("li", "wrong", False),
        ("li", "", False),
        ("nobody", PASSWORD, False),
        ("gone", PASSWORD, False),
    ],
)
def test_passwords(account, username, password, matches) -> None:
    account("li")
    account("gone", active=False)
    with reading() as session:
        assert password_matches(session, username, password) is matches


def test_the_password_of_nobody_opens_nothing(home) -> None:
    with reading() as session:
        assert not password_matches(session, "nobody", "no account has this password")


def test_an_inactive_or_unknown_name_is_anonymous(account) -> None:
    account("gone", Role.OPERATOR, active=False)
    with reading() as session:
        assert load_actor(session, "gone") is ANONYMOUS
        assert load_actor(session, "nobody") is ANONYMOUS
    assert not ANONYMOUS.has(*Role)


def test_a_system_actor_cannot_be_a_person() -> None:
    actor = system("worker")
    assert actor.has(Role.OPERATOR)
    assert not re.fullmatch(r"[a-z][a-z0-9]{1,23}", actor.username)
    assert not Actor("system:worker").has(Role.OPERATOR)  # the name alone gives nothing


def test_identifiers_tell_their_kind_and_nothing_else() -> None:
    made = {new_id("req") for _ in range(2000)}
    assert len(made) == 2000
    assert all(re.fullmatch(r"req-[2-9a-hjkmnp-z]{10}", identifier) for identifier in made)
