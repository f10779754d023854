"""What applicants, stewards, committee and authority may and may not do with an application."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from sqlmodel import Session, select

from enclave.grants import service as grants
from enclave.kernel import ledger
from enclave.kernel.db import engine, reading
from enclave.kernel.errors import EnclaveError
from enclave.kernel.identity import Account, Role
from enclave.kernel.unit import unit_of_work
from request_review import earlier, jobs, printed, service
from request_review.models import Request, Signature
from request_review.reviewing import digest
from tests.factories import requests as make


@pytest.fixture
def data(people, object_store):
    return make.publish(people["wang"], {"cases": make.cases()})


def refused(call, *arguments) -> str:
    with pytest.raises(EnclaveError) as refusal:
        call(*arguments)
    error = refusal.value
    assert "{" not in error.message("zh") + error.message("en")
    return error.code


def events(action: str) -> list[ledger.LedgerEvent]:
    with reading() as session:
        assert not ledger.verify(ledger.stored(session)).fault
        return list(session.exec(select(ledger.LedgerEvent).where(ledger.LedgerEvent.action == action)))


@pytest.mark.promise("P7")
def test_an_applicant_with_every_role_decides_nothing_on_his_own_request(people, account, data):
    mighty = account("mao", *Role, institution="ELSE")
    request = make.submitted(mighty, data.id)
    assert refused(
        service.assign_reviewers,
        mighty,
        service.AssignReviewers(request.id, request.version, ("sun", "zhou"), make.evaluation(), ""),
    ) == "request_conflict"  # fmt: skip
    assert refused(make.in_review, people, request, ("sun", "mao")) == "request_conflict"
    make.in_review(people, request)
    for name in ("sun", "zhou"):
        service.review(people[name], make.a_review(request.id))
    request = service.view(mighty, request.id)
    assert refused(service.decide, mighty, make.decision(request)) == "request_conflict"
    assert request.panel is None and request.history is None and not request.may("decide")


@pytest.mark.promise("P7")
@pytest.mark.clause("9.1.4-0")
def test_one_person_acts_in_one_step_only(people, account, data):
    both = account("duan", Role.STEWARD, Role.COMMITTEE, Role.AUTHORITY, institution="ELSE")
    request = make.submitted(people["li"], data.id)
    command = service.AssignReviewers(request.id, request.version, ("sun", "duan"), make.evaluation(), "")
    assert refused(service.assign_reviewers, both, command) == "request_conflict"
    service.assign_reviewers(both, replace(command, reviewers=("sun", "zhou")))
    for name in ("sun", "zhou"):
        service.review(people[name], make.a_review(request.id))
    assert refused(service.decide, both, make.decision(service.view(both, request.id))) == "request_conflict"


@pytest.mark.promise("P7")
def test_a_declared_conflict_gives_up_the_seat_and_all_sight(people, account, data):
    tang = account("tang", Role.COMMITTEE, institution="ELSE")
    request = make.in_review(people, make.submitted(people["li"], data.id))
    service.review(people["sun"], make.a_review(request.id))
    service.declare_conflict(people["sun"], service.DeclareConflict(request.id, "近亲属"))
    assert refused(service.view, people["sun"], request.id) == "not_found"
    service.review(people["zhou"], make.a_review(request.id))
    request = service.view(people["wu"], request.id)
    assert refused(service.decide, people["wu"], make.decision(request)) == "request_reviews_open"
    assert refused(make.in_review, people, request, ("sun",)) == "request_reviewer_seated"
    make.in_review(people, request, ("tang",))
    service.review(tang, make.a_review(request.id))
    request = service.decide(people["wu"], make.decision(service.view(people["wu"], request.id)))
    assert request.state == "decided"
    struck = next(seat for seat in request.panel.seats if seat.reviewer == "sun")
    assert struck.content is None and struck.state == "recused"
    assert refused(service.declare_conflict, people["chen"], service.DeclareConflict(request.id, "x")) == (
        "request_wrong_state"
    )


@pytest.mark.promise("P7")
def test_a_steward_who_declared_a_conflict_sees_no_review_score_or_history(people, data):
    request = make.in_review(people, make.submitted(people["li"], data.id))
    service.declare_conflict(people["chen"], service.DeclareConflict(request.id, "合作者"))
    shown = service.view(people["chen"], request.id)
    assert (shown.panel, shown.history, shown.score, shown.evaluation) == (None, None, None, None)


@pytest.mark.promise("P7")
def test_a_third_member_who_settles_a_tie_is_blind_too(people, account, data):
    tang = account("tang", Role.COMMITTEE, institution="ELSE")
    request = make.in_review(people, make.submitted(people["li"], data.id))
    service.review(people["sun"], make.a_review(request.id, "reject", comment="反对理由甲"))
    service.review(people["zhou"], make.a_review(request.id))
    request = service.view(people["wu"], request.id)
    assert refused(service.decide, people["wu"], make.decision(request)) == "request_panel_against"
    make.in_review(people, request, ("tang",))
    assert "反对理由甲" not in repr(service.view(tang, request.id))
    service.review(tang, make.a_review(request.id))
    assert "反对理由甲" in repr(service.view(tang, request.id))
    request = service.decide(people["wu"], make.decision(service.view(people["wu"], request.id)))
    assert request.state == "decided"


def test_a_review_is_given_once_and_in_full(people, data):
    request = make.in_review(people, make.submitted(people["li"], data.id))
    for changes in ({"comment": " "}, {"ethics": ""}, {"necessity": {"variables": True}}, {"expert_field": "magic"}):
        assert refused(service.review, people["sun"], make.a_review(request.id, **changes)) == (
            "request_review_incomplete"
        )
    doubtful = make.a_review(request.id, relevant=False)
    assert refused(service.review, people["sun"], doubtful) == "request_review_contradicts"
    service.review(people["sun"], make.a_review(request.id))
    assert refused(service.review, people["sun"], make.a_review(request.id, "reject")) == "request_review_given"


@pytest.mark.promise("P8")
@pytest.mark.clause("10.4.2-e-3b")
def test_a_decision_names_reasons_clauses_and_rule_versions_in_both_languages(people, data):
    request = make.submitted(people["li"], data.id)
    make.in_review(people, request)
    for name in ("sun", "zhou"):
        service.review(people[name], make.a_review(request.id))
    request = service.view(people["wu"], request.id)
    good = make.decision(request)
    for bad in (replace(good, reasons=" "), replace(good, clauses=()), replace(good, clauses=("made-up",))):
        assert refused(service.decide, people["wu"], bad) == "request_decision_reasons"
    request = service.decide(people["wu"], good)
    assert set(request.decision.rules) >= {"committee", "form", "history", "qualification", "workflow"}
    assert all(texts["zh"] and texts["en"] for texts in request.decision.clauses.values())
    event = events("request.decided")[0]
    assert set(good.clauses) <= set(event.clauses) and event.facts["rules"] == dict(request.decision.rules)
    with reading() as session:
        assert event.facts["record"] == digest(session.get_one(Request, request.id).decision)


@pytest.mark.clause("9.1.4-2a")
def test_an_evaluation_lacks_none_of_its_four_criteria(people, data):
    request = make.submitted(people["li"], data.id)
    for code in make.evaluation():
        partial = {name: each for name, each in make.evaluation().items() if name != code}
        command = service.AssignReviewers(request.id, request.version, ("sun", "zhou"), partial, "")
        assert refused(service.assign_reviewers, people["wang"], command) == "request_evaluation_incomplete"
    command = service.Decline(request.id, request.version, make.evaluation(), "社会意义不足", ("9.1.4-2a",))
    assert service.decline(people["wang"], command).state == "refused"


@pytest.mark.clause("9.1.4-2b")
@pytest.mark.clause("9.1.4-5")
def test_what_is_granted_may_be_narrower_than_asked_and_never_wider(people, data):
    request = make.submitted(people["li"], data.id, columns=["age", "sex", "county"])
    make.in_review(people, request)
    for name in ("sun", "zhou"):
        service.review(people[name], make.a_review(request.id))
    request = service.view(people["wu"], request.id)
    wider = make.decision(request, columns=("age", "diagnosis"))
    assert refused(service.decide, people["wu"], wider) == "request_decision_wider"
    request = service.decide(people["wu"], make.decision(request, columns=("age",), epsilon=1.5))
    request = make.signed(people, request)
    request = service.register_grant(people["wu"], service.RegisterGrant(request.id, request.version, "备"))
    grant = grants.get_project(request.project_id).grants[0]
    assert (grant.columns, grant.epsilon) == (("age",), 1.5)


def test_a_stale_page_grants_nothing(people, data):
    request = make.submitted(people["li"], data.id)
    in_review = make.in_review(people, request)
    for name in ("sun", "zhou"):
        service.review(people[name], make.a_review(request.id))
    assert refused(service.decide, people["wu"], replace(make.decision(in_review), version=request.version)) == (
        "already_decided"
    )
    service.withdraw(people["li"], service.Withdraw(request.id, in_review.version, "换题"))
    assert refused(service.decide, people["wu"], make.decision(in_review)) == "request_wrong_state"


@pytest.mark.clause("9-2")
def test_after_submission_no_answer_changes(people, data):
    request = make.submitted(people["li"], data.id)
    assert refused(service.save_draft, people["li"], service.SaveDraft({"title": "新"}, request.id)) == (
        "request_wrong_state"
    )
    assert refused(service.attach, people["li"], service.Attach(request.id, "other", "a.pdf", make.PDF)) == (
        "request_wrong_state"
    )
    assert service.view(people["li"], request.id).title == request.title


@pytest.mark.clause("10.4.2-e-2a")
@pytest.mark.clause("10.4.2-e-2b3")
def test_an_incomplete_or_unqualified_application_is_not_submitted(people, data):
    saved = service.save_draft(people["li"], service.SaveDraft(make.answers(data.id)))
    assert refused(service.submit, people["li"], service.Submit(saved.id, saved.version)) == "request_form_incomplete"
    weak = make.draft(people["li"], data.id, credit_person="C")
    assert refused(service.submit, people["li"], service.Submit(weak.id, weak.version)) == "request_unqualified"
    assert not weak.may("submit") and "社会信用" in weak.action("submit").reason("zh")
    assert service.view(people["li"], weak.id).state == "draft"


@pytest.mark.promise("P12")
def test_the_history_check_is_no_oracle_for_the_applicant(people, data):
    make.granted(people, data.id)
    near = make.submitted(people["li"], data.id, row_filter=[{"column": "ward", "op": ">=", "value": 3}])
    judged = service.view(people["wang"], near.id)
    assert judged.history.outcome == "deny" and "3 人" in judged.history.sentence("zh")
    for name in ("li",):
        shown = service.view(people[name], near.id)
        assert shown.history is None and shown.history_note("zh") == ""
    facts = [event.facts for event in events("request.submitted")]
    assert "findings" in facts[-1] and not any("persons" in each for each in facts)
    command = service.Decline(near.id, near.version, make.evaluation(), "差分风险", ("10.4.2-e-2d2",))
    service.decline(people["wang"], command)
    note = service.view(people["li"], near.id).history_note("zh")
    assert note and not any(sign.isdigit() for sign in note)


@pytest.mark.promise("P9")
def test_what_was_granted_between_submission_and_decision_counts(people, data):
    waiting = make.submitted(people["li"], data.id, row_filter=[{"column": "ward", "op": ">=", "value": 3}])
    make.in_review(people, waiting)
    for name in ("sun", "zhou"):
        service.review(people[name], make.a_review(waiting.id))
    assert service.view(people["wu"], waiting.id).history.outcome == "allow"
    make.granted(people, data.id, "zhang")
    request = service.view(people["wu"], waiting.id)
    assert refused(service.decide, people["wu"], make.decision(request)) == "request_history_denied"


@pytest.mark.clause("10.4.2-e-2d2")
def test_three_requests_each_small_add_up_and_the_third_says_so(people, data):
    for columns in (["age", "sex"], ["county"]):
        granted = make.granted(people, data.id, columns=columns)
        assert service.view(people["wang"], granted.id).history.outcome in ("allow", "ask")
    third = service.view(people["wang"], make.submitted(people["li"], data.id, columns=["diagnosis"]).id)
    exposure = next(found for found in third.history.findings if found.kind == "exposure")
    assert third.history.outcome == "ask" and "age" in exposure.zh and "county" in exposure.en


@pytest.mark.clause("B.1-4-1")
@pytest.mark.clause("B.2-1-3")
@pytest.mark.clause("9.3-6")
def test_nothing_is_registered_before_everybody_signed_exactly_this_pdf(people, data):
    request = make.decided(people, make.submitted(people["li"], data.id, members=["zhang"]))
    request = service.draw_up_agreement(people["wu"], request.id)
    pdf = service.agreement_pdf(people["zhang"], request.id)
    assert hashlib.sha256(pdf).hexdigest() == request.agreement.sha256
    assert refused(service.sign, people["li"], service.Sign(request.id, "0" * 64, True)) == "request_sign_other"
    good = service.Sign(request.id, request.agreement.sha256, True)
    assert refused(service.sign, people["li"], replace(good, accepted=False)) == "request_sign_accept"
    for name in ("wang", "feng"):
        assert refused(service.sign, people[name], good) == "request_not_yours"
    register = service.RegisterGrant(request.id, request.version, "备")
    for name in ("wu", "li", "zhang"):
        assert refused(service.register_grant, people["wu"], register) == "request_unsigned"
        service.sign(people[name], good)
        assert refused(service.sign, people[name], good) == "request_signed_already"
    request = service.view(people["wu"], request.id)
    assert [(each.party, each.valid) for each in request.agreement.signatures] == [
        ("party_a", True), ("party_b", True), ("member", True),
    ]  # fmt: skip
    assert refused(service.register_grant, people["wu"], replace(register, filing=" ")) == "request_filing_missing"
    assert service.register_grant(people["wu"], register).registration.startswith("REG-")


@pytest.mark.promise("P5")
@pytest.mark.clause("B.1-6")
def test_a_changed_agreement_or_signature_stops_everything(people, data, object_store):
    request = make.signed(people, make.decided(people, make.submitted(people["li"], data.id)))
    register = service.RegisterGrant(request.id, request.version, "备")
    with reading() as session:
        key = session.get_one(Request, request.id).agreement["object_key"]
    kept = object_store.objects[key]
    object_store.objects[key] = kept[:-1] + bytes([kept[-1] ^ 1])
    assert refused(service.agreement_pdf, people["li"], request.id) == "object_tampered"
    assert refused(service.register_grant, people["wu"], register) == "object_tampered"
    object_store.objects[key] = kept
    with Session(engine()) as session:  # somebody with the database changes who signed
        signature = session.exec(select(Signature).where(Signature.party == "party_b")).one()
        signature.statement = "本人什么都没有签"
        session.commit()
    assert not all(each.valid for each in service.view(people["wu"], request.id).agreement.signatures)
    assert refused(service.register_grant, people["wu"], register) == "request_signature_broken"


def test_drawing_up_twice_makes_one_agreement_and_withdrawing_makes_none(people, data):
    request = make.decided(people, make.submitted(people["li"], data.id))
    jobs.draw_up_job({"request": request.id})
    first = service.view(people["wu"], request.id).agreement
    jobs.draw_up_job({"request": request.id})
    assert service.draw_up_agreement(people["wu"], request.id).agreement == first
    assert len(events("agreement.drawn-up")) == 1
    other = make.decided(people, make.submitted(people["zhang"], data.id))
    service.withdraw(people["zhang"], service.Withdraw(other.id, other.version, "换题"))
    jobs.draw_up_job({"request": other.id})
    assert service.view(people["wu"], other.id).agreement is None


@pytest.mark.promise("P6")
def test_without_the_store_nothing_is_submitted(people, data, object_store):
    saved = make.draft(people["li"], data.id)
    object_store.down = True
    assert refused(service.submit, people["li"], service.Submit(saved.id, saved.version)) == "store_unavailable"
    object_store.down = False
    assert service.view(people["li"], saved.id).state == "draft"


@pytest.mark.promise("P9")
@pytest.mark.clause("10.4.2-e-2d3")
@pytest.mark.parametrize("ending", ["refused", "withdrawn"])
def test_what_was_refused_or_withdrawn_still_counts(people, data, ending):
    first = make.submitted(people["zhang"], data.id)
    if ending == "refused":
        command = service.Decline(first.id, first.version, make.evaluation(), "范围过宽", ("10.4.2-e-2c4",))
        service.decline(people["wang"], command)
    else:
        service.withdraw(people["zhang"], service.Withdraw(first.id, first.version, "换题"))
    near = make.submitted(people["li"], data.id, row_filter=[{"column": "ward", "op": ">=", "value": 3}])
    history = service.view(people["wang"], near.id).history
    assert history.outcome == "ask" and [each.state for each in history.beside] == [ending]
    assert {"difference"} <= {found.kind for found in history.findings}


@pytest.mark.promise("P9")
def test_another_version_of_the_data_hides_nothing(people, data):
    make.granted(people, data.id, version_kind="limited", columns=["county", "diagnosis"])
    filtered = [{"column": "ward", "op": ">=", "value": 3}]
    near = make.submitted(people["li"], data.id, columns=["age", "sex"], row_filter=filtered)
    history = service.view(people["wang"], near.id).history
    assert history.outcome == "deny"
    assert {"difference", "exposure"} <= {found.kind for found in history.findings}


@pytest.mark.promise("P9")
@pytest.mark.clause("10.4.2-e-2d3")
def test_moving_to_another_institution_hides_nothing(people, account, data):
    first = make.submitted(people["li"], data.id)
    service.withdraw(people["li"], service.Withdraw(first.id, first.version, "换题"))
    with unit_of_work(people["he"]) as unit:
        unit.get(Account, "li").institution = "ELSE"
        unit.record("account.moved", "account:li")
    near = {"row_filter": [{"column": "ward", "op": ">=", "value": 3}], "project_number": "99999999"}
    at_the_old_place = make.submitted(people["zhang"], data.id, **near)
    at_the_new_place = make.submitted(account("gao", Role.RESEARCHER, institution="ELSE"), data.id, **near)
    for request in (at_the_old_place, at_the_new_place):
        history = service.view(people["wang"], request.id).history
        assert first.id in {each.label for each in history.beside} and history.outcome == "ask"


@pytest.mark.promise("P9")
@pytest.mark.parametrize("step", ["submit", "decide"])
def test_what_is_granted_while_the_check_runs_makes_it_run_again(people, data, monkeypatch, step):
    request = make.draft(people["li"], data.id, row_filter=[{"column": "ward", "op": ">=", "value": 3}])
    if step == "decide":
        request = service.submit(people["li"], service.Submit(request.id, request.version))
        make.in_review(people, request)
        for name in ("sun", "zhou"):
            service.review(people[name], make.a_review(request.id))
        request = service.view(people["wu"], request.id)
    measure = earlier.measure

    def measure_and_meanwhile(*arguments):
        found = measure(*arguments)
        monkeypatch.setattr(earlier, "measure", measure)
        make.granted(people, data.id, "zhang")
        return found

    monkeypatch.setattr(earlier, "measure", measure_and_meanwhile)
    if step == "decide":
        assert refused(service.decide, people["wu"], make.decision(request)) == "request_history_stale"
    else:
        command = service.Submit(request.id, request.version)
        assert refused(service.submit, people["li"], command) == "request_history_stale"


@pytest.mark.clause("A-0")
@pytest.mark.clause("A-7")
def test_the_application_is_printed_as_appendix_a_at_every_stage_for_those_who_may_see_it(people, data, monkeypatch):
    printed_data = []
    monkeypatch.setattr(printed, "pdf", lambda template, content, at: printed_data.append(content) or b"%PDF")
    draft = service.save_draft(people["li"], service.SaveDraft({"title": "一"}))
    assert service.application_pdf(people["li"], draft.id) == b"%PDF"  # empty boxes, no failure
    request = make.decided(people, make.submitted(people["li"], data.id))
    for name in ("li", "wang", "wu"):
        service.application_pdf(people[name], request.id)
    assert refused(service.application_pdf, people["zhao"], request.id) == "not_found"
    content = printed_data[-1]
    assert content["title"] == "锦江医学院附属医院数据资源申请表"
    assert [each["label"] for each in content["delivery"] if each["chosen"]] == ["分析空间"]
    assert {"纸质", "电子表格", "数据库文件", "接口"} <= {each["label"] for each in content["delivery"]}
    assert "Wang" in content["section_head"]["who"] and "Wu" in content["head"]["who"]
    assert "2 名专家" in content["leader"]["who"] and content["receipt"] == printed.PENDING
    labels = {row["label"] for section in content["sections"] for row in section["rows"]}
    assert labels == {field.zh for field in service.fields().values() if field.asked(request.answers)}


def test_the_printed_form_is_a_pdf(people, data):
    request = make.submitted(people["li"], data.id)
    made = service.application_pdf(people["li"], request.id)
    assert made.startswith(b"%PDF") and made == service.application_pdf(people["li"], request.id)
