"""Reference pages of the vocabularies: levels, categories, purposes, roles, flows, degrees, techniques, reviews."""

from __future__ import annotations

from collections.abc import Iterable

from enclave.policy.book import Book
from enclave.policy.documents.markdown import codes, page, section, table, word
from enclave.policy.vocabulary import REFERS, Entry


def plain(book: Book, name: str, language: str, *attributes: str) -> str:
    """Return a vocabulary as a table: code, name, the attributes asked for, clauses."""
    rows = [
        (
            f"`{entry.code}`",
            entry.name(language),
            *(_shown(book, name, entry, one, language) for one in attributes),
            codes(entry.clauses),
        )
        for entry in book.words(name).values()
    ]
    return table(("code", "name", *attributes, "clauses"), rows, language)


def _shown(book: Book, name: str, entry: Entry, attribute: str, language: str) -> object:
    """Return an attribute: its text in this language, or the names its codes have in the vocabulary they refer to."""
    if told := entry.told(attribute, language):
        return told
    if (listed := entry.attributes.get(f"{attribute}_{language}")) is not None:
        return listed
    targets = [REFERS[name, attribute]] if (name, attribute) in REFERS else _SEVERAL.get(attribute, ())
    value = entry.attributes.get(attribute, "")
    values = value if isinstance(value, list) else [value]
    found = [_named(book, targets, one, language) if isinstance(one, str) else one for one in values]
    return found if isinstance(value, list) else found[0]


def _named(book: Book, targets: Iterable[str], code: str, language: str) -> str:
    known = (book.words(target)[code].name(language) for target in targets if code in book.words(target))
    return next(known, code)


# Attributes whose codes may come from one of several vocabularies.
_SEVERAL = {
    "by": ("pool_parties", "authorities", "parties"),
    "from_role": ("roles",),
    "to_role": ("roles",),
    "duties": ("obligations",),
}


def levels(book: Book, language: str) -> str:
    """Return the page of levels (4.1, table 1), with how columns and versions are graded."""
    from enclave.policy import levels as grading

    rules = grading.rules()
    graded = [
        (
            ", ".join(f"{key}: {value}" for key, value in rule["when"].items()),
            rule["level"],
            rule[language],
            codes([str(rule["clause"])]),
        )
        for rule in [*rules["columns"], *rules["data_sets"]]
    ]
    versions = [
        (f"`{code}`", rule["level"], rule[language], codes([str(rule["clause"])]))
        for code, rule in rules["versions"].items()
    ]
    return page(
        word("levels", language),
        language,
        plain(book, "levels", language, "degree", "scope", "content", "recipients", "occasion", "points"),
        section(word("grading", language), table(("condition", "level", "reason", "clauses"), graded, language)),
        section(word("versions", language), table(("code", "level", "reason", "clauses"), versions, language)),
        section(
            word("identifiability", language), plain(book, "identifiability", language, "levels", "mountable", "about")
        ),
        section(word("topics", language), plain(book, "topics", language, "special", "hidden")),
    )


def categories(book: Book, language: str) -> str:
    """Return the page of categories (4.2, table 2) with their scope."""
    parts = [plain(book, "categories", language, "definition")]
    for entry in book.words("categories").values():
        rows = [
            (row[language], _fields(row, language), codes(row.get("clause", "").split()))
            for row in entry.attributes["scope"]
        ]
        parts.append(section(entry.name(language), table(("scope", "fields", "clauses"), rows, language)))
    return page(word("categories", language), language, *parts)


def _fields(row: dict[str, list[dict[str, str]]], language: str) -> list[str]:
    return [field[language] for field in row.get("fields", [])]


def purposes(book: Book, language: str) -> str:
    """Return the page of purposes (5.1, table 3), uses and parties."""
    return page(
        word("purposes", language),
        language,
        plain(book, "purposes", language, "parties", "about"),
        section(word("uses", language), plain(book, "uses", language, "purposes", "profit", "consent_free")),
        section(word("clinical_kinds", language), plain(book, "clinical_research_kinds", language)),
        section(word("parties", language), plain(book, "parties", language, "audience", "natural")),
    )


def roles(book: Book, language: str) -> str:
    """Return the page of roles (5.2, 9.1.1): criteria, parties of the pool, authorities, who may do what."""
    functions = book.words("functions")
    product = book.words("product_roles")
    rows = [
        (function.name(language), *("✓" if code in role.codes("functions") else "" for role in product.values()))
        for code, function in functions.items()
    ]
    heads = ("function", *(role.name(language) for role in product.values()))
    return page(
        word("roles", language),
        language,
        plain(book, "roles", language, "about"),
        section(word("controller_questions", language), plain(book, "controller_questions", language)),
        section(word("pool_parties", language), plain(book, "pool_parties", language, "functions")),
        section(word("authorities", language), plain(book, "authorities", language)),
        section(word("product_roles", language), table(heads, rows, language)),
        section(word("never_with", language), plain(book, "product_roles", language, "never_with")),
    )


def flows(book: Book, language: str) -> str:
    """Return the page of flows (5.3) and the handling points of table 4."""
    rows = [
        (
            book.words("flows")[str(entry.attributes["flow"])].name(language),
            book.words("sides")[str(entry.attributes["side"])].name(language),
            book.words("stages_of_handling")[str(entry.attributes["stage"])].name(language),
            [book.words("obligations")[code].name(language) for code in entry.codes("points")],
            codes(entry.clauses),
        )
        for entry in book.words("handling").values()
    ]
    return page(
        word("flows", language),
        language,
        plain(book, "flows", language, "from_role", "to_role", "examples"),
        section(word("handling", language), table(("flow", "side", "stage", "points", "clauses"), rows, language)),
    )


def degrees(book: Book, language: str) -> str:
    """Return the page of degrees (6), principles (7) and audiences, and how they combine (D2)."""
    return page(
        word("degrees", language),
        language,
        plain(book, "degrees", language, "duties", "about"),
        word("degrees_combine", language),
        section(word("principles", language), plain(book, "principles", language, "charges", "about")),
        section(word("audiences", language), plain(book, "audiences", language)),
    )


def desensitisation(book: Book, language: str) -> str:
    """Return the page of desensitisation (9.1, 9.1.2, 10.1.2, 10.4.2)."""
    return page(
        word("desensitisation", language),
        language,
        plain(book, "techniques", language, "also"),
        section(word("technique_criteria", language), plain(book, "technique_criteria", language)),
        section(word("stages", language), plain(book, "stages", language, "when", "by", "method")),
    )


def reviews(book: Book, language: str) -> str:
    """Return the page of expert fields, assessments, plan parts and what is asked of applicants (9, 10.4.2 e))."""
    return page(
        word("reviews", language),
        language,
        section(word("expert_fields", language), plain(book, "expert_fields", language)),
        section(word("assessments", language), plain(book, "assessments", language, "by")),
        section(word("manager_criteria", language), plain(book, "manager_criteria", language)),
        section(word("applicant_criteria", language), plain(book, "applicant_criteria", language, "group")),
        section(word("plan_parts", language), plain(book, "plan_parts", language)),
    )


def references(book: Book, language: str) -> str:
    """Return the page of normative references (2) and where each control on personal information is met."""
    rows = [
        (
            entry.name(language),
            codes(entry.clauses),
            entry.told("how", language),
            codes(entry.codes("rules")),
            f"`{entry.attributes['where']}`",
        )
        for entry in book.words("personal_information_controls").values()
    ]
    return page(
        word("references", language),
        language,
        word("references_dated", language),
        plain(book, "references", language, "edition", "later"),
        section(word("controls", language), table(("name", "clauses", "how", "rules", "where"), rows, language)),
    )


def obligations(book: Book, language: str) -> str:
    """Return the page of everything a decision may ask for, with the rules that ask for it."""
    asking: dict[str, list[str]] = {}
    for rule in book.rules:
        for need in [*rule.needs, *rule.duties]:
            for code in need if isinstance(need, tuple) else (need,):
                asking.setdefault(code, []).append(rule.id)
    parts = []
    for kind in book.words("obligation_kinds").values():
        entries = [one for one in book.words("obligations").values() if one.attributes["kind"] == kind.code]
        rows = [
            (
                f"`{one.code}`",
                one.name(language),
                word(str(one.attributes["when"]), language),
                codes(_short(asking.get(one.code, []))),
            )
            for one in entries
        ]
        parts.append(section(kind.name(language), table(("code", "name", "when", "rules"), rows, language)))
    return page(word("obligations", language), language, *parts)


def _short(rules: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(rule.split("@")[0] for rule in rules))
