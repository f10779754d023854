"""Who may ask what of which extract: every lane begins here (P3)."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session

from catalog_browser import service as catalogue
from enclave.grants import service as grants
from enclave.grants.service import Validity
from enclave.kernel.errors import NotFound, Refused
from enclave.kernel.identity import Actor
from enclave.policy import doors
from enclave.policy.decision import Decision
from enclave.workspaces import service as workspaces
from enclave.workspaces.service import TrustedTable

CLAUSES = ("B.2-2-2b", "4.1-T1-L2d2e")


@dataclass(frozen=True)
class Evidence:
    """What speaks for a release: the machine checks, the comparison with all that left before, the stewards."""

    checks: bool
    audited: bool
    stewards: int


def check_validity(validity: Validity) -> Validity:
    """Refuse unless the person may use the project now; the reason is the text code of the answer."""
    if not validity.valid:
        raise Refused(validity.reason, clauses=CLAUSES)
    return validity


def require_valid(session: Session, actor: Actor, project_id: str) -> Validity:
    """Refuse, inside the caller's transaction, unless the actor may use the project now."""
    return check_validity(grants.is_valid(session, project_id, actor.username))


def may_query(session: Session, validity: Validity, source: TrustedTable) -> Decision:
    """Return the decision that a question on an extract may be answered, or raise `Refused` (P9).

    Asked in the transaction that charges: the charge stands or falls with it, so the budget was there.
    """
    grant = next(each for each in validity.grants if each.id == source.grant_id)
    data, _ = catalogue.ruled(grant.version_id, grant.columns, session)
    return doors.query(data, doors.Use(**grant.use), granted=validity.valid, budget=True).require()


def may_leave(session: Session, validity: Validity, evidence: Evidence) -> dict[str, Decision]:
    """Return, by grant, the decisions that results may leave a project, or raise `Refused` (P5, P9)."""
    found = {}
    for grant in validity.grants:
        data, _ = catalogue.ruled(grant.version_id, grant.columns, session)
        found[grant.id] = doors.egress(
            data,
            doors.Use(**grant.use),
            "result",
            granted=validity.valid,
            checks=evidence.checks,
            audited=evidence.audited,
            stewards=evidence.stewards,
        ).require()
    return found


def is_open(session: Session, project_id: str) -> Validity:
    """Return whether the project itself may be used now, for those who act on it without being members."""
    return grants.is_valid(session, project_id, None)


def trusted_table(actor: Actor, project_id: str, name: str) -> TrustedTable:
    """Return the extract's table `name` of a project the actor may use now, on a data set granted now."""
    validity = check_validity(grants.valid_now(project_id, actor.username))
    granted = {grant.dataset_id for grant in validity.grants}
    tables = [table for table in workspaces.trusted_tables(project_id) if table.dataset_id in granted]
    for table in tables:
        if table.name == name:
            return table
    raise NotFound("output_no_table", table=name[:60], known=", ".join(sorted(table.name for table in tables)))
