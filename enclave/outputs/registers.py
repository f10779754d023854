"""Releases on one data set take turns, whatever the lane and the project (P11)."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from enclave.kernel.unit import UnitOfWork
from enclave.outputs.models import ReleaseRegister


def lock(unit: UnitOfWork, dataset_ids: Iterable[str]) -> list[ReleaseRegister]:
    """Return the registers of data sets, locked until the unit of work ends; always in the same order."""
    return [_locked(unit, dataset_id) for dataset_id in sorted(set(dataset_ids))]


def _locked(unit: UnitOfWork, dataset_id: str) -> ReleaseRegister:
    query = select(ReleaseRegister).where(ReleaseRegister.dataset_id == dataset_id).with_for_update()
    fresh = {"populate_existing": True}
    found = unit.session.exec(query, execution_options=fresh).first()
    if found is None:
        with suppress(IntegrityError), unit.session.begin_nested():  # two first releases at once
            unit.session.add(ReleaseRegister(dataset_id=dataset_id))
        found = unit.session.exec(query, execution_options=fresh).one()
    return found
