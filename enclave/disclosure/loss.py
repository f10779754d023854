"""What a treated table tells less than before: by generalisation where rows are known, by entropy where not."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from enclave.disclosure.uniqueness import Keys, column_codes, inverse


def column_loss(before: Any, after: Any, kept: Keys) -> float:
    """Return the loss of one column, 0 to 1: the mean over all rows of (values under its label - 1) / (values - 1).

    That is the Loss of ARX (Iyengar 2002), with the values that occur as leaves. `before` has every row, `after` those
    at the places `kept`; a row that went, and a value hidden in one that stayed, count 1. Without rows nothing is lost.
    """
    codes, _ = column_codes(before)
    if not len(codes):
        return 0.0
    values, distinct = inverse(codes)
    labels, _ = column_codes(after)
    lost = label_losses(values[kept], labels, distinct)[labels]
    lost[(labels == 0) & (codes[kept] != 0)] = 1
    return float((lost.sum() + len(codes) - len(kept)) / len(codes))


def label_losses(values: Keys, labels: Keys, distinct: int) -> NDArray[np.float64]:
    """Return for each label (values under it - 1) / (values of the column - 1); `distinct` values occur in all."""
    pairs = np.unique(labels * distinct + values)
    under = np.bincount(pairs // distinct)
    return (under - 1) / max(distinct - 1, 1)


def information(values: Any) -> float:
    """Return the Shannon entropy of a column in bits; a missing value is a value."""
    codes, size = column_codes(values)
    if not len(codes):
        return 0.0
    share = np.bincount(codes, minlength=size) / len(codes)
    share = share[share > 0]
    return float(max(-(share * np.log2(share)).sum(), 0.0))
