"""Who must keep out of a request: computed from accounts, institutions and past teams, and declared (P7)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlmodel import col, or_, select

from enclave.kernel import clock
from enclave.kernel.i18n import text
from enclave.kernel.identity import Account
from request_review.models import Request, RequestMember
from request_review.rulebook import rules

if TYPE_CHECKING:
    from request_review.case import Case

YEAR = timedelta(days=365.25)


@dataclass(frozen=True)
class ConflictFound:
    """One reason to keep out: its kind, and a sentence in both languages."""

    kind: str

    def sentence(self, language: str) -> str:
        """Return the reason in `zh` or `en`."""
        return text(f"request_conflict_{self.kind}", language)


def found(case: Case, username: str, capacity: str) -> tuple[ConflictFound, ...]:
    """Return every reason why a person may not act as steward, reviewer or authority on a request."""
    kinds = rules("committee")["conflicts"][capacity]
    return tuple(ConflictFound(kind) for kind in kinds if _KINDS[kind](case, username, capacity))


def _party(case: Case, username: str, _capacity: str) -> bool:
    return username in case.team


def _institution(case: Case, username: str, _capacity: str) -> bool:
    own = case.session.get(Account, username)
    theirs = select(Account.institution).where(col(Account.username).in_(case.team))
    return own is not None and own.institution in {case.row.institution, *case.session.exec(theirs)}


def _co_applicant(case: Case, username: str, _capacity: str) -> bool:
    """Tell whether the person shared a request with one of the team in the last years (not this one)."""
    since = clock.now() - rules("committee")["conflicts"]["co_applicant_years"] * YEAR

    def with_any_of(names: tuple[str, ...]) -> set[str]:
        members = select(RequestMember.request_id).where(col(RequestMember.username).in_(names))
        query = select(Request.id).where(
            or_(col(Request.applicant).in_(names), col(Request.id).in_(members)),
            col(Request.submitted_at) >= since,
            Request.id != case.row.id,
        )
        return set(case.session.exec(query))

    return bool(with_any_of((username,)) & with_any_of(case.team))


def _declared(case: Case, username: str, _capacity: str) -> bool:
    return username in case.declared


def _other_step(case: Case, username: str, capacity: str) -> bool:
    """Tell whether the person already acted in another of the four steps of 9.1.4 on this request."""
    acted: dict[str, set[str | None]] = {
        "steward": {case.row.evaluation.get("by")},
        "reviewer": {seat.reviewer for seat in case.active_panel},
        "authority": {case.row.decision.get("by")},
    }
    return any(username in names for step, names in acted.items() if step != capacity)


_KINDS: dict[str, Callable[[Case, str, str], bool]] = {
    "party": _party,
    "institution": _institution,
    "co_applicant": _co_applicant,
    "declared": _declared,
    "other_step": _other_step,
}
