"""Ways from page to page, by the page's path; a page the visitor's roles do not open is no link."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import streamlit as st

if TYPE_CHECKING:
    from streamlit.navigation.page import Page

_EMPTY: Mapping[str, Page] = {}
_pages: ContextVar[Mapping[str, Page]] = ContextVar("pages", default=_EMPTY)


def register(pages: Mapping[str, Page]) -> None:
    """Make the pages of this run known by their path."""
    _pages.set(pages)


def known(path: str) -> bool:
    """Tell whether this visitor has the page."""
    return path in _pages.get()


def link(path: str, label: str, *, icon: str | None = None, **query: str) -> None:
    """Show a link to a page of this portal, or its label alone when the visitor does not have the page."""
    page = _pages.get().get(path)
    if page is None:
        st.markdown(label)
        return
    st.page_link(page, label=label, icon=icon, query_params=query or None)


def go(path: str, **query: str) -> None:
    """Open a page of this portal; stay when the visitor does not have it."""
    page = _pages.get().get(path)
    if page is not None:
        st.switch_page(page, query_params=query or None)


def asked(name: str) -> str:
    """Return a parameter of the page's address; empty when it is not there."""
    return str(st.query_params.get(name, ""))


def query() -> str:
    """Return the parameters of the page's address with their question mark; empty when there are none."""
    parameters = st.query_params.to_dict()
    return f"?{urlencode(parameters)}" if parameters else ""
