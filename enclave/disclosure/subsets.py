"""Uniqueness over every subset of quasi-identifiers, and the smallest subsets that make a row unique (SUDA2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import prod
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from enclave.disclosure.uniqueness import Frame, Keys, class_sizes, column_codes, combine, inverse

Subset: TypeAlias = tuple[str, ...]
Floats: TypeAlias = NDArray[np.float64]
_Digit: TypeAlias = tuple[str, Keys, int]  # a column: name, code of each tuple, number of codes
_SPARE = 8  # keys in a range at most this many times their number are counted in a table, others are sorted


@dataclass(frozen=True)
class SubsetRisk:
    """What the rows show over one subset of columns: smallest class, number of classes, rows alone in theirs."""

    columns: Subset
    k: int
    classes: int
    uniques: int


@dataclass(frozen=True)
class _Rest:
    """The distinct tuples that still share a class: the class of each, its place, and the number of classes."""

    classes: Keys
    places: Keys
    count: int
    settled: SubsetRisk


def all_subsets(frame: Frame, columns: Sequence[str]) -> Iterator[SubsetRisk]:
    """Yield the risk over every subset of `columns` but the empty one, 2^n - 1 of them, in order of descent.

    A tuple alone in its class over some columns is alone over more: it is settled there and looked at no more
    below (the pruning of SUDA2; Manning, Haglin and Keane 2008). Columns that tell most apart come first, so
    that most tuples are settled early. Equal rows are one tuple, so their number costs little.
    """
    digits = sorted(((name, *column_codes(frame[name])) for name in columns), key=lambda each: -each[2])
    weights = np.ones(len(digits[0][1]) if digits else 0)
    while digits and len(weights):
        digits, weights = _distinct(digits, weights)
        everyone = _Rest(np.zeros(len(weights), np.int64), np.arange(len(weights)), 1, _nothing(weights))
        for found in _under(digits[0], digits[1:], everyone, weights):
            named = tuple(name for name in columns if name in found.columns)
            yield SubsetRisk(named, found.k, found.classes, found.uniques)
        digits = digits[1:]


def _nothing(weights: Floats) -> SubsetRisk:
    return SubsetRisk((), int(weights.sum()), 0, 0)


def _distinct(digits: list[_Digit], weights: Floats) -> tuple[list[_Digit], Floats]:
    """Return each tuple once, with the rows it stands for, in order: neighbours in memory stay neighbours below."""
    keys, radix = np.zeros(len(weights), dtype=np.int64), 1
    for _, codes, size in digits:
        keys, radix = combine(keys, radix, codes, size)
    order = np.argsort(keys)
    ordered = keys[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    first = order[starts]
    return [(name, codes[first], size) for name, codes, size in digits], np.add.reduceat(weights[order], starts)


def _under(digit: _Digit, finer: list[_Digit], rest: _Rest, weights: Floats) -> Iterator[SubsetRisk]:
    """Yield the subset with one column more, and all that add finer columns to it."""
    name, codes, size = digit
    keys = rest.classes * size + codes[rest.places]
    if not finer:
        yield _counted(keys, rest, weights, name)
        return
    below = _split(keys, rest, weights, name)
    yield _whole(below, weights)
    for place, each in enumerate(finer):
        yield from _under(each, finer[place + 1 :], below, weights)


def _split(keys: Keys, rest: _Rest, weights: Floats, name: str) -> _Rest:
    """Return the classes after one column more, those of a single tuple settled."""
    keys, size = _narrow(keys)
    tuples = np.bincount(keys, minlength=size)
    shared = tuples > 1
    staying = np.flatnonzero(shared[keys])
    numbers = np.cumsum(shared) - 1
    settled = _settle(rest.settled, weights[rest.places[~shared[keys]]], (*rest.settled.columns, name))
    return _Rest(numbers[keys[staying]], rest.places[staying], int(shared.sum()), settled)


def _narrow(keys: Keys) -> tuple[Keys, int]:
    """Return keys that fit a table, with its size: as they are from the lowest, or numbered."""
    low, high = (int(keys.min()), int(keys.max())) if len(keys) else (0, 0)
    return (keys - low, high - low + 1) if high - low < _SPARE * len(keys) + 1024 else inverse(keys)


def _settle(before: SubsetRisk, sizes: NDArray[Any], columns: Subset) -> SubsetRisk:
    """Return the risk with more classes of the given sizes, over `columns`."""
    smallest = min(before.k, int(sizes.min())) if len(sizes) else before.k
    return SubsetRisk(columns, smallest, before.classes + len(sizes), before.uniques + int((sizes == 1).sum()))


def _whole(rest: _Rest, weights: Floats) -> SubsetRisk:
    """Return the risk of what is settled together with what is not: classes of two tuples and more."""
    sizes = np.bincount(rest.classes, weights=weights[rest.places], minlength=rest.count)
    return _settle(rest.settled, sizes, rest.settled.columns)


def _counted(keys: Keys, rest: _Rest, weights: Floats, name: str) -> SubsetRisk:
    """Return the risk of a subset that no other is built on: its classes need no numbers."""
    keys, size = _narrow(keys)
    totals = np.bincount(keys, weights=weights[rest.places], minlength=size)
    return _settle(rest.settled, totals[totals > 0], (*rest.settled.columns, name))


@dataclass(frozen=True)
class MinimalUniques:
    """The minimal sample uniques of each row: subsets that make it unique while none of their own subsets does.

    `smallest` is the size of the smallest one, 0 where there is none; `count` how many there are; `score` the SUDA
    score, which is higher the smaller and the more they are; `shares` how many of them each column is part of.
    All have the shape (rows,).
    """

    columns: Subset
    most: int
    smallest: Keys
    count: Keys
    score: Floats
    shares: dict[str, Keys]


def minimal_uniques(frame: Frame, columns: Sequence[str], most: int = 3) -> MinimalUniques:
    """Find every minimal sample unique of at most `most` columns, for sets of a dozen columns or so.

    A minimal unique of s columns among n scores the product of (n - i) for i from s to `most` (Elliot, Manning and
    Ford 2002; `suda2` of sdcMicro before it is divided by its sum).
    """
    most = min(most, len(columns))
    rows = len(frame[columns[0]]) if columns else 0
    smallest, count, score = np.zeros(rows, np.int64), np.zeros(rows, np.int64), np.zeros(rows)
    shares = {name: np.zeros(rows, np.int64) for name in columns}
    coarser: dict[Subset, NDArray[np.bool_]] = {(): np.full(rows, rows == 1)}
    for size in range(1, most + 1):
        found: dict[Subset, NDArray[np.bool_]] = {}
        worth = prod(len(columns) - step for step in range(size, most + 1) if step < len(columns))
        for subset in combinations(columns, size):
            above = np.logical_or.reduce([coarser[_without(subset, name)] for name in subset])
            found[subset] = above | (class_sizes(frame, subset) == 1)
            minimal = found[subset] & ~above
            smallest[minimal & (smallest == 0)] = size
            count += minimal
            score += worth * minimal
            for name in subset:
                shares[name] += minimal
        coarser = found
    return MinimalUniques(tuple(columns), most, smallest, count, score, shares)


def _without(subset: Subset, name: str) -> Subset:
    return tuple(each for each in subset if each != name)
