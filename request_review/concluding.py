"""From approval to grant: draw up the agreement, sign it, register the use and issue the grant."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlmodel import col, select

import catalog_browser.service as catalogue
from catalog_browser.views import DataSetDetail, VersionView
from enclave.grants import service as grants
from enclave.kernel import clock, storage
from enclave.kernel.crypto import Tampered
from enclave.kernel.db import new_id, reading
from enclave.kernel.errors import Conflict, Invalid, Refused
from enclave.kernel.i18n import text
from enclave.kernel.identity import Account, Actor, system
from enclave.kernel.unit import unit_of_work
from enclave.policy import records
from request_review import agreements, earlier, ruling
from request_review.applying import check_basis, close, context_of, expect
from request_review.case import Case, check_step, load, locked
from request_review.forms import day, fields, filter_text
from request_review.history import History
from request_review.models import Registration, Request, Signature
from request_review.reviewing import check_history
from request_review.rulebook import label, rules
from request_review.views import RegisterGrant, Sign


def draw_up_agreement(actor: Actor, request_id: str) -> str:
    """Draw up the agreement of an approved request as a PDF and open it for signing (B-0).

    Worker and authority may both ask for it: whoever comes second finds it done, and nothing is drawn up twice.
    """
    with reading() as session:
        case = load(session, request_id)
        step = check_step(case, actor, "draw_up_agreement", {})
        number = f"{clock.today().year}-{case.row.id.removeprefix('req-')}"
        drawn_up = datetime.fromisoformat(case.row.decision["at"])
        pdf = agreements.render(_facts(case), _annex(case), number, drawn_up)
    stored = storage.put_bytes(pdf, "agreement")
    with unit_of_work(actor) as unit:
        case = locked(unit, request_id)
        if case.row.state == "agreement":
            return request_id
        check_step(case, actor, "draw_up_agreement", {})
        decision = ruling.agreement(_decided(case), context_of(case.session, case.row, case.files)).require()
        storage.keep(unit, stored.key)
        template = rules("agreement-2").stamp
        case.row.state = "agreement"
        case.row.agreement = {
            "number": number,
            "object_key": stored.key,
            "sha256": stored.sha256,
            "size": stored.size,
            "template": template,
            "at": clock.now().isoformat(),
        }
        facts = {"agreement": number, "sha256": stored.sha256, "template": template}
        clauses = dict.fromkeys((*step.clauses, *decision.clauses))
        unit.record("agreement.drawn-up", request_id, clauses=clauses, decision=decision.as_facts(), **facts)
        return request_id


def draw_up_job(payload: Mapping[str, Any]) -> None:
    """Outbox handler of `request.agreement`: does nothing when it was done, or the request withdrawn, before."""
    with reading() as session:
        state = load(session, payload["request"]).row.state
    if state == "decided":
        draw_up_agreement(system("worker"), payload["request"])


def _decided(case: Case) -> dict[str, Any]:
    """Return the answers with the columns the decision left of those asked for."""
    return case.row.answers | {"columns": case.row.decision["columns"]}


def _facts(case: Case) -> dict[str, str]:
    answers, detail = case.row.answers, _detail(case)
    project = answers["project_title"]
    return {
        "party_a": detail.controller,
        "party_b": answers["requesting_unit"],
        "party_b_address": answers["institution_address"],
        "project_name": project,
        "applied_project": f"{project}（立项编号：{answers['project_number']}）",
        "work_b": answers["work_division"],
        "funds": agreements.funds(
            answers.get("funds_total") or 0, answers.get("funds_party_a") or 0, answers.get("funds_payment") or ""
        ),
        "joint_work": case.row.title,
        "permitted_work": case.row.title,
        "data_list": f"{detail.title_zh}（{_option('version_kind', answers)}）",
        "people": _people(case),
    }


def _annex(case: Case) -> dict[str, str]:
    answers, detail, decision = case.row.answers, _detail(case), case.row.decision
    version = catalogue.version(case.row.version_id)
    known = rules("committee")["decision_clauses"]
    values = rules("agreement-2")["values"]
    return {
        "dataset": f"{detail.title_zh}（{detail.id}）",
        "version": _version_text(version, answers),
        "columns": "、".join(decision["columns"]),
        "rows": filter_text(answers.get("row_filter", [])),
        "purpose": f"{answers['purpose']} {_option('purpose', answers)}（{_option('purpose_kind', answers)}）",
        "period": f"{answers['starts_on']} 至 {answers['ends_on']}（含当日，北京时间）",
        "people": _people(case),
        "delivery": _option("delivery", answers),
        "encryption": values["encryption"],
        "transfer": values["transfer"],
        "conditions": decision["conditions"] or "无",
        "decided": "；".join(f"{clause} {label(known, clause, 'zh')}" for clause in decision["clauses"]),
    }


def _detail(case: Case) -> DataSetDetail:
    return catalogue.get(system("requests"), case.row.dataset_id)


def _option(code: str, answers: Mapping[str, Any]) -> str:
    return label(fields()[code].options or {}, answers[code], "zh")


def _version_text(version: VersionView, answers: Mapping[str, Any]) -> str:
    return f"{_option('version_kind', answers)}，第 {version.level} 级，版本 {version.id}（第 {version.number} 版）"


def _people(case: Case) -> str:
    query = select(Account).where(col(Account.username).in_(case.team)).order_by(col(Account.username))
    found = {account.username: account.display_name for account in case.session.exec(query)}
    return "、".join(f"{found[name]}（{name}）" for name in case.team)


def sign(actor: Actor, command: Sign) -> str:
    """Accept exactly the stored PDF; the platform's key seals who accepted what, and when.

    The applicant signs for party B and the authority for party A; each member acknowledges for himself.
    """
    if not command.accepted:
        raise Invalid("request_sign_accept")
    with reading() as session:
        case = load(session, command.request_id)
        check_step(case, actor, "sign", {})
        check_agreement(case.row, command.sha256)
    with unit_of_work(actor) as unit:
        case = locked(unit, command.request_id)
        step = check_step(case, actor, "sign", {})
        if case.row.agreement["sha256"] != command.sha256:
            raise Conflict("request_sign_other")
        signature = unit.add(_signature(case, actor))
        facts = {"party": signature.party, "sha256": signature.sha256, "seal": signature.seal}
        unit.record("agreement.signed", case.row.id, clauses=step.clauses, **facts)
        return case.row.id


def check_agreement(row: Request, sha256: str) -> bytes:
    """Return the stored PDF if it is, byte for byte, the one with this SHA-256; otherwise refuse."""
    if row.agreement.get("sha256") != sha256:
        raise Conflict("request_sign_other")
    content = storage.fetch_bytes(row.agreement["object_key"])
    if agreements.sha256(content) != sha256:
        raise Tampered("object_tampered")
    return content


def _signature(case: Case, actor: Actor) -> Signature:
    party = "party_b" if actor.username == case.row.applicant else "party_a"
    if actor.username in case.members:
        party = "member"
    if party == "party_a" and any(each.party == "party_a" for each in case.signatures):
        raise Conflict("request_signed_already")
    words, at, sha256 = text(f"request_sign_{party}", "zh"), clock.now(), case.row.agreement["sha256"]
    seal, key = agreements.seal(agreements.statement(case.row.id, party, actor.username, sha256, words, at))
    return Signature(
        id=new_id("sig"),
        request_id=case.row.id,
        party=party,
        username=actor.username,
        sha256=sha256,
        statement=words,
        signed_at=at,
        seal=seal,
        key=key,
    )


def signature_holds(row: Request, signature: Signature) -> bool:
    """Tell whether a signature's seal holds and names the agreement as it stands."""
    content = agreements.statement(
        signature.request_id, signature.party, signature.username, signature.sha256, signature.statement,
        signature.signed_at,
    )  # fmt: skip
    return signature.sha256 == row.agreement.get("sha256") and agreements.seal_holds(
        content, signature.seal, signature.key
    )


def register_grant(actor: Actor, command: RegisterGrant) -> str:
    """Register the use and issue the grant, in one transaction; history must still allow it (9.1.4-4, 9.1.4-5)."""
    history = _history_now(actor, command)
    with unit_of_work(actor) as unit:
        case = locked(unit, command.request_id)
        step = check_step(case, actor, "register_grant", {})
        expect(case.row, command.version)
        check_basis(case, history)
        check_history(history)
        context = context_of(case.session, case.row, case.files)
        decision = ruling.grant(_decided(case), context, matter_unused=_unused(case)).require()
        registration = unit.add(_registration(case, actor, command))
        case.row.history = history.as_dict()
        use = ruling.kept(ruling.use_of(case.row.answers, context))
        grant = grants.issue(actor, _grant(case, registration, use))
        case.row.project_id, case.row.registration = grant.project_id, registration.number
        case.row.filing = registration.filing
        close(unit, case.row, "granted", "")
        unit.record(
            "request.registered",
            case.row.id,
            clauses=dict.fromkeys((*step.clauses, *decision.clauses)),
            decision=decision.as_facts(),
            disclosure=_disclosure(case),
            registration=registration.number,
            project=grant.project_id,
            grant=grant.id,
            history=history.outcome,
            purpose=registration.purpose,
            mode=registration.mode,
        )
        return case.row.id


def _unused(case: Case) -> bool:
    """Tell whether this approval has not served a matter yet (9.3-1)."""
    return case.session.exec(select(Registration).where(Registration.request_id == case.row.id)).first() is None


def _disclosure(case: Case) -> dict[str, Any]:
    """Return the five attributes of the disclosure this grant makes (3.10); the basis is the agreement signed."""
    row = case.row
    content = (row.dataset_id, row.version_id, *row.decision["columns"])
    basis = f"agreement {row.agreement['number']}"
    return records.disclosure(
        recipient=row.institution, content=content, purpose=row.answers["purpose"], legal_basis=basis, at=clock.now()
    )


def _history_now(actor: Actor, command: RegisterGrant) -> History:
    """Return the check the decision rests on while nothing changed since; measure again when something did."""
    with reading() as session:
        case = load(session, command.request_id)
        check_step(case, actor, "register_grant", {})
        check_signatures(case)
        check_agreement(case.row, case.row.agreement["sha256"])
        new, asked = earlier.of_request(case.row), earlier.linked(session, case.row, case.members)
        kept = History.from_dict(case.row.history)
    return kept if kept.basis == earlier.basis(asked, new) else earlier.measure(new, asked)


def check_signatures(case: Case) -> None:
    """Refuse an agreement one of whose signatures does not hold."""
    if not all(signature_holds(case.row, signature) for signature in case.signatures):
        raise Refused("request_signature_broken", clauses=("B.1-6", "B.2-7"))


def _registration(case: Case, actor: Actor, command: RegisterGrant) -> Registration:
    answers = case.row.answers
    if answers["mode"] == "point_to_point" and not command.filing.strip():
        raise Invalid("request_filing_missing", clauses=("9.3-6",))
    number = command.registration.strip() or f"REG-{clock.today():%Y%m%d}-{case.row.id.removeprefix('req-')}"
    if case.session.get(Registration, number):
        raise Conflict("request_registration_taken", number=number)
    first, last = _period(answers)
    return Registration(
        number=number,
        request_id=case.row.id,
        filing=command.filing.strip(),
        purpose=answers["purpose"],
        mode=answers["mode"],
        starts_on=first,
        ends_on=last,
        registered_by=actor.username,
        registered_at=clock.now(),
    )


def _period(answers: Mapping[str, Any]) -> tuple[Any, Any]:
    first, last = day(answers, "starts_on"), day(answers, "ends_on")
    if first is None or last is None or last < clock.today():
        raise Refused("request_period_over", clauses=("9.1.4-4",))
    return first, last


def _grant(case: Case, registration: Registration, use: dict[str, Any]) -> grants.IssueGrant:
    row = case.row
    return grants.IssueGrant(
        request_id=row.id,
        title=row.title,
        lead=row.applicant,
        institution=row.institution,
        members=case.members,
        dataset_id=row.dataset_id,
        version_id=row.version_id,
        columns=tuple(row.decision["columns"]),
        row_filter=tuple(row.answers.get("row_filter", [])),
        starts_on=registration.starts_on,
        ends_on=registration.ends_on,
        registration=registration.number,
        agreement_sha256=row.agreement["sha256"],
        epsilon=row.decision["epsilon"],
        use=use,
    )
