"""Who looks at the page and in which language; asked anew on every run, never remembered as a right."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import streamlit as st

from enclave.kernel import i18n, log
from enclave.kernel.db import reading
from enclave.kernel.identity import ANONYMOUS, Account, Actor, load_actor
from enclave.kernel.settings import settings

COOKIE = "enclave-language"
HTML_LANGUAGES = {"zh": "zh-CN", "en": "en"}
_KEY = "ui_language"
_SCRIPT = """<script>
document.documentElement.lang = "{html_lang}";
document.cookie = "{cookie}={language}; path=/; max-age=31536000; samesite=lax";
</script>"""


def begin() -> None:
    """Start a run of the script: choose the language and give everything it does one correlation id."""
    if _KEY not in st.session_state:
        st.session_state[_KEY] = chosen(st.query_params.get("lang", ""), st.context.cookies.get(COOKIE, ""))
    i18n.language.set(language())
    log.correlation_id.set(uuid4().hex[:16])


def chosen(*wishes: str) -> str:
    """Return the first wish that is a language, else the platform's."""
    return next((wish for wish in wishes if wish in i18n.LANGUAGES), settings().language)


def language() -> str:
    """Return the language of this visitor, `zh` or `en`."""
    return str(st.session_state.get(_KEY, settings().language))


def switch_language() -> None:
    """Change to the other language; what the visitor typed stays."""
    st.session_state[_KEY] = "en" if language() == "zh" else "zh"


def remember_language() -> None:
    """Tell the browser the page's language and keep the choice in a cookie."""
    st.html(
        _SCRIPT.format(html_lang=HTML_LANGUAGES[language()], cookie=COOKIE, language=language()),
        unsafe_allow_javascript=True,
    )


def username() -> str:
    """Return the signed-in name the gate vouches for; empty for a visitor."""
    try:
        told = json.loads(str(st.user.get("ident") or "{}"))
    except ValueError:
        return ""
    name = told.get("name") if isinstance(told, dict) else None
    return name if isinstance(name, str) else ""


def actor() -> Actor:
    """Load the actor from the database: roles are what it says now, not what they were at sign-in."""
    name = username()
    if not name:
        return ANONYMOUS
    with reading() as session:
        return load_actor(session, name)


def named(username: str) -> str:
    """Return a person's name with his user name, as pages show who did something."""
    with reading() as session:
        account = session.get(Account, username)
        return f"{account.display_name}（{username}）" if account else username


def pick(view: Any, field: str) -> str:
    """Return `field_zh` or `field_en` of a view in the visitor's language, else the one that is there."""
    chosen, other = (language(), "en" if language() == "zh" else "zh")
    return str(getattr(view, f"{field}_{chosen}", "") or getattr(view, f"{field}_{other}", ""))


def sign_in_path(portal: str, target: str = "") -> str:
    """Return the address that signs in and comes back to `target` within the portal."""
    return f"{portal}login?next={quote(target or portal)}"
