"""Noise is as large as it is charged for: amounts, engines and the estimates on top of them."""

from __future__ import annotations

import math
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enclave.kernel.errors import Invalid
from enclave.privacy import amounts, engines, estimates
from enclave.privacy.engines import ENGINES, NoiseEngine

DRAWS = 20_000


@pytest.fixture(params=sorted(ENGINES))
def engine(request: pytest.FixtureRequest) -> NoiseEngine:
    """Both engines pass every test here."""
    return ENGINES[request.param]()


class Silent:
    """An engine without noise, to see the arithmetic around it."""

    name = "silent"

    def add_noise(self, values: Any, sensitivity: int, epsilon_micro: int) -> list[int]:
        engines.check_parameters(values, sensitivity, epsilon_micro)
        return list(values)


def probability(k: int, sensitivity: int, epsilon: float) -> float:
    q = math.exp(-epsilon / sensitivity)
    return (1 - q) / (1 + q) * q ** abs(k)


# --- amounts -----------------------------------------------------------------------------------------------------


@pytest.mark.promise("P4")
@given(
    st.one_of(
        st.floats(allow_nan=True, allow_infinity=True),
        st.decimals(allow_nan=True, allow_infinity=True),
        st.integers(),
        st.text(max_size=12),
        st.none(),
        st.booleans(),
        st.lists(st.integers(), max_size=2),
    )
)
def test_epsilon_is_a_positive_whole_number_of_millionths_or_refused(value: object) -> None:
    try:
        micro = amounts.micro_epsilon(value)
    except Invalid as refusal:
        assert refusal.code in ("privacy_epsilon_form", "privacy_epsilon_range")
        return
    assert type(micro) is int
    assert amounts.LEAST_MICRO <= micro <= amounts.MOST_MICRO
    assert amounts.epsilon(micro) == Decimal(str(value).strip())


@pytest.mark.parametrize("value", [0, 0.0, -0.0, -1, math.nan, math.inf, -math.inf, "nan", "inf", "1e400", "", True])
def test_no_zero_negative_or_infinite_epsilon(value: object) -> None:
    with pytest.raises(Invalid):
        amounts.micro_epsilon(value)


def test_sums_of_epsilon_are_exact() -> None:
    """0.1 + 0.9 > 1 in binary floats refuses the last question of an exact budget (opendp/opendp #2131)."""
    assert sum([amounts.micro_epsilon(0.1)] * 3, amounts.micro_epsilon(0.7)) == amounts.micro_epsilon("1")
    assert str(amounts.epsilon(amounts.micro_epsilon(4.0))) == "4"


@given(st.floats(), st.floats())
def test_bounds_are_finite_and_apart_or_refused(low: float, high: float) -> None:
    try:
        bounds = estimates.Bounds(low, high)
    except Invalid:
        return
    assert -math.inf < bounds.low < bounds.high < math.inf
    assert bounds.step > 0
    assert bounds.low <= bounds.middle <= bounds.high


# --- engines -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "sensitivity", "epsilon"),
    [([1], 0, 1), ([1], -1, 1), ([1], 1, 0), ([1], 1, -1), ([1.5], 1, 1), ([1], 1.0, 1), ([1], 1, math.nan),
     ([True], 1, 1), ([2**60], 1, 10**6), ([1], 2**60, 1)],
)  # fmt: skip
def test_engines_refuse_what_would_draw_too_little_noise(
    engine: NoiseEngine, values: list[Any], sensitivity: Any, epsilon: Any
) -> None:
    with pytest.raises((TypeError, ValueError)):
        engine.add_noise(values, sensitivity, epsilon)


@pytest.mark.promise("P4")
@pytest.mark.parametrize(("sensitivity", "epsilon_micro"), [(1, 1_000_000), (1, 100_000), (3, 500_000), (2**20, 10**6)])
def test_noise_has_the_distribution_it_is_charged_for(
    engine: NoiseEngine, sensitivity: int, epsilon_micro: int
) -> None:
    noise = engine.add_noise([0] * DRAWS, sensitivity, epsilon_micro)
    epsilon = epsilon_micro / 1e6
    assert all(type(value) is int for value in noise)
    q = math.exp(-epsilon / sensitivity)
    variance = 2 * q / (1 - q) ** 2
    # Six standard errors: a right engine fails once in a thousand million runs.
    assert abs(sum(noise)) / DRAWS < 6 * math.sqrt(variance / DRAWS)
    assert sum(n * n for n in noise) / DRAWS == pytest.approx(variance, rel=6 * math.sqrt(5 / DRAWS))
    for miss in (0.5, 0.05):
        width = engines.half_width(sensitivity, epsilon_micro, miss)
        expected = 2 * q ** (width + 1) / (1 + q)
        outside = sum(abs(n) > width for n in noise) / DRAWS
        assert expected <= miss
        assert abs(outside - expected) < 6 * math.sqrt(miss / DRAWS)


@pytest.mark.promise("P4")
def test_one_person_more_shifts_no_outcome_by_more_than_epsilon(engine: NoiseEngine) -> None:
    """Neighbouring inputs, empirical ratio of every frequent outcome: at most exp(epsilon), with room for chance."""
    epsilon_micro, draws = 1_000_000, 60_000
    without = Counter(engine.add_noise([41] * draws, 1, epsilon_micro))
    with_one = Counter(engine.add_noise([42] * draws, 1, epsilon_micro))
    for outcome in set(without) | set(with_one):
        a, b = without[outcome], with_one[outcome]
        if min(a, b) >= 400:
            assert abs(math.log(a / b)) < 1.0 + 6 * math.sqrt(1 / a + 1 / b)
    # And not far less noise than that either side promises: the ratio is reached.
    assert math.log(without[41] / with_one[41]) > 0.8


def test_opendp_certifies_that_no_more_is_spent_than_charged() -> None:
    for sensitivity in (1, 3, 7, 2**20, 5 * 2**20):
        for micro in (1_000, 33_333, 100_000, 333_333, 700_001, 1_000_000, 99_999_999):
            measurement = engines._opendp_laplace(sensitivity, micro)
            assert Decimal(measurement.map(sensitivity)) <= Decimal(micro) / 10**6


@given(st.integers(1, 10), st.integers(1_000, 10_000_000), st.sampled_from([0.5, 0.05, 0.025]))
def test_half_width_is_the_least_that_holds(sensitivity: int, micro: int, miss: float) -> None:
    width = engines.half_width(sensitivity, micro, miss)
    q = math.exp(-micro / 1e6 / sensitivity)
    assert 2 * q ** (width + 1) / (1 + q) <= miss * (1 + 1e-9)
    assert width == 0 or 2 * q**width / (1 + q) > miss * (1 - 1e-9)


# --- estimates ---------------------------------------------------------------------------------------------------


def test_intervals_hold_as_often_as_they_say(engine: NoiseEngine) -> None:
    price, rounds = estimates.Price(300_000), 600
    bounds = estimates.Bounds(0, 100)
    exact, rows = 61.5, 900
    lattice = rows * round((exact - bounds.middle) / bounds.step)
    held = Counter[str]()
    for _ in range(rounds):
        counted = estimates.count(engine, price, rows).answer
        held["count"] += abs(counted["value"] - rows) <= counted["accuracy"]
        answer = estimates.mean(engine, price, bounds, rows, lattice).answer
        held["mean"] += answer["low"] <= exact <= answer["high"]
        assert abs(answer["value"] - answer["low"]) <= answer["accuracy"] + 1e-9
    for kind in ("count", "mean"):
        assert held[kind] / rounds > 0.95 - 6 * math.sqrt(0.05 * 0.95 / rounds)


@given(
    st.floats(-1e9, 1e9), st.floats(1e-3, 1e6), st.lists(st.floats(0, 1), min_size=50, max_size=80), st.integers(1, 3)
)
def test_without_noise_the_mean_is_the_mean(low: float, width: float, parts: list[float], per_person: int) -> None:
    bounds = estimates.Bounds(low, low + width)
    values = [bounds.low + part * (bounds.high - bounds.low) for part in parts]
    lattice = sum(round((value - bounds.middle) / bounds.step) for value in values)
    price = estimates.Price(50_000_000, per_person)
    answer = estimates.mean(Silent(), price, bounds, len(values), lattice).answer
    assert answer["value"] == pytest.approx(sum(values) / len(values), abs=2 * bounds.step + abs(low) * 1e-12)
    assert bounds.low <= answer["low"] <= answer["value"] <= answer["high"] <= bounds.high


def test_a_mean_over_hardly_anyone_says_that_it_says_nothing() -> None:
    answer = estimates.mean(Silent(), estimates.Price(1_000_000), estimates.Bounds(0, 10), 2, 0).answer
    assert answer["value"] is None
    assert (answer["low"], answer["high"]) == (0, 10)


def test_no_count_is_negative_and_empty_bins_get_noise_too(engine: NoiseEngine) -> None:
    price = estimates.Price(100_000)
    draws = [estimates.histogram(engine, price, {"a": 0, "b": 0, "c": 500}).answer["value"] for _ in range(200)]
    assert all(entry["count"] >= 0 for bins in draws for entry in bins)
    assert any(bins[0]["count"] > 0 for bins in draws)
    assert {entry["bin"] for entry in draws[0]} == {"a", "b", "c"}


def test_more_rows_of_one_person_cost_accuracy() -> None:
    one = estimates.count(Silent(), estimates.Price(500_000, 1), 100).answer["accuracy"]
    five = estimates.count(Silent(), estimates.Price(500_000, 5), 100).answer["accuracy"]
    assert five == pytest.approx(5 * one, rel=0.1)
