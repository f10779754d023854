"""The steward makes the synthetic sample, sees how it was tested, and looks at it."""

from __future__ import annotations

import streamlit as st

from catalog_browser import samples, service
from catalog_browser.pages import steps
from catalog_browser.views import DataSetDetail, VersionView
from enclave.kernel.i18n import text
from enclave.kernel.identity import Actor
from enclave.ui import components as ui
from enclave.ui import links, session
from synthetic.service import MOST_ROWS, GenerateSample, generate


def page() -> None:
    """Show the sample and the button that makes a new one."""
    actor = session.actor()
    entry = service.get(actor, links.asked("id"))
    steps.head(entry, "sample")
    made = entry.latest("synthetic")
    if entry.latest("deidentified") is None:
        ui.empty(text("sample_build_first"), text("sample_build_first_hint"))
        return
    _generate(actor, entry)
    if made is None:
        ui.empty(text("sample_none"), text("sample_make_hint"))
        return
    _tests(made)
    _rows(actor, entry)
    steps.onward(entry, "sample")


def _generate(actor: Actor, entry: DataSetDetail) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        rows = st.number_input(
            text("sample_size"), 1, MOST_ROWS, 100, step=10, width=220, help=text("sample_size_help")
        )
        asked = st.button(text("sample_generate"), type="primary", icon=":material/auto_awesome_motion:")
    if not asked:
        return
    with st.status(text("sample_working"), expanded=True) as progress:
        ui.small(text("sample_working_steps"))
        with ui.guarded(failed=lambda: progress.update(label=text("sample_failed"), state="error")):
            generate(actor, GenerateSample(entry.id, int(rows)))
            progress.update(label=text("sample_made"), state="complete")
            ui.flash(text("sample_made"))
            st.rerun()


def _tests(made: VersionView) -> None:
    ui.section(text("sample_tests"))
    ui.table(
        [text(f"sampletest_{name}") for name in ("table", "rows", "equal", "likeness", "distance")],
        [
            (
                name,
                report["rows"],
                made.risk.get("equal_rows", 0),
                f"{report['likeness']:.0%}",
                _distance(report["nearest"]),
            )
            for name, report in made.risk.get("tables", {}).items()
        ],
        numeric=(1, 2, 3),
    )
    ui.small(text("sampletest_note"))


def _distance(nearest: dict[str, float]) -> str:
    if not nearest:
        return ""
    return text("sampletest_medians", made=f"{nearest['synthetic_median']:.2f}", real=f"{nearest['real_median']:.2f}")


def _rows(actor: Actor, entry: DataSetDetail) -> None:
    ui.section(text("kind_synthetic"))
    for table in samples.sample(actor, entry.id):
        st.markdown(f"**{ui.md(table.name)}** · {text('sample_rows', rows=len(table.rows))}")
        st.dataframe(
            [dict(zip(table.columns, row, strict=True)) for row in table.rows],
            hide_index=True,
            height=280,
            alt=table.name,
        )
