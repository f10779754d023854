"""Grants on both databases: one function says whether they hold, and ended means ended (P3)."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlmodel import select

from enclave.grants import service as grants
from enclave.grants.models import FIRST_UID, Grant, Member, Project
from enclave.kernel import clock, ledger
from enclave.kernel.accounts import block
from enclave.kernel.db import reading
from enclave.kernel.errors import Conflict, EnclaveError
from enclave.kernel.outbox import OutboxMessage
from enclave.kernel.unit import unit_of_work
from enclave.privacy import service as privacy

PLAIN = grants.IssueGrant(
    request_id="req-1",
    title="再入院风险",
    lead="li",
    institution="WCH",
    members=("zhang",),
    dataset_id="ds-1",
    version_id="dsv-1",
    columns=("age", "sex"),
    row_filter=({"column": "age", "op": ">=", "value": 50},),
    starts_on=date(2026, 3, 1),
    ends_on=date(2026, 3, 31),
    registration="REG-1",
    agreement_sha256="a" * 64,
)
MARCH = datetime(2026, 3, 10, 4, tzinfo=UTC)


@pytest.fixture(autouse=True)
def march():
    with clock.frozen(MARCH):
        yield


@pytest.fixture
def grant(people):
    return grants.issue(people["wu"], PLAIN)


def sent(topic: str) -> list[dict]:
    with reading() as session:
        return [message.payload for message in session.exec(select(OutboxMessage).where(OutboxMessage.topic == topic))]


def recorded() -> list[str]:
    with reading() as session:
        assert not ledger.verify(ledger.stored(session)).fault
        return [event.action for event in session.exec(select(ledger.LedgerEvent).order_by(ledger.LedgerEvent.seq))]


def reason(project_id: str, username: str | None) -> str:
    return grants.valid_now(project_id, username).reason


def test_issuing_opens_project_members_budget_and_workspace_at_once(grant):
    project = grants.get_project(grant.project_id, "li")
    assert project.valid and len(project.id) == 10 and project.id.startswith("p-")
    assert [member.uid for member in project.members] == [FIRST_UID, FIRST_UID + 1]
    assert sent("workspace.prepare") == [{"project": project.id, "grant": grant.id}]
    assert {"privacy.allot", "grant.issued"} <= set(recorded())
    with reading() as session:
        assert privacy.account(session, project.id, "ds-1").total == 4
    assert [each.id for each in grants.projects_of("zhang")] == [project.id]
    assert grants.projects_of("sun") == []


@pytest.mark.promise("P1")
def test_a_failing_budget_leaves_no_trace_of_the_grant(people, monkeypatch):
    def broken(*_arguments):
        raise EnclaveError("not_found", kind="budget", id="x")

    before = recorded()
    monkeypatch.setattr(grants.privacy, "allot", broken)
    with pytest.raises(EnclaveError):
        grants.issue(people["wu"], PLAIN)
    with reading() as session:
        assert not session.exec(select(Project)).all() and not session.exec(select(Grant)).all()
        assert not session.exec(select(Member)).all()
    assert sent("workspace.prepare") == [] and recorded() == before


@pytest.mark.clause("9.3-1")
def test_one_approval_is_used_once(people, grant):
    with pytest.raises(Conflict):
        grants.issue(people["wu"], PLAIN)


@pytest.mark.parametrize("name", ["li", "wang", "sun", "he", "feng"])
def test_only_the_authority_issues(people, name):
    with pytest.raises(EnclaveError) as refused:
        grants.issue(people[name], PLAIN)
    assert refused.value.code == "forbidden"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"columns": ()}, "grant_no_columns"),
        ({"ends_on": date(2026, 2, 1)}, "grant_dates"),
        ({"starts_on": date(2026, 1, 1), "ends_on": date(2026, 3, 9)}, "grant_dates"),
        ({"registration": ""}, "grant_no_agreement"),
        ({"agreement_sha256": ""}, "grant_no_agreement"),
        ({"members": ("nobody",)}, "grant_member_account"),
    ],
)
def test_what_cannot_be_granted(people, changes, code):
    with pytest.raises(EnclaveError) as refused:
        grants.issue(people["wu"], replace(PLAIN, **changes))
    assert refused.value.code == code


@pytest.mark.promise("P3")
@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(2026, 2, 28, 15, 59, 59, tzinfo=UTC), "grant_not_started"),  # 23:59:59 in Shanghai
        (datetime(2026, 2, 28, 16, 0, tzinfo=UTC), ""),
        (datetime(2026, 3, 30, 16, 1, tzinfo=UTC), ""),  # R7: 31 March has begun in Shanghai
        (datetime(2026, 3, 31, 15, 59, 59, tzinfo=UTC), ""),
        (datetime(2026, 3, 31, 16, 0, tzinfo=UTC), "grant_expired"),
    ],
)
def test_the_last_day_ends_at_its_end_in_shanghai(grant, moment, expected):
    with clock.frozen(moment):
        found = grants.valid_now(grant.project_id, "li")
    assert (found.reason, found.valid, bool(found.grants)) == (expected, not expected, not expected)


@pytest.mark.promise("P3")
def test_each_way_of_ending_ends_it_and_says_why(people, grant):
    project = grant.project_id
    assert reason(project, "sun") == "grant_not_member"
    assert reason("p-nothing", "li") == "grant_project_unknown"
    grants.remove_member(people["li"], grants.RemoveMember(project, "zhang", "离职"))
    assert reason(project, "zhang") == "grant_member_removed" and reason(project, "li") == ""
    block(people["he"], "li")
    assert reason(project, "li") == "grant_account_inactive" and reason(project, None) == ""
    grants.revoke(people["wu"], grants.RevokeGrant(project, "违约"))
    assert reason(project, None) == "grant_project_ended"
    closed = sent("workspace.close")
    assert {"project": project, "username": "zhang"} in closed and {"project": project, "username": None} in closed


@pytest.mark.promise("P6")
def test_a_project_without_a_grant_is_not_valid(people, grant):
    with unit_of_work(people["wu"]) as unit:
        unit.session.delete(unit.get(Grant, grant.id))
        unit.record("test", grant.id)
    assert reason(grant.project_id, "li") == "grant_none"


@pytest.mark.promise("P3")
def test_an_answer_is_never_remembered_by_the_session(people, grant):
    with reading() as session:
        assert grants.is_valid(session, grant.project_id, "li").valid
        session.rollback()
        grants.revoke(people["wu"], grants.RevokeGrant(grant.project_id, "违约"))
        assert not grants.is_valid(session, grant.project_id, "li").valid


@pytest.mark.promise("P3")
def test_asking_inside_a_unit_of_work_sees_its_changes_and_loses_none(people, grant):
    with unit_of_work(people["wu"]) as unit:
        unit.get(Project, grant.project_id).state = "ended"
        assert not grants.is_valid(unit.session, grant.project_id, "li").valid
        unit.record("test", grant.project_id)
    assert reason(grant.project_id, "li") == "grant_project_ended"


@pytest.mark.promise("P3")
@pytest.mark.clause("B.2-2-2b")
def test_expiry_closes_once_and_only_what_is_over(people, grant):
    other = grants.issue(people["wu"], replace(PLAIN, request_id="req-2", ends_on=date(2026, 4, 30)))
    with clock.frozen(datetime(2026, 3, 31, 15, 59, tzinfo=UTC)):
        assert grants.expire_due() == 0
    with clock.frozen(datetime(2026, 3, 31, 16, 0, tzinfo=UTC)):
        assert grants.expire_due() == 1 and grants.expire_due() == 0
        assert grants.get_project(grant.project_id).state == "ended"
        assert grants.get_project(other.project_id, "li").valid
    assert sent("workspace.close") == [{"project": grant.project_id, "username": None}]
    assert recorded().count("grant.ended") == 1


def test_a_day_that_passed_while_everything_was_down_is_caught_up(people, grant):
    with clock.frozen(MARCH + timedelta(days=400)):
        assert reason(grant.project_id, "li") == "grant_expired"
        assert grants.expire_due() == 1


@pytest.mark.parametrize(
    ("name", "allowed"), [("wu", True), ("wang", True), ("li", True), ("zhang", False), ("sun", False)]
)
def test_who_may_end_a_project(people, grant, name, allowed):
    if allowed:
        assert not grants.revoke(people[name], grants.RevokeGrant(grant.project_id, "结束")).valid
        with pytest.raises(Conflict):
            grants.revoke(people[name], grants.RevokeGrant(grant.project_id, "结束"))
    else:
        with pytest.raises(EnclaveError):
            grants.revoke(people[name], grants.RevokeGrant(grant.project_id, "结束"))
        assert grants.valid_now(grant.project_id, "li").valid


def test_the_lead_cannot_leave_alone_and_a_reason_is_needed(people, grant):
    for command, code in (
        (grants.RemoveMember(grant.project_id, "li", "离职"), "grant_lead_stays"),
        (grants.RemoveMember(grant.project_id, "zhang", " "), "grant_reason_missing"),
        (grants.RemoveMember(grant.project_id, "sun", "误"), "grant_not_member"),
    ):
        with pytest.raises(EnclaveError) as refused:
            grants.remove_member(people["wu"], command)
        assert refused.value.code == code


def test_user_ids_are_never_given_twice(people, grant):
    grants.revoke(people["wu"], grants.RevokeGrant(grant.project_id, "结束"))
    again = grants.issue(people["wu"], replace(PLAIN, request_id="req-2"))
    uids = [member.uid for project in grants.find(people["wu"]) for member in project.members]
    assert len(set(uids)) == len(uids) == 4
    assert again.project_id != grant.project_id


def test_many_issues_at_once_share_no_user_id(people):
    failures: list[Exception] = []

    def one(number: int) -> None:
        try:
            with clock.frozen(MARCH):
                grants.issue(people["wu"], replace(PLAIN, request_id=f"req-{number}"))
        except Exception as failure:  # noqa: BLE001 - a thread's failure is looked at below
            failures.append(failure)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    uids = [member.uid for project in grants.find(people["wu"]) for member in project.members]
    assert len(set(uids)) == 16


def test_overseers_see_all_projects_and_others_their_own(people, grant):
    other = grants.issue(people["wu"], replace(PLAIN, request_id="req-2", lead="zhang", members=()))
    for name in ("wu", "wang", "feng", "he"):
        assert {project.id for project in grants.find(people[name])} == {grant.project_id, other.project_id}
    assert [project.id for project in grants.find(people["li"])] == [grant.project_id]
    assert grants.find(people["sun"]) == []


def test_held_by_follows_people_and_institutions_and_forgets_nothing(people, grant):
    grants.revoke(people["wu"], grants.RevokeGrant(grant.project_id, "结束"))
    with reading() as session:
        assert [each.id for each in grants.held_by(session, ["zhang"], [])] == [grant.id]
        assert [each.id for each in grants.held_by(session, [], ["WCH"])] == [grant.id]
        assert grants.held_by(session, ["sun"], ["UNI"]) == []
