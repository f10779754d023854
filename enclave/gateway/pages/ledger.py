"""The ledger: find events, read one with its clauses, prove the chain, take a copy away."""

from __future__ import annotations

import json

import streamlit as st

from enclave.gateway import administration
from enclave.gateway.administration import EventView, FindEvents
from enclave.kernel import clock
from enclave.kernel.i18n import text
from enclave.kernel.identity import Actor, Role
from enclave.ui import components as ui
from enclave.ui import rulings, session

SHOWN = 4  # clauses in a line of the list; an event's own part shows all of them


def page() -> None:
    """Show the ledger."""
    actor = session.actor()
    ui.heading(text("ledger_title"), text("ledger_lead"))
    _proof(actor)
    command = _filters(actor)
    found = administration.find_events(actor, command)
    if not found.total:
        ui.empty(text("ledger_none"), text("find_none_hint"))
        return
    st.caption(text("ledger_count", count=f"{found.total:,}"))
    ui.table(
        [text(f"ledger_{name}") for name in ("seq", "at", "actor", "action", "subject", "event_clauses")],
        [_row(event) for event in found.events],
        dense=True,
    )
    if found.pages > 1:
        st.pagination(found.pages, key="ledger_page")
    _detail(found.events)


def _proof(actor: Actor) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        asked = st.button(text("ledger_verify"), type="primary", icon=":material/verified:")
        if actor.has(Role.AUDITOR, Role.AUTHORITY):
            ui.download(
                text("ledger_export"),
                lambda: administration.export(actor),
                "ledger.jsonl",
                "application/jsonl",
                "export",
            )
    if not asked:
        return
    with st.status(text("ledger_verifying"), expanded=True) as progress, ui.guarded():
        verdict = administration.verify(actor)
        if verdict.fault:
            progress.update(label=text("ledger_bad", events=verdict.events, fault=verdict.told()), state="error")
        else:
            progress.update(label=text("ledger_good", events=f"{verdict.events:,}"), state="complete")
        st.code(verdict.head, language=None)


def _filters(actor: Actor) -> FindEvents:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        every = {"": text("ui_all")} | {name: name for name in administration.actions(actor)}
        action = ui.choice(text("ledger_action"), every, key="ledger_action")
        who = st.text_input(text("ledger_actor"), key="ledger_actor")
        subject = st.text_input(text("ledger_subject"), key="ledger_subject", placeholder="ds-, req-, p-")
    looked_for = (who, action, subject)
    if st.session_state.get("ledger_looked_for") != looked_for:  # a new question starts on its first page
        st.session_state["ledger_looked_for"] = looked_for
        st.session_state.pop("ledger_page", None)
    return FindEvents(who or "", action, subject or "", int(st.session_state.get("ledger_page", 1)))


def _row(event: EventView) -> tuple[object, ...]:
    return (
        f"#{event.seq}",
        ui.Cell(clock.local(event.at), mono=True),
        event.actor,
        ui.Cell(event.action, mono=True),
        ui.Cell(event.subject, mono=True),
        ", ".join(event.clauses[:SHOWN]) + (f" … +{len(event.clauses) - SHOWN}" if len(event.clauses) > SHOWN else ""),
    )


def _detail(events: tuple[EventView, ...]) -> None:
    ui.section(text("ledger_detail"))
    by_label = {f"#{event.seq} · {event.action} · {event.subject}": event for event in events}
    event = by_label[st.selectbox(text("ledger_choose"), list(by_label), key="ledger_choose")]
    ui.facts(
        [
            (text("ledger_at"), clock.local(event.at)),
            (text("ledger_actor"), event.actor),
            (text("ledger_action"), event.action),
            (text("ledger_subject"), event.subject),
            (text("ledger_event_clauses"), ", ".join(event.clauses)),
            (text("ledger_correlation"), event.correlation),
            (text("ledger_previous"), event.previous),
            (text("ledger_digest"), event.digest),
        ]
    )
    for decision in rulings.all_of(event.facts):
        ui.section(text("ledger_decision"))
        rulings.show(decision)
    st.code(json.dumps(event.facts, ensure_ascii=False, indent=2), language="json", wrap_lines=True)
