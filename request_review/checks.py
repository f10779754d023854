"""What a complete application must satisfy beyond each field: data, scope, purpose, team, dates, papers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from catalog_browser.views import DataSetDetail, VersionView
from enclave.kernel.errors import EnclaveError, Invalid
from enclave.kernel.identity import Role
from request_review import scope
from request_review.forms import Problem, day, missing, phone_problem, problem
from request_review.rulebook import rules


@dataclass(frozen=True)
class Person:
    """What is known of an account for these checks."""

    username: str
    display_name: str
    institution: str
    active: bool
    roles: frozenset[Role]
    institution_zh: str = ""
    institution_en: str = ""
    kind: str | None = None  # of the institution, as somebody verified it (C-4)

    def place(self, language: str) -> str:
        """Return the institution's name in `zh` or `en`; its code where it is not registered."""
        return (self.institution_zh if language == "zh" else self.institution_en) or self.institution


@dataclass(frozen=True)
class Context:
    """What the answers are held against. `people` are applicant and members that have accounts."""

    applicant: str
    today: date
    detail: DataSetDetail | None
    version: VersionView | None
    people: Mapping[str, Person]
    files: frozenset[str]


def problems(answers: Mapping[str, Any], context: Context) -> tuple[Problem, ...]:
    """Return everything that stands against submission, in the order of the form."""
    found = missing(answers)
    for check in _CHECKS:
        found += check(answers, context)
    phone = phone_problem(answers.get("contact_phone", ""))
    return tuple([*found, phone] if phone else found)


def read_scope(answers: Mapping[str, Any], context: Context) -> scope.Scope:
    """Return the scope asked for; the context must hold data set and version."""
    if context.version is None or context.detail is None:
        raise Invalid("request_no_version")
    return scope.read(
        answers.get("columns", []), answers.get("row_filter", []), context.version, context.detail.variables
    )


def _data(answers: Mapping[str, Any], context: Context) -> Iterator[Problem]:
    if not answers.get("dataset_id"):
        return
    if context.detail is None or context.detail.state != "published":
        yield problem("dataset_id", "request_dataset_closed", ["10.4.2-e-1b"])
    elif answers.get("version_kind") and context.version is None:
        yield problem("version_kind", "request_no_version", ["10.4.2-e-3e"])
    elif context.version is not None and answers.get("columns"):
        parts = {"columns": {**answers, "row_filter": []}, "row_filter": answers}
        for field, part in parts.items():
            try:
                read_scope(part, context)
            except EnclaveError as error:
                yield problem(field, error.code, error.clauses or ["9.1.4-1"], **error.facts)
                break


def _purpose(answers: Mapping[str, Any], _context: Context) -> Iterator[Problem]:
    route = rules("form")["purposes"]
    if answers.get("purpose") and answers["purpose"] not in route["route"]:
        yield problem("purpose", "request_purpose_elsewhere", route["clauses"], allowed=", ".join(route["route"]))


def _delivery(answers: Mapping[str, Any], context: Context) -> Iterator[Problem]:
    level = context.version.level if context.version else 0
    if answers.get("delivery", "enclave") not in ("", "enclave") and level >= rules("form")["enclave_only_from_level"]:
        yield problem("delivery", "request_enclave_only", ["A-7"], level=level)


def _team(answers: Mapping[str, Any], context: Context) -> Iterator[Problem]:
    names = answers.get("members", [])
    most = rules("form")["people_at_most"]
    if context.applicant in names:
        yield problem("members", "request_member_self", ["B.2-1-3"])
    if len(names) + 1 > most and context.version is not None and context.version.level >= 3:
        yield problem("members", "request_team_large", ["4.1-T1-L3d"], most=most)
    for name in names:
        person = context.people.get(name)
        if person is None or not person.active:
            yield problem("members", "request_member_unknown", ["4.1-T1-L3b"], username=name)
        elif Role.RESEARCHER not in person.roles:
            yield problem("members", "request_member_role", ["10.4.2-e-2a1"], username=name)


def _dates(answers: Mapping[str, Any], context: Context) -> Iterator[Problem]:
    first, last, project = (day(answers, code) for code in ("starts_on", "ends_on", "project_ends_on"))
    if first is None or last is None:
        return
    most = rules("form")["days_at_most"]
    if last < first:
        yield problem("ends_on", "request_dates_order", ["9.1.4-4"])
    elif last < context.today:
        yield problem("ends_on", "request_dates_past", ["9.1.4-4"])
    elif (last - first).days >= most:
        yield problem("ends_on", "request_dates_long", ["10.4.2-e-2c4"], most=most)
    elif project is not None and project < last and answers.get("project_grade") != "none":
        yield problem("ends_on", "request_dates_project", ["10.4.2-e-2c1"], ends_on=project.isoformat())


def _money(answers: Mapping[str, Any], _context: Context) -> Iterator[Problem]:
    total, share = answers.get("funds_total") or 0, answers.get("funds_party_a") or 0
    if share > total:
        yield problem("funds_party_a", "request_funds_share", ["B.1-2"])
    if total and not answers.get("funds_payment"):
        yield problem("funds_payment", "request_funds_payment", ["B.1-2"])


def _papers(_answers: Mapping[str, Any], context: Context) -> Iterator[Problem]:
    for kind, paper in rules("form")["uploads"]["kinds"].items():
        if paper["required"] and kind not in context.files:
            yield problem("", "request_paper_missing", paper["clauses"], label_zh=paper["zh"], label_en=paper["en"])


_CHECKS: tuple[Callable[[Mapping[str, Any], Context], Iterator[Problem]], ...] = (
    _data, _purpose, _delivery, _team, _dates, _money, _papers,
)  # fmt: skip
