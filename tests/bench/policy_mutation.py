"""Mutation of the rules: each is flipped in turn, and at least 95 in 100 flips must make a test fail.

A flip turns a refusal or question into a permission and a permission into a refusal, and takes needs, duties or a
grade's level away. Each flipped rule book is judged in a process of its own: first by the tests that name the rule,
then, if they all pass, by every test of the rules.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import hypothesis  # noqa: F401  imported before the fork, so that no process has to do it again
import pytest

from enclave.policy import book as books
from enclave.policy import levels
from enclave.policy.ruling import Rule
from tests.fixtures import databases  # noqa: F401  the same

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "tests" / "unit"
# Tests of reading, of random requests and of the command line say little about one rule and take long.
SLOW = {"test_policy_engine.py", "test_policy_reading.py", "test_policy_difference.py", "test_policy_cli.py"}
FILES = [path for path in sorted([*UNIT.glob("test_policy_*.py"), UNIT / "test_levels.py"]) if path.name not in SLOW]
OPTIONS = ["-x", "-q", "-p", "no:cacheprovider", "--no-header", "-W", "ignore"]
FLIPS = {"deny": "permit", "ask": "permit", "permit": "deny"}
Mutation = tuple[str, Callable[[], None]]


def flipped(rule: Rule) -> Rule:
    """Return the rule saying the opposite, or nothing where it asked for something."""
    if rule.effect in FLIPS:
        return replace(rule, effect=FLIPS[rule.effect], track="", duties=())
    return replace(rule, effect="duty", needs=(), duties=())


def mutations() -> Iterator[Mutation]:
    """Yield the name of each flip and what it does to this process."""
    own = books.current()
    for number, rule in enumerate(own.rules):
        changed = (*own.rules[:number], flipped(rule), *own.rules[number + 1 :])
        yield rule.id, lambda changed=changed: _install(books.made(replace(own, rules=changed)))  # type: ignore[misc]  # bound now
    for section in ("columns", "data_sets"):
        for number, grade in enumerate(levels.rules()[section]):
            lower = grade["level"] - 1 or 2
            yield f"grade {section} {number}", lambda grade=grade, lower=lower: grade.update(level=lower)  # type: ignore[misc]  # bound now
    for kind, grade in levels.rules()["versions"].items():
        lower = grade["level"] - 1 or 2
        yield f"grade versions {kind}", lambda grade=grade, lower=lower: grade.update(level=lower)  # type: ignore[misc]  # bound now


def _install(mutant: books.Book) -> None:
    books.read_book = lambda *_: mutant  # type: ignore[assignment]  # what the process reads from now on
    books.current.cache_clear()


def naming(name: str) -> list[str]:
    """Return the tests whose source names the rule, as pytest takes them."""
    base = name.split("@")[0]
    found = []
    for path in FILES:
        text = path.read_text("utf-8")
        if base not in text:
            continue
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test") and base in ast.unparse(node):
                found.append(f"{path}::{node.name}")
    return found


def caught(name: str, mutate: Callable[[], None]) -> bool:
    """Tell, in a child process, whether a test fails once the rule is flipped."""
    child = os.fork()
    if child == 0:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            mutate()
            first = naming(name)
            failed = bool(first) and pytest.main([*OPTIONS, *first]) != pytest.ExitCode.OK
            failed = failed or pytest.main([*OPTIONS, *map(str, FILES)]) != pytest.ExitCode.OK
        os._exit(1 if failed else 0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) != 0


def main() -> None:
    """Print survivors as they are found and, last, the figures."""
    start, total, survivors = time.perf_counter(), 0, []
    wanted = sys.argv[1:]
    for name, mutate in mutations():
        if wanted and not any(name.startswith(one) for one in wanted):
            continue
        total += 1
        if not caught(name, mutate):
            survivors.append(name)
            print(f"survived: {name}", flush=True)
    percent = round(100 * (total - len(survivors)) / max(total, 1), 1)
    figures = {"flips": total, "percent": percent, "survivors": survivors, "seconds": time.perf_counter() - start}
    print(json.dumps(figures, ensure_ascii=False))


if __name__ == "__main__":
    main()
