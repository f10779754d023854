"""Commands and queries of the catalogue; every door calls these and nothing below them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, select

from catalog_browser import checks, rows, rule_facts, ruling
from catalog_browser.models import DataSet, DataSetVersion, Variable
from catalog_browser.showing import detail_view, summary_view, variable_view, version_view
from catalog_browser.views import (
    AddDataSet,
    AddVersion,
    ConfirmVariables,
    DataSetDetail,
    DataSetView,
    DescribeDataSet,
    FileRef,
    PublishDataSet,
    TableRef,
    Texts,
    VariableDecision,
    VariableSpec,
    VariableView,
    VersionView,
    WithdrawDataSet,
)
from enclave.kernel import clock, storage
from enclave.kernel.db import new_id, reading
from enclave.kernel.errors import Conflict, NotFound
from enclave.kernel.identity import Actor, Role
from enclave.kernel.unit import UnitOfWork, unit_of_work
from enclave.policy import doors, levels
from enclave.policy.labels import Labels

STAFF = (Role.STEWARD, Role.AUTHORITY, Role.AUDITOR)
USABLE = ("ready", "published")


def add_data_set(actor: Actor, command: AddDataSet) -> DataSetDetail:
    """Add a draft data set with its proposed variables."""
    with unit_of_work(actor) as unit:
        unit.require(Role.STEWARD)
        checks.check_new(command)
        decision = ruling.registration(command, command.variables, command.level)
        if unit.session.exec(select(DataSet).where(DataSet.slug == command.slug)).first():
            raise Conflict("catalog_slug_taken", slug=command.slug)
        plain = ("controller", "category", "level", "level_reason_zh", "level_reason_en", "system", "origin")
        row = DataSet(
            id=new_id("ds"),
            slug=command.slug,
            jurisdiction=command.jurisdiction,
            audience=command.audience,
            resource=command.resource,
            created_by=actor.username,
            created_at=clock.now(),
            **{name: getattr(command, name) for name in plain},
            **asdict(command.texts),
        )
        unit.add(row)
        for spec in command.variables:
            unit.session.add(_variable(row.id, spec))
        unit.record(
            "dataset.add",
            row.id,
            clauses=decision.clauses,
            decision=decision.as_facts(),
            level=row.level,
            category=row.category,
            variables=len(command.variables),
        )
        unit.session.flush()
        return _detail(unit.session, actor, row)


def describe(actor: Actor, command: DescribeDataSet) -> DataSetDetail:
    """Change the texts of an entry (10.4.2-e-1a to 1f)."""
    with unit_of_work(actor) as unit:
        unit.require(Role.STEWARD)
        row = _guarded(unit, command.dataset_id, command.version)
        changes = {name: text for name, text in asdict(command.texts).items() if text.strip()}
        if command.audience:
            changes["audience"] = command.audience
        checks.check_audience(command.audience or row.audience)
        checks.check_resource(command.resource or "")
        if command.resource is not None:
            changes["resource"] = command.resource
        for name, text in changes.items():
            setattr(row, name, text.strip())
        unit.record("dataset.describe", row.id, clauses=("10.4.2-e-1a",), changed=sorted(changes))
        unit.session.flush()
        return _detail(unit.session, actor, row)


def confirm_variables(actor: Actor, command: ConfirmVariables) -> DataSetDetail:
    """Confirm every column's role, level and category; versions made before a change are withdrawn."""
    with unit_of_work(actor) as unit:
        unit.require(Role.STEWARD)
        row = _guarded(unit, command.dataset_id, command.version)
        checks.check_state(row.state, ("draft", "confirmed"))
        variables = {
            (variable.table_name, variable.name): variable for variable in rows.variables(unit.session, row.id)
        }
        before = _grade(unit.session, row.id, variables.values()).level
        changed = [decision for decision in command.decisions if _decide(variables, decision)]
        for variable in variables.values():
            variable.confirmed = True
        _regrade(row, before, _grade(unit.session, row.id, variables.values()))
        row.state = "confirmed"
        decision = ruling.registration(
            row, variables.values(), row.level, persons=rows.has_persons(unit.session, row.id)
        )
        if changed:
            rows.set_states(unit.session, row.id, "ready", "withdrawn", keep_source=True)
        unit.record(
            "dataset.confirm",
            row.id,
            clauses=decision.clauses,
            decision=decision.as_facts(),
            level=row.level,
            changes=[_decision_facts(decision) for decision in changed],
        )
        unit.session.flush()
        return _detail(unit.session, actor, row)


def add_version(actor: Actor, command: AddVersion) -> VersionView:
    """Add a finished version; its stored objects become part of the same transaction."""
    with unit_of_work(actor) as unit:
        unit.require(Role.STEWARD)
        row = unit.get(DataSet, command.dataset_id)
        checks.check_state(row.state, ("draft", "confirmed", "published"))
        checks.check_version(command)
        known = [variable_view(variable) for variable in rows.variables(unit.session, row.id)]
        checks.check_no_level_five(command, known)
        decision = ruling.version(row, command, known, _parent_level(unit, row, command))
        stored: list[TableRef | FileRef] = [*command.tables, *command.files]
        storage.keep(unit, *(reference.object_key for reference in stored))
        version = DataSetVersion(
            id=new_id("dsv"),
            number=rows.next_number(unit.session, row.id),
            state="ready",
            tables=[asdict(table) for table in command.tables],
            files=[asdict(file) for file in command.files],
            profile=dict(command.profile),
            risk=dict(command.risk),
            degrees={},
            created_by=actor.username,
            created_at=clock.now(),
            **{name: getattr(command, name) for name in _SAME_IN_VERSION},
        )
        unit.add(version)
        unit.record(
            "dataset.version",
            version.id,
            clauses=tuple(dict.fromkeys((*command.clauses, *decision.clauses))),
            decision=decision.as_facts(),
            dataset=row.id,
            kind=version.kind,
            level=version.level,
            rows=version.rows,
            persons=version.persons,
            sha256=[reference.sha256 for reference in stored],
        )
        return version_view(version)


def _parent_level(unit: UnitOfWork, row: DataSet, command: AddVersion) -> int:
    """Return the level of what a version was made from; without a parent, that of the set as registered (3.2)."""
    return unit.get(DataSetVersion, command.parent_id).level if command.parent_id else row.level


_SAME_IN_VERSION = (
    "dataset_id",
    "kind",
    "level",
    "identifiability",
    "rows",
    "persons",
    "parent_id",
    "profile_hash",
)


def publish(actor: Actor, command: PublishDataSet) -> DataSetDetail:
    """Publish an entry and its ready versions, once nothing is missing (4.1-T1-L1d, 10.4.2-e-1c to 1g)."""
    with unit_of_work(actor) as unit:
        unit.require(Role.STEWARD, Role.AUTHORITY)
        row = _guarded(unit, command.dataset_id, command.version)
        checks.check_state(row.state, ("confirmed", "published"))
        detail = _detail(unit.session, actor, row)
        checks.check_publishable(detail)
        checks.check_publisher(actor, detail, unit)
        decisions = ruling.publication(actor, row, detail, persons=rows.has_persons(unit.session, row.id))
        rows.publish_versions(unit.session, row)
        row.state, row.published_at = "published", clock.now()
        unit.record(
            "dataset.publish",
            row.id,
            clauses=dict.fromkeys(clause for decision in decisions.values() for clause in decision.clauses),
            decision=decisions["description"].as_facts(),
            sample=decisions["sample"].as_facts() if "sample" in decisions else None,
            level=row.level,
            audience=row.audience,
            versions=[v.id for v in detail.versions if v.state == "ready" and v.kind != "source"],
        )
        unit.session.flush()
        return _detail(unit.session, actor, row)


def withdraw(actor: Actor, command: WithdrawDataSet) -> DataSetDetail:
    """Withdraw an entry and its versions: nothing new is granted on it."""
    with unit_of_work(actor) as unit:
        unit.require(Role.STEWARD, Role.AUTHORITY)
        checks.check_text("catalog_reason_missing", command.reason)
        row = unit.get(DataSet, command.dataset_id)
        checks.check_state(row.state, ("draft", "confirmed", "published"))
        row.state = "withdrawn"
        for state in USABLE:
            rows.set_states(unit.session, row.id, state, "withdrawn")
        unit.record("dataset.withdraw", row.id, clauses=("10.4.2-e-1b",), reason=command.reason)
        unit.session.flush()
        return _detail(unit.session, actor, row)


def find(
    actor: Actor, query: str = "", *, category: str = "", level: int | None = None, state: str = ""
) -> list[DataSetView]:
    """Return the entries the actor may see that hold every word of `query`, newest first.

    Anonymous visitors see published entries open to the public; signed-in people also those for
    registered users; stewards, authority and auditors also what is not published (10.4.2-e-1b).
    """
    with reading() as session:
        found = []
        for row in session.exec(select(DataSet).order_by(col(DataSet.created_at).desc())):
            chosen = category in ("", row.category) and level in (None, row.level) and state in ("", row.state)
            if chosen and _may_see(actor, row) and _holds(session, row, query):
                found.append(summary_view(row, rows.versions(session, row.id), actor))
        return found


def get(actor: Actor, dataset_id_or_slug: str) -> DataSetDetail:
    """Return one entry by id or slug; one the actor may not see counts as not found."""
    with reading() as session:
        query = select(DataSet).where(
            (col(DataSet.id) == dataset_id_or_slug) | (col(DataSet.slug) == dataset_id_or_slug)
        )
        row = session.exec(query).first()
        if row is None or not _may_see(actor, row):
            raise NotFound("not_found", kind="data set", id=dataset_id_or_slug)
        return _detail(session, actor, row)


def _may_see(actor: Actor, row: DataSet) -> bool:
    return checks.may_see(actor, row.state, row.audience) and ruling.entry(actor, row).allowed


def variables(dataset_id: str, session: Session | None = None) -> list[VariableView]:
    """Return the dictionary with its facts, for code of the product; pages use `get`."""
    if session is None:
        with reading() as own:
            return variables(dataset_id, own)
    return [variable_view(variable) for variable in rows.variables(session, dataset_id)]


def version(version_id: str, session: Session | None = None) -> VersionView:
    """Return a version by id; inside a unit of work pass its session to see its own writes."""
    if session is None:
        with reading() as own:
            return version(version_id, own)
    row = session.get(DataSetVersion, version_id)
    if row is None:
        raise NotFound("not_found", kind="version", id=version_id)
    return version_view(row)


def ruled(version_id: str, columns: Collection[str], session: Session | None = None) -> tuple[doors.Data, Labels]:
    """Return what the rules are told of some columns of a version, and the labels its copies carry, as of now."""
    if session is None:
        with reading() as own:
            return ruled(version_id, columns, own)
    found = version(version_id, session)
    entry = session.get_one(DataSet, found.dataset_id)
    known = variables(found.dataset_id, session)
    return rule_facts.of_version(entry, found, known, columns), rule_facts.labels(entry, found)


def latest(dataset_id: str, kind: str, session: Session | None = None) -> VersionView:
    """Return the newest usable version of a kind, or raise NotFound."""
    if session is None:
        with reading() as own:
            return latest(dataset_id, kind, own)
    for row in reversed(rows.versions(session, dataset_id)):
        if row.kind == kind and row.state in USABLE:
            return version_view(row)
    raise NotFound("not_found", kind=f"version:{kind}", id=dataset_id)


def fetch_tables(chosen: VersionView, folder: Path) -> dict[str, Path]:
    """Write a version's Parquet tables, verified, into `folder`; return table name -> path."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    paths = {}
    for position, table in enumerate(chosen.tables):
        paths[table.name] = folder / f"{position:03d}.parquet"  # a table's name may be any Unicode text
        storage.fetch(table.object_key, paths[table.name])
    return paths


def _variable(dataset_id: str, spec: VariableSpec) -> Variable:
    same = {entry.name: getattr(spec, entry.name) for entry in fields(spec) if entry.name not in _OWN_IN_VARIABLE}
    return Variable(
        id=new_id("var"),
        dataset_id=dataset_id,
        table_name=spec.table,
        proposed_role=spec.role,
        codes={code: dict(texts) for code, texts in spec.codes.items()},
        facts=dict(spec.facts),
        indicator=dict(spec.indicator),
        **same,
    )


_OWN_IN_VARIABLE = ("table", "codes", "facts", "indicator")
_DECIDED = ("role", "kind", "level", "category", "label_zh", "label_en", "codes")


def _decide(variables: dict[tuple[str, str], Variable], decision: VariableDecision) -> bool:
    variable = variables.get((decision.table, decision.name))
    if variable is None:
        raise NotFound("not_found", kind="variable", id=f"{decision.table}.{decision.name}")
    checks.check_decision(variable_view(variable), decision)
    changed = False
    for name in _DECIDED:
        value = getattr(decision, name)
        if value is not None and value != getattr(variable, name):
            setattr(variable, name, dict(value) if name == "codes" else value)
            changed = changed or name in ("role", "kind", "level")
    if decision.note:
        variable.reason_zh = variable.reason_en = decision.note
    return changed


def _grade(session: Session, dataset_id: str, columns: Collection[Variable]) -> levels.Grade:
    """Return the level the columns give the data set (4.1-0)."""
    parts = [
        levels.Grade(v.level, v.clause, f"变量“{v.name}”为第 {v.level} 级", f"variable “{v.name}” is level {v.level}")
        for v in columns
    ]
    return levels.data_set_grade(
        parts, {column.role for column in columns}, persons=rows.has_persons(session, dataset_id)
    )


def _regrade(row: DataSet, before: int, now: levels.Grade) -> None:
    """Follow the columns; a level a steward set above theirs stays."""
    if row.level > before and row.level >= now.level:
        return
    row.level, row.level_reason_zh, row.level_reason_en = now.level, now.zh, now.en


def _decision_facts(decision: VariableDecision) -> dict[str, Any]:
    decided = {name: getattr(decision, name) for name in ("role", "kind", "level", "category")}
    return {"table": decision.table, "column": decision.name, "note": decision.note} | {
        name: value for name, value in decided.items() if value is not None
    }


def _guarded(unit: UnitOfWork, dataset_id: str, expected: int | None) -> DataSet:
    row = unit.get(DataSet, dataset_id)
    if expected is not None and row.version != expected:
        raise Conflict("already_decided")
    return row


def _detail(session: Session, actor: Actor, row: DataSet) -> DataSetDetail:
    return detail_view(row, rows.versions(session, row.id), rows.variables(session, row.id), actor)


def _holds(session: Session, row: DataSet, query: str) -> bool:
    words = query.casefold().split()
    if not words:
        return True
    texts: Iterable[str] = [
        row.slug,
        row.controller,
        row.system,
        *(getattr(row, entry.name) for entry in fields(Texts)),
    ]
    names = [f"{variable.name} {variable.label_zh} {variable.label_en}" for variable in rows.variables(session, row.id)]
    haystack = "\n".join([*texts, *names]).casefold()
    return all(word in haystack for word in words)
