"""Commands and views of grants: what other features see instead of tables."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from enclave.kernel.clock import end_of_day


@dataclass(frozen=True)
class IssueGrant:
    """Open a project on one approved request. `lead` is a member without being listed.

    `use` are the fields of `enclave.policy.doors.Use` the grant was decided on; every later door asks with them.
    """

    request_id: str
    title: str
    lead: str
    institution: str
    members: tuple[str, ...]
    dataset_id: str
    version_id: str
    columns: tuple[str, ...]
    row_filter: tuple[dict[str, Any], ...]
    starts_on: date
    ends_on: date
    registration: str
    agreement_sha256: str
    epsilon: float | None = None  # None: the platform's default budget
    delta: float = 1e-6
    use: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RevokeGrant:
    """End a project's access at once."""

    project_id: str
    reason: str


@dataclass(frozen=True)
class RemoveMember:
    """End one member's access at once; the project goes on."""

    project_id: str
    username: str
    reason: str


@dataclass(frozen=True)
class GrantView:
    """One grant. `row_filter` is a list of `{"column", "op", "value"}` joined by AND."""

    id: str
    project_id: str
    request_id: str
    dataset_id: str
    version_id: str
    columns: tuple[str, ...]
    row_filter: tuple[dict[str, Any], ...]
    starts_on: date
    ends_on: date
    state: str
    epsilon: float
    delta: float
    registration: str
    agreement_sha256: str
    use: dict[str, Any]
    issued_at: datetime
    ended_at: datetime | None
    ended_reason: str

    @property
    def starts_at(self) -> datetime:
        """Return the first moment of the first day in Shanghai."""
        return end_of_day(self.starts_on - timedelta(days=1))

    @property
    def ends_at(self) -> datetime:
        """Return the first moment after the last day in Shanghai."""
        return end_of_day(self.ends_on)


@dataclass(frozen=True)
class MemberView:
    """One member and the user id his processes and files have."""

    username: str
    display_name: str
    institution: str
    uid: int
    state: str


@dataclass(frozen=True)
class Validity:
    """The answer to "is this valid now". `reason` is a text code, empty when valid.

    `grants` are those in force at that moment, the only ones that may be listed, mounted or queried.
    """

    valid: bool
    reason: str
    grants: tuple[GrantView, ...]


@dataclass(frozen=True)
class ProjectView:
    """One project with all it ever held, and whether it is valid for the person asked about."""

    id: str
    title: str
    lead: str
    institution: str
    state: str
    created_at: datetime
    members: tuple[MemberView, ...]
    grants: tuple[GrantView, ...]
    validity: Validity

    @property
    def valid(self) -> bool:
        """Tell whether the project may be used now."""
        return self.validity.valid
