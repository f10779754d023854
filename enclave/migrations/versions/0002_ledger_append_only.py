"""The ledger takes no update, no delete and no truncation, whoever asks (P1)."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

SQLITE = [
    f"CREATE TRIGGER ledger_no_{verb} BEFORE {verb.upper()} ON ledger_event "
    "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
    for verb in ("update", "delete")
]
POSTGRESQL = [
    """CREATE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$""",
    "CREATE TRIGGER ledger_no_change BEFORE UPDATE OR DELETE ON ledger_event "
    "FOR EACH ROW EXECUTE FUNCTION ledger_refuse()",
    "CREATE TRIGGER ledger_no_truncate BEFORE TRUNCATE ON ledger_event "
    "FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()",
]


def upgrade() -> None:
    """Protect the ledger."""
    for statement in POSTGRESQL if op.get_bind().dialect.name == "postgresql" else SQLITE:
        op.execute(statement)


def downgrade() -> None:
    """Lift the protection."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER ledger_no_truncate ON ledger_event")
        op.execute("DROP TRIGGER ledger_no_change ON ledger_event")
        op.execute("DROP FUNCTION ledger_refuse()")
        return
    for verb in ("update", "delete"):
        op.execute(f"DROP TRIGGER ledger_no_{verb}")
