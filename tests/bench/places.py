"""Surroundings of a measurement: a home of its own with migrated tables and a store in memory."""

from __future__ import annotations

import json
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from enclave.kernel import storage
from tests.fixtures.databases import Databases
from tests.fixtures.objectstore import MemoryStore


@contextmanager
def home() -> Iterator[Path]:
    """Give a fresh home on SQLite; the store is in memory, so that disk and network are not measured."""
    with tempfile.TemporaryDirectory() as name, Databases(Path(name)) as databases:
        path = Path(name) / "home"
        with databases.fresh("sqlite", path) as url:
            os.environ |= {"ENCLAVE_HOME": str(path), "ENCLAVE_DATABASE_URL": url, "ENCLAVE_MODE": "demo"}
            storage.client = MemoryStore().as_client_factory()  # type: ignore[assignment]  # stands in for the client
            yield path


def seconds(work: Callable[[], object]) -> float:
    """Return how long `work` takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def processor_seconds() -> float:
    """Return the processor time of this process so far: it tells something on a busy machine too."""
    return time.process_time()


def peak_mb() -> float:
    """Return the most memory this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def report(**figures: float) -> None:
    """Print figures as the last line, for the table."""
    print(json.dumps(figures))
