"""Commands on accounts: open, set roles, block. The hub asks the database, so it needs not be told."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

from sqlmodel import col, delete, select

from enclave.kernel.db import reading
from enclave.kernel.errors import Conflict, Invalid, Refused
from enclave.kernel.identity import Account, AccountRole, Actor, Role, hash_password
from enclave.kernel.institutions import Institution
from enclave.kernel.unit import unit_of_work

USERNAME = re.compile(r"[a-z][a-z0-9]{1,23}")


@dataclass(frozen=True)
class OpenAccount:
    """A new account; an empty password is replaced by a random one."""

    username: str
    display_name: str
    institution: str
    roles: tuple[Role, ...]
    title: str = ""
    password: str = ""
    demonstration: bool = False


def open_account(actor: Actor, command: OpenAccount) -> str:
    """Open an account and return its password, which is kept only as a hash."""
    if not USERNAME.fullmatch(command.username):
        raise Invalid("account_username")
    password = command.password or secrets.token_urlsafe(12)
    with unit_of_work(actor) as unit:
        unit.require(Role.OPERATOR)
        if unit.session.get(Account, command.username):
            raise Conflict("account_exists")
        if unit.session.get(Institution, command.institution) is None:  # one spelling each: history goes by it
            raise Invalid("account_institution", institution=command.institution)
        unit.add(
            Account(
                username=command.username,
                display_name=command.display_name,
                institution=command.institution,
                title=command.title,
                password_hash=hash_password(password),
                demonstration=command.demonstration,
            )
        )
        for role in command.roles:
            unit.add(AccountRole(username=command.username, role=role))
        unit.record("account.opened", f"account:{command.username}", roles=sorted(command.roles))
    return password


def set_roles(actor: Actor, username: str, roles: tuple[Role, ...]) -> None:
    """Replace the roles of an account."""
    with unit_of_work(actor) as unit:
        unit.require(Role.OPERATOR)
        unit.get(Account, username)
        unit.session.exec(delete(AccountRole).where(col(AccountRole.username) == username))
        for role in roles:
            unit.add(AccountRole(username=username, role=role))
        unit.record("account.roles", f"account:{username}", roles=sorted(roles))


def block(actor: Actor, username: str) -> None:
    """Block an account: its sessions, tokens and running enclaves end within seconds (P3)."""
    with unit_of_work(actor) as unit:
        unit.require(Role.OPERATOR)
        unit.get(Account, username).active = False
        unit.record("account.blocked", f"account:{username}")


def listed() -> list[tuple[Account, list[Role]]]:
    """Return every account with its roles, for operators."""
    with reading() as session:
        roles: dict[str, list[Role]] = {}
        for row in session.exec(select(AccountRole)):
            roles.setdefault(row.username, []).append(Role(row.role))
        accounts = session.exec(select(Account).order_by(Account.username))
        return [(account, sorted(roles.get(account.username, []))) for account in accounts]


def check_mode(mode: str) -> None:
    """Refuse to run in earnest with demonstration accounts."""
    with reading() as session:
        demonstration = session.exec(select(Account).where(Account.demonstration)).first()
    if demonstration and mode != "demo":
        raise Refused("demonstration_accounts")
