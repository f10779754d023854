"""Finds everything linked people asked for before, and measures it with the new scope on the stored data."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd
from sqlmodel import Session, col, or_, select

import catalog_browser.service as catalogue
from catalog_browser.views import VariableView, VersionView
from enclave.disclosure.linkage import Extract, Linkage, linkage
from enclave.disclosure.uniqueness import class_sizes
from enclave.grants import service as grants
from enclave.kernel.errors import Invalid, NotFound, Refused
from enclave.kernel.identity import Account
from enclave.kernel.settings import settings
from request_review import scope
from request_review.history import Alone, Cohort, History, judge
from request_review.models import Request, RequestMember
from request_review.rulebook import rules

DELIVERABLE = ("decided", "agreement", "granted")


@dataclass(frozen=True)
class Asked:
    """What was asked for, or granted: enough to evaluate it again."""

    label: str
    state: str
    version_id: str
    columns: tuple[str, ...]
    row_filter: tuple[Mapping[str, Any], ...]


def of_request(row: Request, columns: Sequence[str] = ()) -> Asked:
    """Return the scope of a request: what was approved once it is decided, else what was asked for."""
    approved = row.decision.get("columns") if row.state in DELIVERABLE else None
    chosen = columns or approved or row.answers.get("columns", ())
    return Asked(row.id, row.state, row.version_id, tuple(chosen), tuple(row.answers.get("row_filter", ())))


def linked(session: Session, row: Request, team: Sequence[str]) -> tuple[Asked, ...]:
    """Return the earlier scopes on the same data set of these people, their institutions and their project.

    Refused and withdrawn requests count, whoever submitted them and however long ago (D21, 10.4.2-e-2d3);
    drafts, which nobody saw, do not. A grant that no such request stands for is added from the grants.
    """
    people = [row.applicant, *team]
    units = set(session.exec(select(Account.institution).where(col(Account.username).in_(people))))
    colleagues = select(Account.username).where(col(Account.institution).in_(units | {row.institution}))
    by_member = select(RequestMember.request_id).where(
        or_(col(RequestMember.username).in_(people), col(RequestMember.username).in_(colleagues))
    )
    same_project = [col(Request.id).in_(_of_project(session, row))] if number_key(row.project_number) else []
    query = (
        select(Request)
        .where(Request.dataset_id == row.dataset_id, Request.id != row.id, col(Request.submitted_at).is_not(None))
        .where(
            or_(
                col(Request.applicant).in_(people),
                col(Request.applicant).in_(colleagues),
                col(Request.institution).in_(units | {row.institution}),
                col(Request.id).in_(by_member),
                *same_project,
            )
        )
        .order_by(col(Request.submitted_at), col(Request.id))
    )
    found = [of_request(each) for each in session.exec(query, execution_options={"populate_existing": True})]
    known = {asked.label for asked in found}
    held = grants.held_by(session, people, units | {row.institution})
    found += [
        Asked(grant.id, "granted", grant.version_id, grant.columns, grant.row_filter)
        for grant in held
        if grant.dataset_id == row.dataset_id and grant.request_id not in known and grant.request_id != row.id
    ]
    return tuple(found)


def number_key(number: str) -> str:
    """Return a project's number without what spelling adds: width, case, spaces, signs."""
    return "".join(sign for sign in unicodedata.normalize("NFKC", number).casefold() if sign.isalnum())


def _of_project(session: Session, row: Request) -> list[str]:
    """Return the requests on the data set whose project bears the same number, however it was written."""
    query = select(Request.id, Request.project_number).where(Request.dataset_id == row.dataset_id)
    wanted = number_key(row.project_number)
    return [found for found, number in session.exec(query) if number_key(number) == wanted]


def basis(asked: Sequence[Asked], new: Asked) -> str:
    """Return a digest of everything a history check rests on; another digest means it must be done again."""
    held = rules("history")["held"]
    parts: list[Any] = [
        (each.label, each.state in held, each.version_id, each.columns, each.row_filter) for each in asked
    ]
    rested = [rules("history").stamp, settings().cell_threshold, new.version_id, new.columns, new.row_filter, parts]
    return hashlib.sha256(json.dumps(rested, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def measure(new: Asked, asked: Sequence[Asked]) -> History:
    """Evaluate all scopes on the data and judge them. Call it outside a unit of work: it may take seconds."""
    version = catalogue.version(new.version_id)
    known = catalogue.variables(version.dataset_id)
    with ExitStack() as stack:
        opened = {version.id: (version, stack.enter_context(scope.opened(version)))}
        for version_id in sorted({each.version_id for each in asked} - {version.id}):
            with suppress(NotFound):  # a version whose data were destroyed: its scopes will be unreadable
                other = catalogue.version(version_id)
                opened[version_id] = (other, stack.enter_context(scope.opened(other)))
        cohort = _evaluated(new, known, opened)
        earlier = [_readable(each, known, opened) for each in asked]
        alone = list(alone_on(cohort, telling_columns(known, version), *opened[version.id]))
        exposures = [
            found
            for other, data in opened.values()
            for found in exposures_on(cohort, earlier, telling_columns(known, other), other, data)
        ]
    judged = judge(cohort, earlier, alone, exposures, settings().cell_threshold)
    return replace(judged, basis=basis(asked, new))


Opened = Mapping[str, tuple[VersionView, scope.Data]]


def _evaluated(asked: Asked, known: Sequence[VariableView], opened: Opened) -> Cohort:
    version, data = opened[asked.version_id]
    read = scope.read(asked.columns, asked.row_filter, version, known)
    personal = any(data.has_persons(table) for table in read.columns)
    return Cohort(asked.label, asked.state, read.names, data.persons(read), personal)


def _readable(asked: Asked, known: Sequence[VariableView], opened: Opened) -> Cohort:
    try:
        return _evaluated(asked, known, opened)
    except (Invalid, Refused, KeyError):  # its columns or its data are gone: a person must look (P6)
        return Cohort(asked.label, asked.state, frozenset(), None)


def telling_columns(known: Sequence[VariableView], version: VersionView) -> frozenset[tuple[str, str]]:
    """Return the columns of a version by which somebody may know a person, as (table, column).

    What the version made unknowable does not count, as it does not for its k: nobody outside knows a person's
    shifted dates or his pseudonym.
    """
    rule = rules("history")
    made: Mapping[str, Mapping[str, Mapping[str, str]]] = version.profile.get("tables", {})
    return frozenset(
        (each.table, each.name)
        for each in known
        if each.role in rule["known_by_roles"]
        and made.get(each.table, {}).get(each.name, {}).get("method") not in rule["unknowable_by_methods"]
    )


def alone_on(
    new: Cohort, telling: frozenset[tuple[str, str]], version: VersionView, data: scope.Data
) -> Iterator[Alone]:
    """Measure, table by table, whom the columns asked for single out within the cohort."""
    for table in version.columns:
        columns = sorted(name for name in _of_table(new, table) if (table, name) in telling)
        if not columns or not new.persons or not data.has_persons(table):
            continue
        frame = data.frame(table, columns)
        frame = frame[frame[scope.PERSON].isin(list(new.persons))]
        persons = frame[scope.PERSON].to_numpy()
        smallest = pd.Series(class_sizes(frame, columns, persons)).groupby(persons).min()
        below = int((smallest < settings().cell_threshold).sum())
        yield Alone(tuple(columns), int((smallest == 1).sum()), below)


def exposures_on(
    new: Cohort,
    earlier: Sequence[Cohort],
    telling: frozenset[tuple[str, str]],
    version: VersionView,
    data: scope.Data,
) -> Iterator[Linkage]:
    """Measure, table by table, whom the union of columns with earlier scopes makes more identifiable.

    Done on every version somebody holds: the finer one shows more than the new one has.
    """
    asked_for = new.columns.union(*(other.columns for other in earlier))
    for table, columns in version.columns.items():
        wanted = [name for name in columns if (table, name) in telling & asked_for]
        extracts = [
            Extract(other.label, names, other.persons)
            for other in earlier
            if other.persons and (names := _of_table(other, table))
        ]
        if not extracts or not wanted or not new.persons or not _of_table(new, table) or not data.has_persons(table):
            continue
        frame = data.frame(table, wanted)
        own = Extract(new.label, _of_table(new, table), new.persons)
        found = linkage(frame, frame[scope.PERSON].to_numpy(), wanted, own, extracts, settings().cell_threshold)
        if found is not None:
            yield found


def _of_table(cohort: Cohort, table: str) -> frozenset[str]:
    return frozenset(name for place, name in cohort.columns if place == table)
