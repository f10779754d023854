"""Projects: a member's own to open and work in, all of them for those who oversee."""

from __future__ import annotations

import streamlit as st

from enclave.grants import service as grants
from enclave.grants.views import ProjectView
from enclave.kernel import clock
from enclave.kernel.i18n import text
from enclave.ui import components as ui
from enclave.ui import links, session


def page() -> None:
    """Show the projects the visitor may know of."""
    actor = session.actor()
    ui.heading(text("projects_title"), text("projects_lead"))
    found = grants.find(actor)
    if not found:
        ui.empty(text("projects_none"), text("projects_none_hint"))
    for project in found:
        _card(project)


def _card(project: ProjectView) -> None:
    with st.container(border=True, key=f"card-{project.id}", gap="small"):
        links.link("project", f"**{ui.md(project.title)}**", id=project.id)
        ui.badges(validity(project), (days_left(project), "plain"), (ui.place(project.institution), "plain"))
        names = "、".join(member.display_name for member in project.members if member.state == "active")
        ui.small(f"{project.id} · {names} · {clock.local(project.created_at)}")


def validity(project: ProjectView) -> tuple[str, ui.Tone]:
    """Return the badge that says whether the project may be used now."""
    return (text("project_valid"), "good") if project.valid else (text(project.validity.reason), "bad")


def days_left(project: ProjectView) -> str:
    """Return how many days are left, the last one included."""
    if not project.valid:
        return ""
    ends = max(grant.ends_on for grant in project.validity.grants)
    return text("project_days", days=(ends - clock.today()).days + 1, until=ends.isoformat())
