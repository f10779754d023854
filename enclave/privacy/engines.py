"""One port for noise and two engines behind it: OpenDP draws, diffprivlib stands by and passes the same tests."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any, Protocol

from enclave.kernel.settings import settings

MECHANISM = "discrete Laplace"
# Room for the noise beside the largest value in a 64-bit integer, and exact as a float.
LARGEST = 2**52


class NoiseEngine(Protocol):
    """Adds discrete Laplace noise: P(k) is proportional to exp(-|k| epsilon / sensitivity) (Ghosh et al. 2009).

    Integers in, integers out: floating-point noise reveals its input in the low bits (Mironov 2012).
    """

    name: str

    def add_noise(self, values: Sequence[int], sensitivity: int, epsilon_micro: int) -> list[int]:
        """Return `values` with independent noise; `sensitivity` bounds the L1 change one person makes to them all."""
        ...


def check_parameters(values: Sequence[int], sensitivity: int, epsilon_micro: int) -> None:
    """Refuse what no caller of ours may pass; a defect here must end in an error, never in less noise."""
    for number in (*values, sensitivity, epsilon_micro):
        if isinstance(number, bool) or not isinstance(number, int):
            raise TypeError("noise is drawn for integers only")
    if sensitivity < 1 or epsilon_micro < 1:
        raise ValueError("sensitivity and epsilon must be positive")
    if sensitivity * 10**6 / epsilon_micro > LARGEST / 2**10 or any(abs(value) > LARGEST for value in values):
        raise ValueError("outside the range in which noise is exact")


class OpenDp:
    """OpenDP's exact sampler; its own privacy map certifies that the noise is enough."""

    name = "OpenDP"

    def add_noise(self, values: Sequence[int], sensitivity: int, epsilon_micro: int) -> list[int]:
        """Return `values` with noise."""
        check_parameters(values, sensitivity, epsilon_micro)
        measurement = _opendp_laplace(sensitivity, epsilon_micro)
        return [int(value) for value in measurement(list(values))] if values else []


@lru_cache(maxsize=64)
def _opendp_laplace(sensitivity: int, epsilon_micro: int) -> Any:
    import opendp.prelude as dp  # loading its library takes a moment that only answering needs

    dp.enable_features("contrib")
    space = dp.vector_domain(dp.atom_domain(T="i64")), dp.l1_distance(T="i64")
    scale, allowed = sensitivity * 10**6 / epsilon_micro, Fraction(epsilon_micro, 10**6)
    while True:
        measurement = space >> dp.m.then_laplace(scale=scale)
        # The scale is a float: rounded down it would spend a hair more than is charged.
        if Fraction(measurement.map(sensitivity)) <= allowed:
            return measurement
        scale = math.nextafter(scale, math.inf)


class Diffprivlib:
    """diffprivlib's Geometric, the mechanism of that library without a known break on integers."""

    name = "diffprivlib"

    def add_noise(self, values: Sequence[int], sensitivity: int, epsilon_micro: int) -> list[int]:
        """Return `values` with noise."""
        from diffprivlib.mechanisms import Geometric  # imports scikit-learn, which is slow

        check_parameters(values, sensitivity, epsilon_micro)
        mechanism = Geometric(epsilon=epsilon_micro / 10**6, sensitivity=sensitivity)
        # Noise of zero, added in Python's integers: `randomise` itself would add in floats.
        return [value + int(mechanism.randomise(0)) for value in values]


ENGINES: dict[str, type[NoiseEngine]] = {"opendp": OpenDp, "diffprivlib": Diffprivlib}


def engine() -> NoiseEngine:
    """Return the engine the settings name."""
    return ENGINES[settings().noise_engine]()


def warm_up() -> None:
    """Load the engine's library, so that no first answer waits for it with an account locked."""
    engine().add_noise([0], 1, 10**6)


def half_width(sensitivity: int, epsilon_micro: int, miss: float) -> int:
    """Return the least a with P(|noise| > a) <= `miss`."""
    # P(|noise| > a) = 2 q^(a+1) / (1 + q) with q = exp(-epsilon / sensitivity).
    rate = epsilon_micro / 10**6 / sensitivity
    q = math.exp(-rate)
    return max(0, math.ceil(-math.log(miss * (1 + q) / 2) / rate - 1))
