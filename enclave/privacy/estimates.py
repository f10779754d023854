"""Counts, means and histograms with noise, each with the interval the noise leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from enclave.kernel.errors import Invalid
from enclave.privacy.engines import MECHANISM, NoiseEngine, half_width
from enclave.privacy.service import Draw

MISS = 0.05  # intervals hold with 95 %: over the noise alone, not over how the persons were sampled
STEPS = 2**20  # lattice points on either side of the middle of the bounds
BOUND = 1e12


@dataclass(frozen=True)
class Price:
    """What an answer costs and what one person can do to it: at most `per_person` rows of his are used."""

    epsilon_micro: int
    per_person: int = 1


@dataclass(frozen=True)
class Bounds:
    """The range values are clamped to. It comes from the caller, never from the data."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not -BOUND <= self.low < self.high <= BOUND or self.step <= 0:  # false for NaN too
            raise Invalid("privacy_bounds", low=self.low, high=self.high)

    @property
    def middle(self) -> float:
        """Return the value that stands for zero on the lattice."""
        return self.low / 2 + self.high / 2

    @property
    def step(self) -> float:
        """Return the width of a lattice step: `STEPS` of them span half the range."""
        return (self.high / 2 - self.low / 2) / STEPS


def count(engine: NoiseEngine, price: Price, rows: int) -> Draw:
    """Return a noisy count of `rows`; one person changes it by `per_person`."""
    (value,) = engine.add_noise([rows], price.per_person, price.epsilon_micro)
    answer = {"value": max(0, value), "accuracy": half_width(price.per_person, price.epsilon_micro, MISS)}
    return Draw(answer, MECHANISM, engine.name)


def histogram(engine: NoiseEngine, price: Price, bins: Mapping[str, int]) -> Draw:
    """Return a noisy count for every bin of a public list, empty ones too.

    A person's `per_person` rows fall into at most that many bins, so the L1 sensitivity of the whole is
    `per_person` and every bin gets noise of the whole epsilon.
    """
    noisy = engine.add_noise(list(bins.values()), price.per_person, price.epsilon_micro)
    answer = {
        "value": [{"bin": name, "count": max(0, number)} for name, number in zip(bins, noisy, strict=True)],
        "accuracy": half_width(price.per_person, price.epsilon_micro, MISS),
    }
    return Draw(answer, MECHANISM, engine.name)


def mean(engine: NoiseEngine, price: Price, bounds: Bounds, rows: int, lattice_sum: int) -> Draw:
    """Return a noisy mean: noisy sum over noisy count, half of epsilon each, nothing about the count taken as known.

    `lattice_sum` is the sum over `rows` values of round((clamped value - middle) / step), each within +-STEPS,
    so that sums are integers and exact.
    """
    halves = price.epsilon_micro // 2, price.epsilon_micro - price.epsilon_micro // 2
    spread = price.per_person * STEPS
    (noisy_sum,) = engine.add_noise([lattice_sum], spread, halves[0])
    (noisy_rows,) = engine.add_noise([rows], price.per_person, halves[1])
    # Both intervals hold together with 95 % (union bound).
    around = half_width(spread, halves[0], MISS / 2), half_width(price.per_person, halves[1], MISS / 2)
    answer = _ratio(bounds, noisy_sum, around[0], noisy_rows, around[1])
    answer |= {"count": max(0, noisy_rows), "count_accuracy": around[1]}
    return Draw(answer, MECHANISM, engine.name)


def _ratio(bounds: Bounds, total: int, total_width: int, rows: int, rows_width: int) -> dict[str, Any]:
    if rows - rows_width <= 0:
        # So few persons that the noise says nothing: an answer of the bounds' middle would look like one.
        return {"value": None, "accuracy": None, "low": bounds.low, "high": bounds.high}
    corners = [
        Fraction(t, n)
        for t in (total - total_width, total + total_width)
        for n in (rows - rows_width, rows + rows_width)
    ]
    value, low, high = (_value(bounds, part) for part in (Fraction(total, rows), min(corners), max(corners)))
    return {"value": value, "accuracy": max(high - value, value - low), "low": low, "high": high}


def _value(bounds: Bounds, lattice: Fraction) -> float:
    inside = min(max(lattice, Fraction(-STEPS)), Fraction(STEPS))
    return min(max(bounds.middle + float(inside) * bounds.step, bounds.low), bounds.high)
