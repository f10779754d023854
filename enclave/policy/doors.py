"""One helper for each door: from the plain facts a feature has to the decision it needs.

Each returns a `Decision`; the feature calls `.require()` where only "allow" lets the step happen, checks `.denied`
where "ask" sends it on to people, and puts `decision.as_facts()` and `decision.clauses` on the ledger.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from enclave.policy.book import current
from enclave.policy.catalogue import Degrees
from enclave.policy.decision import Decision
from enclave.policy.engine import decide
from enclave.policy.labels import Labels
from enclave.policy.parties import audience_of
from enclave.policy.request import Column, DecisionRequest


@dataclass(frozen=True)
class Data:
    """What a data set or version is, as the catalogue knows it.

    `degrees` come from Appendix C (`listed`) or from an approved decision (`assigned`); without them the data count
    as unlisted, which is none for everybody (C-0). `level` is that of the version in question.
    """

    level: int | None
    identifiability: str | None
    categories: tuple[str, ...]
    controller: str
    degrees: Degrees | None = None
    jurisdiction: str = "510000"
    columns: tuple[Column, ...] = ()
    topics: tuple[str, ...] = ()
    persons: bool | None = None
    status: str = "built_managed"
    principle: str | None = "public_benefit"
    charge: str | None = "cost_recovery"
    origin: str | None = None
    omics_access: str | None = None


@dataclass(frozen=True)
class Use:
    """Who wants data for what. `organisation` is the verified kind of the applicant's organisation (C-4), never a
    word from a form; the defaults are the research-special track of the enclave (D16)."""

    organisation: str | None
    use: str | None
    purpose: str | None = "P10"
    scenario: str | None = "10.4.2"
    mode: str | None = "point_to_point"
    platform: str | None = None
    trace: bool = False


def column(
    name: str,
    role: str,
    level: int | None,
    category: str,
    kind: str = "",
    *,
    treated: str = "",
    topics: Iterable[str] = (),
) -> Column:
    """Return a column from what the catalogue says of a variable; a kind that is a sensitive topic counts as one.

    Of a released version pass `level=None`, for the version has a level of its own, and `treated`: a direct
    identifier that was encrypted (a keyed pseudonym) identifies nobody alone, one that was generalised only together
    with others (10.4.2-e-1l). What was deleted is no column of the version.
    """
    if role == "direct" and treated in _TREATED:
        role = _TREATED[treated]
    found = frozenset(topics) | ({kind} & current().words("topics").keys())
    return Column(name, role, level, class_=category, topics=tuple(sorted(found)))


_TREATED = {"encryption": "other", "generalisation": "quasi"}


def listed(system: str, category: str, item: str = "") -> Degrees:
    """Return the degrees of a resource of Appendix C, none for what is not there."""
    return current().catalogue.degrees(system, category, item)


def assigned(level: int) -> Degrees:
    """Return the degrees a decision to publish assigns by default to a set outside Appendix C (D2, D10).

    Each audience gets the degree its level mainly corresponds to (6); beyond level 1 the public gets none.
    """
    entry = current().words("levels").get(f"L{level}")
    degree = str(entry.attributes["degree"]) if entry else "none"
    return Degrees("full" if degree == "full" else "none", degree, degree, source="assigned")


def settled(track: str, *steps: str) -> frozenset[str]:
    """Return what steps of a track settle: the `met` of a feature that has taken them (`vocab/workflows.yaml`).

    A step the track does not have raises KeyError. Beside it a feature passes what only it knows.
    """
    return frozenset(code for step in steps for code in current().tracks[track].step(step).fulfils)


def registration(
    data: Data, claimed: int | None, *, parents: tuple[int, ...] = (), met: Iterable[str] = ()
) -> Decision:
    """Decide whether a data set may be registered with the level somebody claims for it.

    `parents`: the levels of the sets it was derived from. Call it in `add_data_set`; `.require()`.
    """
    request = replace(_request("register", data, None, met), claimed=claimed, derived=bool(parents), parents=parents)
    return decide(request)


def publication(data: Data, release: str, *, audience: str = "public", met: Iterable[str] = ()) -> Decision:
    """Decide whether a description, a synthetic sample or data may become visible to an audience.

    Evidence in `met`: `entry_complete`, `classification_confirmed`, `public_release_review`; `second_steward` for
    data; `privacy_tests` for a sample; `authority_decision` for level 5. Call it in `publish`; `.require()`.
    """
    request = replace(_request("publish", data, None, met), release=release, audience=audience, claimed=None)
    return decide(request)


def entry(data: Data, *, on_access_list: bool = False) -> Decision:
    """Decide whether an entry shows at all: level 5 does to its responsible persons only. Call it in `find`, `get`."""
    return decide(_request("browse", data, None, ("on_access_list",) if on_access_list else ()))


def application(data: Data, use: Use, met: Iterable[str] = ()) -> Decision:
    """Decide what an application has to go through: `.track`, `.steps`, `.missing`; refuse it if `.denied`.

    "Ask" is the normal answer: it goes to review. Call it in `submit`; keep `as_facts()` with the request.
    """
    return decide(_request("apply", data, use, met))


def agreement(data: Data, use: Use, met: Iterable[str] = ()) -> Decision:
    """Decide whether the agreement may be signed. Call it when it is drawn up; `.require()`."""
    return decide(_request("agreement", data, use, met))


def grant(data: Data, use: Use, met: Iterable[str] = ()) -> Decision:
    """Decide whether a grant may be registered: everything the track asks must be met. `.require()`."""
    return decide(_request("grant", data, use, met))


def mount(
    data: Data,
    use: Use,
    *,
    registered: Labels,
    carried: Mapping[str, Any] | None,
    verified: bool,
    probed: bool,
    granted: bool,
    member: bool,
) -> Decision:
    """Decide whether an extract may be mounted for a signed-in member at this moment. `.require()`.

    `carried` are the labels beside the copy; `verified` its bytes against the register; `probed` the sandbox;
    `granted` and `member` what `grants.is_valid` says. None of them is believed from anywhere else.
    """
    held = {
        "labels_intact": registered.carried_by(carried),
        "bytes_verified": verified,
        "probes_passed": probed,
        "grant_valid": granted,
        "authenticated": member,
        "in_named_group": member,
        "risk_measured": data.identifiability in ("limited", "deidentified", "synthetic", "non_identified"),
    }
    return decide(_request("mount", data, use, _held(held)))


def query(data: Data, use: Use, *, granted: bool, budget: bool) -> Decision:
    """Decide whether a differentially private question may be answered now. `.require()` before the charge."""
    held = {"grant_valid": granted, "authenticated": granted, "budget_available": budget}
    return decide(_request("query", data, use, _held(held)))


def egress(
    data: Data,
    use: Use,
    release: str,
    *,
    granted: bool,
    checks: bool,
    audited: bool,
    stewards: int,
    consent: bool = False,
) -> Decision:
    """Decide whether an export may leave: `result` or `manuscript`. `.require()` before the release.

    `checks`: the machine checks passed; `audited`: together with all earlier releases; `stewards`: how many
    released it independently; `consent`: party A agreed to a manuscript.
    """
    held = {
        "grant_valid": granted,
        "egress_checks": checks,
        "joint_audit": audited,
        "two_stewards": stewards >= 2,
        "publication_consent": consent,
    }
    return decide(replace(_request("egress", data, use, _held(held)), release=release))


def reading(
    data: Data, *, role: str = "controller", same_party: bool = True, met: Iterable[str] = (), **more: Any
) -> Decision:
    """Decide whether content may be opened by somebody, according to its level. `more` are fields of the request."""
    request = _request("read", data, None, met)
    return decide(replace(request, role=role, from_role="controller", same_party=same_party, **more))


def sharing(data: Data, use: Use, *, role: str, from_role: str, met: Iterable[str] = (), **more: Any) -> Decision:
    """Decide on a flow by another mode than the enclave: pool, collaboration, point to point. `.require()`."""
    return decide(replace(_request("share", data, use, met), role=role, from_role=from_role, **more))


def _held(facts: Mapping[str, bool]) -> frozenset[str]:
    return frozenset(code for code, holds in facts.items() if holds)


def _request(action: str, data: Data, use: Use | None, met: Iterable[str]) -> DecisionRequest:
    about = DecisionRequest(
        action=action,
        level=data.level,
        identifiability=data.identifiability,
        categories=data.categories,
        controller=data.controller,
        jurisdiction=data.jurisdiction,
        columns=data.columns,
        topics=data.topics,
        persons=data.persons,
        degrees=data.degrees,
        status=data.status,
        principle=data.principle,
        charge=data.charge,
        origin=data.origin,
        omics_access=data.omics_access,
        met=frozenset(met),
    )
    if use is None:
        return about
    return replace(
        about,
        scenario=use.scenario,
        mode=use.mode,
        platform=use.platform,
        purpose=use.purpose,
        use=use.use,
        party=use.organisation,
        audience=audience_of(use.organisation or ""),
        role="user",
        from_role="controller",
        trace=use.trace,
    )
