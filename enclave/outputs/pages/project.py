"""One project: open the enclave, what was granted, the budget, what has left, members, and the end."""

from __future__ import annotations

import streamlit as st

from enclave.grants import service as grants
from enclave.grants.views import GrantView, ProjectView
from enclave.kernel.errors import NotFound
from enclave.kernel.i18n import text
from enclave.kernel.identity import Actor, Role
from enclave.outputs.pages import budget, enclave_panel, membership, results
from enclave.outputs.pages.projects import days_left, validity
from enclave.ui import components as ui
from enclave.ui import links, session

OVERSEERS = (Role.AUTHORITY, Role.STEWARD, Role.AUDITOR, Role.OPERATOR)


def page() -> None:
    """Show the project named in the address to its members and to those who oversee."""
    actor = session.actor()
    project = _visible(actor, links.asked("id"))
    ui.back("projects", text("projects_title"))
    ui.heading(project.title, eyebrow=project.id)
    ui.badges(validity(project), (days_left(project), "plain"), (ui.place(project.institution), "plain"))
    member = any(each.username == actor.username for each in project.members)
    if member:
        enclave_panel.show(actor, project)
    tabs = ["granted", "members"] + (["budget", "tables", "exports"] if member and project.valid else [])
    tabs += ["end"] if membership.may_end(actor, project) else []
    places = dict(zip(tabs, st.tabs([text(f"project_tab_{name}") for name in tabs]), strict=True))
    for name, place in places.items():
        with place, ui.guarded():
            _SHOWN[name](actor, project)


def _visible(actor: Actor, project_id: str) -> ProjectView:
    oversees = actor.has(*OVERSEERS)
    project = grants.get_project(project_id, None if oversees else actor.username)
    if not oversees and actor.username not in [member.username for member in project.members]:
        raise NotFound("not_found", kind="project", id=project_id)
    return project


def _granted(actor: Actor, project: ProjectView) -> None:
    for grant in project.grants:
        with st.container(border=True, gap="small"):
            st.markdown(f"**{ui.md(budget.dataset_title(actor, grant.dataset_id))}**")
            ui.badges((text(f"grant_state_{grant.state}"), "good" if grant.state == "active" else "plain"))
            ui.facts(_facts(grant))
            links.link("request", text("project_request"), icon=":material/description:", id=grant.request_id)


def _facts(grant: GrantView) -> list[tuple[str, object]]:
    rows = [f"{part['column']} {part['op']} {part['value']}" for part in grant.row_filter]
    return [
        (text("grant_period"), f"{grant.starts_on} – {grant.ends_on}"),
        (text("grant_columns"), ", ".join(grant.columns)),
        (text("grant_rows"), "\n".join(rows) or text("grant_all_rows")),
        (text("grant_budget"), f"ε {grant.epsilon:g}"),
        (text("request_registration"), grant.registration),
        (text("grant_ended_reason"), grant.ended_reason),
    ]


_SHOWN = {
    "granted": _granted,
    "members": membership.members,
    "budget": budget.show,
    "tables": results.tables,
    "exports": results.exports,
    "end": membership.end,
}
