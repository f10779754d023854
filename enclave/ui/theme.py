"""The look: one accent colour, quiet greys, text sizes that suit Chinese; no framework chrome."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

STATIC = Path(__file__).parent / "static"
ACCENT, INK, MUTED, LINE, PAPER = "#0E6470", "#17262B", "#5A6B71", "#DCE4E6", "#F5F8F8"
GOOD, WARN, BAD = "#2E7D4F", "#9A6700", "#B3261E"
FONT = '"Source Sans", "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif'

OPTIONS: dict[str, Any] = {
    "theme.base": "light",
    "theme.primaryColor": ACCENT,
    "theme.backgroundColor": "#FFFFFF",
    "theme.secondaryBackgroundColor": PAPER,
    "theme.textColor": INK,
    "theme.linkColor": ACCENT,
    "theme.linkUnderline": False,
    "theme.borderColor": LINE,
    "theme.dataframeBorderColor": LINE,
    "theme.dataframeHeaderBackgroundColor": PAPER,
    "theme.showWidgetBorder": True,
    "theme.showSidebarBorder": True,
    "theme.baseRadius": "8px",
    "theme.font": FONT,
    "theme.headingFont": FONT,
    "theme.headingFontWeights": [600, 600, 600, 600, 600, 600],
    "theme.greenColor": GOOD,
    "theme.orangeColor": WARN,
    "theme.redColor": BAD,
    "theme.chartCategoricalColors": [ACCENT, "#8FB8BE", "#C7A252", "#7A8B91", "#B3261E"],
}
"""Streamlit options of the theme; set before the app is built."""


def apply() -> None:
    """Put the style sheet on the page; call once a run."""
    st.html(STATIC / "style.css")
