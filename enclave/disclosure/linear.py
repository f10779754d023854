"""Exact linear algebra for the release audit: modulo a large prime, with lightest vectors and exact witnesses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from flint import fmpz_mat, nmod_mat
from numpy.typing import NDArray

PRIME = 2**61 - 1
Ints = NDArray[np.int64]
Vector = dict[int, int]  # column -> value modulo PRIME, zeros left out


class TooHard(Exception):
    """The search for the lightest vector passed its limit of steps."""


def matrix(dense: Ints) -> nmod_mat:
    """Return an integer array as a matrix modulo PRIME."""
    rows, columns = dense.shape
    return nmod_mat(rows, columns, dense.ravel().tolist(), PRIME)


def rank(dense: Ints) -> int:
    """Return the rank modulo PRIME."""
    return int(matrix(dense).rank()) if dense.size else 0


def left_kernel(dense: Ints, batch: int = 2048) -> nmod_mat:
    """Return a basis (as rows) of the vectors y with y @ dense = 0, column batch by column batch."""
    rows, columns = dense.shape
    kernel = matrix(np.eye(rows, dtype=np.int64))
    for start in range(0, columns, batch):
        image = kernel * matrix(dense[:, start : start + batch])
        kernel = _left_null(image) * kernel
        if kernel.nrows() == 0:
            break
    return kernel


def _left_null(image: nmod_mat) -> nmod_mat:
    basis, nullity = image.transpose().nullspace()
    wanted = [row[:nullity] for row in basis.tolist()]
    flat = [int(value) for row in wanted for value in row]
    return nmod_mat(len(wanted), nullity, flat, PRIME).transpose()


def reduced_rows(product: nmod_mat) -> list[Vector]:
    """Return the rows of the reduced row echelon form that are not zero; their first column is the pivot."""
    reduced, found = product.rref()
    rows = []
    for row in reduced.tolist()[: int(found)]:
        values = (int(value) for value in row)
        rows.append({column: value for column, value in enumerate(values) if value})
    return rows


def pivot_columns(dense: Ints) -> Ints:
    """Return columns that span all columns of `dense`; they do so for every subset of its rows too."""
    if not dense.size:
        return np.zeros(0, dtype=np.int64)
    return np.array([min(row) for row in reduced_rows(matrix(dense))], dtype=np.int64)


def connected(rows: Sequence[Vector]) -> Iterator[list[Vector]]:
    """Yield the rows in parts that share no column."""
    waiting = list(rows)
    while waiting:
        part, columns = [waiting.pop()], set[int]()
        columns.update(part[0])
        grew = True
        while grew:
            touching = [row for row in waiting if not columns.isdisjoint(row)]
            waiting = [row for row in waiting if columns.isdisjoint(row)]
            part += touching
            columns.update(*touching)
            grew = bool(touching)
        yield sorted(part, key=min)


class Lightest:
    """Searches the span of reduced rows for the non-zero vector of least weight below a limit.

    Weight is the sum of `weights` over the support. Branch and bound: the first pivot that is not zero is
    fixed, then each column where the candidate is not zero is either paid for or cleared with one of the rows
    still free. Exact; raises `TooHard` after `steps` branches (finding a lightest codeword is NP-hard).
    """

    def __init__(self, weights: Mapping[int, int], limit: int, steps: int = 200_000) -> None:
        self.weights, self.limit, self.steps = weights, limit, steps
        self.best: Vector | None = None

    def search(self, rows: Sequence[Vector]) -> Vector | None:
        """Return the lightest vector under the limit, or None when there is none."""
        for number, row in enumerate(rows):
            pivot = min(row)
            if self.weights[pivot] < self.limit:
                self._descend(row, list(rows[number + 1 :]), frozenset([pivot]), self.weights[pivot])
        return self.best

    def _descend(self, vector: Vector, free: list[Vector], paid: frozenset[int], cost: int) -> None:
        self.steps -= 1
        if self.steps < 0:
            raise TooHard
        touched = set[int]().union(*free)
        forced = [column for column in vector if column not in paid and column not in touched]
        cost += sum(self.weights[column] for column in forced)
        if cost >= self.limit:
            return
        paid = paid.union(forced)
        open_columns = [column for column in vector if column not in paid]
        if not open_columns:
            self.best, self.limit = vector, sum(self.weights[column] for column in vector)
            return
        column = max(open_columns, key=lambda name: (self.weights[name], -name))
        self._descend(*clear(vector, free, column), paid, cost)
        if cost + self.weights[column] < self.limit:
            self._descend(vector, free, paid | {column}, cost + self.weights[column])


def clear(vector: Vector, free: Sequence[Vector], column: int) -> tuple[Vector, list[Vector]]:
    """Make `column` zero in the vector and in all free rows, at the price of one free row."""
    tool = min((row for row in free if column in row), key=len)
    rest = [subtract(row, tool, column) if column in row else row for row in free if row is not tool]
    return subtract(vector, tool, column), rest


def subtract(row: Vector, tool: Vector, column: int) -> Vector:
    """Return row minus the multiple of tool that clears `column`."""
    factor = row[column] * pow(tool[column], -1, PRIME) % PRIME
    result = dict(row)
    for name, value in tool.items():
        rest = (result.get(name, 0) - factor * value) % PRIME
        if rest:
            result[name] = rest
        else:
            result.pop(name, None)
    return result


def smallest_subset(items: Sequence[int], works: Callable[[list[int]], bool]) -> list[int]:
    """Return a subset that works and of which no part works (QuickXplain, Junker 2004); `works` is monotone."""

    def explain(base: list[int], added: bool, part: list[int]) -> list[int]:
        if added and works(base):
            return []
        if len(part) == 1:
            return part
        half = len(part) // 2
        left, right = part[:half], part[half:]
        second = explain(base + left, True, right)
        first = explain(base + second, bool(second), left)
        return first + second

    return explain([], False, list(items))


def witness(inside: Ints, outside: Ints) -> list[int]:
    """Return the one integer combination of rows (up to scale) that vanishes on `outside` and not on `inside`.

    Exact over the rationals; the rows must be a smallest subset for which there is one.
    """
    rows, columns = outside.shape
    if columns == 0:
        return [1]
    basis, nullity = fmpz_mat(columns, rows, outside.T.ravel().tolist()).nullspace()
    for number in range(nullity):
        values = [int(basis[row, number]) for row in range(rows)]
        if np.any(np.array(values, dtype=object) @ inside.astype(object)):
            return _primitive(values)
    raise ArithmeticError("no combination over the rationals")


def _primitive(values: list[int]) -> list[int]:
    divisor = int(np.gcd.reduce(np.array([abs(value) for value in values], dtype=object)))
    sign = 1 if next(value for value in values if value) > 0 else -1
    return [sign * value // divisor for value in values]
