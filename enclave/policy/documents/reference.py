"""Reference pages of rules, tracks, scenarios, catalogue, clauses and glossary, and the list of all pages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from enclave.policy.book import Book, current
from enclave.policy.conditions import Condition
from enclave.policy.documents import vocabularies
from enclave.policy.documents.markdown import codes, flowchart, page, section, table, word
from enclave.policy.documents.scenarios import catalogue, scenarios
from enclave.policy.documents.vocabularies import plain
from enclave.policy.glossary import terms
from enclave.policy.ruling import Rule
from enclave.policy.workflows import ACTORS, Track

LANGUAGES = ("zh", "en")


def pages(machines: Mapping[str, Mapping[str, Any]], book: Book | None = None) -> dict[str, str]:
    """Return every page by its path below `docs/reference/standard`, in both languages.

    `machines` are state machines of features by name: `{"states", "steps"}` as `request_review` writes them.
    """
    book = book or current()
    made: dict[str, str] = {}
    for language in LANGUAGES:
        for number, (name, render) in enumerate(_PAGES.items(), 1):
            made[f"{language}/{number:02d}-{name}.md"] = render(book, language)
        for name, machine in machines.items():
            made[f"{language}/{len(_PAGES) + 1:02d}-{name}.md"] = state_machine(name, machine, language)
        made[f"{language}/README.md"] = _index(language, [path for path in made if path.startswith(language)], made)
    both = [f"- [{word('index', language)}]({language}/README.md)" for language in LANGUAGES]
    made["README.md"] = page(" · ".join(word("index", language) for language in LANGUAGES), "en", "\n".join(both))
    return made


def _index(language: str, paths: list[str], made: Mapping[str, str]) -> str:
    links = [f"- [{made[path].splitlines()[0].lstrip('# ')}]({path.split('/')[1]})" for path in sorted(paths)]
    return page(word("index", language), language, word("index_lead", language), "\n".join(links))


def rules(book: Book, language: str) -> str:
    """Return the page of all rules, file by file, each with its doors, conditions, effect and clauses."""
    files: dict[str, dict[str, list[Rule]]] = {}
    for rule in book.rules:
        files.setdefault(rule.file, {}).setdefault(rule.id.split("@")[0], []).append(rule)
    parts = [word("rules_lead", language)]
    heads = ("rule", "doors", "condition", "effect", "asks", "sentence", "clauses")
    for file, groups in files.items():
        rows = [_rule(group, book, language) for group in groups.values()]
        parts.append(section(f"`{file}`", table(heads, rows, language)))
    return page(word("rules", language), language, *parts)


def _rule(group: list[Rule], book: Book, language: str) -> tuple[object, ...]:
    first, doors, spread = group[0], book.words("actions"), len(group) > 1
    shown = [doors[one].name(language) for one in first.doors]
    needs = [need if isinstance(need, str) else need[0] for need in first.needs]
    asked = [book.words("obligations")[code].name(language) for code in [*needs, *first.duties]]
    effect = word(f"effect_{first.effect}", language)
    if first.effect == "need":
        effect += f"; {word(first.otherwise, language)}"
    return (
        f"`{first.id.split('@')[0]}`" + (f" ×{len(group)}" if spread else ""),
        word("all_doors", language) if len(first.doors) == len(doors) else shown,
        "; ".join(_condition(test, book, language) for test in first.tests if test.fact != "action"),
        effect,
        "…" if spread and asked else asked,
        first.sentence(language),
        codes(dict.fromkeys(clause for rule in group for clause in rule.clauses)),
    )


_SIGNS = {"any": "=", "within": "⊆", "outside": "∉", "at_least": "≥", "at_most": "≤", "lacks": "∌", "holds": "∋"}


def _condition(test: Condition, book: Book, language: str) -> str:
    """Return a test in signs: `level ≥ 3`, `scenario = 10.4.2`; long lists are shortened."""
    fact = book.words("facts")[test.fact]
    if test.test not in _SIGNS:
        return f"{fact.name(language)} {word(f'test_{test.test}', language)}"
    words = book.vocabularies.get(str(fact.attributes["of"]), {})
    names: dict[Any, str] = {code: entry.name(language) for code, entry in words.items()}
    if fact.attributes.get("ranked"):
        names = {entry.attributes["rank"]: entry.name(language) for entry in words.values()}
    values = [names.get(value, str(value)) for value in test.values]
    listed = ", ".join(values[:6]) + (f", … ({len(values)})" if len(values) > 6 else "")
    return f"{fact.name(language)} {_SIGNS[test.test]} {listed}"


def tracks(book: Book, language: str) -> str:
    """Return the page of modes (9) and tracks: a diagram and a table of who takes which step."""
    parts = [plain(book, "modes", language, "states", "about")]
    for track in book.tracks.values():
        labels = {step.code: f"{step.name(language)}" for step in track.steps}
        edges = [(one, step.code) for step in track.steps for one in step.after]
        parts.append(section(track.name(language), flowchart(edges, labels), _who(track, book, language)))
    parts.append(section(word("transfer_methods", language), plain(book, "transfer_methods", language, "witness")))
    return page(word("tracks", language), language, *parts)


def _who(track: Track, book: Book, language: str) -> str:
    actors = list(dict.fromkeys(step.actor for step in track.steps))
    rows = [
        (
            step.name(language),
            *("✓" if step.actor == actor else "" for actor in actors),
            [book.words("obligations")[code].name(language) for code in step.fulfils],
            codes(step.clauses),
        )
        for step in track.steps
    ]
    return table(("step", *(_actor(one, book, language) for one in actors), "settles", "clauses"), rows, language)


def _actor(code: str, book: Book, language: str) -> str:
    return next(book.words(name)[code].name(language) for name in ACTORS if code in book.words(name))


def clauses(book: Book, language: str) -> str:
    """Return the page of all clauses with the rules and vocabularies that cite each."""
    cited: dict[str, list[str]] = {}
    for rule in book.rules:
        for clause in rule.clauses:
            name = rule.id.split("@")[0]
            if name not in cited.setdefault(clause, []):
                cited[clause].append(name)
    rows = [
        (
            f"`{clause.id}`",
            clause.component,
            word(clause.origin, language),
            clause.text(language),
            codes(cited.get(clause.id, [])),
        )
        for clause in book.clauses.values()
    ]
    return page(
        word("clauses_page", language),
        language,
        table(("clause", "component", "origin", "requirement", "rules"), rows, language),
    )


def glossary(_book: Book, language: str) -> str:
    """Return the glossary."""
    rows = [
        (term.zh, term.en, getattr(term, f"meaning_{language}"), getattr(term, f"source_{language}"))
        for term in terms()
    ]
    return page(word("glossary", language), language, table(("zh", "en", "meaning", "source"), rows, language))


def state_machine(name: str, machine: Mapping[str, Any], language: str) -> str:
    """Return the page of a feature's state machine: a diagram, and which role may do what in which state."""
    labels = {code: str(state[language]) for code, state in machine["states"].items()}
    taken = machine["steps"]
    edges = dict.fromkeys((one, two) for step in taken for one in step["from"] for two in step["to"] if one != two)
    actors = list(dict.fromkeys(who for step in taken for who in step["who"]))
    heads = ("state", *(word(f"who_{who}", language) for who in actors))
    rows = [(labels[code], *(_open(taken, code, who, language) for who in actors)) for code in labels]
    steps = [
        (
            step[language],
            [labels[one] for one in step["from"]],
            [labels[one] for one in step["to"]],
            [word(f"who_{who}", language) for who in step["who"]],
            codes(step["clauses"]),
        )
        for step in taken
    ]
    return page(
        word(f"machine_{name}", language),
        language,
        flowchart(edges, labels),
        section(word("role_by_state", language), table(heads, rows, language)),
        section(word("steps", language), table(("step", "from", "to", "who", "clauses"), steps, language)),
    )


def _open(steps: list[Mapping[str, Any]], state: str, who: str, language: str) -> list[str]:
    return [step[language] for step in steps if state in step["from"] and who in step["who"]]


_PAGES = {
    "levels": vocabularies.levels,
    "categories": vocabularies.categories,
    "purposes": vocabularies.purposes,
    "roles": vocabularies.roles,
    "flows": vocabularies.flows,
    "degrees": vocabularies.degrees,
    "catalogue": catalogue,
    "desensitisation": vocabularies.desensitisation,
    "modes": tracks,
    "scenarios": scenarios,
    "reviews": vocabularies.reviews,
    "rules": rules,
    "obligations": vocabularies.obligations,
    "references": vocabularies.references,
    "glossary": glossary,
    "clauses": clauses,
}
