"""The last step: what still stands against submission, the form as it will be read, and the button."""

from __future__ import annotations

import streamlit as st

from enclave.kernel.i18n import text
from enclave.kernel.identity import Actor
from enclave.ui import components as ui
from enclave.ui import links, session
from request_review import service
from request_review.forms import fields
from request_review.pages import draft as drafts
from request_review.pages.draft import STEPS, Draft
from request_review.pages.parts import answers
from request_review.views import RequestView, Submit


def show(actor: Actor, draft: Draft, view: RequestView) -> None:
    """Show the check and take the submission."""
    if view.problems:
        ui.notice(text("submit_problems", count=len(view.problems)), "warn")
        for step in STEPS:
            _problems(draft, view, step)
    else:
        ui.notice(text("submit_ready"), "good")
        _submit(actor, view)
    with st.expander(text("submit_read"), expanded=not view.problems):
        answers(view)


def _problems(draft: Draft, view: RequestView, step: str) -> None:
    language, named = session.language(), fields()
    inside = set(drafts.sections_of(step))
    found = [
        each
        for each in view.problems
        if (named[each.field].section if each.field in named else "declarations") in inside
    ]
    if not found:
        return
    with st.container(border=True, gap="small"):
        ui.bullets(each.message(language) for each in found)
        if st.button(text("submit_mend", step=text(f"apply_step_{step}")), key=f"mend-{step}"):
            draft.open(step)
            st.rerun()


def _submit(actor: Actor, view: RequestView) -> None:
    st.caption(text("submit_what_happens"))
    if not st.button(text("submit_now"), type="primary", icon=":material/send:"):
        return
    with st.status(text("submit_checking"), expanded=True) as progress:
        ui.small(text("submit_checking_history"))
        with ui.guarded(failed=lambda: progress.update(label=text("submit_failed"), state="error")):
            service.submit(actor, Submit(view.id, view.version))
            progress.update(label=text("submit_done"), state="complete")
            drafts.forget()
            ui.flash(text("submit_done"))
            links.go("request", id=view.id)
