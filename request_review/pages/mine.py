"""The researcher's requests: drafts to go on with, requests under way, and what each needs from him."""

from __future__ import annotations

import streamlit as st

from enclave.kernel.i18n import text
from enclave.ui import components as ui
from enclave.ui import session
from request_review import service
from request_review.pages import draft
from request_review.pages.parts import card


def page() -> None:
    """Show the person's own requests and those of his team."""
    actor = session.actor()
    with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute"):
        ui.heading(text("mine_title"), text("mine_lead"))
        if st.button(text("mine_new"), type="primary", icon=":material/add:"):
            draft.start()
    found = service.my_requests(actor)
    if not found:
        ui.empty(text("mine_none"), text("mine_none_hint"))
    for line in found:
        card(line, "apply" if line.state == "draft" else "request")
