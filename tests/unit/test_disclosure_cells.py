"""Cell rules: threshold, zero, full, dominance and p %."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enclave.disclosure.cells import Cell, check_cells, dominance, p_margin, rules


@given(st.dictionaries(st.text(max_size=5), st.integers(0, 30), max_size=8), st.integers(2, 12))
def test_threshold(counts: dict[str, int], threshold: int) -> None:
    found = check_cells(counts, threshold)
    assert found.unsafe == {label for label, count in counts.items() if 0 < count < threshold}
    zero = {finding.label for finding in found.findings if finding.rule == "zero"}
    assert zero == {label for label, count in counts.items() if count == 0}


def test_a_full_cell_is_reported() -> None:
    found = check_cells({"HIV": 40, "none": 0}, 10)
    assert found.safe
    assert {finding.rule for finding in found.findings} == {"full", "zero"}


def test_dominance_and_p_percent() -> None:
    dominated = Cell("cost", 12, [90_000.0, 5_000.0] + [100.0] * 10)
    found = check_cells([dominated], 10)
    assert {finding.rule for finding in found.findings} == {"dominance", "p_percent"}
    assert "99.0%" in found.findings[0].sentence("en")
    assert check_cells([Cell("even", 12, [100.0] * 12)], 10).safe


def test_shares() -> None:
    assert dominance([6, 3, 1], 2) == pytest.approx(0.9)
    assert dominance([0, 0], 1) == 0
    assert p_margin([10, 5, 1]) == pytest.approx(0.1)
    assert p_margin([0.0]) == float("inf")


def test_every_rule_has_its_clause_and_sentences() -> None:
    for rule in ("threshold", "zero", "full", "dominance", "p_percent"):
        assert rules().clauses[rule]
