"""Parts of a request that several pages show: card, answers, decision."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import streamlit as st

from enclave.kernel import clock
from enclave.kernel.i18n import text
from enclave.ui import components as ui
from enclave.ui import links, session
from request_review.forms import Field, fields, sections
from request_review.rulebook import rules
from request_review.views import DecisionView, RequestLine, RequestView
from request_review.workflow import workflow

TONES: Mapping[str, ui.Tone] = {
    "draft": "plain", "submitted": "accent", "in_review": "accent", "decided": "good", "agreement": "warn",
    "granted": "good", "refused": "bad", "withdrawn": "plain",
}  # fmt: skip


def state(line: RequestLine) -> tuple[str, ui.Tone]:
    """Return the badge of a request's state."""
    return line.state_label(session.language()), TONES[line.state]


def card(line: RequestLine, target: str, key: str = "") -> None:
    """Show one request of a list, with what waits for the viewer."""
    language = session.language()
    with st.container(border=True, key=f"card-{key}{line.id}", gap="small"):
        links.link(target, f"**{ui.md(line.title or text('mine_untitled'))}**", id=line.id)
        labels = workflow().steps
        ui.badges(
            state(line),
            (ui.code_name("kind", line.version_kind), "plain"),
            *((text("todo", step=labels[command].label(language)), "warn") for command in line.todo),
        )
        when = line.submitted_at or line.created_at
        ui.small(" · ".join(part for part in (line.dataset(language), line.applicant_name, clock.local(when)) if part))


def state_name(code: str) -> str:
    """Return the name of a state in the workflow."""
    return str(rules("workflow")["states"].get(code, {}).get(session.language(), code))


def answers(view: RequestView) -> None:
    """Show the form as it was filled in, section by section."""
    language = session.language()
    for code, title in sections().items():
        shown = [
            (field.label(language), _shown(field, view, view.answers[field.code]))
            for field in fields().values()
            if field.section == code and view.answers.get(field.code) not in (None, "", [])
        ]
        if shown:
            ui.section(title[language])
            ui.facts(shown)


def _shown(field: Field, view: RequestView, value: Any) -> str:
    language = session.language()
    match field.type:
        case "choice":
            return str((field.options or {}).get(value, {}).get(language, value))
        case "boolean":
            return text("ui_yes" if value else "ui_no")
        case "dataset":
            return view.dataset(language)
        case "columns":
            return ("、" if language == "zh" else ", ").join(value)
        case "members":
            return ("、" if language == "zh" else ", ").join(map(session.named, value))
        case "number":
            return f"{value:g}"
        case "filter":
            return "\n".join(condition(part) for part in value)
        case "publications":
            return "\n".join(f"{part['reference']} ({part['year']})" for part in value)
    return str(value)


def condition(part: Mapping[str, Any]) -> str:
    """Return one condition on rows in words."""
    value = ", ".join(map(str, part["value"])) if isinstance(part["value"], list | tuple) else part["value"]
    return f"{part['column']} {part['op']} {value}"


def decision(found: DecisionView) -> None:
    """Show a decision with its reasons, clauses and the rules it rests on (P8)."""
    language = session.language()
    ui.badges((text("decision_approved"), "good") if found.approve else (text("decision_refused"), "bad"))
    listed = "\n".join(f"{clause} {words[language]}" for clause, words in found.clauses.items())
    ui.facts(
        [
            (text("decision_reasons"), found.reasons),
            (text("decision_clauses"), listed),
            (text("decision_conditions"), found.conditions),
            (text("decision_columns"), ", ".join(found.columns)),
            (text("decision_at"), clock.local(datetime.fromisoformat(found.at))),
            (text("decision_rules"), ", ".join(f"{name} {stamp}" for name, stamp in found.rules.items())),
        ]
    )
