"""Who looks comes from the gate and the database, in which language from the visitor."""

from __future__ import annotations

import pytest
import streamlit as st

from enclave.kernel import accounts, i18n, log
from enclave.kernel.identity import ANONYMOUS, Role, system
from enclave.ui import session
from tests.conftest import AccountFactory, Home


@pytest.fixture(autouse=True)
def visitor(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """A browser without a server: its identity, cookies, address and session."""
    held: dict[str, object] = {"user": {}, "query": {}, "cookies": {}, "state": {}}
    monkeypatch.setattr(st, "user", held["user"])
    monkeypatch.setattr(st, "query_params", held["query"])
    monkeypatch.setattr(st, "session_state", held["state"])

    class Context:
        cookies = held["cookies"]

    monkeypatch.setattr(st, "context", Context)
    return held


def sign_in(visitor: dict[str, object], ident: object) -> None:
    visitor["user"]["ident"] = ident  # type: ignore[index] # a plain dict


def test_roles_are_what_the_database_says_now(home: Home, account: AccountFactory, visitor: dict[str, object]) -> None:
    account("li", Role.RESEARCHER)
    sign_in(visitor, '{"name": "li", "groups": ["role-authority"]}')
    assert session.actor().roles == {Role.RESEARCHER}
    accounts.set_roles(system("tests"), "li", (Role.STEWARD,))
    assert session.actor().roles == {Role.STEWARD}
    accounts.block(system("tests"), "li")
    assert session.actor() == ANONYMOUS


@pytest.mark.parametrize(
    "ident", [None, "", "not json", "[]", '{"groups": []}', '{"name": null}', '{"name": "nobody"}']
)
def test_without_a_known_name_everybody_is_the_public(
    home: Home, visitor: dict[str, object], ident: str | None
) -> None:
    sign_in(visitor, ident)
    assert session.actor() == ANONYMOUS


@pytest.mark.parametrize(
    ("query", "cookie", "chosen"),
    [("", "", "zh"), ("en", "", "en"), ("", "en", "en"), ("zh", "en", "zh"), ("fr", "en", "en"), ("fr", "<x>", "zh")],
)
def test_the_language_is_the_address_then_the_cookie_then_the_platforms(
    home: Home, visitor: dict[str, object], query: str, cookie: str, chosen: str
) -> None:
    visitor["query"]["lang"] = query  # type: ignore[index] # a plain dict
    visitor["cookies"][session.COOKIE] = cookie  # type: ignore[index] # a plain dict
    session.begin()
    assert session.language() == chosen == i18n.language.get()


def test_every_run_has_a_trace_of_its_own(home: Home) -> None:
    session.begin()
    first = log.correlation_id.get()
    session.begin()
    assert first and log.correlation_id.get() != first


def test_switching_goes_to_the_other_language_and_back(home: Home) -> None:
    session.begin()
    session.switch_language()
    assert session.language() == "en"
    session.switch_language()
    assert session.language() == "zh"


def test_a_missing_translation_falls_back_to_the_one_there_is(home: Home) -> None:
    class View:
        title_zh, title_en = "", "Only English"

    session.begin()
    assert session.pick(View, "title") == "Only English"


def test_the_way_to_sign_in_leads_back_into_the_portal() -> None:
    path = session.sign_in_path("/services/catalogue/", "/services/catalogue/dataset?id=a&b=c")
    assert path == "/services/catalogue/login?next=/services/catalogue/dataset%3Fid%3Da%26b%3Dc"
