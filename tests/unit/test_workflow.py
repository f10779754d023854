"""The workflow: its table is what the services do, cell by cell, and rules that cannot work stop the start."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlmodel import Session, select

from enclave.kernel.db import engine, reading
from enclave.kernel.errors import Conflict, EnclaveError, Refused
from enclave.kernel.ledger import LedgerEvent
from enclave.policy.book import current
from request_review import service
from request_review.case import load, parties
from request_review.forms import fields
from request_review.models import STATES, Assignment, Request
from request_review.rulebook import rules
from request_review.workflow import build, workflow
from tests.factories import requests as make

EVERYBODY = ("li", "zhang", "wang", "zhao", "sun", "wu", "feng", "he", "qian")


def test_who_may_not_take_a_step_learns_nothing_of_its_state():
    with pytest.raises(Refused, match=r".") as refused:
        workflow().check("decide", "draft", {"applicant"}, {})
    assert refused.value.code == "request_not_yours"


def test_a_step_out_of_state_names_both_in_both_languages():
    with pytest.raises(Conflict) as conflict:
        workflow().check("decide", "draft", {"authority"}, {})
    assert "草稿" in conflict.value.message("zh") and "Draft" in conflict.value.message("en")


def test_guards_run_only_after_role_and_state_and_their_refusal_is_the_answer():
    def guard() -> None:
        raise Refused("request_reviews_open", least=2)

    guards = {"no_conflict": lambda: None, "reviews_complete": guard}
    found = workflow().refusal("decide", "in_review", {"authority"}, guards)
    assert found is not None and found.code == "request_reviews_open"
    assert workflow().refusal("decide", "in_review", {"authority"}, guards | {"reviews_complete": lambda: None}) is None


def changed(**changes):
    source = rules("workflow")
    return replace(source, data={**source.data, **changes})


def step(**changes):
    steps = [dict(entry) for entry in rules("workflow")["steps"]]
    steps[2] |= changes
    return steps


def without(*commands):
    return [entry for entry in step() if entry["command"] not in commands]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"steps": step(who=[])}, "nobody may take"),
        ({"steps": step(who=["janitor"])}, "unknown people"),
        ({"steps": step(guards=["luck"])}, "unknown guards"),
        ({"steps": step(clauses=[])}, "no clause"),
        ({"steps": step(to=["limbo"])}, "unknown states"),
        ({"steps": step(to=["draft"])}, "nobody can reach"),
        ({"steps": [*step(), step()[0]]}, "defined twice"),
        ({"states": {**rules("workflow")["states"], "limbo": {"zh": "虚", "en": "Limbo"}}}, "nobody can reach"),
        ({"steps": without("withdraw", "decline", "decide")}, "nobody can reach"),
    ],
)
def test_rules_that_cannot_work_stop_the_start(broken, reason):
    with pytest.raises(ValueError, match=reason):
        build(changed(**broken))


def test_a_circle_without_an_end_stops_the_start():
    states = {"draft": {"zh": "一", "en": "1"}, "other": {"zh": "二", "en": "2"}}
    common = {"zh": "步", "en": "step", "who": ["applicant"], "guards": [], "clauses": ["9-2"]}
    steps = [
        {"command": "go", "from": ["draft"], "to": ["other"], **common},
        {"command": "back", "from": ["other"], "to": ["draft"], **common},
    ]
    with pytest.raises(ValueError, match="never come to an end"):
        build(changed(states=states, steps=steps))


def commands(request: service.RequestView):
    """Every command, as somebody would send it for this request."""
    digest = "0" * 64
    return {
        "save_draft": lambda who: service.save_draft(who, service.SaveDraft({"title": "变"}, request.id)),
        "attach": lambda who: service.attach(who, service.Attach(request.id, "other", "a.pdf", make.PDF)),
        "submit": lambda who: service.submit(who, service.Submit(request.id, request.version)),
        "assign_reviewers": lambda who: service.assign_reviewers(
            who, service.AssignReviewers(request.id, request.version, ("sun",), make.evaluation(), "")
        ),
        "decline": lambda who: service.decline(
            who, service.Decline(request.id, request.version, make.evaluation(), "否", ("6.4",))
        ),
        "declare_conflict": lambda who: service.declare_conflict(who, service.DeclareConflict(request.id, "亲属")),
        "review": lambda who: service.review(who, make.a_review(request.id)),
        "decide": lambda who: service.decide(who, make.decision(request)),
        "draw_up_agreement": lambda who: service.draw_up_agreement(who, request.id),
        "sign": lambda who: service.sign(who, service.Sign(request.id, digest, True)),
        "register_grant": lambda who: service.register_grant(who, service.RegisterGrant(request.id, 1, "备")),
        "withdraw": lambda who: service.withdraw(who, service.Withdraw(request.id, request.version, "")),
    }


def force(request_id: str, state: str) -> service.RequestView:
    """Put a request into a state without walking there."""
    with Session(engine()) as session:
        row = session.get_one(Request, request_id)
        row.state = state
        session.commit()
    with reading() as session:
        return replace_version(load(session, request_id).row.version, request_id)


def replace_version(version: int, request_id: str) -> service.RequestView:
    from enclave.kernel.identity import system

    return replace(service.view(system("tests"), request_id), version=version)


def picture(request_id: str) -> tuple:
    with reading() as session:
        row = session.get_one(Request, request_id)
        seats = session.exec(select(Assignment).where(Assignment.request_id == request_id)).all()
        return row.model_dump(), [seat.model_dump() for seat in seats], len(session.exec(select(LedgerEvent)).all())


@pytest.mark.promise("P7")
@pytest.mark.clause("9.1.4-0")
@pytest.mark.parametrize("state", STATES)
def test_every_command_by_everybody_in_every_state_is_as_the_table_says(home, people, object_store, state):
    data = make.publish(people["wang"], {"cases": make.cases(60)})
    request = make.in_review(people, make.submitted(people["li"], data.id, members=["zhang"]))
    request = force(request.id, state)
    table = workflow().table()
    before = picture(request.id)
    for name in EVERYBODY:
        with reading() as session:
            held = parties(load(session, request.id), people[name])
        for command, send in commands(request).items():
            allowed = bool(table.get((command, state), frozenset()) & held)
            if allowed:  # walked in the integration tests; here only what must not happen
                continue
            with pytest.raises(EnclaveError) as refused:
                send(people[name])
            assert refused.value.code in ("request_not_yours", "request_wrong_state", "not_found"), (name, command)
            assert picture(request.id) == before, (name, command)


def test_every_step_has_a_command_here_and_every_state_a_name(home):
    with_view = set(workflow().steps)
    assert with_view == set(commands(type("R", (), {"id": "r", "version": 1})()))
    assert set(workflow().states) == set(STATES)


def test_tracks_name_what_exists():
    """Answers, steps, obligations and rules in `tracks.yaml` are those of the form, the workflow and the standard."""
    rule, book = rules("tracks"), current()
    assert set(rule["scenarios"]) == set(fields()["mode"].options)
    assert set(rule["answers"]) | set(rule["beside"].values()) <= set(fields())
    assert set(rule["beside"]) <= {each.id.split("@")[0] for each in book.rules}
    assert set(rule["steps"]) <= set(workflow().steps)
    for step in rule["steps"].values():
        for track in (way["track"] for way in rule["scenarios"].values()):
            assert set(step[track]) <= {each.code for each in book.tracks[track].steps}
        assert set(step["also"]) <= set(book.words("obligations"))
    assert set(rule["answers"].values()) <= set(book.words("obligations"))
