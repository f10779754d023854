"""One input for each type of form field; every one returns the answer in the form the service reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any

import streamlit as st

from catalog_browser import service as catalogue
from enclave.kernel import clock
from enclave.kernel.i18n import text
from enclave.ui import components as ui
from enclave.ui import session
from request_review.forms import Field
from request_review.pages.place import Place, common, label
from request_review.pages.scope_widgets import columns, row_filter

SHORT = ("text", "phone", "date", "choice", "number")
"""Types of fields that stand two in a row on a wide screen."""


def draw(field: Field, place: Place) -> Any:
    """Show one field with its help; return its answer."""
    return _DRAWERS[field.type](field, place.answers.get(field.code), place)


def rows(asked: Iterable[Field]) -> list[list[Field]]:
    """Put two short fields in a row where they follow each other."""
    made: list[list[Field]] = []
    for field in asked:
        fits = made and len(made[-1]) == 1 and made[-1][0].type in SHORT and field.type in SHORT
        if fits:
            made[-1].append(field)
        else:
            made.append([field])
    return made


def _text(field: Field, value: Any, place: Place) -> str:
    return st.text_input(value=value or "", max_chars=field.max or None, **common(field, place)) or ""


def _long_text(field: Field, value: Any, place: Place) -> str:
    return st.text_area(value=value or "", max_chars=field.max or None, height=120, **common(field, place)) or ""


def _date(field: Field, value: Any, place: Place) -> str:
    start = date.fromisoformat(value) if value else None
    chosen = st.date_input(value=start, format="YYYY-MM-DD", **common(field, place))
    return chosen.isoformat() if isinstance(chosen, date) else ""


def _choice(field: Field, value: Any, place: Place) -> str:
    language, options = session.language(), field.options or {}
    names = {code: texts[language] for code, texts in options.items()}
    return _select(field, place, names, value)


def _dataset(field: Field, value: Any, place: Place) -> str:
    found = catalogue.find(session.actor(), state="published")
    return _select(field, place, {entry.id: session.pick(entry, "title") for entry in found}, value)


def _select(field: Field, place: Place, names: dict[str, str], value: Any) -> str:
    codes = list(names)
    start = codes.index(value) if value in names else None
    settings = common(field, place) | {"index": start, "placeholder": text("ui_choose")}
    return st.selectbox(options=codes, format_func=names.__getitem__, **settings) or ""


def _boolean(field: Field, value: Any, place: Place) -> bool:
    return st.checkbox(value=bool(value), **common(field, place))


def _number(field: Field, value: Any, place: Place) -> float:
    return float(st.number_input(value=float(value or 0), min_value=0.0, step=1.0, **common(field, place)) or 0)


def _members(field: Field, value: Any, place: Place) -> list[str]:
    names = list(value or [])
    settings = common(field, place) | {"placeholder": text("apply_members_hint")}
    return [name.strip() for name in st.multiselect(options=names, default=names, accept_new_options=True, **settings)]


def _publications(field: Field, value: Any, place: Place) -> list[dict[str, Any]]:
    ui.field_label(label(field))
    made = st.column_config
    written = st.data_editor(
        value or [{"reference": "", "year": clock.today().year}],
        key=place.key(field.code),
        num_rows="dynamic",
        hide_index=True,
        column_config={
            "reference": made.TextColumn(text("apply_reference"), width="large", max_chars=300),
            "year": made.NumberColumn(text("apply_year"), min_value=1950, max_value=2100, step=1, format="%d"),
        },
        alt=label(field),
    )
    return [dict(row) for row in written if row.get("reference") and row.get("year")]


_DRAWERS: dict[str, Callable[[Field, Any, Place], Any]] = {
    "text": _text,
    "phone": _text,
    "long_text": _long_text,
    "date": _date,
    "choice": _choice,
    "boolean": _boolean,
    "number": _number,
    "dataset": _dataset,
    "members": _members,
    "publications": _publications,
    "columns": columns,
    "filter": row_filter,
}
