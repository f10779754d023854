"""The steward writes the entry's texts and publishes it, once nothing is missing."""

from __future__ import annotations

import streamlit as st

from catalog_browser import rule_facts, service
from catalog_browser.pages import steps
from catalog_browser.pages.parts import versions
from catalog_browser.views import (
    AUDIENCES,
    DataSetDetail,
    DescribeDataSet,
    PublishDataSet,
    Texts,
    VersionView,
    WithdrawDataSet,
)
from enclave.kernel.i18n import text
from enclave.kernel.identity import Actor
from enclave.ui import components as ui
from enclave.ui import links, session

PAIRED = ("title", "description", "conditions", "cost", "duties")
SINGLE = ("years", "licence", "attribution", "legal_basis")
WITHDRAWABLE = ("draft", "confirmed", "published")


def page() -> None:
    """Show the texts, what is missing, and the button that publishes."""
    actor = session.actor()
    entry = service.get(actor, links.asked("id"))
    steps.head(entry, "publish")
    _state(actor, entry)
    texts, made, end = st.tabs([text("publish_texts"), text("entry_tab_versions"), text("publish_withdraw")])
    with texts:
        _texts(actor, entry)
    with made:
        versions(entry)
    with end:
        _withdraw(actor, entry)


def _state(actor: Actor, entry: DataSetDetail) -> None:
    if entry.missing:
        ui.notice(text("publish_missing", missing=_list(entry.missing)), "warn")
    elif entry.state == "confirmed" or any(_waits(version) for version in entry.versions):
        ui.notice(text("publish_ready"), "good")
        if st.button(text("publish_now"), type="primary", icon=":material/public:"):
            with ui.guarded():
                service.publish(actor, PublishDataSet(entry.id, entry.version))
                ui.flash(text("publish_done"))
                st.rerun()
    elif entry.state == "published":
        ui.notice(text("publish_is_public"), "good")
        ui.anchor(text("publish_look"), f"/services/catalogue/dataset?id={entry.slug}")


def _waits(version: VersionView) -> bool:
    """Tell whether a version is made and not published; the source never is."""
    return version.state == "ready" and version.kind != "source"


def _list(codes: tuple[str, ...]) -> str:
    return ("、" if session.language() == "zh" else ", ").join(text(code) for code in codes)


def _texts(actor: Actor, entry: DataSetDetail) -> None:
    with st.form(f"texts-{entry.id}", border=False):
        written = {}
        for name in PAIRED:
            for column, language in zip(st.columns(2), ("zh", "en"), strict=True):
                with column:
                    written[f"{name}_{language}"] = _field(entry, f"{name}_{language}", long=name != "title")
        for column, name in zip(st.columns(2) + st.columns(2), SINGLE, strict=True):
            with column:
                written[name] = _field(entry, name, long=False)
        names = {code: ui.code_name("audience", code) for code in AUDIENCES}
        audience = st.radio(
            text("texts_audience"), AUDIENCES, index=AUDIENCES.index(entry.audience), format_func=names.__getitem__
        )
        resource = _resource(entry)
        if st.form_submit_button(text("ui_save"), type="primary"):
            command = DescribeDataSet(entry.id, Texts(**written), entry.version, audience or "", resource)
            with ui.guarded():
                service.describe(actor, command)
                ui.flash(text("ui_saved"))
                st.rerun()


def _resource(entry: DataSetDetail) -> str:
    """Ask which row of Appendix C the data set is: its degrees decide who may have it (6, 8)."""
    names = {"": text("texts_resource_none")}
    names |= {code: name[session.language()] for code, name in rule_facts.resources().items()}
    codes = list(names)
    return str(
        st.selectbox(text("texts_resource"), codes, index=codes.index(entry.resource), format_func=names.__getitem__)
    )


def _field(entry: DataSetDetail, name: str, *, long: bool) -> str:
    widget = st.text_area if long else st.text_input
    return widget(text(f"texts_{name}"), value=getattr(entry, name)) or ""


def _withdraw(actor: Actor, entry: DataSetDetail) -> None:
    if entry.state not in WITHDRAWABLE:
        ui.empty(ui.code_name("dataset_state", entry.state))
        return
    st.markdown(text("publish_withdraw_warning"))
    reason = st.text_input(text("ui_reason"), key="withdraw-reason") or ""
    if st.button(text("publish_withdraw_now"), disabled=not reason.strip()):
        with ui.guarded():
            service.withdraw(actor, WithdrawDataSet(entry.id, reason))
            ui.flash(text("publish_withdrawn"))
            st.rerun()
