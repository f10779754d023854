"""One request: where it stands, what waits for the viewer, and everything he may see of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import streamlit as st

from enclave.kernel.i18n import text
from enclave.kernel.identity import Actor
from enclave.ui import components as ui
from enclave.ui import links, session
from request_review import service
from request_review.pages import actions, agreement, findings, parts, progress, reviews
from request_review.views import RequestView


def page() -> None:
    """Show the request named in the address."""
    actor = session.actor()
    view = service.view(actor, links.asked("id"))
    own = actor.username == view.applicant or actor.username in [member.username for member in view.members]
    ui.back("mine" if own else "requests", text("apply_back" if own else "queue_title"))
    ui.heading(view.title or text("mine_untitled"), eyebrow=view.dataset(session.language()))
    ui.badges(
        parts.state(view),
        (ui.code_name("kind", view.version_kind), "plain"),
        (ui.place(view.institution), "plain"),
        (view.applicant_name, "plain"),
    )
    if not actions.asks_judgement(view):
        actions.show(actor, view, own=own)
        _tabs(actor, view, "progress")
        return
    # Who judges reads at the left and writes at the right; on a phone the reading comes first.
    left, right = st.columns([3, 2], gap="large")
    with left:
        _tabs(actor, view, "form")
    with right:
        actions.show(actor, view, own=own)


def _tabs(actor: Actor, view: RequestView, first: str) -> None:
    shown: dict[str, Callable[[], None]] = {"progress": lambda: progress.show(view), "form": lambda: _form(actor, view)}
    if view.score:
        score = view.score
        shown["score"] = lambda: findings.score(score)
    if view.history or view.history_note_zh:
        shown["history"] = lambda: _history(view)
    if view.evaluation or view.panel:
        shown["reviews"] = lambda: reviews.show(view)
    if view.rulings:
        shown["rules"] = lambda: findings.rules(view.rulings)
    if view.decision or view.agreement:
        shown["decision"] = lambda: agreement.show(actor, view)
    names = [text(f"request_tab_{name}") for name in shown]
    for place, draw in zip(st.tabs(names, default=text(f"request_tab_{first}")), shown.values(), strict=True):
        with place:
            draw()


def _form(actor: Actor, view: RequestView) -> None:
    parts.answers(view)
    if view.files:
        ui.section(text("papers_title"))
    for file in view.files:
        label = f"{file.kind_zh if session.language() == 'zh' else file.kind_en} · {file.name}"
        fetch = partial(_content, actor, view.id, file.id)
        ui.download(label, fetch, file.name, file.media_type, file.id)


def _content(actor: Actor, request_id: str, file_id: str) -> bytes:
    return service.download(actor, request_id, file_id)[2]


def _history(view: RequestView) -> None:
    if view.history:
        findings.history(view.history)
    else:
        ui.notice(view.history_note(session.language()))
