"""The building blocks of every page: text, badges, facts, tables, alerts; all escape what they show."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

import streamlit as st

from enclave.kernel import institutions
from enclave.kernel.errors import EnclaveError
from enclave.kernel.i18n import text
from enclave.kernel.log import correlation_id, logger
from enclave.policy.book import current
from enclave.ui import links, session

Tone = Literal["plain", "accent", "good", "warn", "bad"]
_FLASH = "ui_flash"
_MARKDOWN = str.maketrans({mark: f"\\{mark}" for mark in r"\`*_{}[]()#+-!|<>$:~"})


def md(value: object) -> str:
    """Return a value as plain words inside Markdown: nothing in it can link, style or run."""
    return str(value).translate(_MARKDOWN)


def heading(title: str, lead: str = "", eyebrow: str = "") -> None:
    """Show the page's one first-level heading, with a sentence on what the page is for."""
    above = f'<p class="eyebrow">{escape(eyebrow)}</p>' if eyebrow else ""
    below = f"<p>{escape(lead)}</p>" if lead else ""
    st.html(f'<div class="page-head">{above}<h1>{escape(title)}</h1>{below}</div>')


def section(title: str, lead: str = "") -> None:
    """Show a second-level heading."""
    st.html(
        f'<h2 class="section">{escape(title)}</h2>' + (f'<p class="muted small">{escape(lead)}</p>' if lead else "")
    )


def prose(words: str) -> None:
    """Show running text as it was written, line breaks kept."""
    if words.strip():
        st.html(f'<p class="prose">{escape(words)}</p>')


def bullets(items: Iterable[str]) -> None:
    """Show a short list."""
    st.html("<ul class='bullets'>" + "".join(f"<li>{escape(item)}</li>" for item in items) + "</ul>")


def small(words: str) -> None:
    """Show a line of small, quiet text."""
    if words.strip():
        st.html(f'<p class="small muted line">{escape(words)}</p>')


def field_label(words: str, hint: str = "") -> None:
    """Show the label of an input that has none of its own."""
    more = f'<span class="muted small"> {escape(hint)}</span>' if hint else ""
    st.html(f'<div class="fieldlabel">{escape(words)}{more}</div>')


def field_error(words: str) -> None:
    """Show what stands against the field above."""
    st.html(f'<div class="fielderror" role="alert">{escape(words)}</div>')


def back(path: str, label: str, **query: str) -> None:
    """Show the way back to the page this one belongs to."""
    with st.container(key=f"back-{path}"):
        links.link(path, label, icon=":material/arrow_back:", **query)


def badge(label: object, tone: Tone = "plain") -> str:
    """Return the HTML of one badge."""
    return f'<span class="badge {tone}">{escape(str(label))}</span>'


def badges(*pairs: tuple[object, Tone]) -> None:
    """Show badges in a row."""
    shown = "".join(badge(label, tone) for label, tone in pairs if str(label))
    if shown:
        st.html(f'<div class="badges">{shown}</div>')


def facts(pairs: Iterable[tuple[str, object]]) -> None:
    """Show terms and their values; an empty value is left out."""
    rows = "".join(
        f"<dt>{escape(term)}</dt><dd>{escape(str(value))}</dd>" for term, value in pairs if str(value or "").strip()
    )
    if rows:
        st.html(f'<dl class="facts">{rows}</dl>')


@dataclass(frozen=True)
class Cell:
    """One cell that is more than text: a badge, or a code set in a fixed-width face."""

    value: object
    tone: Tone | None = None
    mono: bool = False

    def html(self) -> str:
        """Return the cell's HTML."""
        if self.tone:
            return badge(self.value, self.tone)
        return f'<span class="mono">{escape(str(self.value))}</span>' if self.mono else escape(str(self.value))


def table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], numeric: Sequence[int] = (), *, dense: bool = False
) -> None:
    """Show a small table; on a phone every row becomes a card headed by its first cell, a `dense` one a short one."""
    css = ["num" if index in numeric else "" for index in range(len(columns))]
    head = "".join(f'<th scope="col" class="{c}">{escape(name)}</th>' for c, name in zip(css, columns, strict=True))
    body = "".join(f"<tr>{_cells(columns, css, row)}</tr>" for row in rows)
    inner = f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody>"
    st.html(f'<div class="tablewrap"><table class="grid{" dense" if dense else ""}">{inner}</table></div>')


def _cells(columns: Sequence[str], css: Sequence[str], row: Sequence[object]) -> str:
    parts = []
    for name, style, value in zip(columns, css, row, strict=True):
        cell = value if isinstance(value, Cell) else Cell("" if value is None else value)
        hidden = "" if str(cell.value) else " none"
        parts.append(f'<td class="{style}{hidden}" data-label="{escape(name)}"><span>{cell.html()}</span></td>')
    return "".join(parts)


def stats(pairs: Iterable[tuple[str, object]]) -> None:
    """Show numbers at a glance."""
    cells = "".join(
        f'<div class="stat"><div class="value">{escape(str(value))}</div><div class="label">{escape(label)}</div></div>'
        for label, value in pairs
    )
    st.html(f'<div class="stats">{cells}</div>')


def count(number: int) -> None:
    """Show one large number."""
    st.html(f'<div class="count">{number:,}</div>')


@dataclass(frozen=True)
class Step:
    """One step of a timeline: `done`, `now`, `next` or `stopped`."""

    label: str
    state: Literal["done", "now", "next", "stopped"]
    when: str = ""
    note: str = ""


def timeline(steps: Iterable[Step]) -> None:
    """Show what happened, where things stand and what comes next."""
    items = "".join(
        f'<li class="{step.state}"{" aria-current=step" if step.state == "now" else ""}>{escape(step.label)}'
        f'<span class="when">{escape(step.when)}</span><span class="note">{escape(step.note)}</span></li>'
        for step in steps
    )
    st.html(f'<ol class="timeline">{items}</ol>')


def empty(title: str, hint: str = "") -> None:
    """Say that there is nothing here and what to do next."""
    st.html(f'<div class="empty"><strong>{escape(title)}</strong><span>{escape(hint)}</span></div>')


def notice(words: str, tone: Literal["", "warn", "good"] = "") -> None:
    """Show a remark beside the content."""
    st.html(f'<div class="notice {tone}" role="status">{escape(words)}</div>')


def clauses(ids: Iterable[str]) -> None:
    """Show the clauses a decision rests on."""
    listed = "、".join(ids) if session.language() == "zh" else ", ".join(ids)
    if listed:
        st.caption(md(text("ui_clauses", clauses=listed)))


def finding(words: str, label: str, tone: Tone, ids: Iterable[str] = ()) -> None:
    """Show one thing a check found: how grave it is, what it is, on which clauses."""
    listed = ", ".join(ids)
    rest = f'<span class="muted small"> {escape(listed)}</span>' if listed else ""
    st.html(f'<div class="finding">{badge(label, tone)}<span>{escape(words)}{rest}</span></div>')


def alert(error: EnclaveError) -> None:
    """Show an error in both languages, with its clauses and the number that finds it in the log."""
    first, second = ("zh", "en") if session.language() == "zh" else ("en", "zh")
    trace = [text("ui_clauses", clauses=", ".join(error.clauses))] if error.clauses else []
    trace.append(text("ui_trace", code=error.code, correlation=correlation_id.get()))
    st.html(
        f'<div class="alert" role="alert">{escape(error.message(first))}'
        f'<span class="other" lang="{second}">{escape(error.message(second))}</span>'
        f'<span class="trace">{escape(" · ".join(trace))}</span></div>'
    )


@contextmanager
def guarded(failed: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Turn what goes wrong inside into an alert; what nobody foresaw shows its trace number, not its text (P12)."""
    try:
        yield
    except EnclaveError as error:
        failed()
        alert(error)
    except Exception as error:  # noqa: BLE001  # a page is the last door: whatever comes here is shown as a trace number
        failed()
        logger().error("page", code=type(error).__name__)
        alert(EnclaveError("ui_unexpected"))


def flash(words: str) -> None:
    """Keep a sentence to be shown once, at the top of the next run."""
    st.session_state[_FLASH] = words


def show_flash() -> None:
    """Show the kept sentence."""
    if words := st.session_state.pop(_FLASH, ""):
        notice(words, "good")


def download(label: str, fetch: Callable[[], bytes], name: str, mime: str, key: str) -> None:
    """Offer a file that is fetched only when it is asked for."""
    st.download_button(label, fetch, name, mime, key=key, on_click="ignore", icon=":material/download:")


def anchor(label: str, url: str, *, primary: bool = False) -> None:
    """Show a link to a place outside this portal that opens in the same tab, as a button when `primary`."""
    css = "button" if primary else ""
    st.html(f'<a class="anchor {css}" href="{escape(url)}" target="_self">{escape(label)}</a>', width="content")


def place(code: str) -> str:
    """Return the name of an institution; the code itself where it is not registered."""
    return institutions.name_of(code)


def word(vocabulary: str, code: str, language: str) -> str:
    """Return the name of a word of the standard; the code itself where the vocabulary does not have it."""
    entry = current().words(vocabulary).get(code)
    return entry.name(language) if entry else code


def choice(label: str, options: Mapping[str, str], *, key: str, **more: Any) -> str:
    """Show a select box over codes with their names; return the code, empty when none is chosen."""
    codes = list(options)
    return st.selectbox(label, codes, format_func=options.__getitem__, key=key, **more) or ""


def code_name(prefix: str, code: object) -> str:
    """Return the name of a code, kept in the locale as `<prefix>_<code>`."""
    return text(f"{prefix}_{code}") if code else ""
