"""Who is who: the four roles of 5.2, data subjects and their consents, and what each role of the product may do."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from enclave.kernel.errors import Conflict, Invalid, Refused
from enclave.policy.book import Book, current
from enclave.policy.vocabulary import Entry


@dataclass(frozen=True)
class Assignment:
    """One party's role for one data set in one scenario (5.2).

    `natural` tells a person from an organisation; `acts_for` is a processor's controller; `answers` are those to
    the four questions that determine a controller, `justification` what is said when all four are no.
    """

    party: str
    role: str
    dataset: str
    scenario: str
    natural: bool = False
    acts_for: str = ""
    answers: Mapping[str, bool] = field(default_factory=dict)
    justification: str = ""


@dataclass(frozen=True)
class Subject:
    """A data subject (3.3): the person data identify. Not an account; never the same thing as one."""

    pseudonym: str


@dataclass(frozen=True)
class Proxy:
    """Somebody who acts for a subject, under an account of his own (10.3.1 e))."""

    username: str
    subject: Subject
    relation: str


@dataclass(frozen=True)
class Consent:
    """What a subject agreed to; it hangs on the subject, whoever gave it for him."""

    subject: Subject
    purposes: frozenset[str]
    given_on: date
    until: date | None = None
    given_by: Subject | Proxy | None = None

    def __post_init__(self) -> None:
        """Refuse a consent that hangs on anything but a subject, or that a stranger gave."""
        if not isinstance(self.subject, Subject):
            raise Invalid("policy_role_natural", clauses=("3.3",))
        if isinstance(self.given_by, Proxy) and self.given_by.subject != self.subject:
            raise Invalid("policy_role_natural", clauses=("3.3",))

    def covers(self, purpose: str, day: date) -> bool:
        """Tell whether the consent covers a purpose on a day."""
        return purpose in self.purposes and self.given_on <= day and (self.until is None or day <= self.until)


def check_assignment(new: Assignment, existing: Iterable[Assignment], book: Book | None = None) -> None:
    """Refuse a role that 5.2 does not let the party hold, or a second one for the same data and scenario."""
    book = book or current()
    if new.role not in book.words("roles"):
        raise Invalid("policy_role_unknown", role=new.role, clauses=("5.2-0a",))
    same = (new.dataset, new.scenario)
    there = [one for one in existing if (one.dataset, one.scenario) == same]
    for held in there:
        if held.party == new.party and held.role != new.role:
            facts = {"party": new.party, "held": held.role, "asked": new.role, "scenario": new.scenario}
            raise Conflict("policy_role_taken", clauses=("5.2-0b",), **facts)
    checks = {"subject": _check_subject, "processor": _check_processor, "controller": _check_controller}
    check = checks.get(new.role)
    if check is not None:
        check(new, there, book)


def check_controllers(assignments: Iterable[Assignment], dataset: str, scenario: str) -> None:
    """Refuse a data set that nobody controls in a scenario (3.4)."""
    if not any((one.dataset, one.scenario, one.role) == (dataset, scenario, "controller") for one in assignments):
        raise Invalid("policy_scenario_without_controller", clauses=("3.4",), scenario=scenario)


def residual_role(party: str, dataset: str, scenario: str, existing: Iterable[Assignment]) -> str:
    """Return the role a party has: the one recorded, else user, the role of whoever uses and is none of the three."""
    held = [one.role for one in existing if (one.party, one.dataset, one.scenario) == (party, dataset, scenario)]
    return held[0] if held else "user"


def approve_user(party: str, dataset: str, scenario: str, existing: Iterable[Assignment]) -> Assignment:
    """Return the assignment an approved request brings: user, for this data set and scenario only (5.2-d)."""
    new = Assignment(party, "user", dataset, scenario)
    check_assignment(new, existing)
    return new


def questions(book: Book | None = None) -> tuple[Entry, ...]:
    """Return the four questions that determine a controller (5.2 b))."""
    return tuple((book or current()).words("controller_questions").values())


def scenario_role(scenario: str, party: str, book: Book | None = None) -> str | None:
    """Return the role a kind of party holds in a scenario, where the standard says so."""
    entry = (book or current()).words("scenario_roles").get(f"{scenario}/{party}")
    return str(entry.attributes["role"]) if entry else None


def audience_of(kind: str, book: Book | None = None) -> str | None:
    """Return the audience of a verified kind of organisation or person (C-4); None for a kind nobody verified."""
    entry = (book or current()).words("parties").get(kind)
    return str(entry.attributes["audience"]) if entry else None


def functions(role: str, book: Book | None = None) -> frozenset[str]:
    """Return what a role of the product may do; a role nobody knows may do nothing."""
    entry = (book or current()).words("product_roles").get(role)
    return frozenset(entry.codes("functions")) if entry else frozenset()


def reaches_content(role: str, book: Book | None = None) -> bool:
    """Tell whether a role's functions reach rows of data."""
    words = (book or current()).words("functions")
    return any(words[code].attributes.get("content") for code in functions(role, book))


def check_together(roles: Collection[str], book: Book | None = None) -> None:
    """Refuse roles that one account must not hold at once."""
    words = (book or current()).words("product_roles")
    for one in sorted(roles):
        for two in sorted(set(roles) & set(words[one].codes("never_with") if one in words else ())):
            raise Refused("policy_roles_together", clauses=("1-3",), one=one, two=two)


def _check_subject(new: Assignment, _there: list[Assignment], _book: Book) -> None:
    if not new.natural:
        raise Invalid("policy_role_natural", clauses=("5.2-a",))


def _check_processor(new: Assignment, there: list[Assignment], _book: Book) -> None:
    if not any(one.party == new.acts_for and one.role == "controller" for one in there):
        raise Invalid("policy_role_no_controller", clauses=("5.2-c",))


def _check_controller(new: Assignment, _there: list[Assignment], book: Book) -> None:
    missing = [entry for entry in questions(book) if entry.code not in new.answers]
    if missing:
        clauses = [clause for entry in missing for clause in entry.clauses]
        raise Invalid("policy_role_questions", clauses=clauses, missing=", ".join(entry.code for entry in missing))
    if not any(new.answers[entry.code] for entry in questions(book)) and not new.justification.strip():
        raise Invalid("policy_role_not_controller", clauses=("5.2-b", "5.2-b-4"))
