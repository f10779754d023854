"""Reads rule files so that every mapping knows its line, and refuses what YAML itself would let pass."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import yaml

from enclave.policy.faults import Faults

_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the same grammar, written in C where it is there


class Located(dict[str, Any]):
    """A mapping that remembers the file and line it began on."""

    file: str = ""
    line: int = 0


class _Loader(_Base):  # type: ignore[misc]  # the base is chosen at run time
    """Builds `Located` mappings and notes keys that are written twice."""

    file = ""
    faults: Faults


def _mapping(loader: _Loader, node: yaml.MappingNode) -> Located:
    made = Located()
    made.file, made.line = loader.file, node.start_mark.line + 1
    for key_node, value_node in node.value:
        key = str(loader.construct_object(key_node, deep=True))
        if key in made:
            loader.faults.add("policy_fault_key_twice", loader.file, key_node.start_mark.line + 1, key=key)
        made[key] = loader.construct_object(value_node, deep=True)
    return made


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def read_yaml(path: Path, faults: Faults) -> Located:
    """Return a file's mapping; what cannot be parsed is a fault with its line, and an empty mapping."""
    if not _there(path, faults):
        return Located()
    with path.open(encoding="utf-8") as stream:
        try:
            loader = _Loader(stream)
            loader.file, loader.faults = path.name, faults
            loaded = loader.get_single_data()
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            line = mark.line + 1 if mark else 1
            faults.add("policy_fault_yaml", path.name, line, problem=getattr(error, "problem", error))
            return Located()
        except UnicodeDecodeError:
            faults.add("policy_fault_yaml", path.name, 1, problem="not UTF-8")
            return Located()
    if not isinstance(loaded, Located):
        faults.add("policy_fault_yaml", path.name, 1, problem="a mapping is expected")
        return Located()
    return loaded


def read_csv(path: Path, columns: tuple[str, ...], faults: Faults) -> list[Located]:
    """Return rows with their lines; a header that differs or a row of another length is a fault."""
    if not _there(path, faults):
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.reader(stream)
        if tuple(next(reader, [])) != columns:
            faults.add("policy_fault_header", path.name, 1, columns=", ".join(columns))
            return []
        rows = []
        for values in reader:
            row = Located(zip(columns, values, strict=False))
            row.file, row.line = path.name, reader.line_num
            if len(values) != len(columns):
                faults.add("policy_fault_row_length", path.name, row.line, expected=len(columns), found=len(values))
                continue
            rows.append(row)
    return rows


def _there(path: Path, faults: Faults) -> bool:
    if not path.is_file():
        faults.add("policy_fault_no_file", path.name, 1)
        return False
    return True
