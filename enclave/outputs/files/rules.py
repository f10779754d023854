"""The rules for files that want to leave, read from `rules.yaml`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

RULES = Path(__file__).with_name("rules.yaml")
_LETTERS = re.compile(r"[^0-9a-z%]+")


@dataclass(frozen=True)
class FindingRule:
    """What a finding means: `block` stops the file, `look` is for the stewards."""

    severity: str
    clauses: tuple[str, ...]


@dataclass(frozen=True)
class Rules:
    """All rules, with the version a decision rests on."""

    version: str
    limits: Mapping[str, Any]
    kinds: Mapping[str, frozenset[str]]
    words: Mapping[str, frozenset[str]]
    findings: Mapping[str, FindingRule]

    def kind_of(self, name: str) -> str:
        """Return the kind a file's name claims, empty when such files may not leave."""
        suffix = Path(name).suffix.lower()
        return next((kind for kind, suffixes in self.kinds.items() if suffix in suffixes), "")

    def says(self, header: str, topic: str) -> bool:
        """Tell whether a header speaks of `topic`: a Latin word of it, or a Chinese one anywhere in it."""
        plain = unicodedata.normalize("NFKC", header).strip().lower()
        words = self.words[topic]
        parts = {part for part in _LETTERS.split(plain) if part}
        return plain in words or bool(words & parts) or any(not word.isascii() and word in plain for word in words)


@lru_cache(maxsize=1)
def rules() -> Rules:
    """Return the shipped rules."""
    loaded = yaml.safe_load(RULES.read_text("utf-8"))
    return Rules(
        version=str(loaded["version"]),
        limits=loaded["limits"],
        kinds={kind: frozenset(suffixes) for kind, suffixes in loaded["kinds"].items()},
        words={topic: frozenset(map(str, words)) for topic, words in loaded["words"].items()},
        findings={
            code: FindingRule(rule["severity"], tuple(map(str, rule["clauses"])))
            for code, rule in loaded["findings"].items()
        },
    )
