"""One condition on rows: a column, a comparison, and a value of the kind the version holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from catalog_browser.views import VariableView
from enclave.kernel.i18n import text
from enclave.ui import session
from request_review.scope import OPS

MOST_OFFERED = 60
Value = str | int | float | bool


@dataclass(frozen=True)
class Choice:
    """A column that may be asked for: what the dictionary says of it, and values like those of the version.

    Examples come from the synthetic sample, never from the data; there are none for a limited version, whose
    columns hold what the dictionary says.
    """

    variable: VariableView
    examples: tuple[Value, ...] = ()

    def name(self, code: str) -> str:
        """Return the column's name with its meaning."""
        meaning = self.variable.label(session.language())
        return code if meaning == self.variable.name else f"{code} · {meaning}"

    @property
    def values(self) -> dict[str, str]:
        """Return the values to choose from with their meanings; empty when they are too many to list."""
        language = session.language()
        coded = {code: f"{code} {texts.get(language, '')}".strip() for code, texts in self.variable.codes.items()}
        if not self.examples:
            return coded
        seen = sorted({str(each) for each in self.examples})
        return {each: coded.get(each, each) for each in seen} if len(seen) <= MOST_OFFERED else {}

    def read(self, written: str) -> Value:
        """Return what was chosen or typed as the kind of value the column holds."""
        kinds = {type(each) for each in self.examples}
        if kinds == {bool} or (not kinds and self.variable.dtype == "truth"):
            return written.casefold() in ("true", "1", "是", "yes")
        if kinds and not kinds <= {int, float}:
            return written
        return _number(written) if kinds or self.variable.dtype in ("whole", "number") else written


def _number(written: str) -> Value:
    for kind in (int, float):
        try:
            return kind(written)
        except ValueError:
            continue
    return written  # the service says that it does not fit


def condition(
    key: str, number: str, part: dict[str, Any], found: Mapping[str, Choice], rows: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """Show one condition; its remove button takes it out of `rows`."""
    names, ops = list(found), list(OPS)
    start = names.index(part["column"]) if part["column"] in found else None
    with st.container(horizontal=True, vertical_alignment="bottom", key=f"{key}-row"):
        column = st.selectbox(
            text("apply_condition_column"), names, index=start, key=f"{key}-column", placeholder=text("ui_choose"),
            format_func=lambda name: found[name].name(name),
        )  # fmt: skip
        op = st.selectbox(
            text("apply_condition_op"), ops, index=ops.index(part["op"]), key=f"{key}-op", width=150,
            format_func=lambda name: text(f"op_{list(OPS).index(name)}"),
        )  # fmt: skip
        value = _value(f"{key}-{column}", found[column], op, part["value"]) if column else ""
        remove: dict[str, Any] = {"key": f"{key}-remove", "icon": ":material/close:"}
        st.button(text("ui_remove"), type="tertiary", on_click=_remove, args=(rows, number), **remove)
    return {"column": column or "", "op": op, "value": value}


def _remove(rows: dict[str, dict[str, Any]], number: str) -> None:
    rows.pop(number, None)


def _value(key: str, choice: Choice, op: str, value: Any) -> Any:
    """Choose or type one value, or several for `in`; what is not listed may be typed."""
    names = choice.values
    kept = [str(each) for each in (value if isinstance(value, list) else [value]) if str(each)]
    options = list(dict.fromkeys([*names, *kept]))
    settings: dict[str, Any] = {
        "label": text("apply_condition_value"),
        "options": options,
        "format_func": lambda code: names.get(code, code),
        "accept_new_options": True,
        "placeholder": text("apply_value_hint"),
    }
    if op == "in":
        chosen = st.multiselect(**settings, default=kept, key=f"{key}-several", select_all=False)
        return [choice.read(each.strip()) for each in chosen]
    one = st.selectbox(**settings, index=options.index(kept[0]) if kept else None, key=f"{key}-one")
    return choice.read(one.strip()) if one else ""
