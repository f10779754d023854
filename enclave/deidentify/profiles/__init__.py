"""Profiles: validated, versioned files that say what becomes of each kind of column, and why."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from catalog_browser.views import VariableView
from enclave.kernel.errors import Invalid

FOLDER = Path(__file__).parent
Form = Literal["limited", "deidentified"]
Method = Literal[
    "keep", "drop", "pseudonym", "shift", "year", "top", "cut",
    "substitute", "shuffle", "vary", "encrypt", "mask", "truncate",
]  # fmt: skip


class Strict(BaseModel):
    """A part of a profile; a key it does not know is an error, not a comment."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Rule(Strict):
    """What becomes of the columns it names: by being the person key, by kind, role or level.

    With `beside` only where the same table has a column of one of those kinds too. `unit` is what a shifted time
    is cut to; `oldest` is the greatest age in years that a date or year of birth may tell. `words` are what a value
    is substituted by, `bound` how far a number varies, `keep` and `keep_end` how many characters stay in sight.
    """

    method: Method
    clause: str
    person_key: bool = False
    kinds: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    levels: tuple[int, ...] = ()
    beside: tuple[str, ...] = ()
    domain: str = ""
    at: int = 0
    keep: int = 0
    keep_end: int = 0
    bound: float = Field(default=0.0, ge=0)
    words: tuple[str, ...] = ()
    oldest: int = 0
    unit: Literal["second", "day"] = "second"
    then: Literal["", "ladder"] = ""

    @model_validator(mode="after")
    def _complete(self) -> Rule:
        """Refuse a method without what it needs: it would do nothing, or hide nothing."""
        needs = {"substitute": self.words, "vary": self.bound, "cut": self.keep, "truncate": self.keep, "top": self.at}
        if not needs.get(self.method, True):
            raise ValueError(f"{self.method} lacks its measure")
        return self

    def names(self, variable: VariableView, others: frozenset[str]) -> bool:
        """Tell whether the rule is about this column; `others` are the kinds of its table's other columns."""
        if self.beside and others.isdisjoint(self.beside):
            return False
        if self.person_key:
            return variable.person_key
        return variable.kind in self.kinds or variable.role in self.roles or variable.level in self.levels


class FormRules(Strict):
    """The rules of one form of the data, in order, and the level its versions have."""

    level: int = Field(ge=1, le=4)
    clauses: tuple[str, ...]
    rules: tuple[Rule, ...]


class Step(Strict):
    """One step of a ladder; exactly one measure is set. `top` opens the last band of a width."""

    width: int = 0
    top: int = 0
    bins: int = 0
    cut: int = 0
    frequent: float = 0.0
    division: Literal["", "county", "city", "province"] = ""


class Profile(Strict):
    """A whole profile."""

    name: str
    version: str
    suppression: float = Field(ge=0, lt=1)
    limited: FormRules
    deidentified: FormRules
    ladders: dict[str, tuple[Step, ...]]
    worth: dict[str, float] = {}

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the profile's content."""
        return hashlib.sha256(json.dumps(self.model_dump(), sort_keys=True).encode()).hexdigest()

    def form(self, form: Form) -> FormRules:
        """Return the rules of a form."""
        return self.limited if form == "limited" else self.deidentified


@dataclass(frozen=True)
class Treatment:
    """What becomes of one column."""

    variable: VariableView
    rule: Rule

    @property
    def dropped(self) -> bool:
        """Tell whether the column leaves the data."""
        return self.rule.method == "drop"


@cache
def load(name: str = "standard") -> Profile:
    """Return a profile of this folder; raise `Invalid` naming the file when it is unknown or malformed."""
    path = FOLDER / f"{name}.yaml"
    try:
        return Profile.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise Invalid("profile_unreadable", file=path.name, problem=str(error).splitlines()[0]) from error


# A column no rule names: what is not understood does not leave (P6).
UNNAMED = Rule(method="drop", clause="3.1")


def plan(profile: Profile, form: Form, variables: Sequence[VariableView]) -> list[Treatment]:
    """Return what becomes of each column, by the first rule that names it."""
    rules = profile.form(form).rules
    return [Treatment(v, next((r for r in rules if r.names(v, _others(v, variables))), UNNAMED)) for v in variables]


def _others(variable: VariableView, variables: Sequence[VariableView]) -> frozenset[str]:
    return frozenset(v.kind for v in variables if v.table == variable.table and v.name != variable.name)
