"""The least loss at which a table is k-anonymous: branch and bound over all nodes, best-so-far at any moment.

What is known of a node speaks for all nodes below it: what it leaves in small classes they leave too. So one look
rules out everything finer when too much would be suppressed, and raises the least loss of everything finer
otherwise (predictive tagging: Kohlmayer et al. 2012; bounds by suppressed rows: this project).
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from enclave.disclosure.generalisation import Floats, Node, Space

LISTED = 4_000_000  # nodes that are kept in arrays; a larger lattice is searched without a proof
WIDTH = 3  # nodes kept from one step of the first, greedy search to the next
TINY = 1e-12


@dataclass(frozen=True)
class Found:
    """The best node so far. `lower_bound` is what no node can undercut; `proved` that nothing better is left."""

    node: Node
    loss: float
    lower_bound: float
    suppressed: int
    classes: int
    looks: int
    seconds: float
    proved: bool

    @property
    def gap(self) -> float:
        """Return how much better a node could be, as a share of the loss found; 0 when proved."""
        return 0.0 if not self.loss else max(0.0, (self.loss - self.lower_bound) / self.loss)


def least_loss(
    space: Space,
    k: int,
    suppress: float,
    *,
    seconds: float = math.inf,
    report: Callable[[Found], None] = lambda _found: None,
) -> Found | None:
    """Return the node of least loss that leaves at most the share `suppress` of rows in classes under k.

    None when not even the top does. After `seconds` the best so far is returned with its lower bound;
    `report` gets every improvement as it is found. Deterministic as long as no time limit is met.
    """
    search = _Search(space, k, suppress, time.monotonic() + seconds)
    for _ in search.greedy():
        report(search.found())
    for _ in search.proof():
        report(search.found())
    return search.found() if search.best is not None else None


class _Search:
    """The state of one search: for each node listed, the least loss it can still have; inf once it is settled."""

    def __init__(self, space: Space, k: int, suppress: float, deadline: float) -> None:
        self.space, self.k, self.deadline = space, k, deadline
        self.tolerated = math.floor(suppress * space.total + 1e-9)
        self.began, self.looks = time.monotonic(), 0
        self.best: tuple[float, Node, int, int] | None = None
        listed = math.prod(space.shape) <= LISTED
        self.label = self._label_losses() if listed else None
        self.added = np.zeros(space.shape) if listed else None

    def _label_losses(self) -> Floats:
        shape, columns = self.space.shape, len(self.space.axes)
        grid = np.zeros(shape)
        for number, means in enumerate(self.space.label_losses):
            grid += means.reshape([-1 if place == number else 1 for place in range(columns)]) / columns
        return grid

    def look(self, node: Node) -> float:
        """Judge a node and learn from it; return its loss, inf when it suppresses too much."""
        self.looks += 1
        verdict = self.space.judge(node, self.k)
        loss = self.space.label_loss(node) + verdict.added
        allowed = verdict.suppressed <= self.tolerated
        if self.added is not None:
            below = self.added[tuple(slice(0, level + 1) for level in node)]
            if allowed:
                np.maximum(below, verdict.added, out=below)
                self.added[node] = math.inf
            else:
                below.fill(math.inf)
        if allowed and (self.best is None or loss < self.best[0] - TINY):
            self.best = (loss, node, verdict.suppressed, verdict.classes)
        return loss if allowed else math.inf

    def least(self, node: Node) -> float:
        """Return what a node loses at least, as far as is known."""
        if self.label is None or self.added is None:
            return self.space.label_loss(node)
        return float(self.label[node] + self.added[node])

    @property
    def late(self) -> bool:
        return time.monotonic() > self.deadline

    def greedy(self) -> Iterator[None]:
        """Go down from the top along the cheapest nodes; yield at every step that improved."""
        self.look(self.space.top)
        frontier, seen = [self.space.top], {self.space.top}
        while frontier and self.best is not None and not self.late:
            before, reached = self.best, []
            for node in frontier:
                for finer in _below(node):
                    if finer not in seen and self.least(finer) < self.best[0] and not self.late:
                        seen.add(finer)
                        reached.append((self.look(finer), finer))
            reached.sort()
            frontier = [node for loss, node in reached[:WIDTH] if loss < math.inf]
            if self.best is not before:
                yield

    def proof(self) -> Iterator[None]:
        """Look at what could still be better, where a look settles most; yield at every improvement."""
        while self.label is not None and self.added is not None and self.best is not None and not self.late:
            least = self.label + self.added
            least[least >= self.best[0] - TINY] = -1
            place = int(least.argmax())  # the nearest below the best: refused, it takes everything finer with it
            if least.flat[place] < 0:
                return
            before = self.best
            self.look(tuple(int(level) for level in np.unravel_index(place, self.space.shape)))
            if self.best is not before:
                yield

    def found(self) -> Found:
        """Return the best so far and what bounds it."""
        assert self.best is not None, "asked only once the top was found good"
        loss, node, suppressed, classes = self.best
        bound = 0.0
        if self.label is not None and self.added is not None:
            bound = min(loss, float((self.label + self.added).min()))
        took = time.monotonic() - self.began
        return Found(node, loss, bound, suppressed, classes, self.looks, took, bool(bound >= loss - TINY))


def _below(node: Node) -> Iterator[Node]:
    for place, level in enumerate(node):
        if level:
            yield (*node[:place], level - 1, *node[place + 1 :])
