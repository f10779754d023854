"""Reference pages of the scenarios with tables 5 to 10, and of Appendix C with the sources of data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from enclave.policy.book import Book
from enclave.policy.catalogue import AUDIENCES
from enclave.policy.documents.markdown import codes, page, section, table, word
from enclave.policy.documents.vocabularies import plain


def scenarios(book: Book, language: str) -> str:
    """Return the page of scenarios (10) with their data, and tables 5 to 10."""
    heads = ("group", "parties", "modes", "flows", "uses", "degree_binds")
    parts = [plain(book, "scenarios", language, *heads)]
    for entry in book.words("scenarios").values():
        items = [_items(row, language) for row in entry.attributes["data"]]
        parts.append(section(f"{entry.code} {entry.name(language)}", entry.told("about", language), "\n".join(items)))
    parts.append(section(word("table_5", language), _table_5(book, language)))
    parts.append(section(word("table_6_8", language), _tables_6_to_8(book, language)))
    parts.append(section(word("scenario_roles", language), plain(book, "scenario_roles", language, "scenario", "role")))
    for key, name in (
        ("table_9", "insurance_fields"),
        ("table_10", "supervision_fields"),
        ("clinical_domains", "clinical_domains"),
    ):
        rows = [(entry.name(language), _all_fields(entry.attributes, language)) for entry in book.words(name).values()]
        parts.append(section(word(key, language), table(("group", "fields"), rows, language)))
    for name in ("laboratory_reports", "omics_items", "omics_types", "omics_access"):
        parts.append(section(word(name, language), plain(book, name, language)))
    return page(word("scenarios", language), language, *parts)


def _table_5(book: Book, language: str) -> str:
    documents, roles = book.words("interconnection_data"), book.words("roles")
    rows = [
        (
            entry.told("party", language),
            entry.name(language),
            roles[str(entry.attributes["role"])].name(language),
            [documents[code].name(language) for code in entry.codes("data")],
            entry.told("use", language),
            codes(entry.clauses),
        )
        for entry in book.words("interconnection").values()
    ]
    return table(("party", "user", "role", "data", "use", "clauses"), rows, language)


def _tables_6_to_8(book: Book, language: str) -> str:
    classes = book.words("classes")
    rows = [
        (entry.name(language), [classes[code].name(language) for code in entry.codes("classes")], codes(entry.clauses))
        for entry in book.words("telemedicine").values()
    ]
    return table(("party", "data", "clauses"), rows, language)


def _items(row: Mapping[str, Any], language: str, depth: int = 0) -> str:
    below = [_items(part, language, depth + 1) for name in ("items", "parts") for part in row.get(name, [])]
    return "\n".join([f"{'  ' * depth}- {row[language]}", *below])


def _all_fields(attributes: Mapping[str, Any], language: str) -> list[str]:
    own = [row[language] for name in ("kinds", "channels", "fields") for row in attributes.get(name, [])]
    return own + [
        one for group in attributes.get("groups", []) for one in (_all_fields(group, language) or [group[language]])
    ]


def catalogue(book: Book, language: str) -> str:
    """Return the page of Appendix C: every row with its three degrees, inferred cells marked, and the sources (8)."""
    degrees = book.words("degrees")
    systems: dict[str, list[tuple[object, ...]]] = {}
    titles: dict[str, str] = {}
    for item in book.catalogue.items:
        titles[item.system] = getattr(item, f"system_{language}")
        marks = [
            degrees[item.degrees[one]].name(language) + (" ※" if one in item.inferred else "") for one in AUDIENCES
        ]
        row = (getattr(item, f"category_{language}"), getattr(item, f"item_{language}"), *marks)
        systems.setdefault(item.system, []).append(row)
    heads = ("category", "item", *(book.words("audiences")[one].name(language) for one in AUDIENCES))
    parts = [word("catalogue_lead", language)]
    for number, (system, rows) in enumerate(systems.items(), 1):
        parts.append(section(f"C-s{number} {titles[system]}", table(heads, rows, language)))
    sources = [
        (source.name(language), member[language], member.get("appendix_c_system", ""), codes(source.clauses))
        for source in book.words("sources").values()
        for member in source.attributes["members"]
    ]
    parts.append(
        section(word("sources", language), table(("source", "name", "appendix_c", "clauses"), sources, language))
    )
    parts.append(section(word("pool_reasons", language), plain(book, "pool_reasons", language)))
    return page(word("catalogue", language), language, *parts)
