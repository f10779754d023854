"""What the catalogue refuses, each rule with its clause; `can_x` questions derive from these."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from catalog_browser import rule_facts
from catalog_browser.views import (
    AUDIENCES,
    CATEGORIES,
    ROLES,
    AddDataSet,
    AddVersion,
    DataSetDetail,
    VariableDecision,
    VariableSpec,
    VariableView,
)
from enclave.kernel.errors import Conflict, Invalid, Refused
from enclave.kernel.i18n import LANGUAGES, text
from enclave.kernel.identity import Actor, Role
from enclave.kernel.unit import UnitOfWork
from enclave.policy import levels

STAFF = (Role.STEWARD, Role.AUTHORITY, Role.AUDITOR)
SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
# Without these an entry may not be published (10.4.2-e-1a to 1f); each code is a text of the locale.
REQUIRED_TEXTS = {
    "title_zh": "10.4.2-e-1a",
    "title_en": "10.4.2-e-1a",
    "description_zh": "10.4.2-e-1a",
    "description_en": "10.4.2-e-1a",
    "years": "10.4.2-e-1c",
    "conditions_zh": "10.4.2-e-1d",
    "conditions_en": "10.4.2-e-1d",
    "cost_zh": "10.4.2-e-1e",
    "cost_en": "10.4.2-e-1e",
    "duties_zh": "10.4.2-e-1f",
    "duties_en": "10.4.2-e-1f",
    "legal_basis": "3.8-n2",
}
LEVELS_OF = {"limited": (2, 3), "deidentified": (1, 2, 3), "synthetic": (1, 2)}


def is_staff(actor: Actor) -> bool:
    """Tell whether the actor sees entries that are not published."""
    return actor.has(*STAFF)


def may_see(actor: Actor, state: str, audience: str) -> bool:
    """Tell whether the actor may know of an entry (10.4.2-e-1b)."""
    if is_staff(actor):
        return True
    return state == "published" and (audience == "public" or bool(actor.roles))


def check_text(code: str, written: str, **facts: str) -> None:
    """Refuse an empty text."""
    if not written.strip():
        raise Invalid(code, **facts)


def check_audience(audience: str) -> None:
    """Refuse an audience the catalogue does not know."""
    if audience not in AUDIENCES:
        raise Invalid("catalog_unknown_value", field="audience", value=audience, allowed=", ".join(AUDIENCES))


def check_resource(resource: str) -> None:
    """Refuse a resource that Appendix C does not list."""
    if resource and resource not in rule_facts.resources():
        raise Invalid("catalog_unknown_value", field="resource", value=resource, allowed="Appendix C")


def check_new(command: AddDataSet) -> None:
    """Refuse a data set without name, title, controller, category, level or variables (1-1, 4.1-0, 4.2-0)."""
    if not SLUG.fullmatch(command.slug):
        raise Invalid("catalog_bad_slug", slug=command.slug)
    check_text("catalog_title_missing", command.texts.title_zh)
    check_text("catalog_title_missing", command.texts.title_en)
    check_text("catalog_controller_missing", command.controller)
    check_audience(command.audience)
    check_resource(command.resource)
    _check_label("category", command.category, CATEGORIES)
    _check_level(command.level)
    if not command.variables:
        raise Invalid("catalog_no_variables")
    for variable in command.variables:
        _check_indicator(variable)
        _check_label("role", variable.role, ROLES)
        _check_label("category", variable.category, CATEGORIES)
        _check_level(variable.level)
    check_one_person_key(command.variables)
    highest = levels.highest(variable.level for variable in command.variables)
    if command.level < highest:
        raise Invalid("catalog_level_below_parts", level=command.level, highest=highest, clauses=("4.1-0",))


def _check_indicator(variable: VariableSpec) -> None:
    """Refuse an indicator without its code or definition: a figure must have one meaning (2-6)."""
    if variable.indicator and not all(variable.indicator.get(part, "").strip() for part in ("code", "zh", "en")):
        raise Invalid("catalog_indicator_incomplete", column=variable.name, clauses=("2-6",))


def check_state(state: str, allowed: tuple[str, ...]) -> None:
    """Refuse a step the entry's state does not allow."""
    if state not in allowed:
        raise Conflict("catalog_wrong_state", state=state, allowed=", ".join(allowed))


def check_decision(variable: VariableView, decision: VariableDecision) -> None:
    """Refuse unknown labels, and a laxer role or level than proposed without a reason (P9)."""
    where = {"table": decision.table, "column": decision.name}
    if decision.role is not None:
        _check_label("role", decision.role, ROLES)
    if decision.category is not None:
        _check_label("category", decision.category, CATEGORIES)
    if decision.level is not None:
        _check_level(decision.level)
    if decision.person_key not in (None, variable.person_key):
        raise Refused("catalog_person_key_fixed", **where)  # every row was numbered by it on registration
    laxer_role = decision.role is not None and ROLES.index(decision.role) > ROLES.index(variable.role)
    laxer_level = decision.level is not None and decision.level < variable.level
    if (laxer_role or laxer_level) and not decision.note.strip():
        raise Refused("catalog_relaxing_needs_reason", clauses=("4.1-0", "4.2-T2-C2-1"), **where)


def check_one_person_key(variables: Iterable[VariableSpec]) -> None:
    """Refuse two person keys in one table: the privacy unit must be unmistakable."""
    seen: set[str] = set()
    for variable in variables:
        if variable.person_key and variable.table in seen:
            raise Invalid("catalog_two_person_keys", table=variable.table)
        if variable.person_key:
            seen.add(variable.table)


def check_version(command: AddVersion) -> None:
    """Refuse labels that contradict each other: a level per kind, D5, and no level 1 for persons (4.1-T1-L1a)."""
    if not command.tables and not command.files:
        raise Invalid("catalog_version_empty")
    _check_level(command.level)
    expected = "identifiable" if command.kind == "source" else command.kind
    personal = command.persons > 0 or command.kind != "source"
    if personal and command.identifiability != expected:
        raise Invalid("catalog_unknown_value", field="identifiability", value=command.identifiability, allowed=expected)
    allowed = LEVELS_OF.get(command.kind)
    if allowed and command.level not in allowed:
        raise Refused("catalog_level_not_for_kind", kind=command.kind, level=command.level, clauses=("4.1-T1-L4d1",))
    if command.level == 1 and command.kind != "synthetic" and command.persons:
        raise Refused("catalog_level_one_persons", clauses=("4.1-T1-L1a",))


def check_no_level_five(command: AddVersion, variables: Iterable[VariableView]) -> None:
    """Refuse a shareable version that still holds a column of level 5 (4.1-L5, P2)."""
    held = {(table.name, column) for table in command.tables for column in table.columns}
    found = [v.name for v in variables if v.level == 5 and (v.table, v.name) in held]
    if command.kind != "source" and found:
        raise Refused("catalog_level_five_column", columns=", ".join(found), clauses=("4.1-L5", "6.4"))


def missing_for_publication(detail: DataSetDetail) -> tuple[str, ...]:
    """Return the codes of what still stands against publication, in the order a steward works."""
    missing = [f"catalog_missing_{name}" for name in REQUIRED_TEXTS if not getattr(detail, name).strip()]
    if not all(variable.confirmed for variable in detail.variables) or not detail.variables:
        missing.append("catalog_missing_confirmation")
    if not any(detail.latest(kind) for kind in ("limited", "deidentified")):
        missing.append("catalog_missing_version")
    if detail.level < 5 and not detail.latest("synthetic"):
        missing.append("catalog_missing_sample")
    return tuple(missing)


def with_missing(detail: DataSetDetail) -> DataSetDetail:
    """Return the entry with its list of what is missing."""
    return replace(detail, missing=missing_for_publication(detail))


def check_publishable(detail: DataSetDetail) -> None:
    """Refuse to publish an entry that lacks something; the facts name everything that is missing."""
    missing = missing_for_publication(detail)
    if missing:
        named = {f"missing_{language}": _joined(missing, language) for language in LANGUAGES}
        raise Refused("catalog_not_publishable", missing=list(missing), clauses=("10.4.2-e-1c", "10.4.2-e-1d"), **named)


def check_publisher(actor: Actor, detail: DataSetDetail, unit: UnitOfWork) -> None:
    """Level 1 needs a second steward (D11, 4.1-T1-L1d); level 5 the authority's own decision (D2)."""
    if detail.level == 1 and actor.username == detail.created_by:
        raise Refused("catalog_second_steward", clauses=("4.1-T1-L1d",))
    if detail.level == 5:
        try:
            unit.require(Role.AUTHORITY)
        except Refused:
            raise Refused("catalog_level_five", clauses=("4.1-L5", "6.4")) from None


def _joined(codes: Iterable[str], language: str) -> str:
    return ("、" if language == "zh" else ", ").join(text(code, language) for code in codes)


def _check_label(field: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise Invalid("catalog_unknown_value", field=field, value=value, allowed=", ".join(allowed))


def _check_level(level: int) -> None:
    if level not in range(1, 6):
        raise Invalid("catalog_unknown_value", field="level", value=level, allowed="1-5")
