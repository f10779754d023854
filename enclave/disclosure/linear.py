"""Exact linear algebra for the release audit: modulo a large prime, with rational witnesses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

import numpy as np
from flint import fmpz_mat, nmod_mat
from numpy.typing import NDArray
from scipy.sparse import csr_array

PRIME = 2**61 - 1
Ints: TypeAlias = NDArray[np.int64]
Vector: TypeAlias = dict[int, int]  # column -> value modulo PRIME, zeros left out

_HALF = 2**31
_SPREAD = 6  # buckets a column of a wide matrix is spread over
_SLACK = 64


def matrix(dense: Ints) -> nmod_mat:
    """Return an integer array as a matrix modulo PRIME."""
    rows, columns = dense.shape
    return nmod_mat(rows, columns, dense.ravel().tolist(), PRIME)


def array(values: nmod_mat) -> Ints:
    """Return a matrix modulo PRIME as an array of integers below PRIME."""
    flat = np.fromiter(
        (int(value) for value in values.entries()), dtype=np.int64, count=values.nrows() * values.ncols()
    )
    return flat.reshape(values.nrows(), values.ncols())


def rank(dense: Ints) -> int:
    """Return the rank modulo PRIME."""
    return int(matrix(dense).rank()) if dense.size else 0


def sketch(wide: csr_array, rng: np.random.Generator) -> Ints:
    """Return a narrow dense matrix with the same left kernel: wide @ R for a random R.

    Each column goes to six random buckets with random factors; 1.2 times as many buckets as rows keep the
    rank (the peeling threshold of six choices is a load of 0.99), and eight dense columns make it
    practically certain that a combination that vanishes here vanishes on the wide matrix.
    """
    rows, columns = wide.shape
    buckets = int(1.2 * rows) + _SLACK
    if columns <= buckets + 8:
        return np.asarray(wide.toarray(), dtype=np.int64)
    places = rng.integers(0, buckets, columns * _SPREAD)
    factors = rng.integers(1, _HALF, columns * _SPREAD)
    spread = csr_array((factors, places, np.arange(columns + 1) * _SPREAD), shape=(columns, buckets))
    dense = rng.integers(1, _HALF, (columns, 8))
    return np.asarray(np.concatenate([(wide @ spread).toarray(), wide @ dense], axis=1), dtype=np.int64)


def left_kernel(dense: Ints) -> Ints:
    """Return a basis (as rows) of the vectors y with y @ dense = 0 modulo PRIME."""
    rows, columns = dense.shape
    if not columns:
        return np.eye(rows, dtype=np.int64)
    transposed = matrix(dense.T)
    if transposed.rank() == rows:
        return np.zeros((0, rows), dtype=np.int64)
    basis, nullity = transposed.nullspace()
    return array(basis)[:, : int(nullity)].T


def independent_rows(dense: Ints) -> Ints:
    """Return the numbers of the first rows that are a basis of all rows."""
    reduced, found = matrix(dense.T).rref()
    pivots = [next(column for column, value in enumerate(row) if int(value)) for row in reduced.tolist()[: int(found)]]
    return np.array(pivots, dtype=np.int64)


def times_sparse(factors: Ints, sparse: csr_array) -> Ints:
    """Return factors @ sparse modulo PRIME, for factors below PRIME and a sparse matrix of zeros and ones."""
    high, low = factors // _HALF, factors % _HALF
    top, rest = (np.asarray((sparse.T @ part.T).T) for part in (high, low))
    turned = ((top & (2**30 - 1)) << 31) + (top >> 30)  # times 2^31 modulo 2^61 - 1 is a rotation of the bits
    return np.asarray((turned + rest) % PRIME, dtype=np.int64)


def reduced_rows(dense: Ints) -> list[Vector]:
    """Return the rows of the reduced row echelon form that are not zero; their first column is the pivot."""
    reduced, found = matrix(dense).rref()
    rows = []
    for row in reduced.tolist()[: int(found)]:
        values = (int(value) for value in row)
        rows.append({column: value for column, value in enumerate(values) if value})
    return rows


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


def clear(rows: Sequence[Vector], column: int) -> tuple[Vector, list[Vector]]:
    """Return the shortest row with `column` and the other rows with it cleared from them."""
    tool = min((row for row in rows if column in row), key=len)
    return tool, [subtract(row, tool, column) if column in row else row for row in rows if row is not tool]


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


def distinct_columns(dense: Ints) -> Ints:
    """Return the distinct columns of a matrix."""
    return np.unique(dense, axis=1) if dense.size else dense


def witness(inside: Ints, outside: Ints) -> list[int]:
    """Return the one integer combination of rows (up to scale) that vanishes on `outside` and not on `inside`.

    Exact over the rationals; the rows must be a smallest subset for which there is one.
    """
    rows, columns = outside.shape
    if columns == 0:
        return [1] * rows
    basis, nullity = fmpz_mat(columns, rows, outside.T.ravel().tolist()).nullspace()
    for number in range(int(nullity)):
        values = [int(basis[row, number]) for row in range(rows)]
        if np.any(np.array(values, dtype=object) @ inside.astype(object)):
            divisor = int(np.gcd.reduce(np.array([abs(value) for value in values], dtype=object)))
            return [value // divisor for value in values]
    raise ArithmeticError("no combination over the rationals")


def connected(rows: Sequence[Vector], width: int) -> Iterator[list[Vector]]:
    """Yield the rows in parts that share no column below `width`."""
    waiting = [(row, {column for column in row if column < width}) for row in rows]
    while waiting:
        first, columns = waiting.pop(0)
        part, grew = [first], True
        while grew:
            touching = [(row, own) for row, own in waiting if not columns.isdisjoint(own)]
            waiting = [(row, own) for row, own in waiting if columns.isdisjoint(own)]
            part += [row for row, _ in touching]
            columns = columns.union(*(own for _, own in touching))
            grew = bool(touching)
        yield part
