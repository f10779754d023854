"""What the checks of a request found: qualification points, and the history check with its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import streamlit as st

from enclave.kernel.i18n import text
from enclave.ui import components as ui
from enclave.ui import rulings, session
from request_review.history import Beside, History
from request_review.pages.parts import state_name
from request_review.qualification import Score

OUTCOMES: Mapping[str, ui.Tone] = {"allow": "good", "ask": "warn", "deny": "bad"}


def score(found: Score) -> None:
    """Show the qualification points, each with what it rests on."""
    language = session.language()
    ui.stats(
        [
            (text("score_total"), f"{found.total} / {found.most}"),
            (text("score_pass"), found.pass_mark),
            (text("score_minimums"), text("score_met") if found.eligible else text("score_not_met")),
        ]
    )
    ui.table(
        [text(f"score_{name}") for name in ("criterion", "points", "evidence", "clauses")],
        [
            (
                line.label(language),
                ui.Cell(f"{line.points} / {line.most}", "bad" if line.failed else "plain"),
                line.evidence(language),
                ", ".join(line.clauses),
            )
            for line in found.lines
        ],
    )


def rules(found: Mapping[str, Mapping[str, Any]]) -> None:
    """Show what the rules of the standard said at each door the request came to, the last one first."""
    for door in reversed(list(found)):
        ui.section(text(f"rules_{door}"))
        rulings.show(found[door])


def history(found: History) -> None:
    """Show the history check: the one sentence with numbers, what was found, and beside what."""
    language = session.language()
    ui.badges((text(f"history_{found.outcome}"), OUTCOMES[found.outcome]))
    tone: Literal["warn", "good"] = "good" if found.outcome == "allow" else "warn"
    ui.notice(found.sentence(language), tone)
    for finding in found.findings:
        with st.container(border=True, gap="small"):
            ui.badges((text(f"history_kind_{finding.kind}"), OUTCOMES[finding.outcome]))
            ui.prose(finding.sentence(language))
            ui.clauses(finding.clauses)
    if found.beside:
        names = ("label", "state", "relation", "persons", "common", "columns_common", "columns_added")
        ui.table([text(f"beside_{name}") for name in names], map(_beside, found.beside), numeric=(3, 4, 5, 6))


def _beside(other: Beside) -> tuple[object, ...]:
    return (
        ui.Cell(other.label, mono=True),
        state_name(other.state),
        text(f"relation_{other.relation}"),
        f"{other.persons:,}",
        f"{other.common:,}",
        other.columns_common,
        other.columns_added,
    )
