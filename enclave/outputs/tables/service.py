"""Releases verified tables: every one is audited together with all released before it on the data set (P11)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any, NoReturn

import ibis.expr.types as ir
from sqlmodel import Session, col, select

from enclave.disclosure.audit import Audit, Group, audit
from enclave.kernel import clock, crypto, storage
from enclave.kernel.db import new_id, reading
from enclave.kernel.errors import Conflict, Invalid, NotFound, Refused
from enclave.kernel.identity import Actor, Role
from enclave.kernel.settings import settings
from enclave.kernel.unit import unit_of_work
from enclave.outputs import access, extracts, registers
from enclave.outputs.models import ReleasedTable
from enclave.outputs.tables import groups
from enclave.outputs.tables.earlier import PUBLIC, Earlier
from enclave.outputs.tables.groups import Cell
from enclave.outputs.tables.views import TableRequest, TableView
from enclave.workspaces.views import TrustedTable

__all__ = ["TableRequest", "TableView", "download", "released", "request"]

CLAUSES = ("3.2-n", "10.4.2-e-1k", "10.4.2-e-2d5")
MOST_COLUMNS = 3
TURNS = 20  # how often a release starts again because another one on the data set came first


@dataclass(frozen=True)
class _Candidate:
    """A table that wants to leave: its question in canonical form and the cells it would show."""

    id: str
    project_id: str
    source: TrustedTable
    where: list[dict[str, Any]]
    by: tuple[str, ...]
    shown: tuple[Cell, ...]

    @property
    def key(self) -> str:
        """Return the SHA-256 of the question: the same question has the same key."""
        body = [self.source.sha256, self.source.name, sorted(self.by), self.where]
        return hashlib.sha256(json.dumps(body, ensure_ascii=False, sort_keys=True).encode()).hexdigest()

    def groups(self) -> list[Group]:
        """Return the released numbers as groups of persons."""
        return [Group(self.label(cell), cell.persons) for cell in self.shown]

    def label(self, cell: Cell) -> str:
        """Return the name of a cell in attack sentences: release, values, conditions."""
        parts = [f"{name}={'—' if value is None else value}" for name, value in zip(self.by, cell.values, strict=True)]
        parts += [f"{each['column']} {each['op']} {each['value']}" for each in self.where]
        return f"{self.id}: {', '.join(parts) or 'n'}"


def request(actor: Actor, command: TableRequest) -> TableView:
    """Count persons by columns and release the table, or refuse with the attack it would make possible.

    Cells under the threshold are left out, and of the rest as many as the table's own sums would give away.
    What remains is audited exactly with every number ever released on the data set, by any project. The same
    question again returns the table released before. Raises `Refused("table_small")` when nothing may be shown
    and `Refused("table_attack")` with the sentences.
    """
    candidate = _candidate(actor, command)
    earlier = Earlier(candidate.source.dataset_id)
    for _turn in range(TURNS):
        with reading() as session:
            known = _same(session, candidate)
        if known is None:
            earlier.catch_up()
            candidate = _judged(actor, candidate, earlier)
        # Stored before the transaction; if another release comes first, the objects are swept as abandoned.
        objects = _store(candidate) if known is None else None
        released_now = _release(actor, candidate, earlier.tables, objects)
        if released_now is not None:
            return released_now
    raise Conflict("table_busy")


def _candidate(actor: Actor, command: TableRequest) -> _Candidate:
    source = access.trusted_table(actor, command.project_id, command.table)
    with extracts.opened_persons(source.path) as table:
        by = _by(table, command.by)
        where = extracts.canonical(table, command.where)
        found = groups.cells(extracts.chosen_rows(table, where), by)
    if len(found) > groups.MOST_CELLS:
        raise Invalid("table_too_large", cells=len(found), most=groups.MOST_CELLS)
    shown = tuple(cell for cell in found if len(cell.persons) >= settings().cell_threshold)
    return _Candidate(new_id("tab"), command.project_id, source, where, by, shown)


def _by(table: ir.Table, given: Any) -> tuple[str, ...]:
    if not isinstance(given, list | tuple) or len(given) > MOST_COLUMNS or len(set(map(str, given))) != len(given):
        raise Invalid("table_columns", most=MOST_COLUMNS)
    return tuple(str(extracts.column(table, name).get_name()) for name in given)


def _judged(actor: Actor, candidate: _Candidate, earlier: Earlier) -> _Candidate:
    """Return the candidate as it may leave, or refuse and say so on the ledger."""
    threshold = settings().cell_threshold
    while candidate.shown:
        verdict = audit([*earlier.groups, *candidate.groups()], threshold)
        if verdict.safe:
            return candidate
        own = _own_cells(candidate, verdict)
        if not own:
            _refuse(actor, candidate, "table_attack", threshold=threshold, **_attacks(verdict))
        # The table's own sums give a hidden cell away: hide the least cell that takes part (secondary suppression).
        hidden = min(own, key=lambda cell: len(cell.persons))
        candidate = replace(candidate, shown=tuple(cell for cell in candidate.shown if cell is not hidden))
    return _refuse(actor, candidate, "table_small", threshold=threshold)


def _own_cells(candidate: _Candidate, verdict: Audit) -> list[Cell]:
    """Return the cells in the first attack when it needs nothing but this table and what everybody knows."""
    if not verdict.attacks:
        return []
    labels = {candidate.label(cell): cell for cell in candidate.shown}
    terms = [term.label for term in verdict.attacks[0].combination]
    if any(label not in labels and label != PUBLIC for label in terms):
        return []
    return [labels[label] for label in terms if label in labels]


def _attacks(verdict: Audit) -> dict[str, Any]:
    first = verdict.attacks[0] if verdict.attacks else None
    return {
        "attack_zh": first.sentence_zh if first else "—",
        "attack_en": first.sentence_en if first else "—",
        "attacks_zh": [attack.sentence_zh for attack in verdict.attacks],
        "attacks_en": [attack.sentence_en for attack in verdict.attacks],
    }


def _refuse(actor: Actor, candidate: _Candidate, code: str, **facts: Any) -> NoReturn:
    with unit_of_work(actor) as unit:
        unit.record(
            "table.refused",
            candidate.project_id,
            clauses=CLAUSES,
            code=code,
            dataset=candidate.source.dataset_id,
            attacks=len(facts.get("attacks_zh", ())),
        )
    raise Refused(code, clauses=CLAUSES, **facts)


Objects = tuple[storage.StoredObject, storage.StoredObject]


def _store(candidate: _Candidate) -> Objects:
    packed = groups.pack((group.label, group.persons) for group in candidate.groups())
    table = groups.as_csv(candidate.by, candidate.shown)
    return storage.put_bytes(packed, "groups"), storage.put_bytes(table, "tables")


def _release(actor: Actor, candidate: _Candidate, seen: int, objects: Objects | None) -> TableView | None:
    """Write the release if no other table of the data set was released since the audit; else return None."""
    with unit_of_work(actor) as unit:
        validity = access.require_valid(unit.session, actor, candidate.project_id)
        decision = access.may_query(unit.session, validity, candidate.source)
        (register,) = registers.lock(unit, [candidate.source.dataset_id])
        known = _same(unit.session, candidate)
        if known is not None:
            unit.record("table.repeated", known.project_id, clauses=CLAUSES, table=known.id)
            return _view(known)
        if objects is None or register.tables != seen:
            return None
        register.tables += 1
        row = unit.add(_row(actor, candidate, register.tables, objects))
        storage.keep(unit, row.groups_key, row.csv_key)
        unit.record(
            "table.released",
            row.project_id,
            clauses=dict.fromkeys((*CLAUSES, *decision.clauses)),
            decision=decision.as_facts(),
            table=row.id,
            dataset=row.dataset_id,
            number=row.number,
            cells=len(row.cells),
            threshold=row.threshold,
            sha256=row.csv_sha256,
        )
        return _view(row)


def _same(session: Session, candidate: _Candidate) -> ReleasedTable | None:
    query = select(ReleasedTable).where(
        ReleasedTable.project_id == candidate.project_id, ReleasedTable.question_key == candidate.key
    )
    return session.exec(query).first()


def _row(actor: Actor, candidate: _Candidate, number: int, objects: Objects) -> ReleasedTable:
    packed, table = objects
    return ReleasedTable(
        id=candidate.id,
        project_id=candidate.project_id,
        dataset_id=candidate.source.dataset_id,
        version_id=candidate.source.version_id,
        number=number,
        question_key=candidate.key,
        table_name=candidate.source.name,
        by=list(candidate.by),
        where=candidate.where,
        cells=[{"values": list(cell.values), "persons": len(cell.persons)} for cell in candidate.shown],
        threshold=settings().cell_threshold,
        groups_key=packed.key,
        csv_key=table.key,
        csv_sha256=table.sha256,
        released_by=actor.username,
        released_at=clock.now(),
    )


def released(actor: Actor, project_id: str = "", dataset_id: str = "") -> list[TableView]:
    """Return released tables, newest first: of a project to its members, of any to those who oversee."""
    with reading() as session:
        if not actor.has(Role.STEWARD, Role.AUDITOR, Role.AUTHORITY):
            access.require_valid(session, actor, project_id)
        query = select(ReleasedTable).order_by(col(ReleasedTable.released_at).desc())
        if project_id:
            query = query.where(ReleasedTable.project_id == project_id)
        if dataset_id:
            query = query.where(ReleasedTable.dataset_id == dataset_id)
        return [_view(row) for row in session.exec(query)]


def download(actor: Actor, table_id: str) -> bytes:
    """Return a released table as CSV, byte for byte as released, to a member of its project; recorded (P5)."""
    with reading() as session:
        row = session.get(ReleasedTable, table_id)
        if row is None:
            raise NotFound("not_found", kind="table", id=table_id[:40])
        access.require_valid(session, actor, row.project_id)
    content = storage.fetch_bytes(row.csv_key)
    if hashlib.sha256(content).hexdigest() != row.csv_sha256:
        raise crypto.Tampered("object_tampered")
    with unit_of_work(actor) as unit:
        access.require_valid(unit.session, actor, row.project_id)
        unit.record("table.downloaded", row.project_id, clauses=CLAUSES, table=row.id, sha256=row.csv_sha256)
    return content


def _view(row: ReleasedTable) -> TableView:
    return TableView(
        id=row.id,
        project_id=row.project_id,
        dataset_id=row.dataset_id,
        table=row.table_name,
        by=row.by,
        where=row.where,
        cells=row.cells,
        threshold=row.threshold,
        csv_sha256=row.csv_sha256,
        released_by=row.released_by,
        released_at=row.released_at,
    )
