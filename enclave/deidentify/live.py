"""Desensitises row by row, at collection or at sharing, by the rules of a profile (9.1.2: dynamic beside static)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from catalog_browser.views import VariableView
from enclave.deidentify import profiles
from enclave.deidentify.methods import Setting, treat
from enclave.deidentify.profiles import Form, Profile, Treatment
from enclave.kernel.errors import Invalid

WHOLE_COLUMN = ("shuffle",)  # methods that need all rows at once


@dataclass(frozen=True)
class Live:
    """The rules of one table, ready to be applied to any row of it; with the same setting a batch gives the same.

    Coarsening until k holds needs all rows and is no part of it: what is dynamic at sharing works on a version
    that holds k already.
    """

    treatments: tuple[Treatment, ...]
    setting: Setting

    def row(self, record: Mapping[str, Any], person: int) -> dict[str, Any]:
        """Return one row without what must not be there; a column no rule names does not come through (P6)."""
        return next(self.rows([(record, person)]))

    def rows(self, records: Iterable[tuple[Mapping[str, Any], int]]) -> Iterator[dict[str, Any]]:
        """Yield rows as they come, each with its person's index."""
        for record, person in records:
            if not 0 <= person < self.setting.persons:
                raise Invalid("live_person", person=person, persons=self.setting.persons)
            yield dict(self._treated(record, person))

    def _treated(self, record: Mapping[str, Any], person: int) -> Iterator[tuple[str, Any]]:
        for treatment in self.treatments:
            name = treatment.variable.name
            if treatment.dropped or name not in record:
                continue
            treated = treat(treatment, pa.array([record[name]]), pa.array([person]).to_numpy(), self.setting)
            if treated is not None:
                yield name, treated[0].as_py()


def live(profile: Profile, form: Form, variables: Sequence[VariableView], setting: Setting) -> Live:
    """Return the rules of a table for its rows; refuse a rule that cannot work on a single row, naming its column."""
    treatments = tuple(profiles.plan(profile, form, variables))
    for treatment in treatments:
        if treatment.rule.method in WHOLE_COLUMN:
            raise Invalid("live_method", column=treatment.variable.name, method=treatment.rule.method)
    return Live(treatments, setting)
