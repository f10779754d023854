"""Joint release audit: does any linear combination of all released numbers isolate a few persons? (P11)"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyroaring import BitMap

from enclave.disclosure import linear
from enclave.disclosure.atoms import Atoms, collapse
from enclave.kernel.i18n import text

Ints = NDArray[np.int64]


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
    `threshold` persons. Persons collapse to atoms; if the rank stays the same without the atoms under the
    threshold, all is safe. Otherwise the combinations that vanish on the large atoms are searched for
    the lightest support, by connected component (Chin and Ozsoyoglu 1982, made exact for groups).
    Ranks are taken modulo 2^61 - 1; every attack returned is verified over the integers.
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
        self.dense = atoms.incidence[rows][:, columns].toarray().astype(np.int64)
        self.threshold = threshold
        self.complete = True

    def attacks(self, most: int) -> list[Attack]:
        small = np.flatnonzero(self.sizes < self.threshold)
        if not len(small):
            return []
        kernel = linear.left_kernel(self.dense[:, self.sizes >= self.threshold])
        if kernel.nrows() == 0:
            return []
        rows = linear.reduced_rows(kernel * linear.matrix(self.dense[:, small]))
        supports = [support for part in linear.connected(rows) for support in self._light(part, small)]
        found = (self._attack(small[np.array(sorted(support))]) for support in supports[:most])
        return list({attack.combination: attack for attack in found}.values())

    def _light(self, rows: Sequence[linear.Vector], small: Ints) -> list[frozenset[int]]:
        weights = {column: int(self.sizes[small[column]]) for row in rows for column in row}
        light = [frozenset(row) for row in rows if sum(weights[column] for column in row) < self.threshold]
        search = linear.Lightest(weights, min([self.threshold, *(sum(weights[c] for c in row) for row in light)]))
        try:
            best = search.search(rows)
        except linear.TooHard:
            best, self.complete = search.best, self.complete and bool(light or search.best)
        if best is not None:
            light.insert(0, frozenset(best))
        return list(dict.fromkeys(light))

    def _attack(self, support: Ints) -> Attack:
        """Return the shortest combination found whose value depends on persons of `support` alone."""
        outside = np.delete(self.dense, support, axis=1)
        outside = outside[:, linear.pivot_columns(outside)]
        inside = self.dense[:, support]

        def isolates(chosen: list[int]) -> bool:
            whole = np.concatenate([outside[chosen], inside[chosen]], axis=1)
            return linear.rank(whole) > linear.rank(outside[chosen])

        chosen = linear.smallest_subset(range(len(self.groups)), isolates)
        values = linear.witness(inside[chosen], outside[chosen])
        combined = np.array(values, dtype=object) @ self.dense[chosen].astype(object)
        if combined[support].sum() < 0:  # the isolated persons count positively
            values = [-value for value in values]
        terms = (Term(self.groups[row].label, value) for row, value in zip(chosen, values, strict=True) if value)
        ordered = tuple(sorted(terms, key=lambda term: -term.coefficient))
        return Attack(ordered, int(self.sizes[combined != 0].sum()), self.groups[0].measure)
