"""Requests for stewards, committee, authority and auditors: what waits for them, and everything they may see."""

from __future__ import annotations

import streamlit as st

from enclave.kernel.i18n import text
from enclave.ui import components as ui
from enclave.ui import session
from request_review import service
from request_review.pages.parts import card
from request_review.rulebook import rules


def page() -> None:
    """Show the queue, then the rest."""
    actor = session.actor()
    ui.heading(text("queue_title"), text("queue_lead"))
    waiting, everything = st.tabs([text("queue_waiting"), text("queue_all")])
    with waiting:
        lines = service.queue(actor)
        if not lines:
            ui.empty(text("queue_none"), text("queue_none_hint"))
        for line in lines:
            card(line, "request", key="queue")
    with everything:
        states = {code: names[session.language()] for code, names in rules("workflow")["states"].items()}
        states.pop("draft")
        state = ui.choice(text("ui_state"), {"": text("ui_all")} | states, key="queue_state")
        found = [line for line in service.find(actor, state) if line.state != "draft"]
        if not found:
            ui.empty(text("queue_nothing"), text("find_none_hint"))
        for line in found:
            card(line, "request", key="all")
