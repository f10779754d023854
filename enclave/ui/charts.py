"""Charts in the look of the product: one accent colour, labels in the visitor's language, a text for readers."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import pandas as pd
import streamlit as st

from enclave.ui.theme import ACCENT, BAD, FONT, LINE, MUTED

PALE = "#8FB8BE"


def bars(
    pairs: Sequence[tuple[str, float]], *, value: str, label: str, alt_text: str, limit: float | None = None
) -> None:
    """Show horizontal bars, in the order given; `limit` draws a line and colours what lies below it.

    `value` names what is measured, `label` what is compared; `alt_text` says in words what the picture shows.
    """
    data = pd.DataFrame(pairs, columns=["label", "value"])
    order = [name for name, _ in pairs]
    base = alt.Chart(data).encode(
        y=alt.Y("label:N", sort=order, title=None, axis=alt.Axis(labelLimit=220)),
        x=alt.X("value:Q", title=value, axis=alt.Axis(grid=True, tickCount=5)),
        tooltip=[alt.Tooltip("label:N", title=label), alt.Tooltip("value:Q", title=value, format=",.4~g")],
    )
    colour = alt.condition(alt.datum.value < (limit or 0), alt.value(BAD), alt.value(ACCENT))
    drawn: alt.LayerChart = base.mark_bar(size=16, cornerRadiusEnd=3).encode(color=colour) + base.mark_text(
        align="left", dx=4, color=MUTED
    ).encode(text=alt.Text("value:Q", format=",.4~g"))
    if limit is not None:
        rule = alt.Chart(pd.DataFrame({"limit": [limit]})).mark_rule(color=BAD, strokeDash=[4, 3]).encode(x="limit:Q")
        drawn = drawn + rule
    _show(drawn.properties(height=max(60, 30 * len(pairs))), alt_text)


def columns(pairs: Sequence[tuple[str, float]], *, value: str, label: str, alt_text: str, below: int = 0) -> None:
    """Show vertical bars over ordered classes; the first `below` classes are coloured as below the threshold."""
    data = pd.DataFrame([(name, number, index < below) for index, (name, number) in enumerate(pairs)],
                        columns=["label", "value", "below"])  # fmt: skip
    drawn = (
        alt.Chart(data)
        .mark_bar(cornerRadiusTopLeft=3, cornerRadiusTopRight=3)
        .encode(
            x=alt.X("label:N", sort=[name for name, _ in pairs], title=label, axis=alt.Axis(labelAngle=0)),
            y=alt.Y("value:Q", title=value, axis=alt.Axis(tickCount=4)),
            color=alt.condition(alt.datum.below, alt.value(BAD), alt.value(ACCENT)),
            tooltip=[alt.Tooltip("label:N", title=label), alt.Tooltip("value:Q", title=value, format=",")],
        )
    )
    _show(drawn.properties(height=220), alt_text)


def share(spent: float, total: float, *, spent_label: str, left_label: str, alt_text: str) -> None:
    """Show how much of a whole is used, as one bar."""
    left = max(total - spent, 0.0)
    data = pd.DataFrame({"part": [spent_label, left_label], "value": [spent, left], "order": [0, 1]})
    drawn = (
        alt.Chart(data)
        .mark_bar(size=18)
        .encode(
            x=alt.X("value:Q", title=None, stack="zero", scale=alt.Scale(domain=[0, max(total, 1e-9)])),
            color=alt.Color(
                "part:N",
                scale=alt.Scale(domain=[spent_label, left_label], range=[ACCENT, LINE]),
                legend=alt.Legend(title=None, orient="bottom"),
            ),
            order="order:Q",
            tooltip=[alt.Tooltip("part:N", title=""), alt.Tooltip("value:Q", title="ε", format=".4~g")],
        )
    )
    _show(drawn.properties(height=70), alt_text)


def _show(chart: alt.LayerChart | alt.Chart, alt_text: str) -> None:
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
