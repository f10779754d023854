"""The steward's list of data sets, each with its next step."""

from __future__ import annotations

import streamlit as st

from catalog_browser import service
from catalog_browser.pages import steps
from catalog_browser.views import DATASET_STATES, DataSetView
from enclave.kernel import clock
from enclave.kernel.i18n import text
from enclave.ui import components as ui
from enclave.ui import links, session


def page() -> None:
    """Show every data set, drafts too."""
    ui.heading(text("manage_title"), text("manage_lead"))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        query = st.text_input(text("find_query"), key="manage_query", icon=":material/search:", live=True) or ""
        states = {"": text("ui_all")} | {state: ui.code_name("dataset_state", state) for state in DATASET_STATES}
        state = ui.choice(text("ui_state"), states, key="manage_state")
        if st.button(text("manage_register"), type="primary", icon=":material/add:"):
            links.go("register")
    found = service.find(session.actor(), query, state=state)
    if not found:
        ui.empty(text("manage_none"), text("manage_none_hint"))
    for entry in found:
        _card(entry)


def _card(entry: DataSetView) -> None:
    step = steps.next_step(entry)
    with st.container(border=True, key=f"card-{entry.id}", gap="small"):
        links.link(step or "publish", f"**{ui.md(session.pick(entry, 'title'))}**", id=entry.id)
        ui.badges(
            (ui.code_name("dataset_state", entry.state), "good" if entry.state == "published" else "warn"),
            (text(f"level_{entry.level}"), "plain"),
            (ui.code_name("category", entry.category), "plain"),
            (text("manage_next", step=text(f"step_{step}")) if step else "", "accent"),
        )
        counts = text("manage_counts", rows=entry.rows_text, persons=entry.persons_text)
        ui.small(f"{entry.slug} · {counts} · {clock.local(entry.created_at)}")
