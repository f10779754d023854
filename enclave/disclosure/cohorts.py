"""Cohorts as bitmaps: overlap, inclusion, differencing and tiling of a new one against earlier ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from pyroaring import BitMap

from enclave.disclosure.atoms import collapse
from enclave.kernel.i18n import text

MOST_ATOMS = 2_000  # persons told apart by earlier cohorts, beyond which tiling is left unproved


@dataclass(frozen=True)
class Overlap:
    """A new cohort (`persons`) beside an earlier one: sizes in persons."""

    label: str
    persons: int
    earlier: int
    common: int

    @property
    def added(self) -> int:
        """Persons in the new cohort alone."""
        return self.persons - self.common

    @property
    def removed(self) -> int:
        """Persons in the earlier cohort alone."""
        return self.earlier - self.common

    @property
    def relation(self) -> str:
        """Return `equal`, `inside` (the new in the earlier), `contains`, `overlap` or `disjoint`."""
        if not self.common:
            return "disjoint"
        if not self.added:
            return "inside" if self.removed else "equal"
        return "overlap" if self.removed else "contains"


@dataclass(frozen=True)
class Difference:
    """A group of 1 to threshold - 1 persons that subtraction of cohorts leaves over.

    `kind` is `added` (new minus earlier), `removed` (earlier minus new), `common` (the overlap itself), `tiled`
    (new minus several earlier ones that lie inside it) or `uncovered` (new minus those named, inside or not).
    """

    kind: str
    labels: tuple[str, ...]
    persons: int
    threshold: int

    def sentence(self, language: str) -> str:
        """Return the finding in `zh` or `en`, with numbers."""
        joined = ("、" if language == "zh" else ", ").join(self.labels[:5])
        more = len(self.labels) - 5
        if more > 0:
            joined += f" 等{len(self.labels)}项" if language == "zh" else f" and {more} more"
        return text(
            f"disclosure_cohort_{self.kind}", language, labels=joined, persons=self.persons, threshold=self.threshold
        )


@dataclass(frozen=True)
class CohortFindings:
    """What a new cohort gives away beside the earlier ones; disjoint earlier ones are left out of `overlap`."""

    persons: int
    overlap: tuple[Overlap, ...]
    included: tuple[str, ...]
    differences: tuple[Difference, ...]
    complete: bool = True

    @property
    def safe(self) -> bool:
        """Tell whether no subtraction leaves a group under the threshold, as far as could be proved (P6)."""
        return self.complete and not self.differences


def compare(cohort: BitMap, others: Mapping[str, BitMap], threshold: int) -> CohortFindings:
    """Compare a cohort with earlier ones (person numbers of one data set).

    `included` names the earlier cohorts that hold the new one whole or lie whole inside it. Equal cohorts
    give nothing new. Linear combinations of any cohorts, exactly, are the matter of `audit`.
    """
    overlaps = tuple(
        Overlap(label, len(cohort), len(other), cohort.intersection_cardinality(other))
        for label, other in others.items()
        if cohort.intersect(other)
    )
    included = tuple(found.label for found in overlaps if found.relation in ("equal", "inside", "contains"))
    differences = [found for overlap in overlaps for found in _pairwise(overlap, threshold)]
    inside = {found.label: others[found.label] for found in overlaps if found.relation == "contains"}
    tiled, complete = _tiling(cohort, inside, threshold)
    return CohortFindings(len(cohort), overlaps, included, tuple(differences + tiled), complete)


def _pairwise(overlap: Overlap, threshold: int) -> list[Difference]:
    parts = {"added": overlap.added, "removed": overlap.removed, "common": overlap.common}
    if overlap.relation in ("equal", "inside", "contains"):
        del parts["common"]  # a whole cohort: its own size is judged by itself
    return [
        Difference(kind, (overlap.label,), persons, threshold)
        for kind, persons in parts.items()
        if 0 < persons < threshold
    ]


def _tiling(cohort: BitMap, inside: Mapping[str, BitMap], threshold: int) -> tuple[list[Difference], bool]:
    """Find a union of earlier cohorts that leaves 1 to threshold - 1 persons of the new one.

    There is one exactly if, for some person p, the union of those without p leaves so few: it can only grow
    with further cohorts and never takes p. What is left holds p's whole atom, so large atoms are passed over.
    """
    if len(inside) < 2 or len(cohort - BitMap.union(*inside.values())) >= threshold:
        return [], True
    atoms = collapse([cohort, *inside.values()])
    candidates = np.flatnonzero(atoms.sizes < threshold)
    membership = atoms.incidence[1:].tocsc()
    labels = list(inside)
    for atom in candidates[:MOST_ATOMS]:
        holding = set(membership[:, [atom]].nonzero()[0].tolist())
        taken = tuple(label for number, label in enumerate(labels) if number not in holding)
        rest = cohort - BitMap.union(*(inside[label] for label in taken)) if taken else cohort
        if len(taken) > 1 and len(rest) < threshold:
            return [Difference("tiled", taken, len(rest), threshold)], True
    return [], len(candidates) <= MOST_ATOMS
