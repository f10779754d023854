"""Pickers of columns and rows, filled from the dictionary of the data set that is asked for."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import streamlit as st

from catalog_browser.views import VariableView
from enclave.kernel.i18n import text
from enclave.ui import components as ui
from enclave.ui import session
from request_review.forms import Field
from request_review.pages.conditions import condition, named
from request_review.pages.place import Place, common, label


def offered(place: Place) -> dict[str, VariableView]:
    """Return the columns of the version asked for, by the name a request gives them."""
    version = place.entry.latest(place.version_kind) if place.entry and place.version_kind else None
    if place.entry is None or version is None:
        return {}
    known = {(variable.table, variable.name): variable for variable in place.entry.variables}
    many = len(version.columns) > 1
    return {
        (f"{table}.{name}" if many else name): known[table, name]
        for table, names in version.columns.items()
        for name in names
        if (table, name) in known
    }


def columns(field: Field, value: Any, place: Place) -> list[str]:
    """Choose columns; direct identifiers are not in any version, so they are not offered."""
    found = offered(place)
    if not found:
        ui.field_label(label(field))
        ui.small(text("apply_choose_dataset_first"))
        return list(value or [])
    kept = [name for name in value or [] if name in found]
    chosen = st.multiselect(
        options=list(found),
        default=kept,
        format_func=lambda name: named(name, found[name]),
        placeholder=text("apply_columns_hint"),
        select_all=False,  # the fewest columns, not all of them
        **common(field, place),
    )
    roles = [ui.code_name("role", role) for role in dict.fromkeys(found[name].role for name in chosen)]
    ui.small(text("apply_columns_count", count=len(chosen), total=len(found), roles=" · ".join(roles)))
    return list(chosen)


def row_filter(field: Field, value: Any, place: Place) -> list[dict[str, Any]]:
    """Build conditions, all of which hold together: column, comparison, value."""
    ui.field_label(label(field), field.help(session.language()))
    found = offered(place)
    if not found:
        ui.small(text("apply_choose_dataset_first"))
        return list(value or [])
    kept_under = place.key(field.code)
    rows: dict[str, dict[str, Any]] = st.session_state.setdefault(
        kept_under, {uuid4().hex[:6]: dict(part) for part in value or [] if part["column"] in found}
    )
    made = [condition(f"{kept_under}-{number}", number, part, found, rows) for number, part in list(rows.items())]
    if st.button(text("apply_add_condition"), key=f"{kept_under}-add", icon=":material/add:"):
        rows[uuid4().hex[:6]] = {"column": "", "op": "=", "value": ""}
        st.rerun()
    return [part for part in made if part["column"] and part["value"] not in ("", [], None)]
