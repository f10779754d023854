"""The data manager's evaluation and the committee member's review, as forms."""

from __future__ import annotations

import streamlit as st

from enclave.kernel.i18n import text
from enclave.kernel.identity import Actor
from enclave.ui import components as ui
from enclave.ui import links, session
from request_review import service
from request_review.rulebook import rules
from request_review.views import AssignReviewers, CandidateView, Criterion, RequestView, Review


def names(group: str) -> dict[str, str]:
    """Return the options of a group of the committee's rules in the visitor's language."""
    found = rules("committee")[group]
    return {code: texts[session.language()] for code, texts in found.get("options", found).items()}


def criteria(key: str) -> dict[str, Criterion]:
    """Ask for the points of every criterion of an evaluation."""
    found = {}
    for code, name in names("evaluation").items():
        with st.container(horizontal=True, vertical_alignment="bottom"):
            points = st.select_slider(name, range(1, 6), value=3, key=f"{key}-{code}", width=180)
            comment = st.text_input(
                text("evaluation_comment_on", name=name), key=f"{key}-{code}-comment", max_chars=300
            )
        found[code] = Criterion(int(points), comment or "")
    return found


def assign(actor: Actor, view: RequestView) -> None:
    """Evaluate and seat reviewers; a later call only seats."""
    candidates = service.reviewer_candidates(actor, view.id)
    free = {each.username: each for each in candidates if each.free}
    with st.form(f"assign-{view.id}", border=False):
        given, opinion = {}, ""
        if view.evaluation is None:
            given = criteria(f"assign-{view.id}")
            opinion = st.text_area(text("evaluation_opinion"), max_chars=1000) or ""
        chosen = st.multiselect(
            text("assign_reviewers"),
            list(free),
            format_func=lambda name: _candidate(free[name]),
            placeholder=text("ui_choose"),
            select_all=False,
        )
        if st.form_submit_button(text("assign_more_now" if view.evaluation else "assign_send"), type="primary"):
            with ui.guarded():
                command = AssignReviewers(view.id, view.version, tuple(chosen), given, opinion)
                service.assign_reviewers(actor, command)
                ui.flash(text("assign_done", count=len(chosen)))
                st.rerun()
    _excluded([each for each in candidates if not each.free])


def _candidate(each: CandidateView) -> str:
    institution = ui.place(each.institution)
    place = f"{institution}，{each.title}" if each.title else institution
    return f"{each.display_name}（{place}）· {text('assign_waiting', count=each.waiting)}"


def _excluded(candidates: list[CandidateView]) -> None:
    if candidates:
        with st.expander(text("assign_excluded", count=len(candidates))):
            ui.bullets(f"{each.display_name}（{ui.place(each.institution)}）：{_reasons(each)}" for each in candidates)


def _reasons(each: CandidateView) -> str:
    return "；".join(each.conflicts_zh) if session.language() == "zh" else "; ".join(each.conflicts_en)


def review(actor: Actor, view: RequestView) -> None:
    """Give the review of one seat."""
    ui.small(text("review_blinded"))
    verdicts, fields, necessity = names("verdicts"), names("expert_fields"), names("necessity")
    with st.form(f"review-{view.id}", border=False):
        verdict = st.radio(
            text("review_verdict"), list(verdicts), index=None, format_func=verdicts.__getitem__, horizontal=True
        )
        field = st.selectbox(
            text("review_field"),
            list(fields),
            index=None,
            format_func=fields.__getitem__,
            placeholder=text("ui_choose"),
        )
        relevant = st.checkbox(text("review_relevant_check"))
        ui.field_label(text("review_necessity_check"))
        held = {code: st.checkbox(name, key=f"need-{view.id}-{code}") for code, name in necessity.items()}
        ethics = st.text_area(text("review_ethics"), max_chars=1000) or ""
        confidentiality = st.text_area(text("review_confidentiality"), max_chars=1000) or ""
        comment = st.text_area(text("review_comment"), max_chars=1000) or ""
        if st.form_submit_button(text("review_give"), type="primary"):
            with ui.guarded():
                command = Review(view.id, verdict or "", field or "", relevant, held, ethics, confidentiality, comment)
                service.review(actor, command)
                ui.flash(text("review_done"))
                links.go("requests")
