"""The measures of one table in one report: k under both readings of missing values, uniques, l and t."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from enclave.disclosure.diversity import closeness, diversity
from enclave.disclosure.missing import wildcard_k
from enclave.disclosure.uniqueness import Frame, class_totals, risk_of, row_keys

BELOW = (5, 10)
DIGITS = 6


@dataclass(frozen=True)
class Measures:
    """What a table shows over its quasi-identifiers, counted in rows.

    `k`, classes and all else are those of the reading that `missing` names, the one with the smaller k;
    `k_by_reading` has both. `below_k[t]` counts the rows in classes of fewer than t, `l` and `t` are by sensitive
    column: the fewest distinct values in a class, and the largest total-variation distance of a class from the whole.
    """

    rows: int
    quasi_identifiers: tuple[str, ...]
    k: int
    classes: int
    uniques: int
    below_k: Mapping[int, int]
    l: Mapping[str, int]  # noqa: E741  # the name the literature gives it
    t: Mapping[str, float]
    missing: str
    k_by_reading: Mapping[str, int]

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form; keys of `below_k` become strings."""
        return {
            **self.__dict__,
            "quasi_identifiers": list(self.quasi_identifiers),
            "below_k": {str(threshold): rows for threshold, rows in self.below_k.items()},
            "l": dict(self.l),
            "t": {name: round(distance, DIGITS) for name, distance in self.t.items()},
            "k_by_reading": dict(self.k_by_reading),
        }


def measure(frame: Frame, quasi_identifiers: Sequence[str], sensitive: Sequence[str] = ()) -> Measures:
    """Measure a table; `frame` holds its quasi-identifiers and sensitive columns, of equal length.

    A wildcard matches at least the rows equal to it, so its classes are unions of those with missing as a value:
    k and l can only be larger there and t only smaller. k is counted under both all the same and the smaller one told.
    """
    keys = row_keys(frame, quasi_identifiers)
    own = risk_of(class_totals(keys), len(keys), tuple(quasi_identifiers), below=BELOW)
    readings = {"own_class": own.k, "wildcard": wildcard_k(frame, quasi_identifiers)}
    reading = min(readings, key=readings.__getitem__)
    return Measures(
        rows=own.rows,
        quasi_identifiers=own.quasi_identifiers,
        k=readings[reading],
        classes=own.classes,
        uniques=own.uniques,
        below_k=own.below_k,
        l={name: diversity(keys, frame[name]) for name in sensitive},
        t={name: closeness(keys, frame[name]) for name in sensitive},
        missing=reading,
        k_by_reading=readings,
    )
