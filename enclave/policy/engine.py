"""The pure engine: every rule that holds speaks, and the strictest of them is the answer."""

from __future__ import annotations

from typing import Any

from enclave.policy import book as books
from enclave.policy.book import Book, Shelf
from enclave.policy.catalogue import Degrees, strictest_degree
from enclave.policy.conditions import UNKNOWN
from enclave.policy.decision import Decision, DegreesWeighed, Outcome, contribution
from enclave.policy.facts import facts_of
from enclave.policy.request import DecisionRequest
from enclave.policy.ruling import Rule

_UNLISTED = Degrees()


def decide(request: DecisionRequest, book: Book | None = None) -> Decision:
    """Return the decision on a request. Total: it raises for no request, and asks where nothing is stated.

    Deny if a rule forbids; otherwise ask if a rule asks, a need is not met or no ground permits; otherwise allow.
    Deterministic, and monotone: rules are refused on reading under which a stricter case could fare better.
    """
    book = book or books.current()
    facts = facts_of(request, book)
    shelf = book.shelf(facts["action"])
    spoken = shelf.holding(facts)
    facts["grounded"] = any(rule.effect == "permit" for rule in spoken)
    degrees = request.degrees or _UNLISTED
    facts["listed"] = degrees.source
    cell, through, more = _best_cell(request, book, facts, degrees, shelf)
    spoken += more
    met = facts["met"]
    outcome = max((contribution(rule, met) for rule in spoken), default=Outcome.ASK)
    weighed = _weigh(cell, facts["level"], degrees.source, through, met, book)
    return Decision(outcome, request, tuple(spoken), met, weighed, facts["flow"], book.version, book)


def _best_cell(
    request: DecisionRequest,
    book: Book,
    facts: dict[str, Any],
    degrees: Degrees,
    shelf: Shelf,
) -> tuple[str | None, str, list[Rule]]:
    """Return the cell that binds, whose it is, and the rules it brings.

    What a wider circle may have, a narrower one may have too on the wider circle's terms: so the cell is the own
    one, or that of a wider audience where it asks for less. This keeps the answer monotone in the audience.
    """
    best: tuple[int, str | None, str, list[Rule]] | None = None
    for audience, cell in _cells(request, book, facts, degrees):
        facts["degree"] = cell
        spoken = shelf.holding_late(facts)
        rank = max((contribution(rule, facts["met"]) for rule in spoken), default=Outcome.ALLOW)
        if best is None or rank < best[0]:
            best = (rank, cell, audience, spoken)
    assert best is not None  # there is always at least the cell that says nothing
    return best[1], best[2], best[3]


def _cells(
    request: DecisionRequest, book: Book, facts: dict[str, Any], degrees: Degrees
) -> list[tuple[str, str | None]]:
    scenario = book.words("scenarios").get(facts["scenario"] or "")
    binds = scenario is None or bool(scenario.attributes["degree_binds"])
    if facts["audience"] is UNKNOWN or not binds:
        return [("", UNKNOWN)]
    circles = _circles(book)[facts["audience"] - 1 :]
    return [(circle, degrees.of(circle)) for circle in circles]


def _circles(book: Book) -> list[str]:
    """Return the audiences from the narrowest trust to the widest circle; the file lists them in this order."""
    return list(book.words("audiences"))


def _weigh(
    cell: str | None, level: int | None, source: str, through: str, met: frozenset[str], book: Book
) -> DegreesWeighed:
    entry = book.words("levels").get(f"L{level}")
    implied = str(entry.attributes["degree"]) if entry else None
    known = [degree for degree in (cell, implied) if degree]
    effective = strictest_degree(known) if known else None
    if effective == "full" and "public_release_review" not in met:
        effective = None  # 6.1: full only where a review of public release exists
    return DegreesWeighed(cell, implied, effective, source, through)
