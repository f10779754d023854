"""The way of an application from draft to grant, on both databases, with real data behind it."""

from __future__ import annotations

import threading

import pytest
from sqlmodel import select

import catalog_browser.service as catalogue
from catalog_browser.models import DataSetVersion
from enclave.cli.demonstration import application
from enclave.grants import service as grants
from enclave.kernel import clock, ledger, outbox
from enclave.kernel.db import reading
from enclave.kernel.errors import EnclaveError
from enclave.kernel.identity import Role, system
from enclave.kernel.unit import unit_of_work
from request_review import jobs, service
from request_review.models import Registration
from tests.factories import requests as make


@pytest.mark.clause("9.1.4-4")
@pytest.mark.clause("9.1.4-5")
def test_an_application_becomes_a_grant(home, people, object_store):
    data = make.publish(people["wang"], {"cases": make.cases()})
    request = make.submitted(people["li"], data.id, members=["zhang"])
    assert request.state == "submitted"
    assert service.queue(people["wang"])[0].todo == ("assign_reviewers",)
    make.in_review(people, request)
    for name in ("sun", "zhou"):
        assert [line.id for line in service.queue(people[name])] == [request.id]
        service.review(people[name], make.a_review(request.id))
    request = service.decide(people["wu"], make.decision(service.view(people["wu"], request.id)))
    assert request.state == "decided"
    assert outbox.deliver_one(jobs.HANDLERS)
    request = service.view(people["wu"], request.id)
    assert request.state == "agreement"
    for name in ("wu", "li", "zhang"):
        service.sign(people[name], service.Sign(request.id, request.agreement.sha256, True))
    request = service.view(people["wu"], request.id)
    request = service.register_grant(people["wu"], service.RegisterGrant(request.id, request.version, "川卫备 1"))
    assert request.state == "granted"
    project = grants.get_project(request.project_id)
    assert {member.username for member in project.members} == {"li", "zhang"}
    assert grants.valid_now(request.project_id, "zhang").valid
    assert project.grants[0].columns == ("age", "sex")
    assert project.grants[0].agreement_sha256 == request.agreement.sha256
    with reading() as session:
        assert not ledger.verify(ledger.stored(session)).fault


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
@pytest.mark.clause("10.4.2-e-3a")
def test_conflicts_are_computed_and_exclude_from_the_panel(people, account, data):
    account("tang", Role.COMMITTEE, Role.RESEARCHER, institution="UNI")
    make.submitted(account("bai", Role.RESEARCHER, institution="UNI"), data.id, members=["tang", "zhang"])
    request = make.submitted(people["li"], data.id, members=["zhang"])
    found = {each.username: each for each in service.reviewer_candidates(people["wang"], request.id)}
    assert found["zhao"].conflicts_zh == ("与申请单位或团队成员同属一个单位",)
    assert found["tang"].conflicts_en == ("applied together with the applicant or a member in recent years",)
    assert found["sun"].free and found["zhou"].free
    assert refused(make.in_review, people, request, ("sun", "zhao")) == "request_conflict"
    assert refused(make.in_review, people, request, ("sun", "tang")) == "request_conflict"
    assert refused(make.in_review, people, request, ("sun",)) == "request_panel_small"
    assert refused(make.in_review, people, request, ("sun", "qian")) == "request_reviewer_role"
    assert service.view(people["wang"], request.id).state == "submitted"


@pytest.mark.promise("P7")
def test_reviewers_are_blind_to_each_other_until_both_are_in(people, data):
    request = make.in_review(people, make.submitted(people["li"], data.id))
    secret = "此处为孙的意见"
    untouched = service.view(people["zhou"], request.id)
    service.review(people["sun"], make.a_review(request.id, "reject", comment=secret))
    # Nothing zhou can ask differs from before sun's review was in: not even that there is one.
    assert service.view(people["zhou"], request.id) == untouched
    for name in ("zhou", "wu", "wang", "chen", "feng", "li"):
        shown = service.view(people[name], request.id)
        assert secret not in repr(shown) and "reject" not in repr(shown.panel)
        assert secret not in repr(service.queue(people[name]) + service.find(people[name]))
        assert shown.panel is None or (shown.panel.approved is None and not shown.panel.fields_covered)
    assert "reject" not in repr([event.facts for event in events("request.reviewed")])
    own = service.view(people["sun"], request.id)
    assert next(seat for seat in own.panel.seats if seat.mine).content.comment == secret
    service.review(people["zhou"], make.a_review(request.id, expert_field="law"))
    shown = service.view(people["zhou"], request.id)
    assert shown.panel.complete and secret in repr(shown.panel)
    assert [seat.reviewer for seat in shown.panel.seats if not seat.mine] == [""]
    assert set(shown.panel.fields_covered) == {"public_health", "law"} and len(shown.panel.fields_missing) == 7
    assert service.view(people["li"], request.id).panel is None


def test_two_decisions_at_once_leave_one(people, data):
    request = make.submitted(people["li"], data.id)
    make.in_review(people, request)
    for name in ("sun", "zhou"):
        service.review(people[name], make.a_review(request.id))
    request = service.view(people["wu"], request.id)
    results: list[str] = []

    def one(approve: bool) -> None:
        try:
            service.decide(people["wu"], make.decision(request, approve))
            results.append("done")
        except EnclaveError as error:
            results.append(error.code)

    threads = [threading.Thread(target=one, args=(approve,)) for approve in (True, False)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results.remove("done")
    assert results[0] in ("already_decided", "request_wrong_state")
    assert len(events("request.decided")) == 1


def test_outsiders_do_not_learn_that_a_request_exists(people, data):
    saved = make.draft(people["li"], data.id, members=["zhang"])
    for name in ("wang", "wu", "sun", "feng", "he"):
        assert refused(service.view, people[name], saved.id) == "not_found"
    service.submit(people["li"], service.Submit(saved.id, saved.version))
    for name in ("sun", "he", "qian", "zhao"):
        assert refused(service.view, people[name], saved.id) == "not_found"
        assert service.find(people[name]) == []
    assert service.view(people["zhang"], saved.id).id == saved.id
    assert [line.id for line in service.my_requests(people["zhang"])] == [saved.id]


@pytest.mark.promise("P9")
@pytest.mark.clause("10.4.2-e-2d1")
@pytest.mark.clause("10.4.2-e-2d3")
@pytest.mark.parametrize("applicant", ["li", "zhang", "stranger", "same_project"])
def test_nobody_of_the_same_people_gets_the_cohort_less_three(people, account, data, applicant):
    first = make.granted(people, data.id)
    grants.revoke(people["wu"], grants.RevokeGrant(first.project_id, "结束"))  # ended grants count as well
    who = {"li": people["li"], "zhang": people["zhang"]}.get(applicant)
    number = "82073664" if applicant == "same_project" else "99999999"
    who = who or account("gao", Role.RESEARCHER, institution="ELSE")
    less = [{"column": "ward", "op": ">=", "value": 3}]
    request = make.submitted(who, data.id, row_filter=less, project_number=number)
    make.in_review(people, request)
    for name in ("sun", "zhou"):
        service.review(people[name], make.a_review(request.id))
    request = service.view(people["wu"], request.id)
    if applicant == "stranger":  # no person, institution or project in common
        assert request.history.outcome == "allow"
        assert service.decide(people["wu"], make.decision(request)).state == "decided"
        return
    assert request.history.outcome == "deny"
    assert refused(service.decide, people["wu"], make.decision(request)) == "request_history_denied"
    assert service.decide(people["wu"], make.decision(request, approve=False)).state == "refused"


@pytest.mark.promise("P9")
def test_what_was_granted_between_decision_and_registration_counts(people, data):
    approved = make.decided(
        people, make.submitted(people["li"], data.id, row_filter=[{"column": "ward", "op": ">=", "value": 3}])
    )
    approved = make.signed(people, approved)
    with unit_of_work(people["wu"]) as unit:  # a grant that no request of ours stands for
        grants.issue(people["wu"], _grant_without_request(data))
        unit.record("test", "grant")
    command = service.RegisterGrant(approved.id, approved.version, "备")
    assert refused(service.register_grant, people["wu"], command) == "request_history_denied"
    assert service.view(people["wu"], approved.id).state == "agreement"


def _grant_without_request(data) -> grants.IssueGrant:
    today = clock.today()
    return grants.IssueGrant(
        "old-system-1", "旧系统授权", "zhang", "WCH", (), data.id, data.latest("deidentified").id, ("age",), (), today,
        today, "旧 1", "b" * 64,
    )  # fmt: skip


@pytest.mark.promise("P1")
@pytest.mark.parametrize("broken", ["allot", "record", "store"])
def test_a_failure_while_registering_leaves_nothing_half_done(people, data, object_store, monkeypatch, broken):
    request = make.signed(people, make.decided(people, make.submitted(people["li"], data.id)))
    register = service.RegisterGrant(request.id, request.version, "备")
    with monkeypatch.context() as patched:
        if broken == "allot":
            patched.setattr(grants.privacy, "allot", _fails)
        elif broken == "record":
            patched.setattr(ledger, "append", _fails)
        else:
            object_store.down = True
        with pytest.raises((EnclaveError, RuntimeError)):
            service.register_grant(people["wu"], register)
    object_store.down = False
    assert service.view(people["wu"], request.id).state == "agreement"
    assert grants.find(people["wu"]) == []
    with reading() as session:
        assert session.exec(select(Registration)).all() == []
        topics = [message.topic for message in session.exec(select(outbox.OutboxMessage))]
    assert "workspace.prepare" not in topics
    assert service.register_grant(people["wu"], register).state == "granted"


def _fails(*_arguments: object, **_named: object) -> None:
    raise RuntimeError("cut off here")


@pytest.mark.clause("9.1.4-4")
def test_a_registration_number_is_used_once(people, data):
    first = make.granted(people, data.id)
    second = make.signed(people, make.decided(people, make.submitted(people["zhang"], data.id)))
    command = service.RegisterGrant(second.id, second.version, "备", first.registration)
    assert refused(service.register_grant, people["wu"], command) == "request_registration_taken"


@pytest.mark.clause("10.4.2-e-2c4")
def test_dates_that_were_shifted_make_nobody_known(home, people, object_store):
    """The version's own report leaves them out of k; the check must not tell reviewers the opposite."""
    frame = make.cases().assign(admitted=lambda cases: cases["ward"] * 7)  # a day of his own for everybody
    data = make.publish(people["wang"], {"cases": frame}, make.ROLES | {"admitted": "quasi"})
    asked = {"columns": ["age", "sex", "admitted"]}
    plain = make.submitted(people["li"], data.id, **asked)
    alone = service.view(people["wang"], plain.id).history
    assert "alone" in {finding.kind for finding in alone.findings}
    shifted = {"tables": {"cases": {"admitted": {"method": "shift"}}}}
    with unit_of_work(system("test")) as unit:
        unit.session.get_one(DataSetVersion, catalogue.latest(data.id, "deidentified").id).profile = shifted
        unit.record("test.change", data.id)
    again = make.submitted(people["zhang"], data.id, **asked)
    found = service.view(people["wang"], again.id).history
    assert "alone" not in {finding.kind for finding in found.findings}


def test_the_demonstrations_draft_lacks_nothing(home, people, object_store, monkeypatch):
    data = make.publish(people["wang"], {"cases": make.cases()})
    monkeypatch.setattr(application, "person", people.__getitem__)
    draft = application.draft(data.id, columns=["age", "sex"])
    assert (draft.state, draft.problems, [file.kind for file in draft.files]) == ("draft", (), ["institution_approval"])


@pytest.mark.clause("10.4.2-e-2d3")
@pytest.mark.parametrize("written", ["8207 3664", "８２０７３６６４", "8207-3664"])
def test_a_project_number_in_another_spelling_is_the_same_project(home, people, object_store, account, written):
    data = make.publish(people["wang"], {"cases": make.cases()})
    first = make.submitted(people["li"], data.id, columns=["age", "sex"])
    stranger = account("gao", Role.RESEARCHER, institution="ELSE")
    later = make.submitted(stranger, data.id, columns=["county", "age"], project_number=written)
    found = service.view(people["wang"], later.id).history
    assert first.id in {beside.label for beside in found.beside}
