"""The other reading of missing values: as wildcards that match anything, where k is verified a second time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from enclave.disclosure.uniqueness import Count, Frame, Keys, class_sizes, column_codes, combine, inverse


def wildcard_k(frame: Frame, columns: Sequence[str], first: int = 64) -> int:
    """Return the fewest rows that match any row when a missing value matches everything (sdcMicro's reading).

    Rows that are equal always match, so this is never less than k with missing as a class of its own; the
    `first` smallest of those classes are looked at one by one, and most tables need no more.
    """
    sizes = class_sizes(frame, columns)
    if not len(sizes) or not columns:
        return len(sizes)
    coded = [column_codes(frame[name])[0] for name in columns]
    firsts = _firsts(sizes, coded)
    tuples, weights = np.stack([codes[firsts] for codes in coded]), sizes[firsts]
    order = np.argsort(weights, kind="stable")
    smallest = int(weights.sum())
    for place in order[:first]:
        if weights[place] >= smallest:
            return smallest
        smallest = min(smallest, int(weights[_matching(tuples, place)].sum()))
    left = order[first:][weights[order[first:]] < smallest]
    return min(smallest, int(_matched(tuples, weights, left).min())) if len(left) else smallest


def _firsts(sizes: Count, coded: Sequence[Keys]) -> Keys:
    """Return the first row of each class."""
    keys, radix = np.zeros(len(sizes), dtype=np.int64), 1
    for codes in coded:
        keys, radix = combine(keys, radix, codes, int(codes.max()) + 1)
    return np.unique(keys, return_index=True)[1]


def _matching(tuples: Keys, place: int) -> NDArray[np.bool_]:
    """Return which tuples agree with one of them wherever both hold a value."""
    one = tuples[:, [place]]
    return np.asarray(((tuples == one) | (tuples == 0) | (one == 0)).all(axis=0))


def _matched(tuples: Keys, weights: Count, wanted: Keys) -> Count:
    """Return the rows that match each wanted tuple: those of one pattern of missing values are joined at once."""
    patterns, count = inverse(_as_bits(tuples == 0))
    found = np.zeros(len(wanted), dtype=np.int64)
    for mine in np.unique(patterns[wanted]):
        own = np.flatnonzero(patterns[wanted] == mine)
        for other in range(count):
            there = np.flatnonzero(patterns == other)
            both = (tuples[:, wanted[own[0]]] != 0) & (tuples[:, there[0]] != 0)
            found[own] += _joined(tuples[both][:, wanted[own]], tuples[both][:, there], weights[there])
    return found


def _as_bits(missing: NDArray[np.bool_]) -> Keys:
    """Return one number for each pattern of missing values, shape (tuples,)."""
    keys, radix = np.zeros(missing.shape[1], dtype=np.int64), 1
    for row in np.packbits(missing, axis=0):
        keys, radix = combine(keys, radix, row.astype(np.int64), 256)
    return keys


def _joined(mine: Keys, others: Keys, weights: Count) -> Count:
    """Return for each of my tuples the weight of the others that are equal to it."""
    keys, radix = np.zeros(mine.shape[1] + others.shape[1], dtype=np.int64), 1
    for codes in np.concatenate([mine, others], axis=1):
        keys, radix = combine(keys, radix, codes, int(codes.max()) + 1)
    classes, count = inverse(keys)
    return np.bincount(classes[mine.shape[1] :], weights=weights, minlength=count)[classes[: mine.shape[1]]].astype(int)
