"""What the viewer can do with a request now; what he cannot do yet is named with its reason."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from enclave.kernel.i18n import text
from enclave.kernel.identity import Actor
from enclave.ui import components as ui
from enclave.ui import links, session
from request_review import service
from request_review.pages import deciding, judging
from request_review.views import ActionView, DeclareConflict, RequestView, Withdraw

CLOSED = ("granted", "refused", "withdrawn")
Panel = Callable[[Actor, RequestView], None]


def asks_judgement(view: RequestView) -> bool:
    """Tell whether the viewer is asked for a judgement, which needs reading first."""
    return any(view.may(command) for command in ("assign_reviewers", "review", "decide"))


def show(actor: Actor, view: RequestView, *, own: bool) -> None:
    """Show a panel for every step that waits for the viewer, then the steps he may also take."""
    for command, panel in WAITING.items():
        if view.may(command):
            with st.container(border=True, key=f"todo-{command}"):
                more = command == "assign_reviewers" and view.evaluation is not None
                ui.section(text("assign_more") if more else view.action(command).label(session.language()))
                panel(actor, view)
    beside = [command for command in BESIDE if view.may(command)]
    if beside:
        with st.container(horizontal=True, key="beside"):
            for command in beside:
                with st.popover(view.action(command).label(session.language())):
                    BESIDE[command](actor, view)
    if not own and view.state not in CLOSED:
        _not_yet(view)


def _not_yet(view: RequestView) -> None:
    language = session.language()
    closed: list[ActionView] = [each for each in view.actions if not each.allowed and each.command in WAITING]
    reasons = [f"{each.label(language)}：{each.reason(language)}" for each in closed]
    if reasons and not any(view.may(command) for command in WAITING):
        with st.expander(text("actions_not_yet")):
            ui.bullets(reasons)


def _continue(_actor: Actor, view: RequestView) -> None:
    links.link("apply", text("mine_continue"), icon=":material/edit:", id=view.id)


def _draw_up(actor: Actor, view: RequestView) -> None:
    ui.small(text("agreement_being_made"))
    if st.button(text("agreement_make_now")):
        with st.spinner(text("agreement_making")), ui.guarded():
            service.draw_up_agreement(actor, view.id)
            st.rerun()


def _withdraw(actor: Actor, view: RequestView) -> None:
    ui.small(text("withdraw_warning"))
    reason = st.text_input(text("ui_reason"), key=f"withdraw-{view.id}") or ""
    if st.button(text("withdraw_now"), key=f"withdraw-now-{view.id}", disabled=not reason.strip()):
        with ui.guarded():
            service.withdraw(actor, Withdraw(view.id, view.version, reason))
            ui.flash(text("withdraw_done"))
            st.rerun()


def _conflict(actor: Actor, view: RequestView) -> None:
    ui.small(text("conflict_warning"))
    reason = st.text_input(text("ui_reason"), key=f"conflict-{view.id}") or ""
    if st.button(text("conflict_now"), key=f"conflict-now-{view.id}", disabled=not reason.strip()):
        with ui.guarded():
            service.declare_conflict(actor, DeclareConflict(view.id, reason))
            ui.flash(text("conflict_done"))
            links.go("requests")


def _decline(actor: Actor, view: RequestView) -> None:
    deciding.decline(actor, view)


WAITING: dict[str, Panel] = {
    "submit": _continue,
    "assign_reviewers": judging.assign,
    "review": judging.review,
    "decide": deciding.decide,
    "draw_up_agreement": _draw_up,
    "sign": deciding.sign,
    "register_grant": deciding.register,
}
BESIDE: dict[str, Panel] = {"decline": _decline, "declare_conflict": _conflict, "withdraw": _withdraw}
