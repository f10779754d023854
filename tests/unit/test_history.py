"""The history check: differencing, tiling, columns, who is linked, and that more history never frees (P9)."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyroaring import BitMap

from enclave.kernel.settings import settings as config
from request_review import earlier
from request_review.history import OUTCOMES, Cohort, History, judge

COLUMNS = ("age", "sex", "county", "diagnosis")
TELLING = frozenset(("t", name) for name in COLUMNS)
DRAW = np.random.default_rng(5)
FRAME = pd.DataFrame({name: DRAW.integers(0, size, 240) for name, size in zip(COLUMNS, (4, 2, 5, 12), strict=True)})
FRAME["_person"] = np.arange(240)
VERSION = SimpleNamespace(columns={"t": COLUMNS})
DATA = SimpleNamespace(frame=lambda _table, columns: FRAME[[*columns, "_person"]], has_persons=lambda _table: True)


def cohort(label: str, persons, columns=("age",), state="granted") -> Cohort:
    return Cohort(label, state, frozenset(("t", name) for name in columns), BitMap(persons))


def judged(new: Cohort, *others: Cohort) -> History:
    threshold = config().cell_threshold
    alone = list(earlier.alone_on(new, TELLING, VERSION, DATA))
    return judge(new, others, alone, list(earlier.exposures_on(new, others, TELLING, VERSION, DATA)), threshold)


def kinds(found: History) -> set[str]:
    return {finding.kind for finding in found.findings}


def test_without_history_a_coarse_request_is_allowed():
    found = judged(cohort("new", range(240), ["sex"]))
    assert (found.outcome, found.findings) == ("allow", ())
    assert "240" in found.sentence("zh") and "240" in found.sentence("en")


@pytest.mark.clause("10.4.2-e-2d2")
@pytest.mark.parametrize("left_out", [1, 3, 9])
def test_the_same_cohort_less_a_few_is_denied_in_either_direction(left_out):
    for first, second in ((range(240), range(left_out, 240)), (range(left_out, 240), range(240))):
        found = judged(cohort("new", first, ["sex"]), cohort("old", second, ["sex"]))
        assert found.outcome == "deny"
        assert f"{left_out} 人" in found.sentence("zh") and f" {left_out} persons" in found.sentence("en")


def test_a_difference_of_nobody_or_of_the_threshold_is_no_differencing():
    for left_out in (0, 10):
        assert (
            judged(cohort("new", range(left_out, 240), ["sex"]), cohort("old", range(240), ["sex"])).outcome == "allow"
        )


@pytest.mark.clause("10.4.2-e-2d2")
def test_quarters_that_tile_a_year_but_for_three_people_are_found():
    quarters = [
        cohort(f"q{part}", range(part * 60, part * 60 + 60 - (3 if part == 3 else 0)), ["sex"]) for part in range(4)
    ]
    found = judged(cohort("year", range(240), ["sex"]), *quarters)
    assert found.outcome == "deny"
    assert "joint" in kinds(found)


def test_two_overlapping_cohorts_leave_four_over():
    found = judged(
        cohort("new", range(150), ["sex"]), cohort("a", range(100), ["sex"]), cohort("b", range(50, 146), ["sex"])
    )
    assert found.outcome == "deny" and "pair" in kinds(found)


@pytest.mark.clause("10.4.2-e-2d3")
@pytest.mark.parametrize("state", ["refused", "withdrawn", "submitted", "in_review"])
def test_nearness_to_what_was_never_delivered_asks_and_does_not_refuse(state):
    found = judged(cohort("new", range(240), ["sex"]), cohort("old", range(3, 240), ["sex"], state))
    assert found.outcome == "ask" and "difference" in kinds(found)


@pytest.mark.clause("10.4.2-e-2d2")
def test_columns_together_make_more_people_unique_with_both_numbers():
    found = judged(cohort("new", range(240), ["county", "diagnosis"]), cohort("old", range(240), ["age", "sex"]))
    before = FRAME.groupby(["county", "diagnosis"])["age"].transform("size").eq(1).sum()
    after = FRAME.groupby(list(COLUMNS))["_person"].transform("size").eq(1).sum()
    exposure = next(finding for finding in found.findings if finding.kind == "exposure")
    assert found.outcome == "ask"
    assert f"由 {before} 人增至 {after} 人" in exposure.zh
    assert f"from {before} to {after}" in exposure.en


def test_a_cohort_under_the_threshold_is_denied_by_itself():
    assert judged(cohort("new", range(9), ["sex"])).outcome == "deny"
    assert judged(cohort("new", [], ["sex"])).outcome == "deny"


def test_slices_of_a_refused_whole_are_put_together():
    refused = cohort("whole", range(200), ["sex"], "refused")
    half = cohort("half", range(100), ["sex"])
    found = judged(cohort("new", range(100, 195), ["sex"]), refused, half)
    pieces = next(finding for finding in found.findings if finding.kind == "pieces")
    assert "97.5" in pieces.zh and "half" in pieces.labels
    assert "pieces" not in kinds(judged(cohort("new", range(100, 195), ["sex"]), refused))


@pytest.mark.promise("P6")
def test_an_earlier_scope_that_cannot_be_evaluated_asks():
    gone = Cohort("gone", "granted", frozenset(), None)
    found = judged(cohort("new", range(240), ["sex"]), gone)
    assert found.outcome == "ask" and kinds(found) == {"unreadable"}


def test_the_check_survives_being_kept_as_json():
    import json

    found = judged(cohort("new", range(240), COLUMNS), cohort("old", range(3, 240)))
    assert History.from_dict(json.loads(json.dumps(found.as_dict()))) == found


persons = st.one_of(
    st.sets(st.integers(0, 239), max_size=60),
    st.tuples(st.integers(0, 239), st.integers(0, 240)).map(lambda ends: set(range(min(ends), max(ends)))),
)
columns = st.sets(st.sampled_from(COLUMNS), min_size=1)
states = st.sampled_from(["granted", "decided", "refused", "withdrawn", "submitted"])
scopes = st.lists(st.tuples(persons, columns, states), max_size=4)


def _cohorts(parts) -> list[Cohort]:
    return [cohort(f"c{number}", *part) for number, part in enumerate(parts)]


@pytest.mark.promise("P9")
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(persons, columns, scopes, st.integers(0, 4))
def test_another_earlier_scope_never_makes_the_answer_freer(own, names, parts, left_out):
    everything = _cohorts(parts)
    fewer = [each for position, each in enumerate(everything) if position != left_out]
    new = cohort("new", own, names)
    with_all, with_fewer = judged(new, *everything), judged(new, *fewer)
    assert OUTCOMES.index(with_all.outcome) >= OUTCOMES.index(with_fewer.outcome)


@pytest.mark.promise("P9")
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(persons, columns, st.sampled_from(COLUMNS), scopes)
def test_another_column_never_makes_the_answer_freer(own, names, more, parts):
    others = _cohorts(parts)
    wider, narrower = judged(cohort("new", own, names | {more}), *others), judged(cohort("new", own, names), *others)
    assert OUTCOMES.index(wider.outcome) >= OUTCOMES.index(narrower.outcome)


@pytest.mark.promise("P9")
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(persons, columns, scopes, st.integers(0, 3))
def test_handing_out_what_was_refused_never_makes_the_answer_freer(own, names, parts, which):
    others = _cohorts(parts)
    handed_out = [
        Cohort(each.label, "granted", each.columns, each.persons) if position == which else each
        for position, each in enumerate(others)
    ]
    new = cohort("new", own, names)
    before, after = judged(new, *others), judged(new, *handed_out)
    refused_before = any(each.state == "refused" for each in others)
    if not refused_before:  # an earlier refusal asks by itself; it was not one any more
        assert OUTCOMES.index(after.outcome) >= OUTCOMES.index(before.outcome)
