"""Joint release audit: does any linear combination of all released numbers isolate a few persons? (P11)"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap
from scipy.sparse import csr_array

from enclave.disclosure import linear
from enclave.disclosure.atoms import Atoms, collapse, spread
from enclave.disclosure.lightest import TooHard, light_vectors
from enclave.kernel.i18n import text

Ints: TypeAlias = NDArray[np.int64]
MOST_ENTRIES = 20_000_000  # of the matrix a search starts from; beyond it the audit is not complete


@dataclass(frozen=True)
class Group:
    """A released number: the count of `persons`, or a sum over them of `measure` (empty for counts).

    For a sum, `persons` are those who contribute. A number everybody knows without a release, such as the size
    of the whole data set, is a group too.
    """

    label: str
    persons: BitMap
    measure: str = ""


@dataclass(frozen=True)
class Term:
    """One released number in a combination, with its integer coefficient."""

    label: str
    coefficient: int


@dataclass(frozen=True)
class Attack:
    """A combination of released numbers that depends on `persons` persons only, fewer than the threshold."""

    combination: tuple[Term, ...]
    persons: int
    measure: str = ""

    def expression(self) -> str:
        """Return the combination as arithmetic: `A − B + 2 × C`."""
        parts: list[str] = []
        for term in self.combination:
            sign = ("− " if term.coefficient < 0 else "+ ") if parts else ("−" if term.coefficient < 0 else "")
            factor = "" if abs(term.coefficient) == 1 else f"{abs(term.coefficient)} × "
            parts.append(f"{sign}{factor}[{term.label}]")
        return " ".join(parts)

    def sentence(self, language: str) -> str:
        """Return the attack in `zh` or `en`."""
        key = "disclosure_attack_sum" if self.measure else "disclosure_attack_count"
        return text(key, language, expression=self.expression(), persons=self.persons, measure=self.measure)

    @property
    def sentence_zh(self) -> str:
        """Return the attack in Chinese."""
        return self.sentence("zh")

    @property
    def sentence_en(self) -> str:
        """Return the attack in English."""
        return self.sentence("en")


@dataclass(frozen=True)
class Audit:
    """Result of an audit. Not `complete`: the search gave up, and what is not proved safe is not safe (P6)."""

    safe: bool
    attacks: tuple[Attack, ...]
    threshold: int
    groups: int
    atoms: int
    complete: bool = True


def audit(groups: Iterable[Group], threshold: int, most: int = 20) -> Audit:
    """Audit all numbers released on one data set together; return at most `most` attacks, smallest first.

    Unsafe is exactly: some non-zero linear combination of the numbers depends on at least one and fewer than
    `threshold` persons. Persons collapse to atoms. Everybody is dealt out to `threshold` shares, an atom's persons
    to different ones: a combination on fewer persons misses one share, so it is enough to search, for each
    share, the combinations that vanish on it. Where the share alone has the full rank there is none (a
    packing of bases bounds the smallest cocircuit of a matroid); atoms of `threshold` persons lie in every
    share. What remains is searched for the lightest support, by connected component. Linear auditing goes
    back to Chin and Ozsoyoglu (1982). Ranks are taken modulo 2^61 - 1; every attack returned is verified
    over the integers.
    """
    by_measure: dict[str, list[Group]] = {}
    for group in groups:
        if group.persons:
            by_measure.setdefault(group.measure, []).append(group)
    attacks: list[Attack] = []
    total, complete = 0, True
    for released in by_measure.values():
        atoms = collapse([group.persons for group in released])
        total += len(atoms.sizes)
        for rows, columns in atoms.components():
            part = _Part(atoms, rows, columns, released, threshold)
            attacks += part.attacks(most)
            complete = complete and part.complete
    attacks.sort(key=lambda attack: (attack.persons, len(attack.combination), attack.expression()))
    count = sum(len(released) for released in by_measure.values())
    return Audit(not attacks and complete, tuple(attacks[:most]), threshold, count, total, complete)


class _Part:
    """One connected component of groups and atoms."""

    def __init__(self, atoms: Atoms, rows: Ints, columns: Ints, released: Sequence[Group], threshold: int) -> None:
        self.groups = [released[row] for row in rows]
        self.sizes = atoms.sizes[columns]
        self.incidence = csr_array(atoms.incidence[rows][:, columns])
        self.threshold = threshold
        self.complete = True
        self.rng = np.random.default_rng(20200808)

    @cached_property
    def basis(self) -> Ints:
        """Groups that span all groups: combinations of these give every combination."""
        return linear.independent_rows(linear.sketch(self.incidence, self.rng))

    def attacks(self, most: int) -> list[Attack]:
        if self.sizes.min() >= self.threshold:
            return []
        vectors: dict[frozenset[int], list[int]] = {}
        for share in spread(self.incidence, self.sizes, self.threshold):
            for support, used in self._light(share):
                vectors.setdefault(support, used)
        ordered = sorted(vectors.items(), key=lambda item: self.sizes[list(item[0])].sum())
        found = (self._attack(np.array(sorted(support)), used) for support, used in ordered[:most])
        return list({attack.combination: attack for attack in found}.values())

    def _light(self, share: Ints) -> list[tuple[frozenset[int], list[int]]]:
        """Return supports of light combinations that vanish on the atoms of a share, and the groups used."""
        independent = csr_array(self.incidence[self.basis])
        kernel = linear.left_kernel(linear.sketch(csr_array(independent[:, share]), self.rng))
        if not len(kernel):
            return []
        image = linear.times_sparse(kernel, independent)
        touched = np.flatnonzero(image.any(axis=0))
        if len(kernel) * (len(touched) + len(self.basis)) > MOST_ENTRIES:
            self.complete = False
            return []
        rows = linear.reduced_rows(np.concatenate([image[:, touched], kernel], axis=1))
        try:
            vectors = light_vectors(rows, self.sizes[touched].tolist(), self.threshold)
        except TooHard:
            self.complete = False
            return []
        width = len(touched)
        return [
            (
                frozenset(touched[[column for column in vector if column < width]].tolist()),
                self.basis[[column - width for column in vector if column >= width]].tolist(),
            )
            for vector in vectors
        ]

    def _attack(self, support: Ints, used: list[int]) -> Attack:
        """Return a combination that depends on persons of `support` alone, without a group it can do without."""

        def isolates(chosen: list[int]) -> bool:
            inside, outside = self._split(chosen, support)
            return linear.rank(np.concatenate([outside, inside], axis=1)) > linear.rank(outside)

        short = self._short(support)
        chosen = short or linear.smallest_subset(used, isolates)
        values = linear.witness(*self._split(chosen, support))
        combined = np.array(values, dtype=np.int64) @ self.incidence[chosen].astype(np.int64)
        sign = -1 if combined[support].sum() < 0 else 1  # the isolated persons count positively
        terms = [Term(self.groups[row].label, sign * value) for row, value in zip(chosen, values, strict=True)]
        ordered = tuple(sorted((term for term in terms if term.coefficient), key=lambda term: -term.coefficient))
        return Attack(ordered, int(self.sizes[combined != 0].sum()), self.groups[0].measure)

    def _split(self, chosen: list[int], support: Ints) -> tuple[Ints, Ints]:
        """Return the chosen rows on the support, and their distinct columns outside it."""
        rows = self.incidence[chosen].toarray()
        outside = linear.distinct_columns(np.delete(rows, support, axis=1))
        return rows[:, support], outside[:, outside.any(axis=0)]

    def _short(self, support: Ints) -> list[int]:
        """Return one group, or two whose difference is exactly the support, when there are such (else nothing)."""
        marks = self.rng.integers(1, 2**40, len(self.sizes))
        sums = self.incidence @ marks
        target = int(marks[support].sum())
        place = {int(value): row for row, value in reversed(list(enumerate(sums)))}
        if target in place:
            return [place[target]]
        return next(
            ([row, place[int(value) - target]] for row, value in enumerate(sums) if int(value) - target in place), []
        )
