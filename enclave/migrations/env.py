"""Alembic's entry: runs revisions on the address it is given, or on an open connection (tests)."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Connection

from enclave.kernel.db import make_engine
from enclave.migrations.tables import metadata


def run(connection: Connection) -> None:
    """Run the revisions in one transaction."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    engine = make_engine(context.config.get_main_option("sqlalchemy.url") or "")
    with engine.execution_options(sqlite_begin="IMMEDIATE").begin() as opened:
        run(opened)
    engine.dispose()
