"""The data manager's evaluation and the panel's reviews, blinded until all are in (P7)."""

from __future__ import annotations

import streamlit as st

from enclave.kernel import clock
from enclave.kernel.i18n import text
from enclave.ui import components as ui
from enclave.ui import session
from request_review.rulebook import label, rules
from request_review.views import EvaluationView, PanelView, RequestView, Review, ReviewView


def show(view: RequestView) -> None:
    """Show evaluation and panel."""
    if view.evaluation:
        _evaluation(view.evaluation)
    if view.panel:
        _panel(view.panel)


def _name(group: str, code: str) -> str:
    found = rules("committee")[group]
    return label(found.get("options", found), code, session.language())


def _evaluation(found: EvaluationView) -> None:
    ui.section(text("evaluation_title"))
    ui.table(
        [text(f"evaluation_{name}") for name in ("criterion", "points", "comment")],
        [(_name("evaluation", code), f"{each.points} / 5", each.comment) for code, each in found.criteria.items()],
    )
    ui.facts([(text("evaluation_opinion"), found.opinion)])


def _panel(panel: PanelView) -> None:
    ui.section(text("panel_title"))
    if panel.complete:
        said = text("panel_approves" if panel.approved else "panel_not_approves")
        ui.notice(said, "good" if panel.approved else "warn")
    else:
        ui.notice(text("panel_blinded"))
    for number, seat in enumerate(panel.seats, 1):
        _seat(seat, number)
    if panel.complete:
        covered = [_name("expert_fields", code) for code in panel.fields_covered]
        ui.facts([(text("panel_fields"), "、".join(covered))])


def _seat(seat: ReviewView, number: int) -> None:
    with st.container(border=True, gap="small"):
        who = session.named(seat.reviewer) if seat.reviewer else text("panel_member", number=number)
        ui.badges(
            (text("panel_you") if seat.mine else who, "accent" if seat.mine else "plain"),
            (text(f"seat_{seat.state}"), "good" if seat.state == "reviewed" else "plain"),
            (clock.local(seat.reviewed_at) if seat.reviewed_at else "", "plain"),
        )
        if seat.content:
            _content(seat.content)


def _content(review: Review) -> None:
    approves = review.verdict == "approve"
    ui.badges((_name("verdicts", review.verdict), "good" if approves else "bad"))
    unmet = [_name("necessity", code) for code, held in review.necessity.items() if not held]
    ui.facts(
        [
            (text("review_field"), _name("expert_fields", review.expert_field)),
            (text("review_relevant"), text("ui_yes" if review.relevant else "ui_no")),
            (
                text("review_necessity"),
                text("review_not_necessary", names="、".join(unmet)) if unmet else text("review_all"),
            ),
            (text("review_ethics"), review.ethics),
            (text("review_confidentiality"), review.confidentiality),
            (text("review_comment"), review.comment),
        ]
    )
