"""Builds the limited and the de-identified version of a data set, with the risk report of each."""

from __future__ import annotations

import hmac
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from catalog_browser import service as catalogue
from catalog_browser.views import AddVersion, TableRef, VariableView, VersionView
from enclave.deidentify import anonymity, profiles
from enclave.deidentify.ladders import ladder
from enclave.deidentify.methods import treat
from enclave.deidentify.profiles import Form, Profile, Treatment
from enclave.deidentify.reading.headers import PERSON
from enclave.kernel import storage
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
class _Made:
    table: pa.Table
    persons: np.ndarray[Any, np.dtype[np.int64]] | None
    report: dict[str, Any]


def build_versions(actor: Actor, command: BuildVersions) -> list[VersionView]:
    """Build, measure and add the limited and the de-identified version, both or neither (3.8, 9.1.2-2).

    Raises `Refused` before the steward has confirmed every variable.
    """
    _check_may_build(actor, command)
    profile = profiles.load(command.profile)
    source = catalogue.latest(command.dataset_id, "source")
    variables = catalogue.variables(command.dataset_id)
    key = hmac.digest(settings().secret("pseudonyms"), command.dataset_id.encode(), "sha256")
    with tempfile.TemporaryDirectory(prefix="versions-", dir=settings().folder("spool")) as name:
        paths = catalogue.fetch_tables(source, Path(name))
        commands = [_build(form, profile, source, variables, paths, key) for form in FORMS]
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
    form: Form,
    profile: Profile,
    source: VersionView,
    variables: Sequence[VariableView],
    paths: dict[str, Path],
    key: bytes,
) -> AddVersion:
    wanted = settings().k_deidentified if form == "deidentified" else settings().k_limited
    references, reports, persons = [], {}, set[int]()
    for position, (name, path) in enumerate(paths.items()):
        treatments = profiles.plan(profile, form, [v for v in variables if v.table == name])
        made = _make(form, profile, pq.read_table(path), treatments, key, source.persons, wanted)
        reports[name] = made.report
        persons.update(made.persons.tolist() if made.persons is not None else ())
        references.append(_store(made.table, name, path.with_name(f"{form}-{position}.parquet")))
    return AddVersion(
        dataset_id=source.dataset_id,
        kind=form,
        level=profile.form(form).level,
        identifiability=form,
        rows=sum(reference.rows for reference in references),
        persons=len(persons),
        tables=tuple(references),
        parent_id=source.id,
        profile={"name": profile.name, "version": profile.version, "tables": _as_data(profile, form, variables)},
        profile_hash=profile.digest,
        risk=_summary(reports, wanted),
        clauses=profile.form(form).clauses,
    )


def _make(
    form: Form, profile: Profile, table: pa.Table, treatments: Sequence[Treatment], key: bytes, count: int, k: int
) -> _Made:
    if PERSON not in table.column_names:  # a table without persons: code lists and the like
        kept = [t.variable.name for t in treatments if t.variable.role != "direct"]
        return _Made(table.select(kept), None, {"persons": 0, "rows": table.num_rows})
    persons = table[PERSON].to_numpy()
    columns = {t.variable.name: treat(t, table[t.variable.name], table[PERSON], key, count) for t in treatments}
    kept_columns = {name: values for name, values in columns.items() if values is not None}
    quasi = [t.variable.name for t in treatments if t.variable.role == "quasi" and t.variable.name in kept_columns]
    climbing = [t for t in treatments if t.rule.then == "ladder" and t.variable.name in kept_columns]
    before = anonymity.measure(
        {n: table[n] for t in treatments if (n := t.variable.name) and t.variable.role == "quasi"}, persons
    )
    report: dict[str, Any] = {
        "rows_before": table.num_rows,
        "before": before,
        "suppressed_rows": 0,
        "suppressed_cells": 0,
    }
    if form == "deidentified":
        ladders = {
            t.variable.name: ladder(t.variable.kind, kept_columns[t.variable.name], profile.ladders) for t in climbing
        }
        worth = {t.variable.name: profile.worth.get(t.variable.kind, 1.0) for t in climbing}
        found = anonymity.reach(ladders, persons, k, profile.suppression, worth)
        kept_columns |= found.columns
        rows = pa.array(found.kept)
        kept_columns = {name: values.filter(rows) for name, values in kept_columns.items()}
        report |= {"suppressed_rows": int((~found.kept).sum()), "suppressed_cells": found.cells, "levels": found.levels}
        persons, quasi = persons[found.kept], list(ladders)
    after = anonymity.measure({name: kept_columns[name] for name in quasi}, persons)
    report |= {"rows": len(persons), "persons": len(np.unique(persons)), "after": after}
    return _Made(pa.table({**kept_columns, PERSON: persons}), persons, report)


def _store(table: pa.Table, name: str, target: Path) -> TableRef:
    pq.write_table(table, target, compression="zstd")
    kept = storage.put(target, "version")
    target.unlink()
    return TableRef(name, kept.key, kept.sha256, table.num_rows, tuple(table.column_names))


def _as_data(profile: Profile, form: Form, variables: Iterable[VariableView]) -> dict[str, dict[str, Any]]:
    """Return what became of each column, as the lineage of the version keeps it."""
    tables: dict[str, dict[str, Any]] = {}
    for treatment in profiles.plan(profile, form, list(variables)):
        rule, variable = treatment.rule, treatment.variable
        done = {"method": rule.method, "then": rule.then, "clause": rule.clause}
        tables.setdefault(variable.table, {})[variable.name] = done
    return tables


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
