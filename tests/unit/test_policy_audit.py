"""What the audit trail must hold (component audit): operations, disclosures, copies, events of care."""

from __future__ import annotations

import ast
import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from enclave.kernel import ledger, storage
from enclave.kernel.db import reading as database
from enclave.kernel.errors import Invalid
from enclave.kernel.identity import system
from enclave.kernel.unit import unit_of_work
from enclave.policy import Column, decide
from enclave.policy.book import current
from enclave.policy.records import FIVE, copies, disclosure, operation_of
from tests.factories.policy import DIAGNOSIS, but, care, expect_denied, fulfilled, reading, research, without
from tests.verification.source import product

ACTOR = system("tests")
SIX = ("collect", "store", "process", "transmit", "access", "destroy")
MADE = {
    "recipient": "account:li",
    "content": ["ds-1", "dsv-2", "age"],
    "purpose": "P10",
    "legal_basis": "3.8 n2",
    "at": datetime(2026, 3, 1, tzinfo=UTC),
}


def recorded_actions() -> set[str]:
    """Every action the product writes to the ledger by a literal name."""
    found = set()
    for module in product():
        for node in ast.walk(module.tree):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "record"
                and node.args
            ):
                first = node.args[0]
                found |= {first.value} if isinstance(first, ast.Constant) and isinstance(first.value, str) else set()
    return found


def events() -> list[dict[str, Any]]:
    with database() as session:
        return [json.loads(line) for line in ledger.export_lines(session)]


@pytest.mark.clause("3.6")
def test_every_action_on_the_ledger_is_one_of_the_life_cycle() -> None:
    actions = recorded_actions()
    assert len(actions) > 20
    assert sorted(action for action in actions if operation_of(action) is None) == []
    assert operation_of("nobody.knows") is None and operation_of("dataset.anything.else") == "process"
    assert {operation_of(action) for action in actions} >= set(SIX), "the product records all six operations"


@pytest.mark.clause("3.6")
@pytest.mark.parametrize(
    ("action", "operation"),
    [
        ("dataset.register", "collect"),
        ("dataset.version", "store"),
        ("dataset.confirm", "process"),
        ("export.released", "transmit"),
        ("answer.given", "access"),
        ("extract.destroyed", "destroy"),
    ],
)
def test_an_operation_leaves_actor_object_time_and_result(home, action: str, operation: str) -> None:
    with unit_of_work(ACTOR) as unit:
        unit.record(action, "ds-1", clauses=("3.6",), outcome="done")
    (event,) = events()
    assert operation_of(event["action"]) == operation
    assert event["actor"] == "system:tests" and event["subject"] == "ds-1" and event["facts"]["outcome"] == "done"
    assert datetime.fromisoformat(event["at"]).tzinfo is not None


@pytest.mark.clause("3.10-1")
def test_a_disclosure_is_registered_with_five_attributes(home) -> None:
    for request in (research("grant"), research("mount"), research("egress"), care()):
        assert decide(fulfilled(request)).asks("disclosure_recorded")
    with unit_of_work(ACTOR) as unit:
        unit.record("disclosure.made", "p-12345678", clauses=("3.10-1",), **disclosure(**MADE))
    (event,) = events()
    assert all(event["facts"][name] for name in FIVE) and event["clauses"] == ["3.10-1"]
    assert event["facts"]["content"] == ["age", "ds-1", "dsv-2"]


@pytest.mark.clause("3.10-1")
@pytest.mark.parametrize("missing", FIVE)
def test_a_disclosure_without_one_of_them_does_not_happen(home, missing: str) -> None:
    empty = {"content": [], "at": None}.get(missing, " ")
    with pytest.raises(Invalid) as invalid, unit_of_work(ACTOR) as unit:
        unit.record("disclosure.made", "p-12345678", **disclosure(**{**MADE, missing: empty}))
    assert invalid.value.facts["missing"] == missing and events() == []


@pytest.mark.clause("5.3-T4-F3-3")
def test_internal_use_is_approved_authenticated_and_audited() -> None:
    good = fulfilled(reading())
    expect_denied(without(good, "authorised"), "level-2-authorised", "5.3-T4-F3-3")
    assert without(good, "authenticated").denied
    points = {one.code for one in decide(good).duties if "5.3-T4-F3-3" in one.clauses}
    assert {"approval_authorisation", "authentication", "access_control", "audit"} <= points


@pytest.mark.clause("5.3-T4-F5-2a")
@pytest.mark.clause("5.3-T4-F5-2b")
def test_between_controllers_both_sides_approve_and_audit() -> None:
    good = fulfilled(reading(same_party=False))
    assert decide(good).flow == "F5"
    refused = without(good, "authorised")
    expect_denied(refused, "level-2-authorised", "5.3-T4-F5-2a", "5.3-T4-F5-2b")
    for clause in ("5.3-T4-F5-2a", "5.3-T4-F5-2b"):
        points = {one.code for one in decide(good).duties if clause in one.clauses}
        assert {"approval_authorisation", "authentication", "access_control", "audit"} <= points


COPY = {
    "holder": "VENDOR",
    "role": "processor",
    "location": "Chengdu, room 3",
    "encrypted": True,
    "destroy_by": "2026-06-30",
}


@pytest.mark.clause("5.3-T4-F4-4a")
def test_the_controller_knows_where_a_processor_s_copies_are(home) -> None:
    processing = decide(research("share", from_role="controller", role="processor"))
    assert processing.flow == "F4" and processing.asks("manage_processor_storage")
    with unit_of_work(ACTOR) as unit:
        unit.record("copy.made", "copy-1", **COPY)
        unit.record("copy.made", "copy-2", **{**COPY, "encrypted": False})
        unit.record("copy.destroyed", "copy-1")
    first, second = copies(events())
    assert (first.holder, first.location, first.encrypted, first.destroy_by) == (
        "VENDOR",
        "Chengdu, room 3",
        True,
        date(2026, 6, 30),
    )
    assert first.destroyed_on is not None and second.destroyed_on is None and not second.encrypted
    assert (
        second.overdue(date(2026, 7, 1))
        and not second.overdue(date(2026, 6, 30))
        and not first.overdue(date(2027, 1, 1))
    )


@pytest.mark.clause("5.3-T4-F4-4a")
@pytest.mark.parametrize("missing", ["location", "encrypted", "destroy_by", "holder"])
def test_a_copy_nobody_can_place_is_refused(missing: str) -> None:
    facts = {key: value for key, value in COPY.items() if key != missing}
    with pytest.raises(Invalid) as invalid:
        copies([{"action": "copy.made", "subject": "copy-1", "at": "2026-01-01T00:00:00+00:00", "facts": facts}])
    assert invalid.value.clauses == ("5.3-T4-F4-4a",)


EVENTS = [
    "care.order_changed", "care.order_sheet_printed", "care.nurse_executed", "care.schedule_changed",
    "care.record_created", "care.record_saved", "care.record_printed", "care.patient_edited",
]  # fmt: skip


@pytest.mark.clause("10.1.1-e-2")
@pytest.mark.parametrize("event", EVENTS)
def test_an_event_of_care_travels_encrypted_and_is_audited(home, object_store, event: str) -> None:
    assert set(current().words("care_events")) == set(EVENTS)
    exchange = decide(care(scenario="10.1.1", same_party=True, columns=(DIAGNOSIS,)))
    asked = {one.code for one in exchange.duties if "10.1.1-e-2" in one.clauses}
    assert asked == {"transfer_encryption", "audit"}
    storage.prepare()
    message = json.dumps({"event": event, "order": "one tablet more"}).encode()
    stored = storage.put_bytes(message, "care")
    with unit_of_work(ACTOR) as unit:
        storage.keep(unit, stored.key)
        unit.record(event, stored.key, clauses=current().words("care_events")[event].clauses)
    assert storage.fetch_bytes(stored.key) == message
    assert all(b"one tablet more" not in content for content in object_store.objects.values())
    assert [one["action"] for one in events()] == [event] and operation_of(event) == "process"


def test_sensitive_reading_is_audited_by_person() -> None:
    notes = Column("notes", "sensitive", 2, "electronic_medical_record", topics=("psychiatric",))
    assert but(fulfilled(reading()), columns=(notes,)).asks("audit")
