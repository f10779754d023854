"""Who acts: accounts, roles and the actor that every command names."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlmodel import Field, Session, select

from enclave.kernel.db import Record

_hasher = PasswordHasher()


class Role(StrEnum):
    """What a person may do; each is the hub group `role-<name>`."""

    RESEARCHER = "researcher"
    STEWARD = "steward"
    COMMITTEE = "committee"
    AUTHORITY = "authority"
    ASSESSOR = "assessor"
    AUDITOR = "auditor"
    OPERATOR = "operator"


class Account(Record, table=True):
    """A person who can sign in; `username` is `[a-z][a-z0-9]{1,23}`, never a real name."""

    __tablename__ = "account"
    username: str = Field(primary_key=True, max_length=24)
    display_name: str
    institution: str
    title: str = ""
    password_hash: str
    active: bool = True
    demonstration: bool = False


class AccountRole(Record, table=True):
    """One role of one account."""

    __tablename__ = "account_role"
    username: str = Field(primary_key=True, foreign_key="account.username")
    role: str = Field(primary_key=True)


@dataclass(frozen=True)
class Actor:
    """The one on whose behalf a command runs; `system` actors are the product's own processes."""

    username: str
    display_name: str = ""
    institution: str = ""
    roles: frozenset[Role] = field(default_factory=frozenset)
    system: bool = False

    def has(self, *roles: Role) -> bool:
        """Tell whether the actor holds one of `roles`."""
        return self.system or bool(self.roles.intersection(roles))


ANONYMOUS = Actor("anonymous")


def system(process: str) -> Actor:
    """Return the actor of one of the product's own processes."""
    return Actor(f"system:{process}", system=True)


def roles_of(session: Session, username: str) -> frozenset[Role]:
    """Return the roles the database holds now for an active account."""
    query = (
        select(AccountRole.role)
        .join(Account, Account.username == AccountRole.username)  # type: ignore[arg-type]  # SQLModel's columns are typed as values
        .where(AccountRole.username == username, Account.active)
    )
    return frozenset(Role(role) for role in session.exec(query))


def load_actor(session: Session, username: str) -> Actor:
    """Return the actor for a signed-in name, `ANONYMOUS` when there is no active account."""
    account = session.get(Account, username)
    if account is None or not account.active:
        return ANONYMOUS
    return Actor(username, account.display_name, account.institution, roles_of(session, username))


def hash_password(password: str) -> str:
    """Return an Argon2id hash."""
    return _hasher.hash(password)


def password_matches(session: Session, username: str, password: str) -> bool:
    """Check a password; the time taken does not tell whether the account exists."""
    account = session.get(Account, username)
    known = account.password_hash if account and account.active else _NOBODY
    try:
        _hasher.verify(known, password)
        return account is not None and account.active
    except (VerificationError, InvalidHashError):
        return False


_NOBODY = _hasher.hash("no account has this password")
