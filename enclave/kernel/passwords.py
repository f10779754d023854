"""Gives an account a new password, for who has lost the one shown at its opening."""

from __future__ import annotations

import secrets

from enclave.kernel.identity import Account, Actor, Role, hash_password
from enclave.kernel.unit import unit_of_work


def renew(actor: Actor, username: str) -> str:
    """Return a new random password, which is kept only as a hash; the old one is worth nothing from now on.

    The roles stay as they are, a blocked account stays blocked, and who is signed in stays so.
    """
    password = secrets.token_urlsafe(12)
    with unit_of_work(actor) as unit:
        unit.require(Role.OPERATOR)
        unit.get(Account, username).password_hash = hash_password(password)
        unit.record("account.password", f"account:{username}")
    return password
