"""The catalogue's first page: every data set the visitor may know of, with search and filters."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from catalog_browser import service
from catalog_browser.views import CATEGORIES, DataSetView
from enclave.kernel.i18n import text
from enclave.ui import components as ui
from enclave.ui import links, session

KINDS = ("limited", "deidentified", "synthetic")


def page() -> None:
    """Show the list."""
    ui.heading(text("find_title"), text("find_lead"))
    query, category, level, kind = _filters()
    found = service.find(session.actor(), query, category=category, level=int(level) if level else None)
    shown = [entry for entry in found if kind in ("", *entry.kinds)]
    if not shown:
        filtered = bool(query or category or level or kind)
        ui.empty(
            text("find_none" if filtered else "find_empty"), text("find_none_hint" if filtered else "find_empty_hint")
        )
        return
    st.caption(text("find_count", count=len(shown)))
    _cards(shown)


def _filters() -> tuple[str, str, str, str]:
    with st.container(horizontal=True, vertical_alignment="bottom", key="filters"):
        query = st.text_input(
            text("find_query"),
            key="find_query",
            placeholder=text("find_query_hint"),
            icon=":material/search:",
            live=True,
        )
        every = {"": text("ui_all")}
        category = ui.choice(
            text("ui_category"),
            every | {code: ui.code_name("category", code) for code in CATEGORIES},
            key="find_category",
        )
        level = ui.choice(text("ui_level"), every | {str(n): text(f"level_{n}") for n in range(1, 6)}, key="find_level")
        kind = ui.choice(text("ui_kind"), every | {code: ui.code_name("kind", code) for code in KINDS}, key="find_kind")
    return query or "", category, level, kind


def _cards(entries: Sequence[DataSetView]) -> None:
    for entry in entries:
        with st.container(border=True, key=f"card-{entry.id}", gap="small"):
            links.link("dataset", f"**{ui.md(session.pick(entry, 'title'))}**", id=entry.slug)
            st.html(f'<p class="clamp muted">{escape(session.pick(entry, "description"))}</p>')
            ui.badges(
                (ui.code_name("category", entry.category), "accent"),
                (text(f"level_{entry.level}"), "plain"),
                *((ui.code_name("kind", kind), "plain") for kind in entry.kinds if kind in KINDS),
                (ui.code_name("dataset_state", entry.state) if entry.state != "published" else "", "warn"),
            )
            ui.small(_line(entry))


def _line(entry: DataSetView) -> str:
    parts = [text("find_persons", persons=entry.persons_text), text("find_rows", rows=entry.rows_text)]
    parts += [part for part in (entry.years, entry.controller) if part]
    return " · ".join(parts)
