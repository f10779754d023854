"""The ledger takes no update, no delete, no truncation and no event that does not follow its head (P1)."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

GENESIS = "0" * 64
SQLITE = [
    *(
        f"CREATE TRIGGER ledger_no_{verb} BEFORE {verb.upper()} ON ledger_event "
        "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
        for verb in ("update", "delete")
    ),
    # Stops INSERT OR REPLACE too, which removes a row without asking the delete trigger.
    f"""CREATE TRIGGER ledger_follows BEFORE INSERT ON ledger_event
    WHEN NEW.seq <> (SELECT COALESCE(MAX(seq), 0) + 1 FROM ledger_event)
      OR NEW.previous <> COALESCE((SELECT digest FROM ledger_event ORDER BY seq DESC LIMIT 1), '{GENESIS}')
    BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END""",
]
POSTGRESQL = [
    """CREATE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$""",
    f"""CREATE FUNCTION ledger_follows() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        last integer;
        sealed text;
    BEGIN
        SELECT seq, digest INTO last, sealed FROM ledger_event ORDER BY seq DESC LIMIT 1;
        IF NEW.seq <> COALESCE(last, 0) + 1 OR NEW.previous <> COALESCE(sealed, '{GENESIS}') THEN
            RAISE EXCEPTION 'the ledger is append-only';
        END IF;
        RETURN NEW;
    END $$""",
    "CREATE TRIGGER ledger_no_change BEFORE UPDATE OR DELETE ON ledger_event "
    "FOR EACH ROW EXECUTE FUNCTION ledger_refuse()",
    "CREATE TRIGGER ledger_no_truncate BEFORE TRUNCATE ON ledger_event "
    "FOR EACH STATEMENT EXECUTE FUNCTION ledger_refuse()",
    "CREATE TRIGGER ledger_follows BEFORE INSERT ON ledger_event FOR EACH ROW EXECUTE FUNCTION ledger_follows()",
]


def upgrade() -> None:
    """Protect the ledger."""
    for statement in POSTGRESQL if op.get_bind().dialect.name == "postgresql" else SQLITE:
        op.execute(statement)


def downgrade() -> None:
    """Lift the protection."""
    if op.get_bind().dialect.name == "postgresql":
        for name in ("no_truncate", "no_change", "follows"):
            op.execute(f"DROP TRIGGER ledger_{name} ON ledger_event")
        op.execute("DROP FUNCTION ledger_refuse()")
        op.execute("DROP FUNCTION ledger_follows()")
        return
    for name in ("no_update", "no_delete", "follows"):
        op.execute(f"DROP TRIGGER ledger_{name}")
