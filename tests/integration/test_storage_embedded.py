"""The real store behaves as the one in memory that other tests use, and survives being killed."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Iterator

import pytest
from minio.error import S3Error

from enclave.gateway import objectstore
from enclave.kernel import storage
from enclave.kernel.identity import system
from enclave.kernel.unit import unit_of_work

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
PARTS = 16


def free_ports() -> int:
    """Return the first of a run of free loopback ports."""
    # Each run has a range of its own: while a killed store is down, another run must not take its ports.
    for base in range(20000 + os.getpid() % 400 * PARTS, 27000, PARTS):
        try:
            for port in range(base, base + PARTS):
                with socket.socket() as trial:
                    trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    trial.bind(("127.0.0.1", port))
        except OSError:
            continue
        return base
    raise RuntimeError("no free ports")


@pytest.fixture
def object_store() -> None:
    """No store in memory here."""


@pytest.fixture
def embedded(home, monkeypatch) -> Iterator[list[subprocess.Popen[bytes]]]:
    from enclave.kernel.settings import settings

    monkeypatch.setenv("ENCLAVE_PORT_BASE", str(free_ports()))
    settings.cache_clear()
    settings().run_dir.mkdir(mode=0o711, exist_ok=True)
    running = [objectstore.start()]
    try:
        objectstore.wait_until_ready(running[0])
        storage.prepare()
        yield running
    finally:
        running[-1].kill()  # its orderly end takes 15 s, and nothing here is kept
        running[-1].wait()


def test_it_keeps_what_was_acknowledged_through_a_kill(embedded) -> None:
    contents = [f"object {number}".encode() * 1000 for number in range(20)]
    entries = [storage.put_bytes(content, "test") for content in contents]
    embedded[-1].send_signal(signal.SIGKILL)
    embedded[-1].wait()
    embedded.append(objectstore.start())
    objectstore.wait_until_ready(embedded[-1])
    assert [storage.fetch_bytes(entry.key) for entry in entries] == contents

    with unit_of_work(system("tests")) as unit:
        storage.keep(unit, entries[0].key)
        storage.erase(unit, entries[0].key)
        unit.record("object.erased", "object:1")
    storage.remove({"key": entries[0].key})
    storage.remove({"key": entries[0].key})
    with pytest.raises(S3Error) as missing:
        storage.client().stat_object("enclave", entries[0].key)
    assert missing.value.code == "NoSuchKey"


def test_nobody_reads_it_without_its_secret(embedded, monkeypatch) -> None:
    from enclave.kernel.settings import settings

    storage.put_bytes(b"sealed", "test")
    monkeypatch.setenv("ENCLAVE_S3_SECRET_KEY", "a guess")
    settings.cache_clear()
    storage.client.cache_clear()
    with pytest.raises(S3Error):
        list(storage.client().list_objects("enclave", recursive=True))
