"""Finds how far to generalise: the cheapest combination of levels that leaves few rows in small classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from enclave.disclosure.loss import label_losses
from enclave.disclosure.uniqueness import class_counts, combine, inverse

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]
Node: TypeAlias = tuple[int, ...]

WIDTH = 8  # nodes kept from one step of the search to the next
EVALUATIONS = 3_000
WORK = 40_000_000  # distinct tuples looked at in one search; fixed, so that the same data give the same result


@dataclass(frozen=True)
class Axis:
    """One quasi-identifier: for each level, finest first, the code of every row and the number of codes."""

    levels: Sequence[tuple[Ints, int]]
    worth: float = 1.0


class Lattice:
    """All combinations of levels over the distinct tuples of a table, with persons and rows as weights."""

    def __init__(self, axes: Sequence[Axis], persons: Ints, k: int) -> None:
        self.axes, self.k = axes, k
        keys, radix = np.zeros(len(persons), dtype=np.int64), 1
        for axis in axes:
            keys, radix = combine(keys, radix, *axis.levels[0])
        tuples, count = inverse(keys)
        first = np.zeros(count, dtype=np.int64)
        first[tuples[::-1]] = np.arange(len(tuples))[::-1]
        self.labels = [[(codes[first], size) for codes, size in axis.levels] for axis in axes]
        self.rows = np.bincount(tuples, minlength=count)
        owners = int(persons.max()) + 1 if len(persons) else 1
        pairs = pd.unique(tuples * owners + persons)
        self.pair_tuples, self.pair_persons = pairs // owners, pairs % owners
        self.pairs = np.bincount(self.pair_tuples, minlength=count)
        repeats = np.bincount(self.pair_persons)  # tuples of each person
        self.surely = np.bincount(self.pair_tuples, weights=1 / repeats[self.pair_persons], minlength=count)
        self.loss = [[_loss(axis[0][0], codes) for codes, _ in axis] for axis in self.labels]
        self.worth = np.array([axis.worth for axis in axes])

    @property
    def top(self) -> Node:
        """Return the node where every column is at its coarsest."""
        return tuple(len(axis.levels) - 1 for axis in self.axes)

    def small(self, node: Node) -> NDArray[np.bool_]:
        """Return which tuples lie in a class of fewer than k persons."""
        keys, radix = np.zeros(len(self.rows), dtype=np.int64), 1
        for axis, level in zip(self.labels, node, strict=True):
            keys, radix = combine(keys, radix, *axis[level])
        classes, count = inverse(keys)
        # A class has at most as many persons as pairs of person and tuple, and at least the sum of 1 / tuples of each.
        sizes = np.bincount(classes, weights=self.pairs, minlength=count)
        doubtful = (sizes >= self.k) & (np.bincount(classes, weights=self.surely, minlength=count) < self.k)
        if doubtful.any():
            owning = classes[self.pair_tuples]
            chosen = doubtful[owning]
            found, exact = class_counts(owning[chosen], self.pair_persons[chosen])
            sizes[owning[chosen]] = exact[found]
        return np.asarray(sizes[classes] < self.k)

    def judge(self, node: Node) -> tuple[float, float]:
        """Return the share of rows in small classes, and the loss: the worth-weighted mean of all columns'.

        A column's loss in a row is (values under its label - 1) / (values of the column - 1), a suppressed
        row's is 1 (the Loss of ARX; Iyengar 2002).
        """
        small = self.small(node)
        rows, staying = self.rows.sum(), np.where(small, 0.0, self.rows)
        lost = sum(
            worth * float((self.loss[number][level] * staying).sum())
            for number, (worth, level) in enumerate(zip(self.worth, node, strict=True))
        )
        suppressed = float(self.rows[small].sum())
        return suppressed / rows, (lost / self.worth.sum() + suppressed) / rows

    def search(self, tolerated: float) -> Node:
        """Return the best node found with at most the share `tolerated` of rows in small classes.

        From the top down: what is below a node that tolerates too much tolerates no more, so every good
        node is reached through good ones. A beam keeps the cheapest of each step.
        """
        best, frontier, seen = (self.judge(self.top)[1], self.top), [self.top], {self.top}
        left = min(EVALUATIONS, max(WORK // max(len(self.rows), 1), 50))
        while frontier and left > 0:
            reached: list[tuple[float, Node]] = []
            for node in frontier:
                for finer in self._below(node):
                    if finer in seen:
                        continue
                    seen.add(finer)
                    left -= 1
                    share, loss = self.judge(finer)
                    if share <= tolerated:
                        reached.append((loss, finer))
            reached.sort()
            best = min([best, *reached[:1]])
            frontier = [node for _, node in reached[:WIDTH]]
        return best[1]

    def _below(self, node: Node) -> list[Node]:
        return [(*node[:number], level - 1, *node[number + 1 :]) for number, level in enumerate(node) if level]


def _loss(values: Ints, labels: Ints) -> Floats:
    """Return for each tuple the share of the column's values that its label covers, 0 to 1."""
    numbers, distinct = inverse(values)
    return label_losses(numbers, labels, distinct)[labels]
