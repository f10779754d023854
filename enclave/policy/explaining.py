"""A decision told to a person: what the answer is, why, what is missing, what holds afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from enclave.kernel.i18n import text
from enclave.policy.book import Book, current
from enclave.policy.decision import Decision, Obligation


def explain(decision: Decision, language: str) -> str:
    """Return the whole decision in words, with clauses and rule version, in `zh` or `en`."""
    parts = [_headline(decision, language), _degrees(decision, language)]
    parts += _list(
        "reasons", [f"{one.sentence(language)}  [{' '.join(one.clauses)}]" for one in decision.blocking], language
    )
    if decision.allowed:
        grounds = [one for one in decision.reasons if one.effect == "permit"]
        parts += _list("grounds", [f"{one.sentence(language)}  [{' '.join(one.clauses)}]" for one in grounds], language)
    parts += _list("missing", [_asked(one, language) for one in decision.missing], language)
    parts += _list(
        "steps", [f"{'✓' if done else '·'} {step.name(language)}" for step, done in decision.steps], language
    )
    parts += _list("duties", [_asked(one, language) for one in decision.duties], language)
    parts.append(text("policy_explain_version", language, version=decision.rule_version[:12]))
    return "\n".join(part for part in parts if part)


def as_json(decision: Decision) -> dict[str, object]:
    """Return the whole decision as JSON: outcome, degrees, reasons, obligations, track, steps, version."""
    return {
        "outcome": decision.outcome.code,
        "clauses": list(decision.clauses),
        "degrees": {name: getattr(decision.degrees, name) for name in ("catalogue", "level", "effective", "source")},
        "flow": decision.flow,
        "processing": decision.processing,
        "purpose": decision.purpose,
        "reasons": [
            {
                "rule": one.rule,
                "outcome": one.outcome.code,
                "effect": one.effect,
                "clauses": list(one.clauses),
                "zh": one.zh,
                "en": one.en,
            }
            for one in decision.reasons
        ],
        "obligations": [
            {
                "any_of": list(one.any_of),
                "kind": one.kind,
                "when": one.when,
                "met": one.met,
                "zh": one.zh,
                "en": one.en,
                "clauses": list(one.clauses),
            }
            for one in decision.obligations
        ],
        "missing": [one.code for one in decision.missing],
        "track": decision.track.code if decision.track else None,
        "steps": [
            {"code": step.code, "zh": step.zh, "en": step.en, "actor": step.actor, "done": done}
            for step, done in decision.steps
        ],
        "request": decision.request.digest,
        "rule_version": decision.rule_version,
    }


def reasons_of(facts: Mapping[str, Any], language: str, book: Book | None = None) -> list[tuple[str, tuple[str, ...]]]:
    """Return the rules a kept decision rests on, each as its sentence and clauses; one gone since as its id."""
    rules = {rule.id: rule for rule in (book or current()).rules}
    found = []
    for name in map(str, facts.get("rules", ())):
        rule = rules.get(name)
        found.append((rule.sentence(language), rule.clauses) if rule else (name, ()))
    return found


def told_of(facts: Mapping[str, Any], language: str, book: Book | None = None) -> list[str]:
    """Return what else a kept decision says: what was missing, and whether the rules have changed since."""
    book = book or current()
    words, lines = book.words("obligations"), []
    missing = [words[code].name(language) if code in words else str(code) for code in facts.get("missing", ())]
    if missing:
        lines.append(text("policy_explain_missing_list", language, items=_joined(missing, language)))
    version = str(facts.get("rule_version", ""))
    if version != book.version:
        lines.append(text("policy_explain_older", language, version=version[:12]))
    return lines


def explain_rule(code: str, language: str, book: Book | None = None) -> str:
    """Return what a rule or a clause says, and what rests on it; empty where there is neither."""
    book = book or current()
    lines = []
    if code in book.clauses:
        lines.append(f"{code}  {book.clauses[code].text(language)}")
    for rule in book.rules:
        if code in (rule.id, rule.id.split("@")[0]) or code in rule.clauses:
            lines.append(f"  {rule.id}  {rule.sentence(language)}  [{' '.join(rule.clauses)}]  {rule.file}:{rule.line}")
    return "\n".join(lines)


def _joined(parts: list[str], language: str) -> str:
    return ("、" if language == "zh" else ", ").join(parts)


def _headline(decision: Decision, language: str) -> str:
    outcome = decision.book.words("outcomes")[decision.outcome.code].name(language)
    action = decision.book.words("actions").get(decision.request.action)
    return text("policy_explain_outcome", language, action=action.name(language) if action else "?", outcome=outcome)


def _degrees(decision: Decision, language: str) -> str:
    words, weighed = decision.book.words("degrees"), decision.degrees
    shown = {
        name: words[value].name(language) if value else "—"
        for name, value in (
            ("catalogue", weighed.catalogue),
            ("level", weighed.level),
            ("effective", weighed.effective),
        )
    }
    return text("policy_explain_degrees", language, **shown)


def _asked(one: Obligation, language: str) -> str:
    return f"{one.sentence(language)}  [{' '.join(one.clauses)}]"


def _list(key: str, lines: list[str], language: str) -> list[str]:
    return [text(f"policy_explain_{key}", language), *(f"  - {line}" for line in lines)] if lines else []
