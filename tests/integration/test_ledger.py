"""P1: the ledger is a hash chain that nobody changes unseen, on both databases and under concurrency."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import select
from typer.testing import CliRunner

from enclave.cli.ledger import app
from enclave.kernel import clock, db, ledger
from enclave.kernel.db import reading
from enclave.kernel.i18n import LANGUAGES
from enclave.kernel.identity import system
from enclave.kernel.settings import settings as kernel_settings
from enclave.kernel.unit import unit_of_work

SYSTEM = system("tests")
SHARED_DATABASE = [HealthCheck.function_scoped_fixture]  # examples add to one chain, as commands do

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), inner, max_size=3)
    ),
    max_leaves=8,
)


def record(action: str = "something.done", **facts: object) -> None:
    with unit_of_work(SYSTEM) as unit:
        unit.record(action, "thing:1", clauses=["7.1"], facts_of_test=facts)


def verdict(expected_head: str = "") -> ledger.Verdict:
    with reading() as session:
        return ledger.verify(ledger.stored(session), expected_head)


@pytest.mark.promise("P1")
def test_an_empty_ledger_holds(home) -> None:
    assert verdict() == ledger.Verdict(0, ledger.GENESIS)


@pytest.mark.promise("P1")
@settings(max_examples=40, deadline=None, suppress_health_check=SHARED_DATABASE)
@given(facts=json_values, moment=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)))
def test_whatever_is_recorded_reads_back_to_the_same_digest(home, facts, moment) -> None:
    with clock.frozen(moment):
        record(value=facts)
    assert verdict().fault == ""


@pytest.mark.promise("P1")
def test_the_zone_of_database_and_process_changes_no_digest(home, monkeypatch) -> None:
    record()
    with clock.frozen(datetime(2026, 1, 1, 7, tzinfo=timezone(timedelta(hours=8)))):
        record()
    if home.database == "postgresql":
        with create_engine(home.url, isolation_level="AUTOCOMMIT").connect() as connection:
            connection.execute(text(f"ALTER DATABASE {connection.engine.url.database} SET timezone = 'Asia/Shanghai'"))
        db.engine().dispose()
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    assert verdict().fault == ""
    with reading() as session:
        moments = session.exec(select(ledger.LedgerEvent.at)).all()
    assert [moment.utcoffset() for moment in moments] == [timedelta(0), timedelta(0)]


@pytest.mark.promise("P1")
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_event SET actor = 'somebody else' WHERE seq = 2",
        "UPDATE ledger_event SET facts = '{}'",
        "DELETE FROM ledger_event WHERE seq = 2",
        "DELETE FROM ledger_event",
        # a replacement removes the old row without asking a delete trigger (SQLite)
        "INSERT OR REPLACE INTO ledger_event SELECT seq, at, 'x', action, subject, clauses, facts, correlation, "
        "previous, digest FROM ledger_event WHERE seq = 3",
        "INSERT INTO ledger_event SELECT seq + 10, at, actor, action, subject, clauses, facts, correlation, digest, "
        "'forged' FROM ledger_event WHERE seq = 3",
        "INSERT INTO ledger_event SELECT seq + 1, at, actor, action, subject, clauses, facts, correlation, 'forged', "
        "'forged' FROM ledger_event WHERE seq = 3",
    ],
)
def test_the_database_itself_refuses_changes(home, statement) -> None:
    for _ in range(3):
        record()
    with db.make_engine(home.url).connect() as connection, pytest.raises(DBAPIError):
        connection.execute(text(statement))
        connection.commit()
    assert verdict().events == 3
    assert verdict().fault == ""


@pytest.mark.promise("P1")
def test_postgresql_refuses_to_truncate(home) -> None:
    record()
    if home.database == "postgresql":
        with db.make_engine(home.url).connect() as connection, pytest.raises(DBAPIError):
            connection.execute(text("TRUNCATE ledger_event"))
            connection.commit()
    assert verdict().events == 1


def chain(length: int = 6) -> list[str]:
    for number in range(length):
        record("step.done", number=number, note="一步")
    with reading() as session:
        return list(ledger.export_lines(session))


def offline(lines: list[str], expected_head: str = "") -> ledger.Verdict:
    return ledger.verify(ledger.exported(lines), expected_head)


@pytest.mark.promise("P1")
def test_an_exported_ledger_verifies_without_the_database(home) -> None:
    lines = chain()
    assert offline(lines) == verdict() == offline(lines, verdict().head)


@lru_cache(maxsize=1)
def exported_chain(_url: str) -> tuple[str, ...]:
    return tuple(chain())


def reseal(body: dict[str, object]) -> dict[str, object]:
    """What a careful forger does: compute the digest of the forged event anew."""
    plain = {key: value for key, value in body.items() if key != "digest"}
    return plain | {"digest": ledger.digest(plain)}


@pytest.mark.promise("P1")
@settings(max_examples=150, deadline=None, suppress_health_check=SHARED_DATABASE)
@given(data=st.data())
def test_every_change_of_an_exported_ledger_is_found(home, data) -> None:
    lines = list(exported_chain(home.url))
    head = json.loads(lines[-1])["digest"]
    kind = data.draw(st.sampled_from(["field", "forged", "removed", "swapped", "repeated", "cut", "added"]))
    at = data.draw(st.integers(0, len(lines) - 1))
    changed = [*lines]
    if kind in ("field", "forged"):
        body = json.loads(changed[at])
        name = data.draw(st.sampled_from(sorted(body)))
        body[name] = 99 if name == "seq" else "altered"
        changed[at] = json.dumps(reseal(body) if kind == "forged" and name != "digest" else body)
    elif kind == "removed":
        del changed[at]
    elif kind == "swapped":
        other = data.draw(st.integers(0, len(lines) - 1).filter(lambda index: index != at))
        changed[at], changed[other] = changed[other], changed[at]
    elif kind == "repeated":
        changed.insert(at, changed[at])
    elif kind == "cut":
        del changed[at:]
    else:
        last = json.loads(changed[-1])
        changed.append(json.dumps(reseal(last | {"seq": last["seq"] + 1, "previous": last["digest"], "action": "x"})))
    # The head is what an auditor notes down; the end of a chain can be cut or grown only against it.
    assert offline(changed, head).fault


def without_triggers(home, statement: str, **values: object) -> None:
    """Change the ledger as someone does who may drop triggers."""
    engine = db.make_engine(home.url)
    with engine.connect() as connection:
        if home.database == "postgresql":
            connection.execute(text("ALTER TABLE ledger_event DISABLE TRIGGER ALL"))
        else:
            names = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
            assert names
            for name in names:
                connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(text(statement), values)
        connection.commit()
    engine.dispose()


FORGED: dict[str, object] = {
    "at": datetime(2020, 1, 1, tzinfo=UTC),
    "clauses": '["9.9"]',
    "facts": '{"number": 3000}',
    **dict.fromkeys(("actor", "action", "subject", "correlation", "previous", "digest"), "forged"),
}


@pytest.mark.promise("P1")
@pytest.mark.parametrize("column", sorted(set(ledger.LedgerEvent.model_fields) - {"seq"}))
def test_a_change_behind_the_triggers_is_found_in_every_column(home, column) -> None:
    chain()
    without_triggers(home, f"UPDATE ledger_event SET {column} = :value WHERE seq = 4", value=FORGED[column])
    assert verdict() == ledger.Verdict(3, verdict().head, "altered")


@pytest.mark.promise("P1")
@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("DELETE FROM ledger_event WHERE seq = 4", "missing"),
        ("UPDATE ledger_event SET seq = 99 WHERE seq = 4", "missing"),
        ("DELETE FROM ledger_event WHERE seq > 4", "head"),
    ],
)
def test_an_event_that_is_gone_is_found(home, statement, fault) -> None:
    chain()
    head = verdict().head
    without_triggers(home, statement)
    found = verdict(head)
    assert found.fault == fault
    told = {language: found.told(language) for language in LANGUAGES}
    assert not re.search("[a-z]", told["zh"])
    assert re.search("[a-z]", told["en"]) and told["en"].isascii()


@pytest.mark.parametrize(("language", "said"), [("zh", "之后：第 4 条被改动"), ("en", "then: event 4 was altered")])
def test_the_command_says_what_is_wrong_in_one_language(home, tmp_path, monkeypatch, language, said) -> None:
    lines = chain()
    lines[3] = lines[3].replace("step.done", "step.undone")
    file = tmp_path / "ledger.jsonl"
    file.write_text("\n".join(lines), "utf-8")
    monkeypatch.setenv("ENCLAVE_LANGUAGE", language)
    kernel_settings.cache_clear()
    done = CliRunner().invoke(app, ["verify", "--file", str(file)])
    assert done.exit_code == 1
    assert said in done.output


WRITER = """
import sys
import time
from enclave.kernel.identity import system
from enclave.kernel.unit import unit_of_work
for number in range(int(sys.argv[1])):
    with unit_of_work(system("writer")) as unit:
        unit.record("thing.written", f"thing:{number}")
        unit.record("thing.seen", f"thing:{number}")
"""


@pytest.mark.promise("P1")
def test_eight_processes_append_to_one_chain(home) -> None:
    each, writers = 12, 8
    running = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(each)], env=dict(os.environ), stderr=subprocess.PIPE)
        for _ in range(writers)
    ]
    for writer in running:
        assert writer.wait(120) == 0, writer.stderr.read().decode()
        writer.stderr.close()
    assert verdict().fault == ""
    assert verdict().events == each * writers * 2


def test_a_killed_writer_leaves_a_chain_that_holds(home) -> None:
    writer = subprocess.Popen([sys.executable, "-c", WRITER, "100000"], env=dict(os.environ))
    try:
        while verdict().events < 20 and writer.poll() is None:
            time.sleep(0.05)
    finally:
        writer.kill()
        writer.wait()
    found = verdict()
    assert found.fault == ""
    assert found.events >= 20
    assert found.events % 2 == 0  # two events a unit: never half a unit
    record()
    assert verdict().events == found.events + 1
