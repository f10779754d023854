"""Size budgets: what a person can read at one go."""

from __future__ import annotations

import ast
import re
from statistics import median

from tests.verification.source import Function, product

MODULE_LINES = 400
PAGE_LINES = 120
FUNCTION_LINES = 60
MEDIAN_LINES = 10  # the aim is about 8


def length(function: Function) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def test_there_is_something_to_measure() -> None:
    assert len(product()) > 20


def test_modules_stay_under_their_budget() -> None:
    assert [f"{module.path}: {module.lines} lines" for module in product() if module.lines >= MODULE_LINES] == []


def test_pages_stay_under_their_budget() -> None:
    pages = [module for module in product() if "/pages/" in module.path]
    assert [f"{page.path}: {page.lines} lines" for page in pages if page.lines >= PAGE_LINES] == []


def test_functions_stay_under_their_budget() -> None:
    long = [
        f"{module.path}:{function.lineno}: {function.name} has {length(function)} lines"
        for module in product()
        for function in module.functions()
        if length(function) > FUNCTION_LINES
    ]
    assert long == []


def test_functions_are_short_as_a_rule() -> None:
    assert median(length(function) for module in product() for function in module.functions()) <= MEDIAN_LINES


def test_every_module_says_its_purpose_in_one_sentence() -> None:
    # A line that runs past the limit is cut off there, so the sentence may end on the next one.
    missing = [
        module.path
        for module in product()
        if module.text.strip() and not re.match(r"[^\s].{10,}", (ast.get_docstring(module.tree) or "").split("\n")[0])
    ]
    assert missing == []
