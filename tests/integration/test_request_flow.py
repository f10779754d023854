"""The way of an application from draft to grant, on both databases, with real data behind it."""

from __future__ import annotations

import pytest

from enclave.grants import service as grants
from enclave.kernel import ledger, outbox
from enclave.kernel.db import reading
from request_review import jobs, service
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
