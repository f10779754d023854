"""What applicants do: save, attach, submit, withdraw."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import puremagic
from sqlmodel import Session, col, select

import catalog_browser.service as catalogue
from enclave.kernel import clock, storage
from enclave.kernel.db import new_id, reading
from enclave.kernel.errors import Conflict, Invalid, NotFound, Refused
from enclave.kernel.identity import Account, Actor, Role, load_actor, roles_of
from enclave.kernel.institutions import Institution
from enclave.kernel.unit import UnitOfWork, unit_of_work
from enclave.policy.decision import Decision
from request_review import earlier, ruling
from request_review.case import Case, check_step, load, locked
from request_review.checks import Context, Person, problems
from request_review.forms import Problem, read_answers
from request_review.history import History
from request_review.models import Request, RequestFile, RequestMember
from request_review.qualification import Score, score
from request_review.rulebook import rules, stamps
from request_review.views import Attach, SaveDraft, Submit, Withdraw
from request_review.workflow import Guard

PROMOTED = ("title", "dataset_id", "version_kind", "project_number")


def save_draft(actor: Actor, command: SaveDraft) -> str:
    """Save answers and return the request's id; what the answers leave out stays, what is None is dropped."""
    answers = read_answers(command.answers)
    dropped = {code for code, value in command.answers.items() if value is None}
    with unit_of_work(actor) as unit:
        row = _draft(unit, command)
        row.answers = {code: value for code, value in (row.answers | answers).items() if code not in dropped}
        for name in PROMOTED:
            setattr(row, name, row.answers.get(name, ""))
        _set_members(unit, row)
        unit.record("request.saved", row.id, clauses=("9.1.4-1",), form=rules("form").stamp, fields=sorted(answers))
        return row.id


def _draft(unit: UnitOfWork, command: SaveDraft) -> Request:
    if command.request_id:
        case = locked(unit, command.request_id)
        check_step(case, unit.actor, "save_draft", {})
        expect(case.row, command.version)
        return case.row
    unit.require(Role.RESEARCHER)
    account = unit.get(Account, unit.actor.username)
    row = Request(
        id=new_id("req"),
        applicant=account.username,
        institution=account.institution,
        created_at=clock.now(),
        answers={},
        rules={},
        score={},
        history={},
        evaluation={},
        decision={},
        agreement={},
    )
    return unit.add(row)


def _set_members(unit: UnitOfWork, row: Request) -> None:
    wanted = {name for name in row.answers.get("members", []) if unit.session.get(Account, name)} - {row.applicant}
    for member in unit.session.exec(select(RequestMember).where(RequestMember.request_id == row.id)):
        if member.username in wanted:
            wanted.discard(member.username)
        else:
            unit.session.delete(member)
    for name in sorted(wanted):
        unit.add(RequestMember(request_id=row.id, username=name))


def expect(row: Request, version: int | None) -> None:
    """Refuse a step taken from a page older than the request: somebody was there first."""
    if version is not None and row.version != version:
        raise Conflict("already_decided")


def attach(actor: Actor, command: Attach) -> str:
    """Store a document with a draft and return the file's id; PDF, PNG and JPG by content, not by name."""
    media_type = check_upload(command.kind, command.content)
    with reading() as session:
        check_step(load(session, command.request_id), actor, "attach", {})
    stored = storage.put_bytes(command.content, "request-file")
    with unit_of_work(actor) as unit:
        check_step(locked(unit, command.request_id), actor, "attach", {})
        storage.keep(unit, stored.key)
        row = RequestFile(
            id=new_id("rf"),
            request_id=command.request_id,
            kind=command.kind,
            name=shown_name(command.name),
            media_type=media_type,
            object_key=stored.key,
            sha256=stored.sha256,
            size=stored.size,
            uploaded_at=clock.now(),
        )
        unit.add(row)
        clauses = rules("form")["uploads"]["kinds"][command.kind]["clauses"]
        facts = {"file": row.id, "kind": row.kind, "sha256": row.sha256, "size": row.size}
        unit.record("request.attached", command.request_id, clauses=clauses, **facts)
        return row.id


def shown_name(name: str) -> str:
    """Return a file's name for showing: without control and direction characters, at most 200 long."""
    kept = "".join(sign for sign in name if not unicodedata.category(sign).startswith("C"))
    return kept.strip()[:200] or "document"


def detach(actor: Actor, request_id: str, file_id: str) -> None:
    """Remove a document from a draft; its content is destroyed."""
    with unit_of_work(actor) as unit:
        check_step(locked(unit, request_id), actor, "attach", {})
        row = unit.get(RequestFile, file_id)
        if row.request_id != request_id:
            raise NotFound("not_found", kind="file", id=file_id)
        storage.erase(unit, row.object_key)
        unit.session.delete(row)
        unit.record("request.detached", request_id, clauses=("10.4.2-e-2b2",), file=file_id)


def check_upload(kind: str, content: bytes) -> str:
    """Return the media type of an upload, or refuse kind, size or content."""
    limits = rules("form")["uploads"]
    if kind not in limits["kinds"]:
        raise Invalid("request_upload_kind", kind=kind)
    if not content:
        raise Invalid("request_upload_empty")
    if len(content) > limits["bytes_at_most"]:
        raise Invalid("request_upload_large", most=limits["bytes_at_most"] // 2**20)
    try:
        extension = puremagic.from_string(content).lstrip(".")
    except (puremagic.PureError, ValueError):
        extension = ""
    media_type = limits["types"].get(extension)
    if media_type is None:
        raise Invalid("request_upload_type", clauses=limits["kinds"][kind]["clauses"])
    return str(media_type)


def context_of(session: Session, row: Request, files: tuple[RequestFile, ...]) -> Context:
    """Return what the answers of a request are held against, as of now."""
    names = [row.applicant, *row.answers.get("members", [])]
    people = {}
    for account in session.exec(select(Account).where(col(Account.username).in_(names))):
        held = roles_of(session, account.username)
        place = session.get(Institution, account.institution)
        people[account.username] = Person(
            account.username, account.display_name, account.institution, account.active, held, **_place(place)
        )
    detail = version = None
    if row.dataset_id:
        try:
            detail = catalogue.get(load_actor(session, row.applicant), row.dataset_id)
        except NotFound:
            detail = None
    if detail is not None:
        newest = detail.latest(row.version_kind)
        chosen = row.version_id or (newest.id if newest else "")
        version = catalogue.version(chosen) if chosen else None  # whole: what the applicant sees is blunted
    kinds = frozenset(file.kind for file in files)
    return Context(row.applicant, clock.today(), detail, version, people, kinds)


def _place(found: Institution | None) -> dict[str, Any]:
    if found is None:
        return {}
    return {"institution_zh": found.name_zh, "institution_en": found.name_en, "kind": found.kind}


def open_problems(answers: Mapping[str, Any], context: Context) -> tuple[Problem, ...]:
    """Return what stands against submission: the form's own checks, and the rules once they have what they ask."""
    found = problems(answers, context)
    unreadable = {each.field for each in found}.intersection(ruling.ASKED)
    return found if unreadable else (*found, *ruling.problems(answers, context))


def submission_guards(case: Case) -> dict[str, Guard]:
    """Return the guards of submission: complete form, minimum qualification."""

    def context() -> Context:
        return context_of(case.session, case.row, case.files)

    return {
        "form_complete": lambda: _check_complete(open_problems(case.row.answers, context())),
        "minimums_met": lambda: _check_minimums(score(case.row.answers, context())),
    }


def _check_complete(found: tuple[Problem, ...]) -> None:
    if found:
        lists = {f"list_{language}": " ".join(each.message(language) for each in found) for language in ("zh", "en")}
        clauses = dict.fromkeys(clause for each in found for clause in each.clauses)
        fields = [each.field for each in found]
        raise Invalid("request_form_incomplete", clauses=clauses, count=len(found), fields=fields, **lists)


def _check_minimums(found: Score) -> None:
    if not found.eligible:
        lists = {
            f"list_{language}": "；".join(
                f"{line.label(language)}（{line.evidence(language)}）" for line in found.failed
            )
            for language in ("zh", "en")
        }
        clauses = dict.fromkeys(clause for line in found.failed for clause in line.clauses)
        raise Refused("request_unqualified", clauses=clauses, lines=[line.code for line in found.failed], **lists)


def submit(actor: Actor, command: Submit) -> str:
    """Submit a draft: it is complete, the applicant meets the minimums, history is checked on the data."""
    with reading() as session:
        case = load(session, command.request_id)
        context = context_of(session, case.row, case.files)
        check_step(case, actor, "submit", submission_guards(case))
        new = replace(earlier.of_request(case.row), version_id=_version_id(context))
        asked = earlier.linked(session, case.row, case.members)
    history = earlier.measure(new, asked)
    with unit_of_work(actor) as unit:
        case = locked(unit, command.request_id)
        context = context_of(unit.session, case.row, case.files)
        check_step(case, actor, "submit", submission_guards(case))
        expect(case.row, command.version)
        case.row.version_id = _version_id(context)
        check_basis(case, history)
        decision = ruling.application(case.row.answers, context)
        if decision.denied:
            decision.require()
        _keep_submission(unit, case.row, score(case.row.answers, context), history, decision)
        return case.row.id


def _version_id(context: Context) -> str:
    if context.version is None:
        raise Invalid("request_no_version")
    return context.version.id


def check_basis(case: Case, history: History, columns: tuple[str, ...] = ()) -> None:
    """Refuse a history check that does not rest on what the database holds now."""
    asked = earlier.linked(case.session, case.row, case.members)
    if earlier.basis(asked, earlier.of_request(case.row, columns)) != history.basis:
        raise Conflict("request_history_stale", clauses=("10.4.2-e-2d1",))


def _keep_submission(unit: UnitOfWork, row: Request, points: Score, history: History, decision: Decision) -> None:
    row.state, row.submitted_at = "submitted", clock.now()
    row.rules, row.score, row.history = stamps(), asdict(points), history.as_dict()
    unit.record(
        "request.submitted",
        row.id,
        clauses=dict.fromkeys(("9-2", "9.1.4-1", *history.clauses, *decision.clauses)),
        decision=decision.as_facts(),
        dataset=row.dataset_id,
        version=row.version_id,
        columns=len(row.answers["columns"]),
        team=1 + len(row.answers.get("members", [])),
        score=points.total,
        history=history.outcome,
        findings=len(history.findings),
        rules=row.rules,
    )


def withdraw(actor: Actor, command: Withdraw) -> str:
    """Take a request back; a submitted one goes on counting in every later history check."""
    with unit_of_work(actor) as unit:
        case = locked(unit, command.request_id)
        step = check_step(case, actor, "withdraw", {})
        expect(case.row, command.version)
        close(unit, case.row, "withdrawn", command.reason)
        unit.record("request.withdrawn", case.row.id, clauses=step.clauses)
        return case.row.id


def close(unit: UnitOfWork, row: Request, state: str, reason: str) -> None:
    """Bring a request to an end."""
    row.state, row.closed_at, row.closing_reason = state, clock.now(), reason
    unit.session.flush()
