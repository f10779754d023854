"""Institutions with the kind somebody verified: what their people may have follows from it (C-4)."""

from __future__ import annotations

import streamlit as st

from enclave.gateway import administration
from enclave.gateway.administration import InstitutionView
from enclave.kernel import institutions
from enclave.kernel.i18n import text
from enclave.kernel.identity import Actor
from enclave.kernel.institutions import VerifyInstitution
from enclave.ui import components as ui
from enclave.ui import session


def show(actor: Actor, found: list[InstitutionView]) -> None:
    """Show the registered institutions, and the form that registers one or corrects it."""
    st.markdown(text("institutions_lead"))
    ui.table([text(f"institutions_{name}") for name in ("code", "name", "kind", "audience", "by")], map(_row, found))
    with st.form("verify-institution", border=False):
        code = st.text_input(text("institutions_code"), help=text("institution_code"), max_chars=24) or ""
        left, right = st.columns(2)
        with left:
            name_zh = st.text_input(text("institutions_name_zh"), max_chars=80) or ""
        with right:
            name_en = st.text_input(text("institutions_name_en"), max_chars=80) or ""
        kinds = administration.institution_kinds(session.language())
        kind = ui.choice(text("institutions_kind"), kinds, key="institution_kind")
        if st.form_submit_button(text("institutions_verify"), type="primary"):
            with ui.guarded():
                institutions.verify(actor, VerifyInstitution(code.strip(), name_zh, name_en, kind))
                ui.flash(text("institutions_verified", code=code.strip()))
                st.rerun()


def _row(found: InstitutionView) -> tuple[object, ...]:
    language = session.language()
    names = (ui.word("parties", found.kind, language), ui.word("audiences", found.audience, language))
    return ui.Cell(found.code, mono=True), session.pick(found, "name"), *names, found.verified_by
