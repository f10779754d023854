"""Cohort findings agree with plain sets; every planted differencing leak is found."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from enclave.disclosure.cohorts import compare

people = st.sets(st.integers(0, 30))


@pytest.mark.clause("10.4.2-e-2d2")
@given(people, st.lists(people, max_size=5), st.integers(2, 8))
def test_agrees_with_sets(cohort: set[int], others: list[set[int]], threshold: int) -> None:
    named = {str(number): other for number, other in enumerate(others)}
    found = compare(BitMap(cohort), {label: BitMap(other) for label, other in named.items()}, threshold)
    assert {overlap.label for overlap in found.overlap} == {label for label, other in named.items() if other & cohort}
    for overlap in found.overlap:
        other = named[overlap.label]
        expected = (len(other & cohort), len(cohort - other), len(other - cohort))
        assert (overlap.common, overlap.added, overlap.removed) == expected
    nested = {label for label, other in named.items() if other & cohort and (other <= cohort or cohort <= other)}
    assert set(found.included) == nested
    pairs = {(d.kind, d.labels[0], d.persons) for d in found.differences if d.kind in ("added", "removed", "common")}
    expected_pairs = set()
    for label, other in named.items():
        if not other & cohort:
            continue
        sizes = {"added": len(cohort - other), "removed": len(other - cohort)}
        if label not in nested:
            sizes["common"] = len(other & cohort)
        expected_pairs |= {(kind, label, n) for kind, n in sizes.items() if 0 < n < threshold}
    assert pairs == expected_pairs
    inside = [other for other in others if other and other < cohort]
    left = [
        len(cohort.difference(*chosen))
        for size in range(2, len(inside) + 1)
        for chosen in itertools.combinations(inside, size)
    ]
    tiled = [d for d in found.differences if d.kind == "tiled"]
    alone = any(0 < len(cohort - other) < threshold for other in inside)
    assert found.complete
    assert bool(tiled or alone) == (alone or any(0 < count < threshold for count in left))


@pytest.mark.promise("P9")
@given(people, st.lists(people, max_size=4), people, st.integers(2, 8))
def test_an_earlier_cohort_more_never_makes_it_safe(
    cohort: set[int], others: list[set[int]], another: set[int], threshold: int
) -> None:
    named = {str(number): BitMap(other) for number, other in enumerate(others)}
    before = compare(BitMap(cohort), named, threshold)
    after = compare(BitMap(cohort), {**named, "another": BitMap(another)}, threshold)
    assert before.safe or not after.safe


def test_sentences_have_numbers() -> None:
    found = compare(BitMap(range(50)), {"申请 2026-01": BitMap(range(1, 50))}, 10)
    assert "1 人" in found.differences[0].sentence("zh")
    assert "申请 2026-01" in found.differences[0].sentence("en")


def test_tiling_by_two_earlier_cohorts() -> None:
    earlier = {"a": BitMap(range(40)), "b": BitMap(range(40, 97))}
    found = compare(BitMap(range(100)), earlier, 10)
    assert [(d.kind, d.persons) for d in found.differences] == [("tiled", 3)]


def test_equal_cohort_adds_nothing() -> None:
    found = compare(BitMap(range(100)), {"same": BitMap(range(100))}, 10)
    assert found.safe
    assert found.included == ("same",)
