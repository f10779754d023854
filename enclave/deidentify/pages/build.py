"""The steward makes the limited and the de-identified version and reads what risk is left."""

from __future__ import annotations

import streamlit as st

from catalog_browser import service as catalogue
from catalog_browser.pages import risk, steps
from catalog_browser.views import DataSetDetail, VersionView
from enclave.deidentify.service import BuildVersions, build_versions
from enclave.kernel import clock
from enclave.kernel.i18n import text
from enclave.kernel.identity import Actor
from enclave.ui import components as ui
from enclave.ui import links, session

FORMS = ("deidentified", "limited")


def page() -> None:
    """Show the versions there are and the button that makes new ones."""
    actor = session.actor()
    entry = catalogue.get(actor, links.asked("id"))
    steps.head(entry, "deidentify")
    made = {form: entry.latest(form) for form in FORMS}
    if entry.state == "draft":
        ui.empty(text("build_confirm_first"), text("build_confirm_first_hint"))
        return
    _build(actor, entry, again=any(made.values()))
    shown = {form: version for form, version in made.items() if version}
    if not shown:
        ui.empty(text("build_none"), text("build_none_hint"))
        return
    for version, place in zip(shown.values(), st.tabs([ui.code_name("kind", form) for form in shown]), strict=True):
        with place:
            _version(version)
    steps.onward(entry, "deidentify")


def _build(actor: Actor, entry: DataSetDetail, *, again: bool) -> None:
    if not st.button(text("build_again" if again else "build_now"), type="secondary" if again else "primary"):
        return
    with st.status(text("build_working"), expanded=True) as progress:
        ui.small(text("build_working_steps"))
        with ui.guarded(failed=lambda: progress.update(label=text("build_failed"), state="error")):
            build_versions(actor, BuildVersions(entry.id))
            progress.update(label=text("build_done"), state="complete")
            ui.flash(text("build_done"))
            st.rerun()


def _version(version: VersionView) -> None:
    ui.notice(risk.words(version), "good" if version.risk.get("passed") else "warn")
    ui.facts(
        [
            (text("versions_made"), clock.local(version.created_at)),
            (text("ui_level"), text(f"level_{version.level}")),
            (text("build_profile"), f"{version.profile.get('name', '')} {version.profile.get('version', '')}"),
            (text("build_profile_hash"), version.profile_hash),
        ]
    )
    risk.report(version)
    with st.expander(text("build_lineage")):
        for table, columns in version.profile.get("tables", {}).items():
            ui.section(table)
            ui.table(
                [text(f"lineage_{name}") for name in ("column", "method", "clause")],
                [
                    (ui.Cell(name, mono=True), _method(done["method"], done["then"]), done["clause"])
                    for name, done in columns.items()
                ],
                dense=True,
            )


def _method(method: str, then: str) -> str:
    return text(f"method_{method}") + (text("method_then_ladder") if then == "ladder" else "")
