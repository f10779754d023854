"""What a change of the rules would change: every decision over the whole catalogue, asked of both rule books."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from enclave.policy.book import Book
from enclave.policy.catalogue import AUDIENCES, Degrees, Item
from enclave.policy.engine import decide
from enclave.policy.request import Column, DecisionRequest

Case = tuple[str, str, str, str, str]
Told = tuple[str, str, tuple[str, ...]]
# The cases asked of every row: door, scenario, mode, purpose, use, level and identifiability of what is asked for.
CASES = (
    ("apply", "10.4.2", "point_to_point", "P10", "scientific_research"),
    ("grant", "10.4.2", "point_to_point", "P10", "scientific_research"),
    ("mount", "10.4.2", "point_to_point", "P10", "scientific_research"),
    ("query", "10.4.2", "point_to_point", "P10", "scientific_research"),
    ("egress", "10.4.2", "point_to_point", "P10", "scientific_research"),
    ("apply", "10.4.2", "point_to_point", "P10", "artificial_intelligence_sample_training"),
    ("apply", "10.4.1", "resource_pool", "P7", "clinical_research"),
    ("grant", "10.4.1", "resource_pool", "P7", "clinical_research"),
    ("share", "10.5.1", "point_to_point", "P6", "insurance"),
    ("share", "10.1.2", "business_collaboration", "P3", "care"),
    ("share", "10.6.1", "business_collaboration", "P4", "supervision"),
)
KINDS = ((1, "non_identified"), (2, "deidentified"), (3, "limited"), (4, "identifiable"), (5, "identifiable"))
ROLES = {"10.5.1": ("controller", "user"), "10.1.2": ("controller", "controller")}


@dataclass(frozen=True)
class Change:
    """One case whose decision differs. `old` and `new` are outcome, degree and what is missing."""

    item: str
    audience: str
    case: str
    old: Told
    new: Told


def differences(old: Book, new: Book, language: str = "en") -> Iterator[Change]:
    """Yield the decisions over the whole catalogue that differ, rows of either book included."""
    told: dict[tuple[object, ...], list[Told]] = {}  # rows with the same cells get the same decisions
    for key in dict.fromkeys([*_rows(old), *_rows(new)]):
        found = [book.catalogue.find(*key) for book in (old, new)]
        item = next(one for one in reversed(found) if one is not None)
        cells = tuple((*one.degrees.items(), one.status) if one else None for one in found)
        for asked_for in product(AUDIENCES, CASES, KINDS):
            known = (cells, asked_for)
            if known not in told:
                told[known] = [_told(book, one, *asked_for) for book, one in zip((old, new), found, strict=True)]
            before, after = told[known]
            if before != after:
                audience, case, kind = asked_for
                named = f"{case[0]} {case[1]} {case[4]} L{kind[0]} {kind[1]}"
                yield Change(item.name(language), audience, named, before, after)


def asked(book: Book) -> int:
    """Return how many decisions a comparison asks of one book."""
    return len(book.catalogue.items) * len(AUDIENCES) * len(CASES) * len(KINDS)


def _rows(book: Book) -> list[tuple[str, str, str]]:
    return [(item.system, item.category_zh, item.item_zh) for item in book.catalogue.items]


def _told(book: Book, item: Item | None, audience: str, case: Case, kind: tuple[int, str]) -> Told:
    decision = decide(_request(item, audience, case, kind), book)
    missing = sorted("/".join(one.any_of) for one in decision.missing)
    return decision.outcome.code, decision.degrees.effective or "", tuple(missing)


def _request(item: Item | None, audience: str, case: Case, kind: tuple[int, str]) -> DecisionRequest:
    action, scenario, mode, purpose, use = case
    from_role, role = ROLES.get(scenario, ("controller", "user"))
    return DecisionRequest(
        action=action,
        scenario=scenario,
        mode=mode,
        purpose=purpose,
        use=use,
        audience=audience,
        level=kind[0],
        identifiability=kind[1],
        role=role,
        from_role=from_role,
        columns=(Column("value", "sensitive", class_="electronic_medical_record", field="disease_code"),),
        controller="*",
        jurisdiction="510000",
        degrees=Degrees(**item.degrees, source="catalogue") if item else None,
        status=item.status if item else None,
        release="result",
    )
