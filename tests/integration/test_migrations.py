"""The database's history: one head, models and migrations agree, every step goes up and down."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from enclave import migrations
from enclave.kernel.db import make_engine
from enclave.migrations.tables import metadata


@pytest.fixture
def url(databases, database_kind) -> Iterator[str]:
    with databases.empty(database_kind) as made:
        yield made


@pytest.fixture
def connect(url):
    """Open a connection for looking."""
    engines = []

    def opened() -> Connection:
        engines.append(make_engine(url))
        return engines[-1].connect()

    yield opened
    for engine in engines:
        engine.dispose()


def revisions() -> list[str]:
    """Return revisions, oldest first."""
    script = ScriptDirectory.from_config(migrations.configuration("sqlite://"))
    return [revision.revision for revision in reversed(list(script.walk_revisions()))]


def test_the_history_has_one_head() -> None:
    script = ScriptDirectory.from_config(migrations.configuration("sqlite://"))
    assert len(script.get_heads()) == 1


def test_migrated_tables_are_those_of_the_models(url, connect) -> None:
    migrations.upgrade(url)
    with connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "compare_server_default": True, "target_metadata": metadata}
        )
        assert compare_metadata(context, metadata) == []


def test_check_constraints_of_the_models_are_migrated(url, connect) -> None:
    # alembic does not compare them, and states rest on them
    migrations.upgrade(url)
    with connect() as connection:
        found = {
            (table, check["name"])
            for table in inspect(connection).get_table_names()
            for check in inspect(connection).get_check_constraints(table)
        }
    wanted = {
        (table.name, str(constraint.name))
        for table in metadata.sorted_tables
        for constraint in table.constraints
        if constraint.__visit_name__ in ("check_constraint", "table_or_column_check_constraint")
        and not getattr(constraint, "_type_bound", False)
    }
    assert wanted
    assert wanted <= found


def test_every_step_goes_up_down_and_up_again(url, connect) -> None:
    config = migrations.configuration(url)
    for revision in revisions():
        command.upgrade(config, revision)
        command.downgrade(config, "-1")
        command.upgrade(config, revision)
    command.downgrade(config, "base")
    with connect() as connection:
        assert set(inspect(connection).get_table_names()) <= {"alembic_version"}
        if connection.dialect.name == "postgresql":
            leftover = "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
            assert connection.execute(text(leftover)).scalars().all() == []
    migrations.upgrade(url)


def test_upgrading_twice_changes_nothing(url) -> None:
    migrations.upgrade(url)
    migrations.upgrade(url)


@pytest.mark.promise("P1")
def test_a_migrated_ledger_is_protected(url, connect) -> None:
    migrations.upgrade(url)
    with connect() as connection:
        if connection.dialect.name == "sqlite":
            query = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'ledger_event'"
        else:
            query = "SELECT tgname FROM pg_trigger WHERE tgrelid = 'ledger_event'::regclass AND NOT tgisinternal"
        assert len(connection.execute(text(query)).scalars().all()) == 3
