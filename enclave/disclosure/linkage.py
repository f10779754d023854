"""What an extract adds to earlier ones: uniqueness of the persons in both, before and after joining the columns."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from pyroaring import BitMap

from enclave.disclosure.uniqueness import BELOW, Risk, class_counts, column_codes, row_keys
from enclave.kernel.i18n import text


@dataclass(frozen=True)
class Extract:
    """Columns and persons of an extract that was, or is to be, handed out."""

    label: str
    columns: frozenset[str]
    persons: BitMap


@dataclass(frozen=True)
class Linkage:
    """The union of a new extract with earlier ones, on the persons they share.

    `before` measures the shared persons by the new extract's quasi-identifiers alone, `after` by those of
    all extracts together; classes are counted over everybody in the new extract. `joinable` counts shared
    persons whose common columns single them out, so that the join needs no guess. `exposed` counts shared
    persons whose class falls under the threshold only by the union, from `k_before` to `k_after`.
    """

    labels: tuple[str, ...]
    persons: int
    common_columns: tuple[str, ...]
    added_columns: tuple[str, ...]
    before: Risk
    after: Risk
    joinable: int
    exposed: int
    threshold: int

    @property
    def safe(self) -> bool:
        """Tell whether the union exposes nobody."""
        return self.exposed == 0

    def sentence(self, language: str) -> str:
        """Return the finding in `zh` or `en`, with numbers."""
        key = "disclosure_linkage_safe" if self.safe else "disclosure_linkage_exposed"
        joined = ("、" if language == "zh" else ", ").join(self.added_columns)
        return text(
            key,
            language,
            persons=self.persons,
            columns=joined,
            added=len(self.added_columns),
            exposed=self.exposed,
            threshold=self.threshold,
            k_before=self.before.k,
            k_after=self.after.k,
            joinable=self.joinable,
        )


def linkage(
    frame: pd.DataFrame,
    persons: ArrayLike,
    quasi_identifiers: Sequence[str],
    new: Extract,
    earlier: Sequence[Extract],
    threshold: int,
) -> Linkage | None:
    """Measure what joining `new` with `earlier` reveals; None when they share no person.

    `frame` holds the rows of the data set with every quasi-identifier; `persons` gives the person of each
    row, shape (rows,). The worst case is assumed: earlier extracts can be joined for every shared person.
    """
    touching = [extract for extract in earlier if new.persons.intersect(extract.persons)]
    if not touching:
        return None
    owners = np.asarray(persons)
    inside = np.isin(owners, np.array(new.persons.to_array(), dtype=owners.dtype))
    rows, owners = frame.loc[inside], column_codes(owners[inside])[0]
    given: Collection[str] = frozenset().union(*(extract.columns for extract in touching))
    own = [name for name in quasi_identifiers if name in new.columns]
    union = [name for name in quasi_identifiers if name in new.columns or name in given]
    common = [name for name in own if name in given]
    shared = new.persons & BitMap.union(*(extract.persons for extract in touching))
    mask = np.isin(np.asarray(persons)[inside], np.array(shared.to_array()))
    before, after, joint = (_sizes(rows, owners, columns) for columns in (own, union, common))
    return Linkage(
        labels=tuple(extract.label for extract in touching),
        persons=len(shared),
        common_columns=tuple(common),
        added_columns=tuple(name for name in union if name not in own),
        before=_risk(before, owners, mask, own),
        after=_risk(after, owners, mask, union),
        joinable=len(np.unique(owners[mask & (joint == 1)])) if common else 0,
        exposed=len(np.unique(owners[mask & (before >= threshold) & (after < threshold)])),
        threshold=threshold,
    )


def _sizes(rows: pd.DataFrame, owners: NDArray[np.int64], columns: Sequence[str]) -> NDArray[np.int64]:
    classes, counts = class_counts(row_keys(rows, columns), owners)
    return counts[classes]


def _risk(sizes: NDArray[np.int64], owners: NDArray[np.int64], mask: NDArray[np.bool_], columns: Sequence[str]) -> Risk:
    """Return the risk of the masked persons: each counts by the smallest class one of his rows lies in."""
    smallest = pd.Series(sizes[mask]).groupby(owners[mask]).min().to_numpy()
    return Risk(
        rows=int(mask.sum()),
        units=len(smallest),
        unit="person",
        quasi_identifiers=tuple(columns),
        k=int(smallest.min()) if len(smallest) else 0,
        classes=round(float((1 / smallest).sum())),
        uniques=int((smallest == 1).sum()),
        below_k={threshold: int((smallest < threshold).sum()) for threshold in BELOW},
        prosecutor_max=float((1 / smallest).max()) if len(smallest) else 0.0,
        prosecutor_mean=float((1 / smallest).mean()) if len(smallest) else 0.0,
    )
