"""Units of work a second beside bare inserts, and sealing beside hashing alone."""

from __future__ import annotations

import hashlib
import io
import os

from enclave.kernel import crypto
from enclave.kernel.db import engine
from enclave.kernel.identity import system
from enclave.kernel.unit import unit_of_work
from tests.bench.places import home, report, seconds

UNITS = 500
CONTENT = os.urandom(64 * 2**20)


def units() -> None:
    """Record one event in each unit."""
    for number in range(UNITS):
        with unit_of_work(system("bench")) as unit:
            unit.record("thing.done", f"thing:{number}", clauses=["7.1"], number=number)


def bare() -> None:
    """Commit one row after another, without ORM, chain or trigger."""
    with engine().connect() as connection:
        connection.exec_driver_sql("CREATE TABLE bare (number INTEGER PRIMARY KEY, body TEXT)")
        connection.commit()
        for number in range(UNITS):
            connection.exec_driver_sql("INSERT INTO bare VALUES (?, ?)", (number, "x" * 400))
            connection.commit()


if __name__ == "__main__":
    with home():
        megabytes = len(CONTENT) / 1e6
        report(
            units=UNITS / seconds(units),
            bare=UNITS / seconds(bare),
            seal=megabytes / seconds(lambda: crypto.seal(io.BytesIO(CONTENT), crypto.new_key(), "n", lambda _: None)),
            sha256=megabytes / seconds(lambda: hashlib.sha256(CONTENT)),
        )
