"""Apply for data: a form in steps that saves as one goes, with what is missing beside each field."""

from __future__ import annotations

from typing import Any

import streamlit as st

from catalog_browser import service as catalogue
from catalog_browser.views import DataSetDetail
from enclave.kernel.errors import NotFound
from enclave.kernel.i18n import text
from enclave.kernel.identity import Actor
from enclave.ui import components as ui
from enclave.ui import session
from request_review import service
from request_review.forms import Field, Problem, fields, sections
from request_review.pages import draft as drafts
from request_review.pages import papers, submission, widgets
from request_review.pages.draft import STEPS, Draft
from request_review.pages.place import Place, place_key

RAIL = "apply_rail"
CHOICES = ("choice", "dataset")


def page() -> None:
    """Show the open step of the draft."""
    actor = session.actor()
    draft = drafts.current(actor)
    ui.back("mine", text("apply_back"))
    ui.heading(text("apply_title"), text("apply_lead"), draft.working.get("title", ""))
    _rail(draft)
    view = service.view(actor, draft.request_id) if draft.request_id else None
    if draft.step == "check" and view:
        submission.show(actor, draft, view)
    else:
        _step(actor, draft, view.problems if view and draft.checked else ())
        if draft.step == "papers" and view:
            papers.show(actor, view)
    _buttons(draft)
    _move(actor, draft)


def _rail(draft: Draft) -> None:
    def chosen() -> None:
        draft.goto = st.session_state[RAIL] or draft.step

    st.session_state[RAIL] = draft.step
    names = {step: f"{number} {text(f'apply_step_{step}')}" for number, step in enumerate(STEPS, 1)}
    st.segmented_control(
        text("apply_steps"), list(STEPS), format_func=names.__getitem__, key=RAIL, on_change=chosen,
        label_visibility="collapsed", required=True, width="stretch",
    )  # fmt: skip


def _step(actor: Actor, draft: Draft, problems: tuple[Problem, ...]) -> None:
    _take_choices(draft)
    kind = draft.working.get("version_kind", "")
    place = Place(draft.key, draft.base, _entry(actor, draft), kind, draft.opened)
    for number, section in enumerate(drafts.sections_of(draft.step)):
        if number:
            st.divider()
        ui.section(sections()[section][session.language()])
        asked = [field for field in fields().values() if field.section == section and field.asked(draft.working)]
        for row in widgets.rows(asked):
            for column, field in zip(st.columns(2) if len(row) == 2 else [st.container()], row, strict=True):
                with column:
                    _field(draft, place, field, problems)


def _take_choices(draft: Draft) -> None:
    """Take what was chosen just now before anything is drawn: other fields of this step are asked because of it."""
    for field in fields().values():
        key = place_key(draft.key, field.code)
        if field.section in drafts.sections_of(draft.step) and field.type in CHOICES and key in st.session_state:
            draft.working[field.code] = st.session_state[key] or ""


def _field(draft: Draft, place: Place, field: Field, problems: tuple[Problem, ...]) -> None:
    answer = draft.working[field.code] = widgets.draw(field, place)
    if (answer or None) == (draft.saved.get(field.code) or None):  # what was changed is judged when it is saved
        for problem in problems:
            if problem.field == field.code:
                ui.field_error(problem.message(session.language()))


def _entry(actor: Actor, draft: Draft) -> DataSetDetail | None:
    dataset_id = draft.working.get("dataset_id", "")
    try:
        return catalogue.get(actor, dataset_id) if dataset_id else None
    except NotFound:
        return None


def _buttons(draft: Draft) -> None:
    def going(step: str) -> dict[str, Any]:
        # A callback is never lost to the next click; what follows `st.button` may be.
        return {"on_click": setattr, "args": (draft, "goto", step)}

    with st.container(horizontal=True, vertical_alignment="center", key="applybuttons"):
        if draft.step != "data":
            st.button(text("apply_previous"), icon=":material/arrow_back:", **going(draft.previous))
        if draft.step != "check":
            forward: dict[str, Any] = {"type": "primary", "icon": ":material/arrow_forward:", "icon_position": "right"}
            st.button(text("apply_next"), **forward, **going(draft.following))
            st.button(text("apply_save"), **going(draft.step))
        ui.small(text("apply_unsaved" if draft.dirty else "apply_all_saved") if draft.request_id or draft.dirty else "")


def _move(actor: Actor, draft: Draft) -> None:
    """Save and go where a button or the rail pointed; stay, with the alert, when saving fails."""
    if not draft.goto:
        return
    goto, draft.goto = draft.goto, ""
    with ui.guarded():
        draft.save(actor)
        draft.open(goto)
        st.rerun()
