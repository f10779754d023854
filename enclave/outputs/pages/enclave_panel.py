"""The way into the enclave: ready, being prepared, or closed and why."""

from __future__ import annotations

import streamlit as st

from enclave.grants.views import ProjectView
from enclave.kernel import clock
from enclave.kernel.i18n import text
from enclave.kernel.identity import Actor
from enclave.ui import components as ui
from enclave.workspaces import service as workspaces


def show(actor: Actor, project: ProjectView) -> None:
    """Show the button that opens the enclave, or why there is none."""
    with st.container(border=True, key="enclave"):
        if not project.valid:
            ui.small(text("enclave_closed", reason=text(project.validity.reason)))
            return
        waiting, failed = _waiting(project)
        if failed:
            ui.notice(text("enclave_failed", code=failed), "warn")
        elif waiting:
            ui.notice(text("enclave_preparing"))
            _watch(project)
        else:
            _open(actor, project)


def _waiting(project: ProjectView) -> tuple[bool, str]:
    """Tell whether an extract in force is still being built, and the code of one that could not be."""
    extracts = {extract.grant_id: extract for extract in workspaces.extracts(project.id)}
    waiting, failed = False, ""
    for grant in project.validity.grants:
        extract = extracts.get(grant.id)
        waiting = waiting or extract is None or extract.state == "building"
        failed = failed or (extract.error if extract and extract.state not in ("building", "ready") else "")
    return waiting, failed


@st.fragment(run_every=3)
def _watch(project: ProjectView) -> None:
    """Look again every few seconds; show the way in as soon as it is open."""
    waiting, failed = _waiting(project)
    if failed or not waiting:
        st.rerun()


def _open(actor: Actor, project: ProjectView) -> None:
    running = workspaces.is_running(project.id, actor.username)
    with st.container(horizontal=True, vertical_alignment="center"):
        if running:
            ui.anchor(text("enclave_go_on"), f"/user/{actor.username}/{project.id}/lab", primary=True)
        else:
            ui.anchor(text("enclave_open"), f"/hub/spawn/{actor.username}/{project.id}", primary=True)
        ui.badges((text("enclave_running") if running else text("enclave_ready"), "good" if running else "plain"))
    ui.small(text("enclave_rules"))
    tables = [table.name for extract in workspaces.extracts(project.id) for table in extract.tables]
    with st.expander(text("enclave_begin")):
        st.code(text("enclave_begin_code", table=next(iter(tables), "")), language="python")
    sessions = workspaces.sessions(actor, project.id, 5)
    if sessions:
        with st.expander(text("enclave_sessions")):
            ui.table(
                [text(f"session_{name}") for name in ("from", "until", "probes", "state")],
                [
                    (
                        clock.local(each.started_at),
                        clock.local(each.ended_at) if each.ended_at else "",
                        text("session_probes_held", count=each.probes - len(each.failed_probes), all=each.probes),
                        text(f"session_is_{each.state}"),
                    )
                    for each in sessions
                ],
            )
