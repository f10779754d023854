"""The documents of a draft: one box for each kind, what is uploaded, and a way to remove it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from enclave.kernel.i18n import text
from enclave.kernel.identity import Actor
from enclave.ui import components as ui
from enclave.ui import session
from request_review import service
from request_review.rulebook import rules
from request_review.views import Attach, FileView, RequestView


def show(actor: Actor, view: RequestView) -> None:
    """Show and take documents."""
    limits = rules("form")["uploads"]
    st.divider()
    ui.section(text("papers_title"), text("papers_lead", most=limits["bytes_at_most"] // 2**20))
    for kind, rule in limits["kinds"].items():
        _kind(actor, view, kind, rule, sorted(set(limits["types"])))


def _kind(actor: Actor, view: RequestView, kind: str, rule: Mapping[str, Any], types: list[str]) -> None:
    held = [file for file in view.files if file.kind == kind]
    needed = text("papers_required") if rule["required"] else text("apply_optional")
    ui.field_label(f"{rule[session.language()]} {needed}")
    for file in held:
        _file(actor, view, file)
    # The key counts what is held: after a document is taken the box is a new, empty one.
    key = f"paper-{view.id}-{kind}-{len(held)}"
    given = st.file_uploader(rule[session.language()], types, key=key, label_visibility="collapsed")
    if given is not None:
        with ui.guarded():
            service.attach(actor, Attach(view.id, kind, given.name, given.getvalue()))
            st.rerun()


def _file(actor: Actor, view: RequestView, file: FileView) -> None:
    with st.container(horizontal=True, vertical_alignment="center"):
        ui.small(f"{file.name} · {file.size / 1024:,.0f} KB · SHA-256 {file.sha256[:12]}…")
        if st.button(text("ui_remove"), key=f"remove-{file.id}", type="tertiary", icon=":material/close:"):
            with ui.guarded():
                service.detach(actor, view.id, file.id)
                st.rerun()
