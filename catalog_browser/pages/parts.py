"""Parts of an entry that the catalogue and the steward's pages share: dictionary, versions, risk in words."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import streamlit as st

from catalog_browser import report
from catalog_browser.pages import risk
from catalog_browser.views import DataSetDetail, VariableView
from enclave.kernel import clock
from enclave.kernel.i18n import text
from enclave.ui import components as ui
from enclave.ui import session

TONES: Mapping[str, ui.Tone] = {"direct": "bad", "quasi": "warn", "sensitive": "accent", "other": "plain"}


def dictionary(entry: DataSetDetail) -> None:
    """Show the variables of every table, with a search box when there are many."""
    language = session.language()
    wanted = ""
    if len(entry.variables) > 12:
        wanted = (
            st.text_input(
                text("dictionary_search"), key="dictionary_search", icon=":material/search:", live=True,
                placeholder=text("dictionary_search_hint"),
            ) or ""
        )  # fmt: skip
    names = dict.fromkeys(variable.table for variable in entry.variables)
    for name in names:
        rows = [v for v in entry.variables if v.table == name and _matches(v, wanted, language)]
        if rows:
            ui.section(text("dictionary_table", name=name, count=len(rows)))
            columns = ("name", "label", "dtype", "role", "level", "codes")
            ui.table(
                [text(f"dictionary_{column}") for column in columns], [_row(v, language) for v in rows], dense=True
            )


def _matches(variable: VariableView, wanted: str, language: str) -> bool:
    return wanted.casefold() in f"{variable.name} {variable.label(language)} {variable.kind}".casefold()


def _row(variable: VariableView, language: str) -> tuple[object, ...]:
    codes = [f"{code} = {texts.get(language, '')}" for code, texts in list(variable.codes.items())[:8]]
    more = "…" if len(variable.codes) > 8 else ""
    return (
        ui.Cell(variable.name, mono=True),
        _meaning(variable, language),
        ui.code_name("dtype", variable.dtype),
        ui.Cell(ui.code_name("role", variable.role), TONES[variable.role]),
        variable.level,
        "; ".join(codes) + more,
    )


def _meaning(variable: VariableView, language: str) -> str:
    """Return the label, and the statistical indicator with its definition where the column holds one (2-6)."""
    label = "" if variable.label(language) == variable.name else variable.label(language)
    known = variable.indicator
    return f"{label} [{known['code']}] {known[language]}".strip() if known else label


def versions(entry: DataSetDetail) -> None:
    """Show what versions there are and what is known of their risk."""
    if not entry.versions:
        ui.empty(text("versions_none"), text("versions_none_hint"))
        return
    for version in sorted(entry.versions, key=lambda version: -version.number):
        with st.container(border=True, gap="small"):
            st.markdown(f"**{text('versions_number', number=version.number)} · {ui.code_name('kind', version.kind)}**")
            ui.badges(
                (text(f"level_{version.level}"), "accent"),
                (ui.code_name("version_state", version.state), "good" if version.state == "published" else "warn"),
            )
            ui.facts(
                [
                    (text("entry_rows"), f"{version.rows:,}" if entry.rows is not None else entry.rows_text),
                    (text("versions_made"), clock.local(version.created_at)),
                    (text("versions_risk"), risk.words(version)),
                ]
            )
            if "k" in version.risk and session.actor().has(*report.READERS):
                fetch = partial(report.render, session.actor(), version.id, session.language())
                name = f"{entry.slug}-{version.kind}-risk.pdf"
                ui.download(text("report_download"), fetch, name, "application/pdf", f"report-{version.id}")
