"""Loss of a treated column and entropy, against the definition and on any column."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enclave.disclosure.loss import column_loss, information


def test_the_example_by_hand() -> None:
    before = np.array(["1", "2", "3", "4", "5"])
    kept = np.array([0, 1, 2, 3])
    # two bands of two and three values, one row gone: (1 + 1 + 1 + 1) / 4 where only kept rows show what a band holds
    assert column_loss(before, np.array(["1-2", "1-2", "3-4", "3-4"]), kept) == pytest.approx((4 * 0.25 + 1) / 5)


def test_a_hidden_value_is_lost_whole_and_one_that_was_missing_is_not() -> None:
    before = np.array(["a", "b", None], dtype=object)
    assert column_loss(before, np.array([None, "b", None], dtype=object), np.arange(3)) == pytest.approx(
        (1 + 0 + 0.5) / 3
    )


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30))
def test_nothing_done_loses_nothing_and_one_value_for_all_loses_all(values: list[int]) -> None:
    before, kept = np.array(values), np.arange(len(values))
    assert column_loss(before, before, kept) == 0
    everything = column_loss(before, np.zeros(len(values), dtype=int), kept)
    assert everything == (1 if len(set(values)) > 1 else 0)
    coarser = column_loss(before, before // 2, kept)
    assert 0 <= coarser <= everything
    assert information(before // 2) <= information(before) + 1e-12


def test_entropy_in_bits() -> None:
    assert information(np.array([1, 2, 3, 4])) == 2
    assert information(np.array([1, 1])) == 0
    assert information(np.array([])) == 0
    assert column_loss(np.array([]), np.array([]), np.array([], dtype=int)) == 0
