"""One data set: what it is, its variables, versions and risk, a synthetic sample, and how to apply."""

from __future__ import annotations

from urllib.parse import quote

import streamlit as st

from catalog_browser import samples, service
from catalog_browser.pages.parts import dictionary, versions
from catalog_browser.views import DataSetDetail
from enclave.kernel.i18n import text
from enclave.ui import components as ui
from enclave.ui import links, session

APPLY = "/services/workbench/apply?dataset="


def page() -> None:
    """Show the entry named in the address."""
    ui.back("list", text("entry_back"))
    entry = service.get(session.actor(), links.asked("id"))
    ui.heading(session.pick(entry, "title"), eyebrow=ui.code_name("category", entry.category))
    _labels(entry)
    about, words, made, sample, terms = st.tabs(
        [text(f"entry_tab_{name}") for name in ("about", "dictionary", "versions", "sample", "terms")]
    )
    with about:
        _about(entry)
    with words:
        dictionary(entry)
    with made:
        versions(entry)
    with sample:
        _sample(entry)
    with terms:
        _terms(entry)


def _labels(entry: DataSetDetail) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        ui.badges(
            (text(f"level_{entry.level}"), "accent"),
            (text(f"degree_{entry.level}"), "plain"),
            (ui.code_name("audience", entry.audience), "plain"),
            (ui.code_name("dataset_state", entry.state), "good" if entry.state == "published" else "warn"),
        )
        if entry.state == "published":
            ui.anchor(text("entry_apply"), APPLY + quote(entry.id), primary=True)


def _about(entry: DataSetDetail) -> None:
    ui.stats(
        [
            (text("entry_persons"), entry.persons_text),
            (text("entry_rows"), entry.rows_text),
            (text("entry_variables"), len(entry.variables)),
            (text("entry_years"), entry.years or text("ui_unknown")),
        ]
    )
    ui.prose(session.pick(entry, "description"))
    ui.facts(
        [
            (text("entry_controller"), entry.controller),
            (text("entry_system"), entry.system),
            (text("entry_origin"), ui.word("scenarios", entry.origin, session.language())),
            (text("ui_level"), f"{text(f'level_{entry.level}')} · {session.pick(entry, 'level_reason')}".rstrip(" ·")),
            (text("entry_degree"), text(f"degree_{entry.level}_long")),
            (text("entry_licence"), entry.licence),
            (text("entry_attribution"), entry.attribution),
            (text("entry_legal_basis"), entry.legal_basis),
            (text("entry_slug"), entry.slug),
        ]
    )


def _sample(entry: DataSetDetail) -> None:
    tables = samples.sample(session.actor(), entry.id)
    if not tables:
        ui.empty(text("sample_none"), text("sample_none_hint"))
        return
    ui.notice(text("sample_notice"))
    for number, table in enumerate(tables):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown(f"**{ui.md(table.name)}** · {text('sample_rows', rows=len(table.rows))}")
            ui.download(
                text("sample_download"), table.csv, f"{entry.slug}-{number + 1}.csv", "text/csv", f"csv{number}"
            )
        st.dataframe(
            [dict(zip(table.columns, row, strict=True)) for row in table.rows],
            hide_index=True,
            height=320,
            alt=table.name,
        )


def _terms(entry: DataSetDetail) -> None:
    for name in ("conditions", "cost", "duties"):
        ui.section(text(f"entry_{name}"))
        ui.prose(session.pick(entry, name) or text("ui_not_given"))
    ui.section(text("entry_how"))
    ui.timeline(ui.Step(text(f"entry_how_{number}"), "next") for number in range(1, 6))
