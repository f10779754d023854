"""What the union of columns with earlier extracts reveals, against a plain computation."""

from __future__ import annotations

from collections import defaultdict

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap

from enclave.disclosure.linkage import Extract, linkage

QUASI = ["age", "sex", "area"]
rows = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 1), st.integers(0, 2)), min_size=1, max_size=25)
columns = st.sets(st.sampled_from(QUASI))


def smallest(frame: pd.DataFrame, inside: set[int], names: list[str]) -> dict[int, int]:
    classes = defaultdict(set)
    for person, row in frame[frame.index.isin(inside)].iterrows():
        classes[tuple(row[names])].add(person)
    return {person: len(members) for members in classes.values() for person in members}


@given(rows, columns, columns, st.data())
def test_agrees_with_counting(
    data: list[tuple[int, int, int]], new: set[str], old: set[str], draw: st.DataObject
) -> None:
    frame = pd.DataFrame(data, columns=QUASI)
    people = st.sets(st.integers(0, len(data) - 1))
    mine, theirs = draw.draw(people), draw.draw(people)
    found = linkage(
        frame,
        frame.index,
        QUASI,
        Extract("new", frozenset(new), BitMap(mine)),
        [Extract("old", frozenset(old), BitMap(theirs))],
        3,
    )
    shared = mine & theirs
    if not shared:
        assert found is None
        return
    assert found is not None
    before = smallest(frame, mine, [name for name in QUASI if name in new])
    after = smallest(frame, mine, [name for name in QUASI if name in new | old])
    assert found.persons == len(shared)
    assert found.before.k == min(before[person] for person in shared)
    assert found.after.k == min(after[person] for person in shared)
    assert found.exposed == sum(1 for person in shared if before[person] >= 3 > after[person])
    assert found.after.k <= found.before.k


@pytest.mark.clause("10.4.2-e-2d2")
def test_sentence_says_what_the_sum_reveals() -> None:
    frame = pd.DataFrame({"age": [30] * 12, "sex": [1] * 12, "area": list(range(12))})
    everybody = BitMap(range(12))
    new = Extract("new", frozenset({"age", "sex"}), everybody)
    found = linkage(frame, frame.index, QUASI, new, [Extract("old", frozenset({"area"}), everybody)], 5)
    assert found is not None
    assert (found.before.k, found.after.k, found.exposed) == (12, 1, 12)
    assert "由 12 人降至 1 人" in found.sentence("zh")
    assert "from 12 to 1" in found.sentence("en")
