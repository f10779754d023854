"""The glossary: one word for one thing in both languages, with its meaning and source (2-1)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from enclave.policy.faults import Faults
from enclave.policy.reading import read_yaml
from enclave.policy.vocabulary import check_translations

FILE = Path(__file__).parent / "glossary.yaml"
HEAD = "# Made from enclave/policy/glossary.yaml by `enclave policy doc`; change it there."


@dataclass(frozen=True)
class Term:
    """A term, what it means here, and where it is from."""

    code: str
    zh: str
    en: str
    meaning_zh: str
    meaning_en: str
    source_zh: str
    source_en: str


def read_glossary(path: Path, faults: Faults) -> tuple[Term, ...]:
    """Return the terms of a file in their order; a term twice or without a language is a fault."""
    rows = read_yaml(path, faults).get("terms") or []
    check_translations(rows, faults)
    found: dict[str, Term] = {}
    for row in rows:
        if set(row) != set(Term.__dataclass_fields__):
            faults.add("policy_fault_entry", row.file, row.line, code=row.get("code"))
        elif row["code"] in found:
            faults.add("policy_fault_twice", row.file, row.line, code=row["code"])
        else:
            found[row["code"]] = Term(**row)
    return tuple(found.values())


@lru_cache(maxsize=1)
def terms() -> tuple[Term, ...]:
    """Return the glossary of the product."""
    faults = Faults()
    found = read_glossary(FILE, faults)
    faults.settle()
    return found


def as_locale() -> str:
    """Return the glossary as the locale file that pages read: `term_x`, `term_x_meaning`, `term_x_source`."""
    lines = [HEAD]
    for term in terms():
        for suffix in ("", "_meaning", "_source"):
            name = suffix.lstrip("_")
            zh, en = (getattr(term, f"{name}_{one}" if name else one) for one in ("zh", "en"))
            texts = (json.dumps(text, ensure_ascii=False) for text in (zh, en))
            lines.append(f"term_{term.code}{suffix}: {{zh: {next(texts)}, en: {next(texts)}}}")
    return "\n".join(lines) + "\n"
