"""What the rules said, as the ledger keeps it, told to a person: outcome, reasons with clauses, what is missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from enclave.kernel.i18n import text
from enclave.policy.explaining import reasons_of, told_of
from enclave.ui import components as ui
from enclave.ui import session

TONES: Mapping[str, ui.Tone] = {"allow": "good", "ask": "warn", "deny": "bad"}


def show(facts: Mapping[str, Any]) -> None:
    """Show one decision (`Decision.as_facts`) in the visitor's language; an older rule version is said."""
    language = session.language()
    outcome = str(facts.get("outcome", ""))
    ui.badges((text(f"ruling_{outcome}"), TONES.get(outcome, "plain")))
    for sentence, clauses in reasons_of(facts, language):
        ui.finding(sentence[:1].upper() + sentence[1:], text("ruling_rule"), "plain", clauses)
    for told in told_of(facts, language):
        st.caption(ui.md(told))
    ui.facts([(text(f"ruling_{name}"), value) for name, value in _weighed(facts, language)])


def _weighed(facts: Mapping[str, Any], language: str) -> list[tuple[str, str]]:
    named = [("degree", "degrees"), ("processing", "identifiability"), ("purpose", "purposes"), ("flow", "flows")]
    found = [(name, ui.word(vocabulary, str(facts.get(name) or ""), language)) for name, vocabulary in named]
    return [*found, ("version", str(facts.get("rule_version", ""))[:12])]


def all_of(event: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the decisions the facts of a ledger event hold: one, one for each grant, or none."""
    found = [event.get("decision"), event.get("sample"), *dict(event.get("decisions") or {}).values()]
    return [each for each in found if isinstance(each, Mapping) and "rule_version" in each]
