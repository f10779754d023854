"""What a project got out: verified tables, exports and releases."""

from __future__ import annotations

from functools import partial

import streamlit as st

from enclave.grants.views import ProjectView
from enclave.kernel import clock
from enclave.kernel.i18n import text
from enclave.kernel.identity import Actor
from enclave.outputs.files import service as files
from enclave.outputs.files.views import ExportView, ReleaseView
from enclave.outputs.tables import service as released
from enclave.outputs.tables.views import TableView
from enclave.ui import components as ui
from enclave.ui import links, session

EXPORT_TONES: dict[str, ui.Tone] = {
    "blocked": "bad", "in_review": "accent", "released": "good", "refused": "bad", "withdrawn": "plain",
}  # fmt: skip
SHOWN = 50
SNIPPET = 'import enclave.client as enclave\n\nenclave.export(["results.csv"], note="...")'


def tables(actor: Actor, project: ProjectView) -> None:
    """Show the verified tables of the project."""
    found = released.released(actor, project.id)
    if not found:
        ui.empty(text("tables_none"), text("tables_none_hint"))
    for table in found:
        with st.container(border=True, gap="small"):
            by = " × ".join(table.by) or text("tables_total")
            st.markdown(f"**{ui.md(table.table)} · {ui.md(by)}**")
            ui.small(
                text(
                    "tables_line", cells=len(table.cells), threshold=table.threshold, at=clock.local(table.released_at)
                )
            )
            _cells(table)
            fetch = partial(released.download, actor, table.id)
            ui.download(text("sample_download"), fetch, f"{table.id}.csv", "text/csv", table.id)


def _cells(table: TableView) -> None:
    with st.expander(text("tables_look")):
        columns = [*table.by, text("tables_persons")]
        rows = [(*("—" if v is None else v for v in cell["values"]), f"{cell['persons']:,}") for cell in table.cells]
        ui.table(columns, rows[:SHOWN], numeric=(len(table.by),))
        if len(rows) > SHOWN:
            ui.small(text("preview_rows", shown=SHOWN, total=len(rows)))


def exports(actor: Actor, project: ProjectView) -> None:
    """Show exports with their state, and releases to download."""
    found = files.exports(actor, project.id)
    if not found:
        ui.empty(text("exports_none"), text("exports_none_hint"))
    with st.expander(text("exports_how"), expanded=not found):
        st.code(SNIPPET, language="python")
    for release in files.releases(actor, project.id):
        _release(actor, release)
    for export in found:
        card(export)


def card(export: ExportView) -> None:
    """Show one export in a list."""
    with st.container(border=True, key=f"card-{export.id}", gap="small"):
        links.link("export", f"**{ui.md(export.note[:80] or export.id)}**", id=export.id)
        ui.badges(
            (text(f"export_state_{export.state}"), EXPORT_TONES[export.state]),
            (text("exports_files", count=export.files), "plain"),
            (text("exports_looking", count=export.looking) if export.looking else "", "warn"),
            (text("exports_blocking", count=export.blocking) if export.blocking else "", "bad"),
        )
        who = session.named(export.submitted_by)
        ui.small(f"{export.id} · {export.project_id} · {who} · {clock.local(export.submitted_at)}")


def _release(actor: Actor, release: ReleaseView) -> None:
    with st.container(border=True, gap="small"):
        st.markdown(f"**{text('release_title', id=release.id)}**")
        ui.small(f"{clock.local(release.released_at)} · SHA-256 {release.manifest_sha256[:16]}…")
        with st.container(horizontal=True):
            for number, name in enumerate([*(str(file["name"]) for file in release.files), "manifest.json"]):
                fetch = partial(files.download, actor, release.id, name)
                ui.download(name, fetch, name.rsplit("/", 1)[-1], "application/octet-stream", f"{release.id}-{number}")
