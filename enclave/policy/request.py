"""What a door states when it asks for a decision; everything may be left out, and then counts as not stated."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any

from enclave.kernel.errors import Invalid
from enclave.policy.catalogue import Degrees


@dataclass(frozen=True)
class Column:
    """One column asked for. `class_` and `field` are codes of 4.2 and of tables 9 and 10, empty where not mapped."""

    name: str
    role: str = ""
    level: int | None = None
    class_: str = ""
    field: str = ""
    topics: tuple[str, ...] = ()


@dataclass(frozen=True)
class DecisionRequest:
    """The facts of one case, as codes of the vocabularies.

    `role` is the recipient's role and `from_role` the giver's; with `same_party` they give the flow (5.3).
    `level` is what the data are, `claimed` what somebody wants them to be graded (register, publish).
    `degrees` are the three degrees of the data set; without them it counts as unlisted (C-0).
    `met` lists the obligations that are settled; evidence for each is the caller's business.
    """

    action: str
    scenario: str | None = None
    mode: str | None = None
    platform: str | None = None
    purpose: str | None = None
    use: str | None = None
    origin: str | None = None
    audience: str | None = None
    party: str | None = None
    position: str | None = None
    role: str | None = None
    from_role: str | None = None
    same_party: bool = False
    level: int | None = None
    claimed: int | None = None
    identifiability: str | None = None
    persons: bool | None = None
    categories: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    topics: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    omics_types: tuple[str, ...] = ()
    omics_access: str | None = None
    derived: bool = False
    parents: tuple[int, ...] = ()
    controller: str | None = None
    jurisdiction: str | None = None
    degrees: Degrees | None = None
    status: str | None = None
    principle: str | None = None
    charge: str | None = None
    release: str | None = None
    trace: bool = False
    months: int | None = None
    met: frozenset[str] = frozenset()

    @cached_property
    def digest(self) -> str:
        """Return the SHA-256 of the case, the same for the same facts in any order of `met`."""
        plain = {name: value for name, value in as_plain(self).items() if value not in (None, [], False)}
        return hashlib.sha256(json.dumps(plain, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def as_plain(request: DecisionRequest) -> dict[str, Any]:
    """Return the request as JSON has it; sets are sorted."""
    plain = asdict(request)
    plain["met"] = sorted(request.met)
    plain["columns"] = [
        {key.rstrip("_"): value for key, value in asdict(column).items() if value not in ("", None, ())}
        for column in request.columns
    ]
    return {name: list(value) if isinstance(value, tuple) else value for name, value in plain.items()}


def from_plain(written: Mapping[str, Any]) -> DecisionRequest:
    """Return the request that JSON describes; a field that does not exist is `Invalid`, naming it."""
    known = {item.name for item in fields(DecisionRequest)}
    for name in set(written) - known:
        raise Invalid("policy_request_field", field=name, allowed=", ".join(sorted(known)))
    if not isinstance(written.get("action"), str):
        raise Invalid("policy_request_field", field="action", allowed="register, publish, apply, grant, mount, …")
    made: dict[str, Any] = {}
    try:
        for name, value in written.items():
            made[name] = _value(name, value)
        return DecisionRequest(**made)
    except (TypeError, ValueError, AttributeError) as error:
        raise Invalid("policy_request_value", field=name, problem=error) from None


def _value(name: str, value: Any) -> Any:
    if name == "columns":
        return tuple(_column(item) for item in value)
    if name == "degrees":
        return Degrees(**value) if value is not None else None
    if name == "met":
        return frozenset(str(item) for item in value)
    if isinstance(value, list):
        return tuple(value)
    return value


def _column(written: Any) -> Column:
    if isinstance(written, str):
        return Column(written)
    plain = {("class_" if key == "class" else key): value for key, value in written.items()}
    return Column(**{**plain, "topics": tuple(plain.get("topics", ()))})
