"""Persons collapsed to atoms: all persons with the same membership in every released group are one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pyroaring import BitMap
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Atoms:
    """`sizes` holds the persons of each atom; `incidence` is groups x atoms, 1 where the atom lies in the group."""

    sizes: Ints
    incidence: csr_array

    def components(self) -> Iterator[tuple[Ints, Ints]]:
        """Yield groups and atoms that hang together; no combination reaches from one part to another."""
        groups, atoms = self.incidence.shape
        bridge = csr_array((self.incidence.data, self.incidence.indices + groups, self.incidence.indptr))
        bridge.resize((groups + atoms, groups + atoms))
        _, labels = connected_components(bridge, directed=False)
        order = np.argsort(labels, kind="stable")
        for part in np.split(order, np.flatnonzero(np.diff(labels[order])) + 1):
            rows = part[part < groups]
            if len(rows):
                yield rows, part[part >= groups] - groups


def collapse(groups: Sequence[BitMap]) -> Atoms:
    """Return the atoms of groups of persons (numbers from 0); persons in no group are left out.

    Memberships are summed as two random 64-bit numbers per group, so that two different atoms fall
    together with a probability below 1e-25 for a million persons.
    """
    everyone = BitMap.union(*groups) if groups else BitMap()
    if not everyone:
        return Atoms(np.zeros(0, dtype=np.int64), csr_array((len(groups), 0), dtype=np.int64))
    inside = np.array(everyone.to_array(), dtype=np.int64)
    marks = np.random.default_rng().integers(1, 2**64, size=(len(groups), 2), dtype=np.uint64)
    sums = np.zeros((2, int(inside[-1]) + 1), dtype=np.uint64)
    for group, mark in zip(groups, marks, strict=True):
        members = np.array(group.to_array(), dtype=np.int64)
        sums[0, members] += mark[0]
        sums[1, members] += mark[1]
    first, second = (pd.factorize(row[inside])[0].astype(np.int64) for row in sums)
    atoms, labels = pd.factorize(first * (int(second.max()) + 1) + second)
    sizes = np.bincount(atoms, minlength=len(labels)).astype(np.int64)
    return Atoms(sizes, _incidence(groups, inside, atoms, len(labels)))


def spread(incidence: csr_array, sizes: Ints, shares: int) -> list[Ints]:
    """Deal all persons out to `shares` shares; return the atoms of each share.

    The persons of an atom go to different shares (to all, when there are as many), first to those in which the
    atom's groups have nobody yet, so that every group is represented in as many shares as it can.
    """
    whole = np.flatnonzero(sizes >= shares)
    chosen = np.zeros((len(sizes), shares), dtype=bool)
    chosen[whole] = True
    covered = np.asarray((incidence @ chosen.astype(np.int64)) > 0)
    by_atom = incidence.tocsc()
    smallest = _smallest_group(incidence, sizes)
    load = np.zeros(shares, dtype=np.float64)
    for atom in np.argsort(smallest, kind="stable"):
        if sizes[atom] >= shares:
            continue
        groups = by_atom.indices[by_atom.indptr[atom] : by_atom.indptr[atom + 1]]
        wanted = (~covered[groups]).sum(axis=0) - load
        best = np.argsort(-wanted, kind="stable")[: sizes[atom]]
        chosen[atom, best] = True
        covered[np.ix_(groups, best)] = True
        load[best] += 1 / len(sizes)  # below one: only breaks ties
    return [np.flatnonzero(chosen[:, share]) for share in range(shares)]


def _smallest_group(incidence: csr_array, sizes: Ints) -> Ints:
    persons = incidence @ sizes
    smallest = np.full(incidence.shape[1], np.iinfo(np.int64).max)
    np.minimum.at(smallest, incidence.indices, np.repeat(persons, np.diff(incidence.indptr)))
    return smallest


def _incidence(groups: Sequence[BitMap], inside: Ints, atoms: Ints, count: int) -> csr_array:
    _, firsts = np.unique(atoms, return_index=True)  # one person stands for each atom
    speakers = inside[firsts]
    spokesmen = BitMap(speakers.tolist())
    atom_of = pd.Series(np.arange(count), index=speakers)
    columns = [atom_of.loc[np.array((spokesmen & group).to_array(), dtype=np.int64)].to_numpy() for group in groups]
    pointers = np.concatenate([[0], np.cumsum([len(part) for part in columns])])
    indices = np.concatenate(columns) if columns else np.zeros(0, dtype=np.int64)
    return csr_array((np.ones(len(indices), dtype=np.int64), indices, pointers), shape=(len(groups), count))
