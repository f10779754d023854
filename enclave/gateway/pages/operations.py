"""The operator's page: what answers, and side effects that did not come through."""

from __future__ import annotations

import streamlit as st

from enclave.gateway import administration
from enclave.gateway.administration import FailureView
from enclave.kernel import clock
from enclave.kernel.i18n import text
from enclave.kernel.identity import Actor, Role
from enclave.ui import components as ui
from enclave.ui import session


def page() -> None:
    """Show the state of the platform."""
    actor = session.actor()
    ui.heading(text("operations_title"), text("operations_lead"))
    ui.section(text("operations_parts"))
    with ui.guarded():
        ui.table(
            [text(f"operations_{name}") for name in ("part", "answers", "address")],
            [
                (text(f"operations_is_{part.name}"), _answer(part.answers), ui.Cell(part.detail, mono=True))
                for part in administration.status(actor)
            ],
        )
    ui.section(text("operations_outbox"), text("operations_outbox_lead"))
    st.caption(text("operations_waiting", count=administration.waiting(actor)))
    failed = administration.failures(actor)
    if not failed:
        ui.empty(text("operations_no_failures"), text("operations_no_failures_hint"))
    for failure in failed:
        _failure(actor, failure)


def _answer(answers: bool) -> ui.Cell:
    return ui.Cell(text("operations_yes" if answers else "operations_no"), "good" if answers else "bad")


def _failure(actor: Actor, failure: FailureView) -> None:
    given_up = failure.state == "failed"
    with st.container(border=True, gap="small"):
        ui.badges(
            (failure.topic, "plain"),
            (text("operations_given_up" if given_up else "operations_retrying"), "bad" if given_up else "warn"),
        )
        ui.facts(
            [
                (text("operations_error"), failure.error),
                (text("operations_attempts"), failure.attempts),
                (text("operations_since"), clock.local(failure.created_at)),
                (text("operations_next"), "" if given_up else clock.local(failure.due_at)),
                (text("ledger_correlation"), failure.correlation),
            ]
        )
        allowed = given_up and actor.has(Role.OPERATOR)
        if allowed and st.button(text("operations_retry"), key=f"retry-{failure.id}", icon=":material/replay:"):
            with ui.guarded():
                administration.retry(actor, failure.id)
                ui.flash(text("operations_retried"))
                st.rerun()
