"""The stewards' queue of what wants to leave: oldest first, what each may not review with its reason."""

from __future__ import annotations

import streamlit as st

from enclave.kernel.i18n import text
from enclave.outputs.files import service as files
from enclave.outputs.pages.results import card
from enclave.ui import components as ui
from enclave.ui import session


def page() -> None:
    """Show the queue, then everything."""
    actor = session.actor()
    ui.heading(text("egress_title"), text("egress_lead"))
    waiting, everything = st.tabs([text("queue_waiting"), text("egress_all")])
    queue = files.queue(actor)
    with waiting:
        mine = [export for export in queue if export.may_review]
        others = [export for export in queue if not export.may_review]
        if not mine:
            ui.empty(text("egress_none"), text("egress_none_hint"))
        for export in mine:
            card(export)
        if others:
            ui.section(text("egress_barred"))
        for export in others:
            card(export)
            ui.small(text(export.barred))
    with everything:
        queued = {export.id for export in queue}
        decided = [export for export in files.exports(actor) if export.id not in queued and export.state != "blocked"]
        if not decided:
            ui.empty(text("egress_no_others"))
        for export in decided:
            card(export)
