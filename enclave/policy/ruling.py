"""One rule: what it looks for, what it says, and on which clauses; read, spread over a vocabulary, and checked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from enclave.policy.conditions import DOWNWARD, UPWARD, Condition, conditions
from enclave.policy.faults import Faults
from enclave.policy.reading import Located
from enclave.policy.vocabulary import Entry, Vocabularies, field_codes

EFFECTS = ("permit", "deny", "ask", "need", "duty")
RESTRICT = ("deny", "ask", "need")
KEYS = frozenset("id each doors when effect needs otherwise duties track before clauses zh en".split())
BUILT_IN: dict[str, type] = {"numbers": int, "truth": bool}


@dataclass(frozen=True)
class Rule:
    """One rule, spread. `needs` holds codes or tuples of alternatives; `otherwise` is what an unmet need gives."""

    id: str
    effect: str
    tests: tuple[Condition, ...]
    needs: tuple[Any, ...]
    otherwise: str
    duties: tuple[str, ...]
    track: str
    before: tuple[str, ...]
    clauses: tuple[str, ...]
    zh: str
    en: str
    file: str
    line: int

    @property
    def doors(self) -> tuple[str, ...]:
        """Return the actions the rule speaks about."""
        return next(test.values for test in self.tests if test.fact == "action")

    def sentence(self, language: str) -> str:
        """Return what the rule says in `zh` or `en`."""
        return self.zh if language == "zh" else self.en

    def covers(self, other: Rule) -> bool:
        """Tell whether this rule holds whenever the other does."""
        return all(any(theirs.implies(mine) for theirs in other.tests) for mine in self.tests)

    def meets(self, other: Rule, sets: frozenset[str]) -> bool:
        """Tell whether one request can satisfy both rules; facts in `sets` hold several values at once."""
        return not any(mine.excludes(theirs) for mine in self.tests if mine.fact not in sets for theirs in other.tests)


class Reader:
    """Reads rules against vocabularies and clauses, noting every fault with its line."""

    def __init__(self, vocabularies: Vocabularies, clauses: Mapping[str, object], faults: Faults) -> None:
        self.vocabularies, self.clauses, self.faults = vocabularies, clauses, faults

    def rules(self, rows: list[Any], file: str) -> Iterator[Rule]:
        """Yield the rules of a file, each `each` spread over its vocabulary."""
        for row in rows:
            if not isinstance(row, Located) or "id" not in row:  # nothing to name it by
                where = (str(getattr(row, "file", file)), int(getattr(row, "line", 1)))
                self.faults.add("policy_fault_entry", *where, code=str(row)[:40].strip("{}"))
                continue
            for entry in self._spread(row):
                rule = self._rule(row, entry)
                if rule is not None:
                    yield rule

    def _spread(self, row: Located) -> list[Entry | None]:
        if "each" not in row:
            return [None]
        vocabulary = self.vocabularies.get(row["each"])
        if vocabulary is None:
            self._fault("policy_fault_code", row, code=row["each"], vocabulary="*", where="each")
            return []
        return list(vocabulary.values())

    def _fault(self, code: str, row: Located, /, **facts: Any) -> None:
        self.faults.add(code, row.file, row.line, rule=row.get("id", "?"), **facts)

    def _rule(self, row: Located, entry: Entry | None) -> Rule | None:
        before = len(self.faults.found)
        if strange := set(row) - KEYS:
            self._fault("policy_fault_rule_key", row, key=", ".join(sorted(strange)))
        clauses = tuple(str(clause) for clause in self._filled(row.get("clauses") or [], entry))
        self._check_words(row, clauses)
        needs = tuple(tuple(item) if isinstance(item, list) else item for item in row.get("needs") or ())
        effect = row.get("effect") or ("need" if needs else "duty")
        self._check_effect(row, effect, needs)
        try:
            tests = conditions({"action": self._doors(row), **self._filled(dict(row.get("when") or {}), entry)})
        except ValueError as error:
            self._fault("policy_fault_condition", row, test=error)
            return None
        for test in tests:
            self._check_test(row, test, effect)
        if len(self.faults.found) > before:
            return None
        return Rule(
            id=f"{row['id']}@{entry.code}" if entry else str(row["id"]),
            effect=effect,
            tests=tuple(self._ranked(test) for test in tests),
            needs=needs,
            otherwise=row.get("otherwise", "ask"),
            duties=tuple(self._filled(row.get("duties") or [], entry)),
            track=row.get("track", ""),
            before=tuple(row.get("before") or ()),
            clauses=clauses,
            zh=_worded(row["zh"], entry, "zh"),
            en=_worded(row["en"], entry, "en"),
            file=row.file,
            line=row.line,
        )

    def _doors(self, row: Located) -> list[str]:
        doors = row.get("doors")
        return list(self.vocabularies.get("actions", {})) if doors == "all" else list(doors or [])

    def _filled(self, value: Any, entry: Entry | None) -> Any:
        """Replace `$attribute` of the entry and `@vocabulary.attribute`, splicing lists into lists."""
        if isinstance(value, Mapping):
            return {key: self._filled(item, entry) for key, item in value.items()}
        if isinstance(value, list):
            filled = [self._filled(item, entry) for item in value]
            spliced = [isinstance(item, str) and item[:1] in "$@" for item in value]
            parts = zip(filled, spliced, strict=True)
            return [one for item, cut in parts for one in (item if cut and isinstance(item, list) else [item])]
        if isinstance(value, str) and value.startswith("$") and entry is not None:
            own = entry.code if value == "$code" else entry.attributes.get(value[1:], [])
            return list(entry.clauses) if value == "$clauses" else own
        if isinstance(value, str) and value.startswith("@"):
            return self._selected(value[1:])
        return value

    def _selected(self, named: str) -> list[str]:
        name, _, attribute = named.partition(".")
        entries = self.vocabularies.get(name, {}).values()
        if attribute == "fields":
            return sorted({code for entry in entries for code in field_codes(entry)})
        return [entry.code for entry in entries if not attribute or entry.attributes.get(attribute)]

    def _check_words(self, row: Located, clauses: tuple[str, ...]) -> None:
        if not clauses:
            self._fault("policy_fault_no_clause", row)
        for clause in clauses:
            if clause not in self.clauses:
                self._fault("policy_fault_clause", row, clause=clause)
        for language in ("zh", "en"):
            if not str(row.get(language) or "").strip():
                self._fault("policy_fault_translation", row, code=row["id"], language=language)

    def _check_effect(self, row: Located, effect: str, needs: tuple[Any, ...]) -> None:
        if effect not in EFFECTS or row.get("otherwise", "ask") not in ("ask", "deny"):
            self._fault("policy_fault_effect", row, effect=f"{effect}/{row.get('otherwise')}")
        if (effect == "need") != bool(needs):
            self._fault("policy_fault_effect", row, effect=effect)
        duties = [code for code in row.get("duties") or [] if not str(code).startswith(("$", "@"))]
        flat = [code for item in needs for code in (item if isinstance(item, tuple) else (item,))]
        for code in [*flat, *duties]:
            if code not in self.vocabularies.get("obligations", {}):
                self._fault("policy_fault_code", row, code=code, vocabulary="obligations", where="needs")

    def _check_test(self, row: Located, test: Condition, effect: str) -> None:
        fact = self.vocabularies.get("facts", {}).get(test.fact)
        if fact is None:
            self._fault("policy_fault_code", row, code=test.fact, vocabulary="facts", where="when")
            return
        self._check_values(row, test, str(fact.attributes["of"]))
        self._check_order(row, test, effect, str(fact.attributes["order"]))

    def _check_values(self, row: Located, test: Condition, of: str) -> None:
        for value in (part for item in test.values for part in (item if isinstance(item, tuple) else (item,))):
            kind = BUILT_IN.get(of)
            known = isinstance(value, kind) if kind else value in self.vocabularies.get(of, {})
            if not known:
                self._fault("policy_fault_code", row, code=value, vocabulary=of, where=test.fact)

    def _check_order(self, row: Located, test: Condition, effect: str, order: str) -> None:
        """Refuse a rule under which a stricter case could get a laxer answer (P9)."""
        if order == "free" or effect == "duty" or test.test in ("stated", "unstated"):
            return
        upward = test.test in UPWARD if order == "rising" else test.test == "lacks"
        downward = test.test in DOWNWARD
        if (effect in RESTRICT and not upward) or (effect == "permit" and not downward):
            self._fault("policy_fault_not_monotone", row, fact=test.fact)

    def _ranked(self, test: Condition) -> Condition:
        fact = self.vocabularies["facts"][test.fact]
        if not fact.attributes.get("ranked"):
            return test
        words = self.vocabularies[str(fact.attributes["of"])]
        return Condition(test.fact, test.test, tuple(words[value].attributes["rank"] for value in test.values))


def _worded(sentence: str, entry: Entry | None, language: str) -> str:
    return sentence.replace("{name}", entry.name(language)).replace("{code}", entry.code) if entry else sentence
