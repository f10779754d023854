"""Who is in a project, and the end of a member's or the whole project's access."""

from __future__ import annotations

import streamlit as st

from enclave.grants import service as grants
from enclave.grants.views import ProjectView, RemoveMember, RevokeGrant
from enclave.kernel.i18n import text
from enclave.kernel.identity import Actor, Role
from enclave.ui import components as ui


def members(actor: Actor, project: ProjectView) -> None:
    """Show the members, and remove one."""
    ui.table(
        [text(f"member_{name}") for name in ("name", "username", "institution", "state")],
        [
            (
                each.display_name,
                each.username,
                ui.place(each.institution),
                ui.Cell(text(f"member_is_{each.state}"), "plain"),
            )
            for each in project.members
        ],
    )
    others = {m.username: m.display_name for m in project.members if m.state == "active" and m.username != project.lead}
    if others and may_end(actor, project):
        with st.popover(text("member_remove")):
            username = ui.choice(text("member_who"), others, key="member_who")
            reason = st.text_input(text("ui_reason"), key="member_reason") or ""
            if st.button(text("member_remove_now"), disabled=not reason.strip()):
                with ui.guarded():
                    grants.remove_member(actor, RemoveMember(project.id, username, reason))
                    ui.flash(text("member_removed", name=others[username]))
                    st.rerun()


def may_end(actor: Actor, project: ProjectView) -> bool:
    """Tell whether to show the way to end access; the service asks again."""
    return project.state == "active" and (actor.username == project.lead or actor.has(Role.AUTHORITY, Role.STEWARD))


def end(actor: Actor, project: ProjectView) -> None:
    """End the project."""
    ui.notice(text("project_end_warning"), "warn")
    reason = st.text_input(text("ui_reason"), key="revoke_reason") or ""
    if st.button(text("project_end_now"), type="primary", disabled=not reason.strip(), icon=":material/block:"):
        with ui.guarded():
            grants.revoke(actor, RevokeGrant(project.id, reason))
            ui.flash(text("project_ended"))
            st.rerun()
