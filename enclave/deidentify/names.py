"""What the name of a column says: English words, Chinese terms, pinyin and its initials, from `rules/names.yaml`."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from pypinyin import Style, lazy_pinyin

RULES = Path(__file__).parent / "rules"
_BRACKETS = re.compile(r"\([^)]*\)|\[[^\]]*\]|（[^）]*）|【[^】]*】")
_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")


@dataclass(frozen=True)
class Kind:
    """A kind of column as `rules/kinds.yaml` describes it."""

    code: str
    role: str
    category: str
    clause: str
    zh: str
    en: str
    values: str = ""


@dataclass(frozen=True)
class _Rule:
    kind: str
    en: re.Pattern[str] | None
    zh: re.Pattern[str] | None
    pinyin: frozenset[str]
    last: bool = False


@lru_cache(maxsize=1)
def kinds() -> dict[str, Kind]:
    """Return every kind by its code."""
    loaded = yaml.safe_load((RULES / "kinds.yaml").read_text("utf-8"))
    return {code: Kind(code=code, **(facts | {"clause": str(facts["clause"])})) for code, facts in loaded.items()}


@lru_cache(maxsize=65_536)
def name_kinds(table: str, column: str) -> tuple[str, ...]:
    """Return the kinds a column's name suggests, most telling first; the values may contradict each."""
    name = _bare(column)
    forms, english = name.replace(" ", ""), words(name)
    found = [rule for rule in _rules() if _matches(rule, english, forms)]
    shorter = _without_ending(english)
    if shorter != english:
        found += [rule for rule in _rules() if _matches(rule, shorter, "")]
    ordered = [rule.kind for rule in sorted(found, key=lambda rule: rule.last)]
    if english in {f"{words(table)} id", f"{words(table)} key"}:
        ordered.insert(0, "person_key" if is_person_table(table) else "record_key")
    if english == "name" and is_person_table(table):
        ordered.insert(0, "person_name")
    if english in ("id", "key", "uuid") and is_person_table(table):
        ordered.insert(0, "person_key")
    return tuple(dict.fromkeys(ordered))


def name_topics(column: str) -> frozenset[str]:
    """Return the sensitive topics a column's name is given over to (D29, D31)."""
    name = _bare(column)
    return frozenset(rule.kind for rule in _topics() if _matches(rule, words(name), name.replace(" ", "")))


def expected_values(table: str, column: str) -> str:
    """Return how a column is to be read by its name: text, number, date or nothing."""
    found = name_kinds(table, column)
    return kinds()[found[0]].values if found else ""


def is_person_table(table: str) -> bool:
    """Tell whether a table's name says that its rows are persons."""
    return _listed("person_tables", table)


def is_institution_table(table: str) -> bool:
    """Tell whether a table's name says that its rows are institutions."""
    return _listed("institution_tables", table)


def is_reference_table(table: str) -> bool:
    """Tell whether a table's name says that it is one of codes, a vocabulary or metadata."""
    return _listed("reference_tables", table)


def is_total(column: str) -> bool:
    """Tell whether a column's name says that it numbers persons or cases."""
    return _listed("totals", column)


def is_code(column: str) -> bool:
    """Tell whether a column's name says that it holds codes."""
    return _listed("codes", column)


def is_bare_key(column: str) -> bool:
    """Tell whether a column is called no more than "id" or "编号"."""
    pattern = _loaded()["bare_keys"]
    return bool(re.search(pattern, words(column)) or re.search(pattern, _bare(column)))


def words(name: str) -> str:
    """Return a name as lower-case words: "dateOfBirth" and "DATE_OF_BIRTH" are "date of birth"."""
    plain = "".join(char for char in unicodedata.normalize("NFKD", name) if not unicodedata.combining(char))
    return " ".join(word.lower() for word in _WORDS.findall(plain))


def institution_words() -> re.Pattern[str]:
    """Return the pattern of words that names of institutions hold."""
    return re.compile(_loaded()["institution_words"])


def _listed(patterns: str, name: str) -> bool:
    by_language = _loaded()[patterns]
    return bool(re.search(by_language["en"], words(_bare(name))) or re.search(by_language["zh"], _bare(name)))


def _bare(name: str) -> str:
    """Return a name without bracketed units, in one width."""
    normal = unicodedata.normalize("NFKC", name)
    return _BRACKETS.sub(" ", normal).strip() or normal


@lru_cache(maxsize=1)
def _loaded() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((RULES / "names.yaml").read_text("utf-8"))
    return loaded


@lru_cache(maxsize=1)
def _rules() -> tuple[_Rule, ...]:
    return tuple(_compiled(rule["kind"], rule) for rule in _loaded()["rules"])


@lru_cache(maxsize=1)
def _topics() -> tuple[_Rule, ...]:
    return tuple(_compiled(rule["topic"], rule) for rule in _loaded()["topics"])


def _compiled(kind: str, rule: dict[str, Any]) -> _Rule:
    english, chinese = ("|".join(rule.get(language, ())) for language in ("en", "zh"))
    spelled = {form for term in rule.get("pinyin", ()) for form in _spelled(term)}
    return _Rule(
        kind=kind,
        en=re.compile(english) if english else None,
        zh=re.compile(chinese) if chinese else None,
        pinyin=frozenset(spelled),
        last=bool(rule.get("last")),
    )


def _spelled(term: str) -> tuple[str, str]:
    """Return a Chinese term's initials and its full pinyin: 姓名 is xm and xingming."""
    return ("".join(lazy_pinyin(term, style=Style.FIRST_LETTER)).lower(), "".join(lazy_pinyin(term)).lower())


def _matches(rule: _Rule, english: str, chinese: str) -> bool:
    if rule.zh and _CHINESE.search(chinese) and rule.zh.search(chinese):
        return True
    if rule.en and english and rule.en.search(english):
        return True
    return re.sub(r"[ \d]", "", english) in rule.pinyin or _last_word(english) in rule.pinyin


def _last_word(english: str) -> str:
    """Return the last word that is no number, where it is long enough to mean something: "pat sfzh 1" is "sfzh"."""
    spoken = [word for word in english.split() if not word.isdigit()]
    shortest = 2 if len(spoken) == 2 else 3
    return spoken[-1] if len(spoken) > 1 and len(spoken[-1]) >= shortest else ""


def _without_ending(english: str) -> str:
    for ending in _loaded()["endings"]:
        shorter = re.sub(rf" ?\b{ending}$", "", english)
        if shorter and shorter != english:
            return shorter
    return english
