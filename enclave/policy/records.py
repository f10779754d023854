"""What the audit trail must hold: life-cycle operations, disclosures with five attributes, copies and their end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from enclave.kernel.errors import Invalid
from enclave.policy.book import Book, current

FIVE = ("recipient", "content", "purpose", "legal_basis", "at")


def operation_of(action: str, book: Book | None = None) -> str | None:
    """Return the life-cycle operation (3.6) of an action on the ledger, None for one nobody classified."""
    words = (book or current()).words("ledger_actions")
    parts = action.split(".")
    for length in range(len(parts), 0, -1):
        entry = words.get(".".join(parts[:length]))
        if entry:
            return str(entry.attributes["operation"])
    return None


def disclosure(
    *, recipient: str, content: Iterable[str], purpose: str, legal_basis: str, at: datetime | None
) -> dict[str, Any]:
    """Return the facts of a disclosure (3.10) as the ledger keeps them.

    `recipient` is an account or organisation code, `content` names data sets, versions and columns. A disclosure
    that lacks one of the five attributes is `Invalid`: it must not happen unrecorded.
    """
    stated = {
        "recipient": recipient.strip(),
        "content": sorted(content),
        "purpose": purpose.strip(),
        "legal_basis": legal_basis.strip(),
        "at": at.isoformat() if at else "",
    }
    missing = [name for name in FIVE if not stated[name]]
    if missing:
        raise Invalid("policy_disclosure_incomplete", clauses=("3.10-1",), missing=", ".join(missing))
    return stated


@dataclass(frozen=True)
class Copy:
    """A copy somebody else holds for the controller: where, in which state, and until when (5.3, table 4)."""

    id: str
    holder: str
    role: str
    location: str
    encrypted: bool
    destroy_by: date
    destroyed_on: date | None = None

    def overdue(self, today: date) -> bool:
        """Tell whether the copy should be gone and is not."""
        return self.destroyed_on is None and today > self.destroy_by


def copies(events: Iterable[Mapping[str, Any]]) -> list[Copy]:
    """Return the register of copies that ledger events (`copy.made`, `copy.destroyed`) add up to, oldest first.

    Each event is `{"action", "subject", "at", "facts"}` as `ledger export` writes it; a copy whose event does not
    say where it is, whether it is encrypted and when it ends is `Invalid`.
    """
    found: dict[str, Copy] = {}
    for event in events:
        subject = str(event["subject"])
        if event["action"] == "copy.made":
            found[subject] = _copy(subject, event["facts"])
        elif event["action"] == "copy.destroyed" and subject in found:
            made = found[subject]
            gone = datetime.fromisoformat(str(event["at"])).date()
            found[subject] = Copy(
                made.id, made.holder, made.role, made.location, made.encrypted, made.destroy_by, destroyed_on=gone
            )
    return list(found.values())


def _copy(subject: str, facts: Mapping[str, Any]) -> Copy:
    needed = ("holder", "role", "location", "encrypted", "destroy_by")
    missing = [name for name in needed if facts.get(name) in (None, "")]
    if missing:
        raise Invalid("policy_disclosure_incomplete", clauses=("5.3-T4-F4-4a",), missing=", ".join(missing))
    return Copy(
        id=subject,
        holder=str(facts["holder"]),
        role=str(facts["role"]),
        location=str(facts["location"]),
        encrypted=facts["encrypted"] is True,
        destroy_by=date.fromisoformat(str(facts["destroy_by"])),
    )
