"""Shows what a file holds without running any of it: tables, text, notebook cells, pictures."""

from __future__ import annotations

import base64
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from enclave.kernel.i18n import text
from enclave.kernel.identity import Actor, Role
from enclave.outputs.files import service as files
from enclave.outputs.files.views import FileView
from enclave.ui import components as ui


def show(actor: Actor, file: FileView) -> None:
    """Show the preview blocks of a file."""
    if not file.preview:
        ui.small(text("preview_none"))
    for number, block in enumerate(file.preview):
        _block(actor, file, block, f"{file.id}-{number}")


def _block(actor: Actor, file: FileView, block: dict[str, Any], key: str) -> None:
    match block["type"]:
        case "table":
            _table(block)
        case "text":
            st.code(block["text"], language=None, wrap_lines=True)
            if block.get("cut"):
                ui.small(text("preview_cut"))
        case "cell":
            if block["source"]:
                st.code(block["source"], language="python" if block["kind"] == "code" else None, wrap_lines=True)
            for number, output in enumerate(block["outputs"]):
                _block(actor, file, output, f"{key}-{number}")
        case "picture":
            st.image(base64.b64decode(block["png"]))
        case "image":
            _image(actor, file, key)
        case "pages":
            _pages(actor, file, block, key)


def _table(block: dict[str, Any]) -> None:
    if block.get("title"):
        ui.small(str(block["title"]))
    header = [f"{name}" or f"#{index}" for index, name in enumerate(block["header"], 1)]
    names = [name if header.count(name) == 1 else f"{name} #{index}" for index, name in enumerate(header, 1)]
    rows = [[*row, *[""] * (len(names) - len(row))][: len(names)] for row in block["rows"]]
    st.dataframe(pd.DataFrame(rows, columns=names), hide_index=True, height=min(37 + 35 * max(len(rows), 1), 420))
    if block.get("total", len(rows)) > len(rows):
        ui.small(text("preview_rows", shown=len(rows), total=block["total"]))


def _image(actor: Actor, file: FileView, key: str) -> None:
    """Show a picture when it is asked for: every look at the bytes is on the ledger."""
    if st.toggle(text("preview_picture"), key=f"look-{key}"):
        with ui.guarded():
            st.image(files.open_file(actor, file.id))


def _pages(actor: Actor, file: FileView, block: dict[str, Any], key: str) -> None:
    ui.small(text("preview_pages", count=block["count"]))
    if actor.has(Role.STEWARD):
        ui.download(text("preview_open"), partial(files.open_file, actor, file.id), file.name, "application/pdf", key)
