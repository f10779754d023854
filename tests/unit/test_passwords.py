"""Who lost a password gets a new one: shown once, kept as a hash, on the ledger, and the demonstration says how."""

from __future__ import annotations

import os
import re
import sys

import pytest
from sqlmodel import select
from typer.testing import CliRunner

from enclave.cli import demo
from enclave.cli.account import app
from enclave.cli.demonstration.people import PEOPLE
from enclave.kernel import passwords
from enclave.kernel.db import reading
from enclave.kernel.errors import NotFound, Refused
from enclave.kernel.identity import Role, password_matches
from enclave.kernel.ledger import LedgerEvent
from enclave.kernel.settings import settings
from tests.factories.accounts import PASSWORD


def opens(username: str, password: str) -> bool:
    with reading() as session:
        return password_matches(session, username, password)


def test_the_new_password_opens_and_the_old_one_no_more(account) -> None:
    account("li", Role.RESEARCHER)
    done = CliRunner().invoke(app, ["password", "li"])
    new = done.output.strip()
    assert len(new) >= 16
    assert (opens("li", new), opens("li", PASSWORD)) == (True, False)
    with reading() as session:
        event = session.exec(select(LedgerEvent).where(LedgerEvent.action == "account.password")).one()
    assert (event.actor, event.subject) == ("system:command-line", "account:li")
    assert new not in str(event.body())


def test_it_is_for_operators_and_for_accounts_there_are(account) -> None:
    he, li = account("he", Role.OPERATOR), account("li", Role.RESEARCHER)
    assert passwords.renew(he, "li") != passwords.renew(he, "li")
    with pytest.raises(Refused, match="role"):
        passwords.renew(li, "he")
    with pytest.raises(NotFound):
        passwords.renew(he, "nobody")


def test_a_blocked_account_stays_blocked(account) -> None:
    account("he", Role.OPERATOR)
    account("gone", active=False)
    assert not opens("gone", CliRunner().invoke(app, ["password", "gone"]).output.strip())


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_second_start_of_the_demonstration_says_how_to_get_in(home, monkeypatch, capsys, language) -> None:
    monkeypatch.setenv("ENCLAVE_LANGUAGE", language)
    settings.cache_clear()
    first = {person.username: f"secret-{person.username}" for person in PEOPLE}
    demo._ready(first)
    assert "account password" not in capsys.readouterr().out
    demo._ready({})
    said = capsys.readouterr().out
    assert all(re.search(rf"\b{username}\b", said, re.ASCII) for username in first)
    command = f"ENCLAVE_HOME={settings().home} {os.path.relpath(sys.argv[0])} account password"
    assert any(command in line for line in said.splitlines())
