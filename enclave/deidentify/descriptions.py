"""Reads descriptions of data sets to be registered from YAML: one for each file, with texts, labels and codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import yaml

from catalog_browser.views import Texts
from enclave.deidentify.registering import RegisterDataSet
from enclave.kernel.errors import Invalid

_TEXTS = {field.name for field in fields(Texts)}
_FIELDS = {field.name for field in fields(RegisterDataSet)} - {"texts", "path"}


def load_descriptions(path: Path) -> list[RegisterDataSet]:
    """Return what a description file says of each data set; `path` in it is relative to the file itself.

    Raises Invalid `describe_*` naming the file and the entry or field that is wrong.
    """
    try:
        loaded = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise Invalid("describe_unreadable", file=path.name) from error
    entries = loaded if isinstance(loaded, list) else [loaded]
    return [_command(entry, path) for entry in entries]


def _command(entry: Any, path: Path) -> RegisterDataSet:
    if not isinstance(entry, Mapping) or not {"slug", "controller"} <= set(entry):
        raise Invalid("describe_incomplete", file=path.name, needed="slug, controller")
    unknown = set(entry) - _FIELDS - {"texts", "path"} | set(entry.get("texts", {})) - _TEXTS
    if unknown:
        raise Invalid("describe_unknown_field", file=path.name, fields=", ".join(sorted(map(str, unknown))))
    plain = {name: value for name, value in entry.items() if name in _FIELDS}
    for name in ("text_columns", "missing_marks"):
        plain[name] = tuple(plain.get(name, ()))
    command = RegisterDataSet(texts=_texts(entry.get("texts", {})), **plain)
    return replace(command, path=path.parent / entry["path"]) if "path" in entry else command


def _texts(written: Mapping[str, Any]) -> Texts:
    """Return the texts as text: YAML reads `years: 2022` as a number."""
    return Texts(**{name: str(value).strip() for name, value in written.items()})
