"""The worker process: delivers the outbox and runs what is due by the clock, for every feature."""

from __future__ import annotations

import importlib
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import ModuleType

from enclave.kernel import outbox, storage
from enclave.kernel.log import configure, logger
from enclave.kernel.process import die_with_parent

# Every feature with work of its own has a `jobs` module: HANDLERS (topic -> function), and where
# needed URGENT (topics that must never wait behind slow ones) and PERIODIC (seconds, function).
FEATURES = (
    "enclave.grants.jobs",
    "request_review.jobs",
    "enclave.workspaces.jobs",
    "enclave.outputs.files.jobs",
)
IDLE_SECONDS = 0.2


def feature_jobs() -> list[ModuleType]:
    """Return the `jobs` modules of the features."""
    return [importlib.import_module(name) for name in FEATURES]


def handlers(modules: list[ModuleType]) -> tuple[dict[str, outbox.Handler], dict[str, outbox.Handler]]:
    """Return (urgent, other) handlers; a topic claimed twice stops the start."""
    merged: dict[str, outbox.Handler] = {"store.remove": storage.remove}
    for module in modules:
        for topic, handler in getattr(module, "HANDLERS", {}).items():
            if topic in merged:
                raise ValueError(f"two handlers for {topic}")
            merged[topic] = handler
    urgent = {topic for module in modules for topic in getattr(module, "URGENT", ())}
    return {t: h for t, h in merged.items() if t in urgent}, {t: h for t, h in merged.items() if t not in urgent}


def _deliver(work: dict[str, outbox.Handler], stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            if not outbox.deliver_one(work):
                stop.wait(IDLE_SECONDS)
        except Exception as error:  # noqa: BLE001  the database may be away for a moment; the loop must go on
            logger().error("outbox-loop", code=type(error).__name__)
            stop.wait(1)


def _repeat(seconds: float, job: Callable[[], object], stop: threading.Event) -> None:
    while not stop.wait(seconds):
        started = time.monotonic()
        try:
            job()
        except Exception as error:  # noqa: BLE001  the next round tries again; the operator sees the line
            logger().error("periodic", job=job.__name__, code=type(error).__name__)
        else:
            if (taken := time.monotonic() - started) > 5 * max(seconds, 1):
                logger().warning("periodic-slow", job=job.__name__, seconds=round(taken, 1))


def run(stop: threading.Event) -> None:
    """Work until `stop` is set or a signal comes: a thread for urgent topics, one for the rest, one a periodic job."""
    modules = feature_jobs()
    urgent, other = handlers(modules)
    periodic = [(3600.0, storage.sweep)] + [p for module in modules for p in getattr(module, "PERIODIC", ())]
    threads = [threading.Thread(target=_deliver, args=(work, stop)) for work in (urgent, other) if work]
    threads += [threading.Thread(target=_repeat, args=(seconds, job, stop)) for seconds, job in periodic]
    for thread in threads:
        thread.daemon = True
        thread.start()
    try:
        stop.wait()
    finally:
        stop.set()
        for thread in threads:
            thread.join(2)


def main() -> None:
    """Run as the hub-managed service `worker`."""
    die_with_parent()
    configure()
    for number in (signal.SIGINT, signal.SIGTERM):  # a handler of our own could not set the event it interrupts
        signal.signal(number, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        run(threading.Event())


if __name__ == "__main__":
    main()
