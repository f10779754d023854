"""Normative references: a dated one is that edition and no other; a later edition is only a note (2-7)."""

from __future__ import annotations

from enclave.policy.book import Book, current
from enclave.policy.vocabulary import Entry


def resolve(cited: str, book: Book | None = None) -> Entry | None:
    """Return the reference that a citation such as `GB/T 35273—2017` names, or without a year its dated edition.

    Another edition than the one the standard cites is None: it does not bind, however new it is.
    """
    plain = " ".join(cited.replace("—", "-").replace("–", "-").split())
    words = (book or current()).words("references")
    return words.get(plain) or next((one for one in words.values() if one.attributes["number"] == plain), None)


def superseded(book: Book | None = None) -> tuple[Entry, ...]:
    """Return the references of which a later edition exists; `attributes["later"]` names it."""
    return tuple(one for one in (book or current()).words("references").values() if one.attributes["later"])
