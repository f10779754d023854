"""The way of a data set from registration to publication, shown on each of its pages."""

from __future__ import annotations

from itertools import pairwise

import streamlit as st

from catalog_browser.views import DataSetDetail, DataSetView
from enclave.kernel.i18n import text
from enclave.ui import components as ui
from enclave.ui import links, session

STEPS = ("confirm", "deidentify", "sample", "publish")


def done(entry: DataSetView) -> dict[str, bool]:
    """Return which steps are behind the data set."""
    return {
        "confirm": entry.state != "draft",
        "deidentify": {"limited", "deidentified"} <= set(entry.kinds),
        "sample": "synthetic" in entry.kinds,
        "publish": entry.state == "published",
    }


def next_step(entry: DataSetView) -> str:
    """Return the first step that is not done; empty when all are."""
    return (
        "" if entry.state == "withdrawn" else next((step for step, is_done in done(entry).items() if not is_done), "")
    )


def head(entry: DataSetDetail, current: str) -> None:
    """Show the way back, the title, and the steps with where the data set stands."""
    ui.back("data", text("manage_back"))
    ui.heading(text(f"step_{current}"), text(f"step_{current}_lead"), session.pick(entry, "title"))
    finished = done(entry)
    with st.container(horizontal=True, key="steps", gap="small"):
        for number, step in enumerate(STEPS, 1):
            icon = "check_circle" if finished[step] else "radio_button_unchecked"
            links.link(step, f"{number} {text(f'step_{step}')}", icon=f":material/{icon}:", id=entry.id)


def onward(entry: DataSetDetail, current: str) -> None:
    """Show the button to the step after this one."""
    following = dict(pairwise(STEPS)).get(current, "")
    if following and st.button(text("step_next", step=text(f"step_{following}")), icon=":material/arrow_forward:"):
        links.go(following, id=entry.id)
