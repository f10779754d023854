"""The people of the demonstration: fictional, with random passwords that are printed once."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import select

from enclave.kernel import accounts, institutions
from enclave.kernel.db import reading
from enclave.kernel.identity import Account, Role, system

HOSPITAL, UNIVERSITY, CENTRE, COMMISSION, ASSESSOR = "WCH", "UNI", "HIC", "HA", "ASSESS"


# Fictional; the kinds are what their papers would show.
INSTITUTIONS = (
    institutions.VerifyInstitution(HOSPITAL, "锦江医学院附属医院", "Jinjiang Medical College Hospital", "hospital"),
    institutions.VerifyInstitution(UNIVERSITY, "天府大学", "Tianfu University", "education_institution"),
    institutions.VerifyInstitution(
        CENTRE, "省卫生健康信息中心", "Provincial Health Information Centre", "government_data_centre"
    ),
    institutions.VerifyInstitution(COMMISSION, "省卫生健康委员会", "Provincial Health Commission", "health_commission"),
    institutions.VerifyInstitution(ASSESSOR, "第三方评估机构", "Third-party assessor", "company"),
)


@dataclass(frozen=True)
class Person:
    """One demonstration account."""

    username: str
    display_name: str
    institution: str
    role: Role
    title: str = ""


# Zhao works where the applicant works, so that an excluded conflict can be seen.
PEOPLE = (
    Person("li", "李晓岚", UNIVERSITY, Role.RESEARCHER, "副教授"),
    Person("zhang", "张明远", UNIVERSITY, Role.RESEARCHER, "讲师"),
    Person("wang", "王静", CENTRE, Role.STEWARD),
    Person("chen", "陈思源", CENTRE, Role.STEWARD),
    Person("zhao", "赵文博", UNIVERSITY, Role.COMMITTEE, "教授"),
    Person("sun", "孙雅琴", HOSPITAL, Role.COMMITTEE, "主任医师"),
    Person("zhou", "周立", CENTRE, Role.COMMITTEE, "研究员"),
    Person("wu", "吴建国", COMMISSION, Role.AUTHORITY),
    Person("feng", "冯晨", COMMISSION, Role.AUDITOR),
    Person("he", "何川", CENTRE, Role.OPERATOR),
    Person("qian", "钱睿", ASSESSOR, Role.ASSESSOR),
)


def verify_institutions() -> None:
    """Register the institutions that are missing."""
    known = {row.code for row in institutions.listed()}
    for command in INSTITUTIONS:
        if command.code not in known:
            institutions.verify(system("demonstration"), command)


def open_accounts() -> dict[str, str]:
    """Open the accounts that are missing, of registered institutions; return the passwords of the new ones."""
    verify_institutions()
    with reading() as session:
        known = set(session.exec(select(Account.username)))
    return {
        person.username: accounts.open_account(
            system("demonstration"),
            accounts.OpenAccount(
                person.username,
                person.display_name,
                person.institution,
                (person.role,),
                person.title,
                demonstration=True,
            ),
        )
        for person in PEOPLE
        if person.username not in known
    }
