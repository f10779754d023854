"""One condition on rows: a column, a comparison, and a value of the kind the dictionary says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from catalog_browser.views import VariableView
from enclave.kernel.i18n import text
from enclave.ui import session
from request_review.scope import OPS


def named(name: str, variable: VariableView) -> str:
    """Return a column's name with its meaning."""
    meaning = variable.label(session.language())
    return name if meaning == variable.name else f"{name} · {meaning}"


def condition(
    key: str, number: str, part: dict[str, Any], found: Mapping[str, VariableView], rows: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """Show one condition; its remove button takes it out of `rows`."""
    names, ops = list(found), list(OPS)
    start = names.index(part["column"]) if part["column"] in found else None
    with st.container(horizontal=True, vertical_alignment="bottom", key=f"{key}-row"):
        column = st.selectbox(
            text("apply_condition_column"), names, index=start, key=f"{key}-column", placeholder=text("ui_choose"),
            format_func=lambda name: named(name, found[name]),
        )  # fmt: skip
        op = st.selectbox(
            text("apply_condition_op"), ops, index=ops.index(part["op"]), key=f"{key}-op", width=150,
            format_func=lambda name: text(f"op_{list(OPS).index(name)}"),
        )  # fmt: skip
        value = _value(key, found[column], op, part["value"]) if column else ""
        if st.button(text("ui_remove"), key=f"{key}-remove", icon=":material/close:", type="tertiary"):
            rows.pop(number)
            st.rerun()
    return {"column": column or "", "op": op, "value": value}


def _value(key: str, variable: VariableView, op: str, value: Any) -> Any:
    words, language = text("apply_condition_value"), session.language()
    if variable.codes:
        names = {code: f"{code} {texts.get(language, '')}".strip() for code, texts in variable.codes.items()}
        kept = [str(each) for each in (value if isinstance(value, list) else [value]) if str(each) in names]
        if op == "in":
            return st.multiselect(words, list(names), default=kept, format_func=names.__getitem__, key=f"{key}-codes",
                                  placeholder=text("ui_choose"), select_all=False)  # fmt: skip
        start = list(names).index(kept[0]) if kept else None
        return st.selectbox(words, list(names), index=start, format_func=names.__getitem__, key=f"{key}-code",
                            placeholder=text("ui_choose")) or ""  # fmt: skip
    shown = "，".join(str(each) for each in value) if isinstance(value, list) else str(value)
    typed = st.text_input(
        words, value=shown, key=f"{key}-text", placeholder=text("apply_list_hint") if op == "in" else ""
    )
    parts = [part.strip() for part in (typed or "").replace("，", ",").replace("、", ",").split(",") if part.strip()]
    read = [_typed(part, variable.dtype) for part in (parts if op == "in" else [(typed or "").strip()])]
    return read if op == "in" else read[0]


def _typed(written: str, dtype: str) -> str | int | float:
    """Read a number where the dictionary says number; the service says when it does not fit the version."""
    if dtype not in ("integer", "number", "float", "int64", "double"):
        return written
    try:
        return int(written)
    except ValueError:
        pass
    try:
        return float(written)
    except ValueError:
        return written
