"""The decision, the data manager's that nothing is opened, everybody's signature, the registration, as forms."""

from __future__ import annotations

import streamlit as st

from enclave.kernel.i18n import text
from enclave.kernel.identity import Actor
from enclave.ui import components as ui
from enclave.ui import session
from request_review import service
from request_review.pages import agreement, judging
from request_review.views import Decide, Decline, RegisterGrant, RequestView, Sign


def decide(actor: Actor, view: RequestView) -> None:
    """Approve or refuse; approval runs the history check again on today's records."""
    if view.history:
        ui.small(view.history.sentence(session.language()))
    asked = list(view.answers.get("columns", []))
    with st.form(f"decide-{view.id}", border=False):
        options = {"yes": text("decide_approve"), "no": text("decide_refuse")}
        choice = st.radio(
            text("decide_choice"), list(options), index=None, format_func=options.__getitem__, horizontal=True
        )
        reasons = st.text_area(text("decision_reasons"), max_chars=1000) or ""
        chosen = clauses()
        conditions = st.text_area(text("decision_conditions"), max_chars=1000, height=80) or ""
        with st.expander(text("decide_narrow")):
            columns = st.multiselect(
                text("decision_columns"), asked, default=asked, placeholder=text("ui_choose"), select_all=False
            )
            own_budget = st.number_input(
                text("decide_epsilon"), min_value=0.0, value=None, step=0.5, help=text("decide_epsilon_help")
            )
        if st.form_submit_button(text("decide_now"), type="primary"):
            with st.spinner(text("decide_checking")), ui.guarded():
                if choice is None:
                    return ui.notice(text("decide_choose_first"), "warn")
                narrowed = tuple(columns) if set(columns) != set(asked) else ()
                command = Decide(
                    view.id, view.version, choice == "yes", reasons, chosen, conditions, narrowed, own_budget
                )
                service.decide(actor, command)
                ui.flash(text("decide_done"))
                st.rerun()
    return None


def clauses() -> tuple[str, ...]:
    """Ask which clauses a decision rests on."""
    known = judging.names("decision_clauses")
    chosen = st.multiselect(
        text("decision_clauses"),
        list(known),
        format_func=lambda clause: f"{clause} {known[clause]}",
        placeholder=text("ui_choose"),
        select_all=False,
    )
    return tuple(chosen)


def decline(actor: Actor, view: RequestView) -> None:
    """Do not open the data."""
    with st.form(f"decline-{view.id}", border=False):
        given = judging.criteria(f"decline-{view.id}")
        reasons = st.text_area(text("decision_reasons"), max_chars=1000) or ""
        chosen = clauses()
        if st.form_submit_button(text("decline_now"), type="primary"):
            with ui.guarded():
                service.decline(actor, Decline(view.id, view.version, given, reasons, chosen))
                ui.flash(text("decline_done"))
                st.rerun()


def sign(actor: Actor, view: RequestView) -> None:
    """Accept the agreement's exact bytes."""
    found = view.agreement
    if found is None:
        return
    agreement.download(actor, view, found, "sign")
    ui.small(f"SHA-256 {found.sha256}")
    accepted = st.checkbox(text("sign_accept", number=found.number), key=f"accept-{found.sha256}")
    if st.button(text("sign_now"), type="primary", disabled=not accepted, icon=":material/draw:"):
        with ui.guarded():
            service.sign(actor, Sign(view.id, found.sha256, accepted))
            ui.flash(text("sign_done"))
            st.rerun()


def register(actor: Actor, view: RequestView) -> None:
    """Register the use and issue the grant."""
    ui.small(text("register_lead"))
    with st.form(f"register-{view.id}", border=False):
        filing = st.text_input(text("request_filing"), max_chars=60, help=text("register_filing_help")) or ""
        number = st.text_input(text("request_registration"), max_chars=60, placeholder=text("register_auto")) or ""
        if st.form_submit_button(text("register_now"), type="primary"):
            with ui.guarded():
                service.register_grant(actor, RegisterGrant(view.id, view.version, filing.strip(), number.strip()))
                ui.flash(text("register_done"))
                st.rerun()
