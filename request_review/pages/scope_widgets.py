"""Pickers of columns and rows, filled from the dictionary of the data set that is asked for."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import streamlit as st

from catalog_browser import samples
from catalog_browser.views import DataSetDetail
from enclave.kernel.i18n import text
from enclave.kernel.identity import Actor
from enclave.ui import components as ui
from enclave.ui import session
from request_review.forms import Field
from request_review.pages.conditions import Choice, condition
from request_review.pages.place import Place, common, label


def offered(place: Place) -> dict[str, Choice]:
    """Return the columns of the version asked for, by the name a request gives them."""
    version = place.entry.latest(place.version_kind) if place.entry and place.version_kind else None
    if place.entry is None or version is None:
        return {}
    known = {(variable.table, variable.name): variable for variable in place.entry.variables}
    examples = _examples(place.entry) if place.version_kind == "deidentified" else {}
    many = len(version.columns) > 1
    return {
        (f"{table}.{name}" if many else name): Choice(known[table, name], examples.get((table, name), ()))
        for table, names in version.columns.items()
        for name in names
        if (table, name) in known
    }


def _examples(entry: DataSetDetail) -> dict[tuple[str, str], tuple[Any, ...]]:
    """Return the values the synthetic sample shows: it is made in the likeness of the de-identified version."""
    sample = entry.latest("synthetic")
    return _sampled(entry.id, sample.id, session.actor()) if sample else {}


@st.cache_data(max_entries=32, show_spinner=False)
def _sampled(dataset_id: str, version_id: str, _actor: Actor) -> dict[tuple[str, str], tuple[Any, ...]]:
    # Whoever may apply may see the sample, so one cache is right; a new sample has a new version id.
    return {
        (table.name, column): tuple({row[index] for row in table.rows} - {None})
        for table in samples.sample(_actor, dataset_id)
        for index, column in enumerate(table.columns)
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
        format_func=lambda name: found[name].name(name),
        placeholder=text("apply_columns_hint"),
        select_all=False,  # the fewest columns, not all of them
        **common(field, place),
    )
    roles = [ui.code_name("role", role) for role in dict.fromkeys(found[name].variable.role for name in chosen)]
    ui.small(text("apply_columns_count", count=len(chosen), total=len(found), roles=" · ".join(roles)))
    return list(chosen)


def row_filter(field: Field, value: Any, place: Place) -> list[dict[str, Any]]:
    """Build conditions, all of which hold together: column, comparison, value."""
    ui.field_label(label(field), field.help(session.language()))
    found = offered(place)
    if not found:
        ui.small(text("apply_choose_dataset_first"))
        return list(value or [])
    kept_under = f"{place.key(field.code)}-{place.opened}"  # begins anew from the answers when the step is opened
    rows: dict[str, dict[str, Any]] = st.session_state.setdefault(
        kept_under, {uuid4().hex[:6]: dict(part) for part in value or [] if part["column"] in found}
    )
    made = [condition(f"{kept_under}-{number}", number, part, found, rows) for number, part in list(rows.items())]
    st.button(text("apply_add_condition"), key=f"{kept_under}-add", icon=":material/add:", on_click=_add, args=(rows,))
    return [part for part in made if part["column"] and part["value"] not in ("", [], None)]


def _add(rows: dict[str, dict[str, Any]]) -> None:
    rows[uuid4().hex[:6]] = {"column": "", "op": "=", "value": ""}
