"""The glossary: one word for one thing, with its meaning and where it comes from (2-1)."""

from __future__ import annotations

import streamlit as st

from enclave.kernel.i18n import catalogue, text
from enclave.ui import components as ui

PREFIX, SOURCE, MEANING = "term_", "_source", "_meaning"


def page() -> None:
    """Show every term in both languages."""
    ui.heading(text("glossary_title"), text("glossary_lead"))
    wanted = st.text_input(text("glossary_search"), key="glossary_search", icon=":material/search:", live=True) or ""
    texts = catalogue()
    names = [key for key in texts if key.startswith(PREFIX) and not key.endswith((SOURCE, MEANING))]
    rows = [
        (texts[key].zh, texts[key].en, text(key + MEANING), text(key + SOURCE))
        for key in names
        if wanted.casefold() in f"{texts[key].zh} {texts[key].en} {text(key + MEANING)}".casefold()
    ]
    if rows:
        ui.table([text(f"glossary_{column}") for column in ("zh", "en", "meaning", "source")], rows)
    else:
        ui.empty(text("glossary_none"), text("find_none_hint"))
