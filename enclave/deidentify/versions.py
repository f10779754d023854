"""Builds the limited and the de-identified version of a data set, with the risk report of each."""

from __future__ import annotations

import hmac
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pyarrow.types as types
from numpy.typing import NDArray

from catalog_browser import service as catalogue
from catalog_browser.views import AddVersion, TableRef, VariableView, VersionView
from enclave.deidentify import anonymity, profiles
from enclave.deidentify.ladders import ladder
from enclave.deidentify.methods import TECHNIQUES, Setting, treat
from enclave.deidentify.profiles import Form, Profile, Treatment
from enclave.deidentify.reading.headers import PERSON
from enclave.kernel import clock, storage
from enclave.kernel.db import reading
from enclave.kernel.errors import Refused
from enclave.kernel.identity import Actor, Role, roles_of
from enclave.kernel.settings import settings
from enclave.kernel.unit import unit_of_work

FORMS: tuple[Form, ...] = ("limited", "deidentified")


@dataclass(frozen=True)
class BuildVersions:
    """Build both versions of a data set from its source by a profile."""

    dataset_id: str
    profile: str = "standard"


@dataclass(frozen=True)
class Made:
    """One table of a version with its risk report."""

    table: pa.Table
    report: dict[str, Any]


def build_versions(actor: Actor, command: BuildVersions) -> list[VersionView]:
    """Build, measure and add the limited and the de-identified version, both or neither (3.8, 9.1.2-2).

    Raises `Refused` before the steward has confirmed every variable.
    """
    _check_may_build(actor, command)
    profile = profiles.load(command.profile)
    source = catalogue.latest(command.dataset_id, "source")
    variables = catalogue.variables(command.dataset_id)
    with tempfile.TemporaryDirectory(prefix="versions-", dir=settings().folder("spool")) as name:
        paths = catalogue.fetch_tables(source, Path(name))
        commands = [_build(form, profile, source, variables, paths) for form in FORMS]
    with unit_of_work(actor) as unit:
        unit.require(Role.STEWARD)
        added = [catalogue.add_version(actor, each) for each in commands]
        unit.record(
            "dataset.deidentify",
            command.dataset_id,
            clauses=sorted({clause for form in FORMS for clause in profile.form(form).clauses}),
            profile=profile.digest,
            k={version.kind: version.risk["k"] for version in added},
        )
        return added


def _check_may_build(actor: Actor, command: BuildVersions) -> None:
    with reading() as session:
        if not actor.system and Role.STEWARD not in roles_of(session, actor.username):
            raise Refused("forbidden", roles=Role.STEWARD)
    open_ = sum(not variable.confirmed for variable in catalogue.variables(command.dataset_id))
    if open_:
        raise Refused("deidentify_unconfirmed", clauses=("10.4.2-e-1m",), count=open_)


def _build(
    form: Form, profile: Profile, source: VersionView, variables: Sequence[VariableView], paths: dict[str, Path]
) -> AddVersion:
    wanted = settings().k_deidentified if form == "deidentified" else settings().k_limited
    maker = Maker(form, profile, variables, paths, _setting(form, source, variables, paths), wanted)
    stored: dict[str, TableRef] = {}
    reports: dict[str, dict[str, Any]] = {}
    for name in maker.order:
        made = maker.make(name)
        reports[name] = made.report
        stored[name] = _store(made.table, name, paths[name].with_name(f"{form}-{len(stored)}.parquet"))
    references = tuple(stored[name] for name in paths)
    return AddVersion(
        dataset_id=source.dataset_id,
        kind=form,
        level=profile.form(form).level,
        identifiability=form,
        rows=sum(reference.rows for reference in references),
        persons=len(maker.persons),
        tables=references,
        parent_id=source.id,
        profile={"name": profile.name, "version": profile.version, "tables": maker.lineage, "stages": ["middle"]},
        profile_hash=profile.digest,
        risk=_summary({name: reports[name] for name in paths}, wanted),
        clauses=profile.form(form).clauses,
    )


def _setting(form: Form, source: VersionView, variables: Sequence[VariableView], paths: dict[str, Path]) -> Setting:
    """Return the version's own key, so that pseudonyms and shifts of the two forms do not match, and its last day."""
    key = hmac.digest(settings().secret("pseudonyms"), f"{source.dataset_id}|{form}".encode(), "sha256")
    days = [day for v in variables if v.kind == "date" and (day := last_day(paths[v.table], v.name))]
    return Setting(key, source.persons, min(max(days, default=clock.today()), clock.today()))


def last_day(path: Path, column: str) -> date | None:
    """Return the last day a column of dates tells, later ones than today being placeholders; None for other columns."""
    values = pq.read_table(path, columns=[column])[column]
    if not (types.is_date(values.type) or types.is_timestamp(values.type)):
        return None
    own = pc.less_equal(values, pa.scalar(clock.today()).cast(values.type))  # later days are placeholders
    found: date | None = pc.max(values.filter(own)).cast(pa.date32()).as_py()
    return found


class Maker:
    """Makes the tables of one form in order: the one that describes persons first, the others joined to it."""

    def __init__(
        self,
        form: Form,
        profile: Profile,
        variables: Sequence[VariableView],
        paths: dict[str, Path],
        setting: Setting,
        wanted: int,
    ) -> None:
        self.form, self.profile, self.paths, self.setting, self.wanted = form, profile, paths, setting, wanted
        self.plans: dict[str, list[Treatment]] = {name: [] for name in paths}
        for treatment in profiles.plan(profile, form, variables):
            self.plans[treatment.variable.table].append(treatment)
        self.lineage: dict[str, dict[str, Any]] = {}
        self.persons: set[int] = set()
        self.gone: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self.known: pa.Table | None = None
        self.order = sorted(paths, key=lambda name: not self._describes_persons(name))

    def _describes_persons(self, name: str) -> bool:
        """Tell whether a table has one row for each person and quasi-identifiers to be coarsened."""
        if PERSON not in pq.read_schema(self.paths[name]).names or not self._climbing(name):
            return False
        persons = pq.read_table(self.paths[name], columns=[PERSON])[PERSON]
        return len(pc.unique(persons)) == len(persons)

    def _climbing(self, name: str) -> list[Treatment]:
        return [t for t in self.plans[name] if t.rule.then == "ladder" and not t.dropped]

    def make(self, name: str) -> Made:
        """Return one table, treated and measured; call it for each name of `order`."""
        table = pq.read_table(self.paths[name])
        if PERSON not in table.column_names:  # a table without persons: code lists and the like
            kept = [t.variable.name for t in self.plans[name] if t.variable.role != "direct" and t.variable.level < 5]
            return Made(table.select(kept), {"persons": 0, "rows": table.num_rows})
        staying = table.filter(pa.array(~np.isin(table[PERSON].to_numpy(), self.gone)))
        columns = self._treated(name, staying)
        persons = staying[PERSON].to_numpy()
        quasi = [t.variable.name for t in self.plans[name] if t.variable.role == "quasi" and t.rule.method != "shift"]
        report: dict[str, Any] = {
            "rows_before": table.num_rows,
            "before": anonymity.measure({n: table[n] for n in self._told(name)}, table[PERSON].to_numpy()),
            "suppressed_rows": table.num_rows - staying.num_rows,
            "suppressed_cells": 0,
        }
        if self.form == "deidentified":
            columns, persons = self._anonymous(name, columns, persons, report)
        told = {n: columns[n] for n in quasi if n in columns}
        report |= {"rows": len(persons), "persons": len(np.unique(persons))}
        report |= {"after": anonymity.measure(told, persons), "together": anonymity.measure_together(told, persons)}
        self.persons.update(np.unique(persons).tolist())
        return Made(pa.table({**columns, PERSON: persons}), report)

    def _told(self, name: str) -> list[str]:
        """Return the quasi-identifiers of the source that are no dates of events: dates are shifted, not counted."""
        return [
            t.variable.name
            for t in self.plans[name]
            if t.variable.role == "quasi" and t.variable.kind not in ("date", "death_date")
        ]

    def _treated(self, name: str, table: pa.Table) -> dict[str, pa.Array]:
        columns, done = {}, {}
        for treatment in self.plans[name]:
            rule, column = treatment.rule, treatment.variable.name
            treated = treat(treatment, table[column], table[PERSON], self.setting)
            method = rule.method if treated is not None else "drop"
            done[column] = {"method": method, "then": rule.then, "clause": rule.clause, "technique": TECHNIQUES[method]}
            if treated is not None:
                columns[column] = treated
        self.lineage[name] = done
        return columns

    def _anonymous(
        self, name: str, columns: dict[str, pa.Array], persons: NDArray[np.int64], report: dict[str, Any]
    ) -> tuple[dict[str, pa.Array], NDArray[np.int64]]:
        """Reach k over the table's own quasi-identifiers together with those of the table that describes persons."""
        climbing = self._climbing(name)
        steps = self.profile.ladders
        ladders = {t.variable.name: ladder(t.variable.kind, columns[t.variable.name], steps) for t in climbing}
        worth = {t.variable.name: self.profile.worth.get(t.variable.kind, 1.0) for t in climbing}
        fixed = anonymity.aligned(self.known, persons) if ladders else {}
        found = anonymity.reach(ladders, persons, self.wanted, self.profile.suppression, worth, fixed)
        rows = pa.array(found.kept)
        kept = {column: values.filter(rows) for column, values in (columns | found.columns).items()}
        report["suppressed_rows"] += int((~found.kept).sum())
        report |= {"suppressed_cells": found.cells, "levels": found.levels, "joined": sorted(fixed)}
        if self.known is None and self._describes_persons(name):
            self.gone = persons[~found.kept]
            self.known = pa.table({**{column: kept[column] for column in ladders}, PERSON: persons[found.kept]})
        return kept, persons[found.kept]


def _store(table: pa.Table, name: str, target: Path) -> TableRef:
    pq.write_table(table, target, compression="zstd")
    kept = storage.put(target, "version")
    target.unlink()
    return TableRef(name, kept.key, kept.sha256, table.num_rows, tuple(table.column_names))


def _summary(reports: dict[str, dict[str, Any]], wanted: int) -> dict[str, Any]:
    """Return the report of a version: the worst of its tables over all, and every table on its own."""
    personal = [report for report in reports.values() if "after" in report]
    smallest = min((report["after"]["k"] for report in personal if report["rows"]), default=0)
    return {
        "k": smallest,
        "k_wanted": wanted,
        "passed": all(report["after"]["k"] >= wanted or not report["rows"] for report in personal),
        "uniques": sum(report["after"]["uniques"] for report in personal),
        "suppressed_rows": sum(report["suppressed_rows"] for report in personal),
        "suppressed_cells": sum(report["suppressed_cells"] for report in personal),
        "tables": reports,
    }
