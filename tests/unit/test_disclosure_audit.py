"""The joint release audit agrees with brute force on every small instance, and names the attack."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyroaring import BitMap

from enclave.disclosure import lightest
from enclave.disclosure.audit import Attack, Group, audit


def exact_rank(rows: list[list[int]]) -> int:
    """Rank over the rationals by plain elimination: independent of the library under test."""
    work = [[Fraction(value) for value in row] for row in rows]
    rank = 0
    for column in range(len(work[0]) if work else 0):
        pivot = next((row for row in range(rank, len(work)) if work[row][column]), None)
        if pivot is None:
            continue
        work[rank], work[pivot] = work[pivot], work[rank]
        for row in range(rank + 1, len(work)):
            factor = work[row][column] / work[rank][column]
            work[row] = [a - factor * b for a, b in zip(work[row], work[rank], strict=True)]
        rank += 1
    return rank


def smallest_isolated(groups: list[set[int]], persons: int, threshold: int) -> int | None:
    """Fewest persons some combination depends on, if under the threshold: every subset of persons is tried."""
    rows = [[int(person in group) for person in range(persons)] for group in groups]
    for size in range(1, min(threshold, persons + 1)):
        for chosen in itertools.combinations(range(persons), size):
            outside = [[row[person] for person in range(persons) if person not in chosen] for row in rows]
            if exact_rank(rows) > exact_rank(outside):
                return size
    return None


def depends_on(attack: Attack, groups: dict[str, set[int]]) -> int:
    """Persons whose coefficient in the combination is not zero, recomputed from the attack's own text."""
    weights: dict[int, int] = {}
    for term in attack.combination:
        for person in groups[term.label]:
            weights[person] = weights.get(person, 0) + term.coefficient
    return sum(1 for weight in weights.values() if weight)


instances = st.integers(1, 8).flatmap(
    lambda persons: st.tuples(
        st.just(persons),
        st.lists(st.sets(st.integers(0, persons - 1)), min_size=1, max_size=6),
        st.integers(2, 5),
    )
)


@pytest.mark.promise("P11")
@settings(max_examples=400, deadline=None)
@given(instances)
def test_agrees_with_brute_force(instance: tuple[int, list[set[int]], int]) -> None:
    persons, groups, threshold = instance
    named = {f"g{number}": group for number, group in enumerate(groups)}
    result = audit([Group(label, BitMap(group)) for label, group in named.items()], threshold)
    expected = smallest_isolated(groups, persons, threshold)
    assert result.complete
    assert result.safe == (expected is None)
    if expected is not None:
        assert result.attacks[0].persons == expected
        assert result.attacks[0].combination
    for attack in result.attacks:
        assert depends_on(attack, named) == attack.persons < threshold


@pytest.mark.promise("P9")
@settings(max_examples=200, deadline=None)
@given(instances, st.sets(st.integers(0, 7)))
def test_another_release_never_makes_unsafe_safe(instance: tuple[int, list[set[int]], int], another: set[int]) -> None:
    _, sets, threshold = instance
    groups = [Group(str(number), BitMap(members)) for number, members in enumerate(sets)]
    before = audit(groups, threshold)
    after = audit([*groups, Group("another", BitMap(another))], threshold)
    assert before.safe or not after.safe


@pytest.mark.promise("P11")
@pytest.mark.clause("10.4.2-e-2d5")
def test_two_tables_one_person_apart() -> None:
    women = BitMap(range(100, 140))
    first = Group("A: 女", women)
    second = Group("B: 女", women | BitMap([7]))
    assert audit([first], 10).safe
    assert audit([second], 10).safe
    result = audit([first, second], 10)
    assert not result.safe
    assert [(term.label, term.coefficient) for term in result.attacks[0].combination] == [("B: 女", 1), ("A: 女", -1)]
    assert result.attacks[0].sentence_zh == "[B: 女] − [A: 女] = 仅 1 人的计数"
    assert result.attacks[0].sentence_en == "[B: 女] − [A: 女] = the count of 1 person(s) alone"


def test_needs_a_coefficient_other_than_one() -> None:
    # x + y, y + z, z + x with blocks of 20 give twice x only by adding and subtracting; block 0 has one person more.
    x, y, z = BitMap(range(20)), BitMap(range(20, 40)), BitMap(range(40, 60))
    odd = BitMap([99])
    groups = [Group("xy", x | y), Group("yz", y | z), Group("zx", z | x), Group("x+", x | odd)]
    result = audit(groups, 5)
    assert not result.safe
    terms = {term.label: term.coefficient for term in result.attacks[0].combination}
    assert terms == {"x+": 2, "xy": -1, "zx": -1, "yz": 1}
    assert result.attacks[0].persons == 1


def test_no_alarm_on_disjoint_tables() -> None:
    groups = [Group(str(start), BitMap(range(start, start + 10))) for start in range(0, 1000, 10)]
    assert audit(groups, 10).safe
    assert not audit(groups, 11).safe


def test_sums_and_counts_do_not_mix() -> None:
    whole, part = BitMap(range(30)), BitMap(range(28))
    assert audit([Group("n", whole), Group("cost", part, "总费用")], 10).safe
    result = audit([Group("all", whole, "总费用"), Group("part", part, "总费用")], 10)
    assert "总费用" in result.attacks[0].sentence_zh


def test_nothing_released_and_empty_groups_are_safe() -> None:
    assert audit([], 10).safe
    assert audit([Group("empty", BitMap())], 10).safe


def test_giving_up_is_not_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    large = BitMap(range(50, 90))
    groups = [Group(str(start), BitMap(range(start, start + 6)) | large) for start in range(0, 48, 6)]
    assert audit(groups, 10).safe

    def too_hard(*_: object) -> None:
        raise lightest.TooHard

    monkeypatch.setattr(lightest._Search, "run", too_hard)
    result = audit(groups, 10)
    assert not result.safe
    assert not result.complete


def test_two_way_table_with_margins() -> None:
    """A suppressed cell of one person that its margins give back is found; with a second one hidden it is not."""
    rng = np.random.default_rng(5)
    sex, band = rng.integers(0, 2, 4000), rng.integers(0, 6, 4000)
    rare = np.flatnonzero((sex == 1) & (band == 5))
    sex[rare[3:]] = 0  # leaves three persons in one cell
    shown = {(s, b): BitMap(np.flatnonzero((sex == s) & (band == b)).tolist()) for s in (0, 1) for b in range(6)}
    hidden = shown.pop((1, 5))
    assert len(hidden) == 3
    margins = [Group(f"band {b}", BitMap(np.flatnonzero(band == b).tolist())) for b in range(6)]
    cells = [Group(f"cell {key}", persons) for key, persons in shown.items()]
    result = audit([*cells, *margins], 10)
    assert not result.safe
    assert result.attacks[0].persons == 3
    kept = [group for group in cells if group.label != "cell (0, 5)"]
    assert audit([*kept, *margins], 10).safe
