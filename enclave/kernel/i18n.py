"""Every sentence a person reads, in Chinese and English, from `enclave/locale/*.yaml`."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

LANGUAGES = ("zh", "en")
LOCALE = Path(__file__).resolve().parents[1] / "locale"
language: ContextVar[str] = ContextVar("language", default="zh")


@dataclass(frozen=True)
class Text:
    """One sentence in both languages."""

    zh: str
    en: str

    def __str__(self) -> str:
        return self.en if language.get() == "en" else self.zh


@lru_cache(maxsize=1)
def catalogue() -> dict[str, Text]:
    """Return all texts by key; a key defined twice or without a language stops the start."""
    texts: dict[str, Text] = {}
    for path in sorted(LOCALE.glob("*.yaml")):
        for key, value in (yaml.safe_load(path.read_text("utf-8")) or {}).items():
            if key in texts:
                raise ValueError(f"{path.name}: text {key!r} is defined twice")
            if not isinstance(value, dict) or set(value) != set(LANGUAGES):
                raise ValueError(f"{path.name}: text {key!r} needs exactly zh and en")
            texts[key] = Text(**value)
    return texts


def named(prefix: str, code: str, in_language: str = "", /) -> str:
    """Return the name of a code, kept as `<prefix>_<code>`; the code itself when it has none."""
    return text(f"{prefix}_{code}", in_language) if f"{prefix}_{code}" in catalogue() else code


def text(key: str, in_language: str = "", /, **facts: Any) -> str:
    """Return the sentence `key`, its placeholders filled; an unknown key shows itself."""
    entry = catalogue().get(key)
    if entry is None:
        return key
    template = getattr(entry, in_language or language.get())
    try:
        return str(template.format(**facts))
    except (KeyError, IndexError):
        return str(template)
