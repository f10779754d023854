"""Privacy amounts are integers: epsilon in millionths, delta in trillionths; floats never add up."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from enclave.kernel.errors import Invalid

MICRO = Decimal(10) ** 6
PICO = Decimal(10) ** 12
# Below a thousandth the noise of one person's answer spans thousands of persons: a slip of the keyboard, and
# scales that large would strain the 64-bit integers the noise is drawn in.
LEAST_MICRO = 1_000
MOST_MICRO = 100 * 10**6


def _decimal(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise Invalid("privacy_epsilon_form", value=type(value).__name__)
    try:
        # `str` of a float is its shortest exact spelling: 0.1 means one tenth, as the caller wrote it.
        number = Decimal(str(value).strip())
    except InvalidOperation as error:
        raise Invalid("privacy_epsilon_form", value=str(value)[:20]) from error
    if not number.is_finite():
        raise Invalid("privacy_epsilon_form", value=str(value)[:20])
    return number


def micro_epsilon(value: object) -> int:
    """Return epsilon in millionths; refuse NaN, infinities, zero, negatives and more than six decimals."""
    number = _decimal(value)
    if not LEAST_MICRO <= number * MICRO <= MOST_MICRO:
        raise Invalid("privacy_epsilon_range", value=str(number)[:20], least="0.001", most="100")
    if number * MICRO != (number * MICRO).to_integral_value():
        raise Invalid("privacy_epsilon_form", value=str(number)[:20])
    return int(number * MICRO)


def pico_delta(value: object) -> int:
    """Return delta in trillionths; it lies in [0, 0.01]."""
    number = _decimal(value)
    if not 0 <= number <= Decimal("0.01") or number * PICO != (number * PICO).to_integral_value():
        raise Invalid("privacy_delta_range", value=str(number)[:20])
    return int(number * PICO)


def epsilon(micro: int) -> Decimal:
    """Return millionths as the decimal a person reads, without trailing zeros."""
    plain = (Decimal(micro) / MICRO).normalize()
    return plain.quantize(Decimal(1)) if plain == plain.to_integral_value() else plain
