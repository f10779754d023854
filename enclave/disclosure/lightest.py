"""The lightest vectors of a linear space: which few persons some combination of numbers depends on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from enclave.disclosure.linear import PRIME, Vector, clear, connected, subtract


class TooHard(Exception):
    """The search passed its limit of steps; finding a lightest vector is NP-hard."""


def light_vectors(rows: Sequence[Vector], sizes: Sequence[int], limit: int, steps: int = 100_000) -> list[Vector]:
    """Return light vectors of the span of `rows`, the lightest of each connected part first among them.

    Weight is the sum of `sizes` over the columns below len(sizes) where the vector is not zero; further
    columns are carried along. Every part of the space that holds a vector under `limit` gives at least its
    lightest one; raises `TooHard` when that cannot be proved within `steps` branches a part.
    """
    width = len(sizes)
    found: list[Vector] = []
    for part in connected(_echelon(_without_heavy(rows, sizes, limit), width), width):
        light = [row for row in part if weight(row, sizes) < limit]
        search = _Search(sizes, min([limit, *(weight(row, sizes) for row in light)]), steps)
        best = search.run(part)
        found += light if best is None else [best, *light]
    return sorted(found, key=lambda vector: weight(vector, sizes))


def weight(vector: Iterable[int], sizes: Sequence[int]) -> int:
    """Return the persons in the support of a vector."""
    return sum(sizes[column] for column in vector if column < len(sizes))


def _without_heavy(rows: Sequence[Vector], sizes: Sequence[int], limit: int) -> list[Vector]:
    """Return the part of the space where every heavy class of columns is zero.

    Proportional columns are zero together or not at all: a light vector is zero on classes of `limit` or more.
    """
    current = list(rows)
    while True:
        heavy = [members[0] for members in _classes(current, len(sizes)) if weight(members, sizes) >= limit]
        if not heavy:
            return current
        for column in heavy:
            if any(column in row for row in current):
                _, current = clear(current, column)


def _classes(rows: Sequence[Vector], width: int) -> list[list[int]]:
    columns: dict[int, list[tuple[int, int]]] = {}
    for number, row in enumerate(rows):
        for column, value in row.items():
            if column < width:
                columns.setdefault(column, []).append((number, value))
    classes: dict[tuple[tuple[int, int], ...], list[int]] = {}
    for column, entries in columns.items():
        scale = pow(entries[0][1], -1, PRIME) if len(entries) > 1 else 0
        key = tuple((number, value * scale % PRIME) for number, value in entries)
        classes.setdefault(key, []).append(column)
    return list(classes.values())


def _echelon(rows: Sequence[Vector], width: int) -> list[Vector]:
    """Return a basis in which every row has a column of its own, zero in all others, as its first."""
    done: list[tuple[int, Vector]] = []
    waiting = list(rows)
    while waiting:
        pivot = min((column for column in waiting[0] if column < width), default=None)
        if pivot is None:
            waiting.pop(0)
            continue
        tool, waiting = clear(waiting, pivot)
        done = [(own, subtract(row, tool, pivot) if pivot in row else row) for own, row in done]
        done.append((pivot, tool))
    return [{pivot: row[pivot], **row} for pivot, row in sorted(done, key=lambda entry: entry[0])]


class _Search:
    """Branch and bound for the lightest vector under a limit.

    The first pivot that is not zero is fixed; then each column where the candidate is not zero is either paid
    for or cleared with one of the rows still free. Columns no free row reaches must be paid.
    """

    def __init__(self, sizes: Sequence[int], limit: int, steps: int) -> None:
        self.sizes, self.limit, self.steps = sizes, limit, steps
        self.best: Vector | None = None

    def run(self, rows: Sequence[Vector]) -> Vector | None:
        for number, row in enumerate(rows):
            pivot = next(iter(row))
            if self.sizes[pivot] < self.limit:
                self._descend(row, list(rows[number + 1 :]), frozenset([pivot]), self.sizes[pivot])
        return self.best

    def _descend(self, vector: Vector, free: list[Vector], paid: frozenset[int], cost: int) -> None:
        self.steps -= 1
        if self.steps < 0:
            raise TooHard
        unpaid = [column for column in vector if column < len(self.sizes) and column not in paid]
        forced = [column for column in unpaid if not any(column in row for row in free)]
        cost += weight(forced, self.sizes)
        if cost >= self.limit:
            return
        paid = paid.union(forced)
        open_columns = [column for column in unpaid if column not in paid]
        if not open_columns:
            self.best, self.limit = vector, weight(vector, self.sizes)
            return
        column = max(open_columns, key=lambda name: (self.sizes[name], -name))
        tool, rest = clear(free, column)
        self._descend(subtract(vector, tool, column), rest, paid, cost)
        if cost + self.sizes[column] < self.limit:
            self._descend(vector, free, paid | {column}, cost + self.sizes[column])
