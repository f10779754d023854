"""What classes give away of a sensitive column: distinct l-diversity and t-closeness."""

from __future__ import annotations

from typing import Any

import numpy as np

from enclave.disclosure.uniqueness import Keys, column_codes, inverse


def diversity(keys: Keys, values: Any) -> int:
    """Return the fewest distinct values of a column in any class; a missing value is a value (Machanavajjhala 2007).

    `keys` is the class of each row; no row gives 0.
    """
    pairs, classes = _pairs(keys, values)
    return int(np.bincount(pairs[0], minlength=classes).min()) if classes else 0


def closeness(keys: Keys, values: Any) -> float:
    """Return the largest total-variation distance between a column in one class and in all rows, 0 to 1.

    That is the earth mover's distance where all values are equally far apart (Li, Li and Venkatasubramanian 2007).
    """
    (owners, contents, counts), classes = _pairs(keys, values)
    if not classes:
        return 0.0
    whole = np.bincount(contents, weights=counts) / counts.sum()
    sizes = np.bincount(owners, weights=counts, minlength=classes)
    here = counts / sizes[owners]
    # Half of the sum of |p - q|, which is the sum of p - q where p is larger.
    more = np.maximum(here - whole[contents], 0)
    return float(np.bincount(owners, weights=more, minlength=classes).max())


def _pairs(keys: Keys, values: Any) -> tuple[tuple[Keys, Keys, Keys], int]:
    """Return class, value and number of rows of each pair that occurs, and the number of classes."""
    classes, count = inverse(keys)
    codes, size = column_codes(values)
    pairs, counts = np.unique(classes * size + codes, return_counts=True)
    return (pairs // size, pairs % size, counts), count
