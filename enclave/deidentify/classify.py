"""Proposes the role, level and category of every column from its name, its values and its table (4.1, 4.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from enclave.deidentify.agreement import agrees
from enclave.deidentify.evidence import Evidence, gather, plain_finding, strong_finding
from enclave.deidentify.names import (
    institution_words,
    is_bare_key,
    is_institution_table,
    is_person_table,
    kinds,
    name_kinds,
    name_topics,
)
from enclave.deidentify.reading import ReadTable
from enclave.policy import levels

# Kinds that only rows about persons have.
PERSONAL = frozenset(
    "person_key person_name contact_name national_id medical_record_no health_card_no insurance_no sex birth_date "
    "birth_year birth_part age ethnicity marital_status occupation body_measure death_date duration".split()
)
# What may stand for the person where no column is named as the person's key, best first.
PERSON_KEYS = ("person_key", "national_id", "medical_record_no", "health_card_no", "insurance_no")
NEAR_KEY = 0.95
NEAR_KEY_ROWS = 20
CODE_MOST = 60


@dataclass(frozen=True)
class ColumnFinding:
    """What one column was found to be, why in both languages, and with which clause."""

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


@dataclass(frozen=True)
class _Guess:
    kind: str
    zh: str
    en: str
    by_value: bool = False


def classify(table: ReadTable, *, alone: bool = True, personal: bool | None = None) -> TableFinding:
    """Classify one table. `alone` says that the data set has no other; `personal` overrides what is found.

    Fails closed: a table that is not plainly a code list or a list of institutions counts as one of persons.
    """
    evidence = {name: gather(table.column(name)) for name in table.schema.names}
    guesses = {name: _guess(table.name, name, evidence[name]) for name in table.schema.names}
    if personal is None:
        personal = _is_personal(table.name, guesses, evidence, alone)
    columns = [_finding(table.name, name, guesses[name], evidence[name], personal) for name in table.schema.names]
    return TableFinding(table.name, personal, tuple(_with_person_key(columns, evidence) if personal else columns))


def classify_all(tables: Sequence[ReadTable], *, personal: bool | None = None) -> list[TableFinding]:
    """Classify every table of a data set."""
    return [classify(table, alone=len(tables) == 1, personal=personal) for table in tables]


def _guess(table: str, name: str, evidence: Evidence) -> _Guess:
    strong = strong_finding(evidence)
    named = next((kind for kind in name_kinds(table, name) if agrees(kind, evidence)), None)
    if strong and (named is None or kinds()[named].role != "direct"):
        percent = round(100 * strong.share)
        return _Guess(
            strong.kind,
            f"抽查的不同取值有 {percent}% {strong.zh}",
            f"{percent}% of the values sampled {strong.en}",
            True,
        )
    if named:
        return _Guess(named, f"列名表示“{kinds()[named].zh}”", f"the name says: {kinds()[named].en}")
    return _guess_by_value(evidence)


def _guess_by_value(evidence: Evidence) -> _Guess:
    if evidence.present == 0:
        return _Guess("empty", "全部缺失", "holds no value")
    found = plain_finding(evidence)
    if found:
        percent = round(100 * found.share)
        return _Guess(
            found.kind, f"抽查的不同取值有 {percent}% {found.zh}", f"{percent}% of the values sampled {found.en}", True
        )
    if evidence.is_date:
        return _dated(evidence)
    if _is_free_text(evidence):
        return _Guess("free_text", "取值是长短不一的文字", "the values are texts of varying length")
    if _is_near_key(evidence):
        percent = round(100 * evidence.uniqueness)
        return _Guess(
            "identifier",
            f"{percent}% 的取值各不相同，可当作编号",
            f"{percent}% of the values differ and may serve as a number",
            True,
        )
    if evidence.is_number and not (evidence.whole and evidence.distinct <= CODE_MOST):
        return _Guess("number", "取值是数值", "the values are numbers")
    if evidence.distinct <= CODE_MOST or evidence.dtype == "truth":
        return _Guess("code", f"只有 {evidence.distinct} 种取值", f"has {evidence.distinct} different values only")
    return _Guess("text", "取值是一般文字", "the values are plain text")


def _dated(evidence: Evidence) -> _Guess:
    if evidence.dtype in ("date", "moment") and evidence.high.year - evidence.low.year >= 60:
        return _Guess(
            "birth_date", "日期跨度达数十年，可能是出生日期", "the dates span decades and may be dates of birth", True
        )
    return _Guess("date", "取值是日期", "the values are dates", True)


def _is_free_text(evidence: Evidence) -> bool:
    if not evidence.is_text or evidence.uniqueness < 0.2:
        return False
    wide = evidence.share(lambda value: any("\u4e00" <= char <= "\u9fff" for char in value)) > 0.5
    return evidence.mean_length >= (12 if wide else 30)


def _is_near_key(evidence: Evidence) -> bool:
    """Tell whether nearly every row has a value of its own, or the values are long numbers that recur little."""
    if evidence.present < NEAR_KEY_ROWS or not (evidence.is_text or evidence.whole):
        return False
    lengths = {len(value) for value in evidence.sample}
    if evidence.whole and len(lengths) > 2:  # numbers given out in turn have few lengths, measures have many
        return False
    if evidence.uniqueness >= NEAR_KEY:
        return not evidence.whole or evidence.high >= 1000
    numbers = evidence.share(
        lambda value: any(char.isdigit() for char in value) and value.isascii() and value.isalnum()
    )
    return len(lengths) == 1 and min(lengths) >= 7 and numbers >= NEAR_KEY and evidence.uniqueness >= 0.3


def _is_personal(table: str, guesses: Mapping[str, _Guess], evidence: Mapping[str, Evidence], alone: bool) -> bool:
    found = {guess.kind for guess in guesses.values()}
    if is_person_table(table) or found & PERSONAL:
        return not _is_of_institutions(table, found, guesses, evidence)
    if _is_of_institutions(table, found, guesses, evidence):
        return False
    if not alone:
        return bool(found & {"record_key", "phone", "email", "address"})
    return not _is_code_list(evidence)


def _is_of_institutions(
    table: str, found: set[str], guesses: Mapping[str, _Guess], evidence: Mapping[str, Evidence]
) -> bool:
    """Tell whether the rows are hospitals, payers and the like: their names say so and no row is about a person."""
    if found & (PERSONAL - {"person_name", "insurance_no"}):
        return False
    if is_institution_table(table):
        return True
    pattern = institution_words()
    named = [
        name
        for name, guess in guesses.items()
        if guess.kind in ("text", "code", "identifier", "person_name", "facility", "payer")
    ]
    return any(evidence[name].is_text and evidence[name].share(pattern.search) >= 0.4 for name in named)


def _is_code_list(evidence: Mapping[str, Evidence]) -> bool:
    """Tell whether a table is a dictionary: few columns, one of them with a value of its own in every row."""
    keyed = any(column.uniqueness == 1.0 and column.missing == 0 for column in evidence.values())
    worded = any(column.is_text for column in evidence.values())
    return keyed and worded and len(evidence) <= 6 and not any(column.is_date for column in evidence.values())


def _finding(table: str, name: str, guess: _Guess, evidence: Evidence, personal: bool) -> ColumnFinding:
    kind = kinds()[guess.kind]
    topics = name_topics(name) if personal else frozenset[str]()
    zh, en = guess.zh, guess.en
    if not personal and not (guess.by_value and kind.role == "direct" and guess.kind in PERSONAL):
        kind = kinds()[
            "institution_fact" if kind.role == "direct" or kind.category == "health_resource" else "reference"
        ]
        zh, en = f"{zh}；但该表不含个人记录", f"{en}; but the rows of this table are not about persons"
    grade = levels.column_grade(kind.role, kind.code, topics) if personal else levels.reference_grade()
    if topics:
        zh, en = f"{zh}；{grade.zh}", f"{en}; {grade.en}"
    return ColumnFinding(
        name=name,
        kind=kind.code,
        role=kind.role,
        level=grade.level,
        category=kind.category,
        reason_zh=zh,
        reason_en=en,
        clause=kind.clause if not topics else grade.clause,
        topics=topics,
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


def _with_person_key(columns: list[ColumnFinding], evidence: Mapping[str, Evidence]) -> list[ColumnFinding]:
    """Mark the one column that says which person a row is about."""
    chosen = _person_key(columns, evidence)
    if chosen is None:
        return columns
    marked = replace(
        chosen,
        person_key=True,
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
