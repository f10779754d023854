"""Accounts for tests: the demonstration people, with one password hashed once."""

from __future__ import annotations

from functools import lru_cache

from enclave.kernel import institutions
from enclave.kernel.db import reading
from enclave.kernel.identity import Account, AccountRole, Actor, Role, hash_password, load_actor, system
from enclave.kernel.unit import unit_of_work

PASSWORD = "a password for tests"

# user name: role, institution. zhao sits at the applicants' institution, so is excluded from their requests.
PEOPLE: dict[str, tuple[Role, str]] = {
    "li": (Role.RESEARCHER, "WCH"),
    "zhang": (Role.RESEARCHER, "WCH"),
    "wang": (Role.STEWARD, "HIC"),
    "chen": (Role.STEWARD, "HIC"),
    "zhao": (Role.COMMITTEE, "WCH"),
    "sun": (Role.COMMITTEE, "UNI"),
    "zhou": (Role.COMMITTEE, "UNI"),
    "wu": (Role.AUTHORITY, "HIC"),
    "feng": (Role.AUDITOR, "HIC"),
    "he": (Role.OPERATOR, "HIC"),
    "qian": (Role.ASSESSOR, "UNI"),
}


@lru_cache(maxsize=1)
def _hash() -> str:
    return hash_password(PASSWORD)


# The kinds of the institutions people come from, as somebody verified them.
INSTITUTIONS = {"WCH": "hospital", "UNI": "education_institution", "HIC": "government_data_centre"}


def verify_institution(code: str) -> None:
    """Register an institution with its kind, unless it is there; one called UNVERIFIED stays so."""
    if code != "UNVERIFIED" and code not in {row.code for row in institutions.listed()}:
        kind = INSTITUTIONS.get(code, "research_institution")
        command = institutions.VerifyInstitution(code, f"{code}机构", f"{code} institution", kind)
        institutions.verify(system("tests"), command)


def make_account(username: str, *roles: Role, institution: str = "WCH", active: bool = True) -> Actor:
    """Write an account with its roles, of a verified institution, and return its actor."""
    verify_institution(institution)
    with unit_of_work(system("tests")) as unit:
        unit.add(
            Account(
                username=username,
                display_name=username.title(),
                institution=institution,
                password_hash=_hash(),
                active=active,
            )
        )
        for role in roles:
            unit.add(AccountRole(username=username, role=role.value))
        unit.record("account.created", f"account:{username}")
    with reading() as session:
        return load_actor(session, username)
