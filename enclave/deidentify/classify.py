"""Proposes the role, level and category of every column from its name, its values and its table (4.1, 4.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from enclave.deidentify.betrayal import given_over, told
from enclave.deidentify.evidence import Evidence, gather
from enclave.deidentify.guess import Guess, guess
from enclave.deidentify.names import is_bare_key, is_institution_table, kinds, name_topics, words
from enclave.deidentify.nature import is_personal
from enclave.deidentify.reading import ReadTable
from enclave.policy import levels

LINKS = ("id", "key", "code", "no")  # a table's name with one of these is what other tables point at
# What may stand for the person where no column is named as the person's key, best first.
PERSON_KEYS = ("person_key", "national_id", "medical_record_no", "health_card_no", "insurance_no")


@dataclass(frozen=True)
class ColumnFinding:
    """What one column was found to be, why in both languages, and with which clause.

    `topics` are what the column is given over to, `betrays` the rows that betray a sensitive condition, by topic.
    """

    name: str
    kind: str
    role: str
    level: int
    category: str
    reason_zh: str
    reason_en: str
    clause: str
    person_key: bool = False
    topics: frozenset[str] = frozenset()
    betrays: Mapping[str, int] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TableFinding:
    """The columns of one table, and whether its rows are about persons."""

    name: str
    personal: bool
    columns: tuple[ColumnFinding, ...]

    @property
    def person_key(self) -> str | None:
        """Return the column that says which person a row is about, if there is one."""
        return next((column.name for column in self.columns if column.person_key), None)


def classify(
    table: ReadTable, *, alone: bool = True, personal: bool | None = None, person_key: str = ""
) -> TableFinding:
    """Classify one table. `alone` says that the data set has no other; `personal` overrides what is found.

    `person_key` is the column a steward says tells persons apart, in every table that has it.

    Fails closed: a table that is not plainly a code list or a list of institutions counts as one of persons.
    """
    evidence = {name: gather(table.column(name)) for name in table.schema.names}
    guesses = {name: guess(table.name, name, evidence[name]) for name in table.schema.names}
    declared = personal is not None
    if personal is None:  # a steward who names the column that tells persons apart says that there are persons
        personal = person_key in guesses or is_personal(table.name, guesses, evidence, alone=alone)
    columns = [_finding(name, guesses[name], evidence[name], personal=personal) for name in table.schema.names]
    if personal:
        columns = _with_person_key(columns, evidence, person_key)
    elif not declared:
        columns = [_as_link(table.name, column) for column in columns]
    return TableFinding(table.name, personal, tuple(columns))


def classify_all(
    tables: Sequence[ReadTable], *, personal: bool | None = None, person_key: str = ""
) -> list[TableFinding]:
    """Classify every table of a data set."""
    alone = len(tables) == 1
    return [classify(table, alone=alone, personal=personal, person_key=person_key) for table in tables]


def _as_link(table: str, column: ColumnFinding) -> ColumnFinding:
    """Keep the key of a list of institutions a key where its name is made to be pointed at: both are re-keyed alike."""
    if not is_institution_table(table) or words(column.name) not in {f"{words(table)} {end}" for end in LINKS}:
        return column
    kind, grade = kinds()["record_key"], levels.column_grade("direct")
    return replace(
        column,
        kind=kind.code,
        role=kind.role,
        level=grade.level,
        category=kind.category,
        clause=kind.clause,
        reason_zh=f"{column.reason_zh}；其他表以它指向本表",
        reason_en=f"{column.reason_en}; other tables point to this one by it",
    )


def _finding(name: str, guessed: Guess, evidence: Evidence, *, personal: bool) -> ColumnFinding:
    kind, zh, en = kinds()[guessed.kind], guessed.zh, guessed.en
    topics = name_topics(name) if personal else frozenset[str]()
    betrays = evidence.betrays if personal and kind.role != "direct" else {}
    if given_over(betrays, evidence.present):
        topics |= {"special_disease"}
    role = "sensitive" if betrays and kind.role == "other" else kind.role
    grade = levels.column_grade(role, kind.code, topics)
    if not personal and not guessed.proves_person:
        of_institutions = kind.role == "direct" or kind.category == "health_resource"
        kind, grade = kinds()["institution_fact" if of_institutions else "reference"], levels.reference_grade()
        role = kind.role
        zh, en = f"{zh}；但该表不含个人记录", f"{en}; but the rows of this table are not about persons"
    if topics:
        zh, en = f"{zh}；{grade.zh}", f"{en}; {grade.en}"
    if betrays:
        betrayed_zh, betrayed_en = told(betrays)
        zh, en = f"{zh}；{betrayed_zh}", f"{en}; {betrayed_en}"
    return ColumnFinding(
        name=name,
        kind=kind.code,
        role=role,
        level=grade.level,
        category=kind.category,
        reason_zh=zh,
        reason_en=en,
        clause=kind.clause if not topics else grade.clause,
        topics=topics,
        betrays=betrays,
        facts=_facts(evidence),
    )


def _facts(evidence: Evidence) -> dict[str, Any]:
    """Return what stewards see of a column: counts, never a value."""
    return {
        "rows": evidence.rows,
        "missing": evidence.missing,
        "distinct": evidence.distinct,
        "uniqueness": round(evidence.uniqueness, 4),
    }


def _with_person_key(columns: list[ColumnFinding], evidence: Mapping[str, Evidence], said: str) -> list[ColumnFinding]:
    """Mark the one column that says which person a row is about."""
    chosen = next((column for column in columns if column.name == said), None) or _person_key(columns, evidence)
    if chosen is None:
        return columns
    direct, grade = kinds()["person_key"], levels.column_grade("direct")
    marked = replace(
        chosen
        if chosen.role == "direct"
        else replace(chosen, kind=direct.code, role=direct.role, clause=direct.clause),
        person_key=True,
        level=max(chosen.level, grade.level),
        reason_zh=f"{chosen.reason_zh}；用来区分每一个人",
        reason_en=f"{chosen.reason_en}; tells one person from another",
    )
    return [marked if column is chosen else column for column in columns]


def _person_key(columns: list[ColumnFinding], evidence: Mapping[str, Evidence]) -> ColumnFinding | None:
    filled = [column for column in columns if evidence[column.name].present >= 0.95 * evidence[column.name].rows]
    for kind in PERSON_KEYS:
        for column in filled:
            if column.kind == kind and (kind == "person_key" or evidence[column.name].distinct > 1):
                return column
    bare = [column for column in filled if column.kind == "record_key" and is_bare_key(column.name)]
    return bare[0] if bare else None
