"""Both readings of missing values, diversity and closeness, against counting by hand and published examples."""

from __future__ import annotations

from collections import Counter, defaultdict

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enclave.disclosure import missing, uniqueness
from enclave.disclosure.diversity import closeness, diversity

value = st.sampled_from(["x", "y", "z", None])
tables = st.lists(st.tuples(value, value, value), min_size=1, max_size=30)
COLUMNS = ["a", "b", "c"]


def match(one: tuple[str | None, ...], other: tuple[str | None, ...]) -> bool:
    return all(a is None or b is None or a == b for a, b in zip(one, other, strict=True))


@given(tables, st.sampled_from([0, 1, 64]))
@settings(max_examples=300)
def test_wildcards_match_anything_and_never_lower_k(data: list[tuple[str | None, ...]], checked: int) -> None:
    frame = pd.DataFrame(data, columns=COLUMNS)
    found = missing.wildcard_k(frame, COLUMNS, checked)
    assert found == min(sum(match(one, other) for other in data) for one in data)
    assert found >= uniqueness.risk(frame, COLUMNS).k


def test_a_missing_value_joins_the_classes_it_may_belong_to() -> None:
    frame = pd.DataFrame({"a": [1, 1, None, 2], "b": [1, 1, 2, 2]})
    assert uniqueness.risk(frame, ["a", "b"]).k == 1
    assert missing.wildcard_k(frame, ["a", "b"]) == 2


@given(tables)
def test_diversity_and_closeness_are_those_of_the_definition(data: list[tuple[str | None, ...]]) -> None:
    frame = pd.DataFrame(data, columns=COLUMNS)
    keys = uniqueness.row_keys(frame, ["a", "b"])
    classes = defaultdict(list)
    for a, b, c in data:
        classes[a, b].append(c)
    whole = Counter(c for _, _, c in data)
    distances = [
        sum(abs(part.count(c) / len(part) - whole[c] / len(data)) for c in whole) / 2 for part in classes.values()
    ]
    assert diversity(keys, frame["c"]) == min(len(set(part)) for part in classes.values())
    assert closeness(keys, frame["c"]) == pytest.approx(max(distances))


def test_no_rows() -> None:
    frame = pd.DataFrame({"a": [], "b": []})
    keys = uniqueness.row_keys(frame, ["a"])
    assert (missing.wildcard_k(frame, ["a"]), diversity(keys, frame["b"]), closeness(keys, frame["b"])) == (0, 0, 0.0)
