"""Every way to coarsen a table's columns by their hierarchies, and what each way leaves alone and costs.

A *node* names one level for each column, 0 the finest. Rows fall into classes by the labels they have there;
a node that is coarser everywhere has the unions of these classes, so its classes are rolled up from theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from enclave.disclosure.uniqueness import combine, inverse

Ints: TypeAlias = NDArray[np.int64]
Floats: TypeAlias = NDArray[np.float64]
Node: TypeAlias = tuple[int, ...]
KEPT_CODES = 40_000_000  # codes of rolled-up tables kept, about 320 MB; the largest tables go first


class NotNested(ValueError):
    """Two values under one label at a level lie under different labels at a coarser one."""


@dataclass(frozen=True)
class Axis:
    """One column: for each level the code of every row's label, and each label's loss by code.

    `losses` are (leaves under the label - 1) / (leaves of the hierarchy - 1), 0 to 1 (the Loss of ARX; Iyengar 2002).
    """

    name: str
    codes: tuple[Ints, ...]
    losses: tuple[Floats, ...]


def axis(name: str, values: Any, hierarchy: Mapping[str, Sequence[str]]) -> Axis:
    """Return a column with its hierarchy: value -> labels from fine to coarse, all lists of one length.

    Raises KeyError naming a value that the hierarchy lacks, and `NotNested` where it is not a tree.
    """
    rows, present = pd.factorize(np.asarray(values, dtype=object))
    leaves = list(hierarchy)
    positions = {leaf: place for place, leaf in enumerate(leaves)}
    at = np.array([positions[value] for value in present], dtype=np.int64)
    columns = [leaves, *(list(labels) for labels in zip(*hierarchy.values(), strict=True))]
    codes: list[Ints] = []
    losses: list[Floats] = []
    below = np.arange(len(leaves))
    for labels in columns:
        coded, names = pd.factorize(np.asarray(labels, dtype=object))
        _check_nested(below, coded, name, len(codes))
        under = np.bincount(coded, minlength=len(names))
        codes.append(coded[at][rows].astype(np.int64))
        losses.append((under - 1) / max(len(leaves) - 1, 1))
        below = coded
    return Axis(name, tuple(codes), tuple(losses))


def _check_nested(finer: Ints, coarser: Ints, name: str, level: int) -> None:
    parents = np.full(int(finer.max()) + 1 if len(finer) else 0, -1)
    parents[finer] = coarser
    if not np.array_equal(parents[finer], coarser):
        raise NotNested(f"{name}, level {level}")


@dataclass(frozen=True)
class Classes:
    """The classes at a node: the code of each column, shape (columns, classes), and the rows in each."""

    codes: Ints
    rows: Ints


@dataclass(frozen=True)
class Verdict:
    """What a node leaves alone: rows in classes under k, and the loss they add when they are suppressed.

    `added` is the sum over those rows of 1 - their loss at the node, as a share of all rows; a node below loses
    at least that much beyond its own labels, because its small classes hold these rows too, at smaller losses.
    """

    suppressed: int
    added: float
    classes: int


@dataclass
class Space:
    """All nodes over the rows of a table."""

    axes: Sequence[Axis]
    total: int = 0
    _kept: dict[Node, Classes] = field(default_factory=dict)
    _up: dict[tuple[int, int, int], Ints] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.total = len(self.axes[0].codes[0])
        finest = np.stack([each.codes[0] for each in self.axes])
        base = (0,) * len(self.axes)
        self._kept[base] = self._grouped(base, finest, np.ones(self.total, dtype=np.int64))
        self.label_losses = [self._mean_losses(number) for number in range(len(self.axes))]

    @property
    def shape(self) -> Node:
        """Return the number of levels of each column."""
        return tuple(len(each.codes) for each in self.axes)

    @property
    def top(self) -> Node:
        """Return the node where every column is at its coarsest."""
        return tuple(levels - 1 for levels in self.shape)

    def classes(self, node: Node) -> Classes:
        """Return the classes at a node, rolled up from the fewest classes that are known below it."""
        found = self._kept.get(node)
        if found is not None:
            return found
        below = [known for known in self._kept if all(a <= b for a, b in zip(known, node, strict=True))]
        nearest = min(below, key=lambda known: len(self._kept[known].rows))
        start = self._kept[nearest]
        maps = (self._map(number, *levels) for number, levels in enumerate(zip(nearest, node, strict=True)))
        codes = np.stack([up[line] for up, line in zip(maps, start.codes, strict=True)])
        made = self._grouped(node, codes, start.rows)
        self._keep(node, made)
        return made

    def judge(self, node: Node, k: int) -> Verdict:
        """Return what a node leaves in classes of fewer than k rows."""
        found = self.classes(node)
        small = found.rows < k
        rows = found.rows[small]
        lost = self._row_losses(node, found.codes[:, small])
        return Verdict(int(rows.sum()), float((rows * (1 - lost)).sum()) / self.total, len(found.rows) - len(rows))

    def label_loss(self, node: Node) -> float:
        """Return the loss of a node's labels, no row suppressed: the mean over rows and columns."""
        parts = (float(means[level]) for means, level in zip(self.label_losses, node, strict=True))
        return sum(parts) / len(self.axes)

    def _mean_losses(self, number: int) -> Floats:
        axis = self.axes[number]
        return np.array([losses[codes].mean() for codes, losses in zip(axis.codes, axis.losses, strict=True)])

    def _row_losses(self, node: Node, codes: Ints) -> Floats:
        parts = (self.axes[number].losses[level][codes[number]] for number, level in enumerate(node))
        return np.asarray(sum(parts, np.zeros(codes.shape[1])) / len(self.axes))

    def _grouped(self, node: Node, codes: Ints, rows: Ints) -> Classes:
        sizes = [len(self.axes[number].losses[level]) for number, level in enumerate(node)]
        start: tuple[Ints, int] = (np.zeros(codes.shape[1], dtype=np.int64), 1)
        pairs = zip(codes, sizes, strict=True)
        keys, _ = reduce(lambda made, pair: combine(*made, *pair), pairs, start)
        numbers, count = inverse(keys)
        member = np.zeros(count, dtype=np.int64)
        member[numbers] = np.arange(len(numbers))  # any row of a class has the labels of all
        weights = np.bincount(numbers, weights=rows, minlength=count).astype(np.int64)
        return Classes(codes[:, member], weights)

    def _map(self, number: int, finer: int, coarser: int) -> Ints:
        """Return for each code of a level the code it has at a coarser one."""
        known = self._up.get((number, finer, coarser))
        if known is None:
            axis = self.axes[number]
            known = np.zeros(len(axis.losses[finer]), dtype=np.int64)
            known[axis.codes[finer]] = axis.codes[coarser]
            self._up[number, finer, coarser] = known
        return known

    def _keep(self, node: Node, made: Classes) -> None:
        self._kept[node] = made
        while len(self._kept) > 2 and sum(each.codes.size for each in self._kept.values()) > KEPT_CODES:
            others = sorted(self._kept, key=sum)[1:]  # the finest is what everything can be rolled up from
            del self._kept[max(others, key=lambda known: len(self._kept[known].rows))]
