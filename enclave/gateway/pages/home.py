"""The workbench's first page: what needs the person now, by role, with counts."""

from __future__ import annotations

import streamlit as st

from enclave.gateway import tasks
from enclave.gateway.pages.members import role_name
from enclave.gateway.tasks import Task
from enclave.kernel.i18n import text
from enclave.ui import components as ui
from enclave.ui import links, session


def page() -> None:
    """Show what needs this person."""
    actor = session.actor()
    ui.heading(text("home_title", name=actor.display_name), text("home_lead"))
    ui.badges(*((role_name(role), "accent") for role in sorted(actor.roles)), (ui.place(actor.institution), "plain"))
    waiting = tasks.waiting(actor)
    if not waiting:
        ui.empty(text("home_nothing"), text("home_nothing_hint"))
    with st.grid(3, min_column_width=240):
        for task in waiting:
            _card(task)


def _card(task: Task) -> None:
    with st.container(border=True, key=f"card-task-{task.code}", gap="small"):
        ui.count(task.count)
        links.link(task.path, text(f"task_{task.code}"), icon=":material/arrow_forward:")
