"""The worker: every message somebody sends has a handler, and urgent ones never wait behind slow ones."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from enclave.gateway import worker
from enclave.kernel.identity import system
from enclave.kernel.unit import unit_of_work

ROOT = Path(__file__).resolve().parents[2]
SENDS = re.compile(r"""\.send\(\s*["']([a-z.]+)["']""")


def topics_sent():
    files = [
        path
        for name in ("enclave", "catalog_browser", "request_review", "synthetic")
        for path in (ROOT / name).rglob("*.py")
    ]
    return {topic for path in files for topic in SENDS.findall(path.read_text("utf-8"))}


def test_every_topic_that_is_sent_has_a_handler(home):
    urgent, other = worker.handlers(worker.feature_jobs())
    assert "workspace.close" in topics_sent()
    assert topics_sent() <= urgent.keys() | other.keys()


@pytest.mark.promise("P3")
def test_closing_an_enclave_is_urgent(home):
    urgent, other = worker.handlers(worker.feature_jobs())
    assert {"workspace.close", "workspace.stop"} <= urgent.keys()
    assert "workspace.prepare" in other


def test_two_handlers_for_one_topic_stop_the_start():
    module = type("jobs", (), {"HANDLERS": {"a.b": print}})
    with pytest.raises(ValueError, match=r"a\.b"):
        worker.handlers([module, module])


def test_an_urgent_message_passes_a_slow_one(home, monkeypatch):
    done, slow = threading.Event(), threading.Event()
    module = type(
        "jobs",
        (),
        {"HANDLERS": {"t.slow": lambda _p: slow.wait(20), "t.fast": lambda _p: done.set()}, "URGENT": ("t.fast",)},
    )
    monkeypatch.setattr(worker, "feature_jobs", lambda: [module])
    with unit_of_work(system("test")) as unit:
        unit.record("test", "test")
        unit.send("t.slow")
        unit.send("t.fast")
    stop = threading.Event()
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    try:
        assert done.wait(10)
    finally:
        slow.set()
        stop.set()
        thread.join(10)
    assert not thread.is_alive()


def test_a_failing_periodic_job_runs_again():
    runs, stop = [], threading.Event()

    def job():
        runs.append(time.monotonic())
        if len(runs) == 3:
            stop.set()
        raise RuntimeError

    worker._repeat(0.01, job, stop)
    assert len(runs) == 3


# Tells that the main thread waits for the end: a periodic job of its own starts after the signals are set.
STARTED = """
from enclave.gateway import worker
job = type("jobs", (), {"HANDLERS": {}, "PERIODIC": [(0.01, lambda: print("works", flush=True))]})
worker.feature_jobs = lambda: [job]
worker.main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_worker_that_is_told_to_end_ends_quietly(home, number):
    worked = subprocess.Popen(
        [sys.executable, "-c", STARTED], env=dict(os.environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert worked.stdout.readline() == "works\n"
    worked.send_signal(number)
    _, said = worked.communicate(timeout=20)
    assert (worked.returncode, said) == (0, "")
