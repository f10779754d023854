"""The steward registers a data set: a file, a few words about it, and the system reads and classifies it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from catalog_browser.views import Texts
from enclave.deidentify import incoming
from enclave.deidentify.service import RegisterDataSet, register
from enclave.kernel.errors import Invalid
from enclave.kernel.i18n import text
from enclave.ui import components as ui
from enclave.ui import links, session

ENCODINGS = ["", "utf-8", "gb18030", "utf-16", "big5"]
TYPES = ["csv", "tsv", "txt", "parquet", "xlsx", "zip", "gz"]


def page() -> None:
    """Show the form."""
    ui.back("data", text("manage_back"))
    ui.heading(text("register_data_title"), text("register_data_lead"))
    ways = {"upload": text("register_upload"), "folder": text("register_folder")}
    way = st.segmented_control(text("register_source"), list(ways), default="upload", format_func=ways.__getitem__)
    given = _upload() if way == "upload" else None
    chosen = "" if way == "upload" else _arrival()
    command = _words()
    if st.button(text("register_data_now"), type="primary", icon=":material/upload:"):
        with ui.guarded():
            _register(command, given, chosen)


def _upload() -> UploadedFile | None:
    given = st.file_uploader(text("register_file"), TYPES)
    ui.small(text("register_file_help"))
    return given


def _arrival() -> str:
    found = {each.name: f"{each.name}（{each.size / 2**20:,.1f} MB）" for each in incoming.arrivals()}
    if not found:
        ui.empty(text("register_folder_empty"), text("register_folder_hint", folder=str(incoming.folder())))
        return ""
    return ui.choice(text("register_file"), found, key="register_arrival")


def _words() -> RegisterDataSet:
    first, second, third = (st.columns(2) for _ in range(3))
    title_zh = first[0].text_input(text("texts_title_zh"), max_chars=120) or ""
    title_en = first[1].text_input(text("texts_title_en"), max_chars=120) or ""
    slug = second[0].text_input(text("register_slug"), max_chars=64, help=text("register_slug_help")) or ""
    controller = second[1].text_input(text("entry_controller"), max_chars=120) or ""
    system = third[0].text_input(text("entry_system"), max_chars=120) or ""
    encoding = third[1].selectbox(
        text("register_encoding"), ENCODINGS, format_func=lambda name: name or text("register_auto_read")
    )
    texts = Texts(title_zh=title_zh, title_en=title_en)
    command = RegisterDataSet(slug.strip(), texts, controller.strip(), system=system, encoding=encoding or "")
    with st.expander(text("register_more")):
        return _options(command)


def _options(command: RegisterDataSet) -> RegisterDataSet:
    """Add what the reading of most files needs no word on."""
    person_key = st.text_input(text("register_person_key"), max_chars=200, help=text("register_person_key_help"))
    first, second = st.columns(2)
    with first:
        columns = _lines("register_text_columns")
    with second:
        marks = _lines("register_missing_marks")
    return replace(command, person_key=(person_key or "").strip(), text_columns=columns, missing_marks=marks)


def _lines(name: str) -> tuple[str, ...]:
    """Ask for any number of words, one a line: names of columns may hold commas and blanks."""
    said = st.text_area(
        text(name), height=90, max_chars=4000, help=text(f"{name}_help"), placeholder=text("register_lines")
    )
    return tuple(line.strip() for line in (said or "").splitlines() if line.strip())


@contextmanager
def _path(given: UploadedFile | None, chosen: str) -> Iterator[Path]:
    if given is not None:
        given.seek(0)
        with incoming.uploaded(given.name, given) as path:
            yield path
    elif chosen:
        yield incoming.arrived(chosen)
    else:
        raise Invalid("register_no_file")


def _register(command: RegisterDataSet, given: UploadedFile | None, chosen: str) -> None:
    with st.status(text("register_reading"), expanded=True) as progress:
        ui.small(text("register_reading_steps"))
        with ui.guarded(failed=lambda: progress.update(label=text("register_failed"), state="error")):
            with _path(given, chosen) as path:
                entry = register(session.actor(), replace(command, path=path))
            progress.update(label=text("register_read", count=len(entry.variables)), state="complete")
            ui.flash(text("register_read", count=len(entry.variables)))
            links.go("confirm", id=entry.id)
