"""The steward confirms what every column is: role, level, category, labels, and why."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from catalog_browser import service
from catalog_browser.pages import steps
from catalog_browser.views import CATEGORIES, ROLES, ConfirmVariables, DataSetDetail, VariableDecision, VariableView
from enclave.kernel.i18n import text
from enclave.ui import components as ui
from enclave.ui import links, session

DECIDED = ("role", "level", "category", "label_zh", "label_en", "note")
SHOWN = ("name", "role", "level", "person_key", "label_zh", "label_en", "category", "reason", "note", "kind", "dtype")
READ_ONLY = ("name", "person_key", "reason", "kind", "dtype")  # rows were numbered by the person key on registration


def page() -> None:
    """Show the columns for confirmation."""
    actor = session.actor()
    entry = service.get(actor, links.asked("id"))
    steps.head(entry, "confirm")
    locked = entry.state not in ("draft", "confirmed")
    if locked:
        ui.notice(text("confirm_locked"), "warn")
    _summary(entry)
    decisions: list[VariableDecision] = []
    names = list(dict.fromkeys(variable.table for variable in entry.variables))
    for name, place in zip(names, st.tabs(names), strict=True):
        with place:
            decisions += _table(entry, name, locked)
    if locked:
        return
    st.caption(text("confirm_changed", count=len(decisions)))
    if st.button(text("confirm_all", count=len(entry.variables)), type="primary", icon=":material/check:"):
        with ui.guarded():
            service.confirm_variables(actor, ConfirmVariables(entry.id, tuple(decisions), entry.version))
            ui.flash(text("confirm_done", count=len(entry.variables)))
            st.rerun()
    if entry.state == "confirmed":
        steps.onward(entry, "confirm")


def _summary(entry: DataSetDetail) -> None:
    counts = {role: sum(variable.role == role for variable in entry.variables) for role in ROLES}
    ui.stats((ui.code_name("role", role), count) for role, count in counts.items())
    ui.small(text("confirm_level", level=text(f"level_{entry.level}"), reason=session.pick(entry, "level_reason")))


def _table(entry: DataSetDetail, name: str, locked: bool) -> list[VariableDecision]:
    variables = [variable for variable in entry.variables if variable.table == name]
    ui.section(text("dictionary_table", name=name, count=len(variables)))
    before = pd.DataFrame([_row(variable) for variable in variables], columns=list(SHOWN))
    after = st.data_editor(
        before,
        key=f"confirm-{entry.id}-{entry.version}-{name}",
        hide_index=True,
        column_config=_columns(),
        disabled=True if locked else list(READ_ONLY),
        height=min(37 + 35 * len(variables), 620),
        alt=name,
    )
    changed = after[(after[list(DECIDED)] != before[list(DECIDED)]).any(axis=1)]
    return [_decision(name, row) for row in changed.to_dict("records")]


def _row(variable: VariableView) -> tuple[Any, ...]:
    reason = " · ".join(part for part in (variable.reason(session.language()), variable.clause) if part)
    values = {name: getattr(variable, name) for name in SHOWN if name not in ("reason", "note")}
    values |= {"reason": reason, "note": ""}
    return tuple(values[name] for name in SHOWN)


def _decision(table: str, row: dict[Any, Any]) -> VariableDecision:
    return VariableDecision(
        table=table,
        name=str(row["name"]),
        role=str(row["role"]),
        level=int(row["level"]),
        category=str(row["category"]),
        label_zh=str(row["label_zh"] or ""),
        label_en=str(row["label_en"] or ""),
        note=str(row["note"] or ""),
    )


def _columns() -> dict[str, Any]:
    made = st.column_config
    chosen = made.SelectboxColumn
    names = {name: text(f"confirm_{name}") for name in SHOWN} | {"level": text("confirm_level_name")}
    return {
        "name": made.TextColumn(names["name"], pinned=True),
        "role": chosen(
            names["role"], options=ROLES, format_func=lambda role: ui.code_name("role", role), required=True
        ),
        "level": chosen(names["level"], options=range(1, 6), required=True),
        "category": chosen(
            names["category"],
            options=CATEGORIES,
            format_func=lambda code: ui.code_name("category", code),
            required=True,
        ),
        "person_key": made.CheckboxColumn(names["person_key"], help=text("confirm_person_key_help")),
        "note": made.TextColumn(names["note"], help=text("confirm_note_help"), max_chars=300),
        **{name: made.TextColumn(names[name]) for name in ("label_zh", "label_en", "reason", "kind", "dtype")},
    }
