"""Everything the database holds on one request, who stands how to it, and the guards of its steps."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlmodel import Session, col, select

from enclave.kernel.errors import EnclaveError, NotFound, Refused
from enclave.kernel.identity import Account, Actor, Role, roles_of
from enclave.kernel.unit import UnitOfWork
from request_review import conflicts
from request_review.models import Assignment, DeclaredConflict, Request, RequestFile, RequestMember, Signature
from request_review.rulebook import rules
from request_review.workflow import Guard, Step, workflow

INSIDERS = frozenset({Role.STEWARD, Role.AUTHORITY, Role.AUDITOR})
# In which capacity a step is taken, for the conflicts that matter to it.
CAPACITY = {
    "assign_reviewers": "steward",
    "decline": "steward",
    "review": "reviewer",
    "decide": "authority",
    "register_grant": "authority",
}


@dataclass(frozen=True)
class Case:
    """One request with its team, files, panel, declared conflicts and signatures, as of now."""

    session: Session
    row: Request
    members: tuple[str, ...]
    files: tuple[RequestFile, ...]
    panel: tuple[Assignment, ...]
    declared: Mapping[str, str]
    signatures: tuple[Signature, ...]

    @property
    def team(self) -> tuple[str, ...]:
        """Return applicant and members."""
        return (self.row.applicant, *self.members)

    @property
    def active_panel(self) -> tuple[Assignment, ...]:
        """Return those on the panel who did not recuse themselves."""
        return tuple(seat for seat in self.panel if seat.state != "recused")

    @property
    def reviews_in(self) -> bool:
        """Tell whether every seat has given its review and there are enough of them."""
        seats = self.active_panel
        return len(seats) >= rules("committee")["panel"]["at_least"] and all(seat.state == "reviewed" for seat in seats)

    def votes(self, verdict: str) -> int:
        """Return how many reviews of the active panel say `verdict`."""
        return sum(seat.review.get("verdict") == verdict for seat in self.active_panel)

    @property
    def approved(self) -> bool:
        """Tell whether the panel speaks for approval: enough approvals, and more of them than rejections."""
        least = rules("committee")["panel"]["approvals_at_least"]
        return self.reviews_in and self.votes("approve") >= max(least, self.votes("reject") + 1)

    @property
    def tied(self) -> bool:
        """Tell whether a further member must settle the question."""
        return self.reviews_in and not self.approved and self.votes("reject") <= self.votes("approve")


def locked(unit: UnitOfWork, request_id: str) -> Case:
    """Return the case for a command: nobody else changes it before the command is done."""
    return load(unit.session, request_id, lock=True)


def load(session: Session, request_id: str, *, lock: bool = False) -> Case:
    """Return the case of a request as it stands now, or raise NotFound."""
    session.flush()  # reading anew must not lose what the command has just changed
    row = session.get(Request, request_id, populate_existing=True, with_for_update=lock or None)
    if row is None:
        raise NotFound("not_found", kind="request", id=request_id)
    fresh = {"populate_existing": True}
    members = session.exec(select(RequestMember.username).where(RequestMember.request_id == request_id))
    files = session.exec(
        select(RequestFile).where(RequestFile.request_id == request_id).order_by(col(RequestFile.uploaded_at))
    )
    panel = select(Assignment).where(Assignment.request_id == request_id).order_by(col(Assignment.assigned_at))
    declared = session.exec(select(DeclaredConflict).where(DeclaredConflict.request_id == request_id))
    signed = select(Signature).where(Signature.request_id == request_id).order_by(col(Signature.signed_at))
    return Case(
        session=session,
        row=row,
        members=tuple(sorted(members)),
        files=tuple(files),
        panel=tuple(session.exec(panel, execution_options=fresh)),
        declared={each.username: each.reason for each in declared},
        signatures=tuple(session.exec(signed)),
    )


def parties(case: Case, actor: Actor) -> frozenset[str]:
    """Return the roles the database holds for the actor now, and his relations to the request."""
    if actor.system:  # the product's own processes act for the authority, and only where a step says so
        return frozenset({Role.AUTHORITY.value})
    account = case.session.get(Account, actor.username)
    if account is None or not account.active:
        return frozenset()
    found = {role.value for role in roles_of(case.session, actor.username)}
    if actor.username == case.row.applicant:
        found.add("applicant")
    if actor.username in case.members:
        found.add("member")
    if any(seat.reviewer == actor.username for seat in case.active_panel):
        found.add("reviewer")
    return frozenset(found)


def is_team(case: Case, actor: Actor) -> bool:
    """Tell whether the actor is applicant or member: whatever else he is, he sees what they see."""
    return actor.username in case.team


def check_visible(case: Case, actor: Actor, held: Collection[str]) -> None:
    """Refuse knowledge of a request to everybody but its team, its panel and, once submitted, the insiders."""
    insider = INSIDERS.intersection(held) and case.row.submitted_at is not None
    if not (is_team(case, actor) or "reviewer" in held or insider or actor.system):
        raise NotFound("not_found", kind="request", id=case.row.id)


def check_step(case: Case, actor: Actor, command: str, guards: Mapping[str, Guard]) -> Step:
    """Return the step if the actor may take it now; otherwise raise why not."""
    held = parties(case, actor)
    check_visible(case, actor, held)
    return workflow().check(command, case.row.state, held, _guards(case, actor, command) | dict(guards))


def refusal(case: Case, actor: Actor, command: str, guards: Mapping[str, Guard]) -> EnclaveError | None:
    """Return why the actor may not take a step now, or None: the page asks what the command will ask."""
    try:
        check_step(case, actor, command, guards)
    except EnclaveError as error:
        return error
    return None


def _guards(case: Case, actor: Actor, command: str) -> dict[str, Guard]:
    return {
        "no_conflict": lambda: check_no_conflict(case, actor.username, CAPACITY[command]),
        "panel_open": lambda: _check_panel_open(case),
        "review_open": lambda: _check_review_open(case, actor),
        "reviews_complete": lambda: _check_reviews_complete(case),
        "not_signed_yet": lambda: _check_not_signed(case, actor),
        "all_signed": lambda: _check_all_signed(case),
    }


def check_no_conflict(case: Case, username: str, capacity: str) -> None:
    """Refuse whoever must keep out, with every reason (P7)."""
    found = conflicts.found(case, username, capacity)
    if found:
        sentences = {
            f"reasons_{language}": "；".join(each.sentence(language) for each in found) for language in ("zh", "en")
        }
        codes = [each.kind for each in found]
        raise Refused("request_conflict", clauses=rules("committee")["conflicts"]["clauses"], kinds=codes, **sentences)


def _check_panel_open(case: Case) -> None:
    if case.row.state == "in_review" and case.reviews_in and not case.tied:
        raise Refused("request_panel_complete", clauses=("10.4.2-e-3a",))


def _check_review_open(case: Case, actor: Actor) -> None:
    if not any(seat.reviewer == actor.username and seat.state == "assigned" for seat in case.panel):
        raise Refused("request_review_given", clauses=("10.4.2-e-3b",))


def _check_reviews_complete(case: Case) -> None:
    if not case.reviews_in:
        least = rules("committee")["panel"]["at_least"]
        raise Refused("request_reviews_open", clauses=("10.4.2-e-3a", "9.3-5"), least=least)


def _check_not_signed(case: Case, actor: Actor) -> None:
    if any(signature.username == actor.username for signature in case.signatures):
        raise Refused("request_signed_already", clauses=("B.1-6",))


def unsigned(case: Case) -> tuple[str, ...]:
    """Return who still has to sign: party A (empty name), the applicant for party B, and each member."""
    signed = {signature.username for signature in case.signatures}
    party_a = () if any(signature.party == "party_a" for signature in case.signatures) else ("",)
    return (*party_a, *(name for name in case.team if name not in signed))


def _check_all_signed(case: Case) -> None:
    waiting = unsigned(case)
    if waiting:
        raise Refused("request_unsigned", clauses=("B.1-4-1", "B.2-7", "B.2-1-3"), count=len(waiting))
