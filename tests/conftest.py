"""Fixtures shared by every test: a home of its own, a database on SQLite or PostgreSQL, accounts, an object store."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import pytest

from enclave.kernel import db, storage
from enclave.kernel.identity import Actor, Role
from enclave.kernel.settings import Settings, settings
from tests.factories.accounts import PEOPLE, make_account
from tests.fixtures.databases import Databases
from tests.fixtures.objectstore import MemoryStore

pytest_plugins = ["tests.fixtures.promises", "tests.fixtures.clauses"]
hypothesis.settings.register_profile("project", deadline=None)  # two cores, shared: time says nothing here
hypothesis.settings.load_profile("project")


@dataclass(frozen=True)
class Home:
    """The surroundings of one test. `database` is `sqlite` or `postgresql`."""

    path: Path
    database: str
    url: str


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    """Template databases of this run; PostgreSQL is started by the first test that asks for it."""
    with Databases(tmp_path_factory.mktemp("databases")) as made:
        yield made


@pytest.fixture
def database_kind() -> str:
    """Kind of database of this test; `tests/integration` overrides it with both kinds.

    One kind only, in an integration test: `@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)`.
    """
    return "sqlite"


def forget_process_state() -> None:
    """Drop what the kernel keeps for the length of a process: settings, engines, the S3 client."""
    settings.cache_clear()
    db._engine.cache_clear()
    storage.client.cache_clear()


@pytest.fixture
def home(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    databases: Databases,
    database_kind: str,
    object_store: MemoryStore,
) -> Iterator[Home]:
    """A fresh ENCLAVE_HOME, a database with every table and trigger, and an object store in memory."""
    for name in [name for name in os.environ if name.startswith("ENCLAVE_")]:
        monkeypatch.delenv(name)
    path = tmp_path / "home"
    monkeypatch.setitem(Settings.model_config, "env_file", None)
    monkeypatch.setenv("ENCLAVE_HOME", str(path))
    monkeypatch.setenv("ENCLAVE_MODE", "demo")
    with databases.fresh(database_kind, path) as url:
        monkeypatch.setenv("ENCLAVE_DATABASE_URL", url)
        forget_process_state()
        yield Home(path, database_kind, url)
        db.engine().dispose()
        forget_process_state()


@pytest.fixture
def database(home: Home) -> Home:
    """The same as `home`, for a test whose subject is the database."""
    return home


@pytest.fixture
def object_store(monkeypatch: pytest.MonkeyPatch) -> MemoryStore:
    """The S3 server of this test, in memory, behind the same client calls."""
    store = MemoryStore()
    monkeypatch.setattr(storage, "client", store.as_client_factory())
    return store


class AccountFactory:
    """Makes accounts; `account("li", Role.RESEARCHER)` returns the actor."""

    def __call__(self, username: str, *roles: Role, institution: str = "WCH", active: bool = True) -> Actor:
        return make_account(username, *roles, institution=institution, active=active)


@pytest.fixture
def account(home: Home) -> AccountFactory:
    """Factory of accounts in the database; every password is `tests.factories.accounts.PASSWORD`."""
    return AccountFactory()


@pytest.fixture
def people(account: AccountFactory) -> dict[str, Actor]:
    """Every demonstration person, by user name."""
    return {name: account(name, role, institution=place) for name, (role, place) in PEOPLE.items()}
