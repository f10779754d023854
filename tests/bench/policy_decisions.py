"""Measures 10,000 decisions on different requests, beside reading the same requests from JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from enclave.policy import DecisionRequest, decide
from enclave.policy.book import current
from enclave.policy.request import as_plain, from_plain
from tests.factories.policy import research

COUNT = 10_000


def requests() -> list[DecisionRequest]:
    """Return requests for every door and level, no two the same."""
    doors = list(current().words("actions"))
    return [research(doors[n % len(doors)], level=n % 5 + 1, controller=f"controller {n}") for n in range(COUNT)]


def seconds(work: Callable[[Any], object], items: Sequence[Any]) -> float:
    """Return the processor time of the best of three rounds."""
    rounds = []
    for _ in range(3):
        start = time.process_time()
        for item in items:
            work(item)
        rounds.append(time.process_time() - start)
    return min(rounds)


def main() -> None:
    """Print the figures."""
    asked = requests()
    written = [json.dumps(as_plain(request)) for request in asked]
    start = time.process_time()
    current.cache_clear()
    current()
    read = time.process_time() - start
    decided = seconds(decide, asked)
    parsed = seconds(lambda line: from_plain(json.loads(line)), written)
    print(json.dumps({"decide": decided, "parse": parsed, "read": read}))


if __name__ == "__main__":
    main()
