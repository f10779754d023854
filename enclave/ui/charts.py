"""Charts in the look of the product: one accent colour, labels in the visitor's language, a text for readers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import altair as alt
import pandas as pd
import streamlit as st

from enclave.ui.theme import ACCENT, FONT, LINE, MUTED

PALE = "#8FB8BE"


def compare(groups: Mapping[str, Sequence[tuple[str, float]]], *, value: str, label: str, alt_text: str) -> None:
    """Show grouped vertical bars: the same classes in two groups, the first pale and the second in the accent."""
    rows = [(group, name, number) for group, pairs in groups.items() for name, number in pairs]
    data = pd.DataFrame(rows, columns=["group", "label", "value"])
    order = list(dict.fromkeys(name for _, name, _ in rows))
    drawn = (
        alt.Chart(data)
        .mark_bar(cornerRadiusTopLeft=3, cornerRadiusTopRight=3)
        .encode(
            x=alt.X("label:N", sort=order, title=label, axis=alt.Axis(labelAngle=0)),
            xOffset=alt.XOffset("group:N", sort=list(groups)),
            y=alt.Y("value:Q", title=value, axis=alt.Axis(tickCount=4)),
            color=alt.Color(
                "group:N",
                scale=alt.Scale(domain=list(groups), range=[PALE, ACCENT]),
                legend=alt.Legend(title=None, orient="top"),
            ),
            tooltip=[
                alt.Tooltip("group:N", title=""),
                alt.Tooltip("label:N", title=label),
                alt.Tooltip("value:Q", title=value, format=".2f"),
            ],
        )
    )
    _show(drawn.properties(height=220), alt_text)


def share(part: float, whole: float, *, alt_text: str) -> None:
    """Show how much of a whole is used, as one bar; `alt_text` says it in words."""
    percent = 100 * min(max(part / whole, 0.0), 1.0) if whole > 0 else 100.0
    bar = f'<div style="width:{percent:.2f}%"></div>'
    st.html(f'<div class="share" role="img" aria-label="{escape(alt_text)}">{bar}</div>')


def _show(chart: alt.Chart, alt_text: str) -> None:
    styled = (
        chart.configure(font=FONT)
        .configure_view(strokeWidth=0)
        .configure_axis(
            gridColor="#EDF2F3",
            domainColor=LINE,
            tickColor=LINE,
            labelColor=MUTED,
            titleColor=MUTED,
            titleFontWeight="normal",
        )
    )
    st.altair_chart(styled, width="stretch", theme=None, alt=alt_text)
