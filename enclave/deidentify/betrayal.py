"""Which values of a column betray a sensitive condition, whatever the column is called (D29)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc
import yaml

from enclave.deidentify.names import RULES


@dataclass(frozen=True)
class Topic:
    """A sensitive condition: its name, whether it is a special disease, the patterns of codes and of words."""

    code: str
    zh: str
    en: str
    special: bool
    codes: str
    words: str


@dataclass(frozen=True)
class Betrayals:
    """All topics, and when they count."""

    topics: tuple[Topic, ...]
    icd: str
    given_over: float
    distinct: int


@lru_cache(maxsize=1)
def rules() -> Betrayals:
    """Return the rules of `rules/betrays.yaml`."""
    loaded = yaml.safe_load((RULES / "betrays.yaml").read_text("utf-8"))
    topics = tuple(
        Topic(code, each["zh"], each["en"], each["special"], each["codes"], "|".join(each["words"]))
        for code, each in loaded["topics"].items()
    )
    return Betrayals(topics, loaded["icd"], loaded["given_over"], loaded["distinct"])


def betrayed(values: pa.Array, counts: pa.Array) -> dict[str, int]:
    """Return for each topic that some value betrays the rows that do; `values` are distinct, `counts` their rows."""
    if not len(values) or len(values) > rules().distinct:
        return {}
    text = pc.utf8_trim_whitespace(pc.utf8_normalize(values.cast(pa.string()), form="NFKC"))
    coded = pc.mean(_matches(text, rules().icd).cast(pa.int8())).as_py() >= 0.5
    found = {}
    for topic in rules().topics:
        rows = pc.sum(counts.filter(_matches(text, f"{topic.codes}|{topic.words}" if coded else topic.words))).as_py()
        if rows:
            found[topic.code] = int(rows)
    return found


def given_over(rows: Mapping[str, int], present: int) -> bool:
    """Tell whether a column is given over to a special disease: at least half of its filled rows betray it."""
    special = [rows[topic.code] for topic in rules().topics if topic.special and topic.code in rows]
    return bool(special) and max(special) >= rules().given_over * max(present, 1)


def told(rows: Mapping[str, int]) -> tuple[str, str]:
    """Return in both languages what a column betrays: topics and numbers of rows, never a value."""
    named = [(topic, rows[topic.code]) for topic in rules().topics if topic.code in rows]
    return (
        "含有会暴露敏感情况的取值：" + "、".join(f"{topic.zh}（{count:,} 行）" for topic, count in named),
        "holds values that betray sensitive conditions: "
        + ", ".join(f"{topic.en} ({count:,} rows)" for topic, count in named),
    )


def _matches(text: pa.Array, pattern: str) -> pa.Array:
    return pc.match_substring_regex(text, pattern, ignore_case=True)
