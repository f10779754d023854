"""Loads the rules of applications from `rules/*.yaml`; every decision names their version and digest (P8)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from enclave.kernel.i18n import LANGUAGES

FOLDER = Path(__file__).with_name("rules")
NAMES = ("form", "workflow", "qualification", "history", "committee", "tracks", "agreement-2")


@dataclass(frozen=True)
class Rules:
    """One rule file: its version, the digest of its text, and what it says."""

    name: str
    version: str
    digest: str
    data: Mapping[str, Any]

    def __getitem__(self, key: str) -> Any:
        return self.data[key]

    @property
    def stamp(self) -> str:
        """Return what a decision keeps: version and the first 12 digits of the digest."""
        return f"{self.version}:{self.digest[:12]}"


@lru_cache(maxsize=16)
def rules(name: str) -> Rules:
    """Return a rule file; one without a version, or with a text lacking a language, stops the start."""
    source = (FOLDER / f"{name}.yaml").read_bytes()
    data = yaml.safe_load(source)
    _check_texts(data, name)
    return Rules(name, str(data["version"]), hashlib.sha256(source).hexdigest(), data)


def stamps(names: Iterable[str] = NAMES) -> dict[str, str]:
    """Return the stamp of each rule file in force."""
    return {name: rules(name).stamp for name in names}


def _check_texts(part: Any, where: str) -> None:
    if isinstance(part, list):
        for index, entry in enumerate(part):
            _check_texts(entry, f"{where}[{index}]")
    elif isinstance(part, dict):
        given = [language for language in LANGUAGES if part.get(language)]
        if given and len(given) != len(LANGUAGES):
            raise ValueError(f"{where}: a text needs both zh and en")
        for key, entry in part.items():
            _check_texts(entry, f"{where}.{key}")


def label(options: Mapping[str, Mapping[str, str]], code: str, language: str) -> str:
    """Return the text of an option, or its code."""
    return options[code][language] if code in options else code
