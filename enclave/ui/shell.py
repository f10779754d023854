"""The frame around every page: brand, navigation by role, language, who is signed in, footer."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from html import escape
from importlib import import_module
from itertools import groupby

import streamlit as st
from streamlit.navigation.page import Page

from enclave.kernel.i18n import text
from enclave.kernel.identity import Actor, Role
from enclave.ui import components, links, session, theme


@dataclass(frozen=True)
class Entry:
    """One page: its path, the locale key of its title, its module, and who finds it in the navigation.

    Seeing the entry gives no right: the service behind the page asks the database again.
    """

    path: str
    title: str
    module: str
    section: str = ""
    icon: str = ""
    roles: frozenset[Role] = field(default_factory=frozenset)
    hidden: bool = False

    def open_to(self, actor: Actor) -> bool:
        """Tell whether the actor finds this page."""
        return not self.roles or actor.has(*self.roles)

    def page(self) -> None:
        """Run the page; its module is imported when it is first opened."""
        with components.guarded():
            run: Callable[[], None] = import_module(self.module).page
            run()


@dataclass(frozen=True)
class Portal:
    """One Streamlit application: where it is served, its pages, and whether visitors may look unsigned."""

    name: str
    title: str
    prefix: str
    entries: tuple[Entry, ...]
    anonymous: bool = False
    neighbour: tuple[str, str] = ("", "")

    @property
    def sidebar(self) -> bool:
        """A portal with sections has a side bar; the others carry their links in the header."""
        return any(entry.section for entry in self.entries)


def run(portal: Portal) -> None:
    """Show a portal: one run of its script."""
    session.begin()
    st.set_page_config(
        page_title=text(portal.title),
        page_icon=str(theme.STATIC / "mark.svg"),
        layout="wide",
        initial_sidebar_state="auto" if portal.sidebar else "collapsed",
    )
    theme.apply()
    actor = session.actor()
    admitted = portal.anonymous or bool(actor.roles)
    entries = [entry for entry in portal.entries if admitted and entry.open_to(actor)]
    current = _navigate(portal, entries)
    _frame(portal, entries, actor, current)
    components.show_flash()
    if admitted:
        current.run()
    else:
        components.empty(text("ui_no_account"), text("ui_no_account_hint"))
    _footer()
    session.remember_language()


def _navigate(portal: Portal, entries: Sequence[Entry]) -> Page:
    """Choose the page of the address; one that is not the visitor's says so instead of leading elsewhere."""
    pages = {
        entry.path: st.Page(
            entry.page if entry in entries else _closed,
            title=text(entry.title),
            url_path=entry.path,
            default=index == 0,
        )
        for index, entry in enumerate(portal.entries)
    }
    links.register({entry.path: pages[entry.path] for entry in entries})
    return st.navigation(list(pages.values()), position="hidden")


def _closed() -> None:
    components.empty(text("ui_closed"), text("ui_closed_hint"))


def _frame(portal: Portal, entries: Sequence[Entry], actor: Actor, current: Page) -> None:
    visible = [entry for entry in entries if not entry.hidden]
    if portal.sidebar:
        with st.sidebar:
            with st.container(key="sidebrand"):
                _brand(portal)
            _sections(visible)
            with st.container(key="neighbour"):
                _neighbour(portal)
    else:
        with st.container(key="brand"):
            _brand(portal)
        with st.container(key="nav", horizontal=True, vertical_alignment="center", gap="small"):
            for entry in visible:
                links.link(entry.path, text(entry.title))
            _neighbour(portal)
    _topbar(portal, actor, current)


def _brand(portal: Portal) -> None:
    st.html(f'<div class="brand"><img src="{_mark()}" alt=""><span>{escape(text(portal.title))}</span></div>')


@lru_cache(maxsize=1)
def _mark() -> str:
    return "data:image/svg+xml;base64," + b64encode((theme.STATIC / "mark.svg").read_bytes()).decode()


def _neighbour(portal: Portal) -> None:
    label, address = portal.neighbour
    if label:
        components.anchor(text(label), address)


def _sections(entries: Sequence[Entry]) -> None:
    for name, group in groupby(entries, key=lambda entry: entry.section):
        if name:
            st.html(f'<div class="navhead">{escape(text(name))}</div>')
        for entry in group:
            links.link(entry.path, text(entry.title), icon=entry.icon or None)


def _topbar(portal: Portal, actor: Actor, current: Page) -> None:
    with st.container(key="topbar", horizontal=True, vertical_alignment="center", gap="small"):
        if actor.display_name:
            st.html(f'<span class="who">{escape(actor.display_name)}</span>', width="content")
        st.button(
            text("ui_other_language"), key="ui_language_button", on_click=session.switch_language, type="tertiary"
        )
        if session.username():
            components.anchor(text("ui_sign_out"), f"{portal.prefix}logout")
        else:
            here = portal.prefix + current.url_path + links.query()
            components.anchor(text("ui_sign_in"), session.sign_in_path(portal.prefix, here))


def _footer() -> None:
    st.html(f'<div class="footer">{escape(text("ui_footer"))}</div>')
