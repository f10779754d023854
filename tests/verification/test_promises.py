"""Every promise and every marked clause leads to a test, and marks name things that exist."""

from __future__ import annotations

import ast
import csv
from collections import defaultdict

import pytest

from tests.fixtures.promises import PROMISES
from tests.verification.source import ROOT, suite


def marks(kind: str) -> dict[str, list[str]]:
    """Return where each value of `@pytest.mark.<kind>(value)` stands."""
    found: dict[str, list[str]] = defaultdict(list)
    for module in suite():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == kind:
                for argument in node.args:
                    if isinstance(argument, ast.Constant) and isinstance(node.func.value, ast.Attribute):
                        found[str(argument.value)].append(f"{module.path}:{node.lineno}")
    return found


@pytest.mark.parametrize("promise", PROMISES)
def test_a_test_stands_behind_the_promise(promise) -> None:
    # A whole run (make test) demands more: a test that passed. See tests/fixtures/promises.py.
    assert marks("promise")[promise]


def test_no_promise_is_marked_that_was_never_made() -> None:
    assert set(marks("promise")) <= set(PROMISES)


def test_clauses_that_tests_prove_are_clauses_of_the_standard() -> None:
    with (ROOT / "enclave/policy/clauses.csv").open(encoding="utf-8", newline="") as file:
        known = {row["id"] for row in csv.DictReader(file)}
    unknown = {clause: places for clause, places in marks("clause").items() if clause not in known}
    assert unknown == {}
    assert marks("clause")
