"""Views of extracts and enclaves: what other features and pages see instead of tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from enclave.policy.doors import Data, Use
from enclave.policy.labels import Labels


@dataclass(frozen=True)
class ExtractTable:
    """One file of an extract. `path` is where it lies on this machine."""

    name: str
    path: Path
    sha256: str
    size: int
    rows: int
    columns: tuple[str, ...]


@dataclass(frozen=True)
class ExtractView:
    """The files of one grant, as the enclave mounts them under `/data/<folder>/`."""

    id: str
    project_id: str
    grant_id: str
    dataset_id: str
    version_id: str
    folder: str
    state: str
    error: str
    tables: tuple[ExtractTable, ...]
    risk: dict[str, Any]
    created_at: datetime
    ready_at: datetime | None
    destroyed_at: datetime | None


@dataclass(frozen=True)
class TrustedTable:
    """A table on our side of the boundary, with the hidden column `_person`; never mounted."""

    name: str
    path: Path
    sha256: str
    dataset_id: str
    version_id: str
    grant_id: str
    rows: int
    columns: tuple[str, ...]


@dataclass(frozen=True)
class MountPlan:
    """What one member's enclave mounts now: verified folders, and the grants they rest on; `asked` by grant."""

    project_id: str
    username: str
    uid: int
    data: Mapping[str, Path]
    workspace: Path
    grants: tuple[str, ...]
    asked: Mapping[str, MountFacts]


@dataclass(frozen=True)
class MountFacts:
    """What the rules are told of one grant's extract when an enclave wants to mount it, all but the probes."""

    data: Data
    use: Use
    registered: Labels
    carried: Mapping[str, Any] | None
    granted: bool
    content: tuple[str, ...]
    registration: str


@dataclass(frozen=True)
class SessionView:
    """One enclave that was opened or refused."""

    id: str
    project_id: str
    username: str
    grants: tuple[str, ...]
    probes: int
    failed_probes: tuple[str, ...]
    state: str
    started_at: datetime
    ended_at: datetime | None
    ended_reason: str
