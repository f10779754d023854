"""What the catalogue shows and takes: frozen views and commands, free of any database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

DATASET_STATES = ("draft", "confirmed", "published", "withdrawn")
VERSION_STATES = ("building", "ready", "published", "failed", "withdrawn")
IDENTIFIABILITY = ("identifiable", "limited", "deidentified", "synthetic")
AUDIENCES = ("public", "registered")
# The six categories of 4.2, by the codes of the vocabulary.
CATEGORIES = (
    "health_resource",
    "personal_attribute",
    "electronic_medical_record",
    "health_record",
    "medical_payment",
    "public_health",
)
# Strictest first: moving a column to the right of what was proposed needs a reason.
ROLES = ("direct", "quasi", "sensitive", "other")


@dataclass(frozen=True)
class VariableSpec:
    """A variable to be added: what reading and classification found.

    `kind` says what the values are (`national_id`, `birth_date`, `postcode`, ...; the list is
    `enclave/deidentify/rules/kinds.yaml`); `codes` maps a code to `{"zh", "en"}`; `indicator` is the health
    statistical indicator the column holds, `{"code", "zh", "en"}` with its definition (WS/T 598, 2-6); `facts`
    are statistics of the column that only stewards see.
    """

    table: str
    name: str
    position: int
    dtype: str
    kind: str
    role: str
    level: int
    category: str
    person_key: bool = False
    reason_zh: str = ""
    reason_en: str = ""
    clause: str = ""
    label_zh: str = ""
    label_en: str = ""
    codes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    indicator: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class TableRef:
    """One stored table of a version: Parquet, with the hidden column `_person` when person-level."""

    name: str
    object_key: str
    sha256: str
    rows: int
    columns: tuple[str, ...]


@dataclass(frozen=True)
class FileRef:
    """A stored file that belongs to a version beside its tables: the original, a sample for download."""

    name: str
    object_key: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Texts:
    """The texts of a catalogue entry; an empty one is filled in before publication."""

    title_zh: str = ""
    title_en: str = ""
    description_zh: str = ""
    description_en: str = ""
    years: str = ""
    conditions_zh: str = ""
    conditions_en: str = ""
    cost_zh: str = ""
    cost_en: str = ""
    duties_zh: str = ""
    duties_en: str = ""
    licence: str = ""
    attribution: str = ""
    legal_basis: str = ""


@dataclass(frozen=True)
class AddDataSet:
    """Add a draft data set with its variables (4.1-0, 4.2-0).

    `resource` names the row of Appendix C the data set is, empty for one that is not listed; `origin` the scenario
    the data come from, such as 10.2.1 for telemedicine (10.2.1-a-2).
    """

    slug: str
    texts: Texts
    controller: str
    category: str
    level: int
    variables: tuple[VariableSpec, ...]
    level_reason_zh: str = ""
    level_reason_en: str = ""
    system: str = ""
    jurisdiction: str = "510000"
    audience: str = "public"
    resource: str = ""
    origin: str = ""


@dataclass(frozen=True)
class DescribeDataSet:
    """Change texts; what is empty stays as it is. `version` guards against a second editor.

    `resource` None stays as it is too; empty says that the set is not in Appendix C.
    """

    dataset_id: str
    texts: Texts
    version: int | None = None
    audience: str = ""
    resource: str | None = None


@dataclass(frozen=True)
class VariableDecision:
    """A steward's word on one column; `None` keeps what stands. Relaxing a role needs a `note`."""

    table: str
    name: str
    role: str | None = None
    kind: str | None = None
    level: int | None = None
    category: str | None = None
    person_key: bool | None = None
    label_zh: str | None = None
    label_en: str | None = None
    codes: Mapping[str, Mapping[str, str]] | None = None
    note: str = ""


@dataclass(frozen=True)
class ConfirmVariables:
    """Confirm the classification of every column, with changes where the steward disagrees."""

    dataset_id: str
    decisions: tuple[VariableDecision, ...] = ()
    version: int | None = None


@dataclass(frozen=True)
class AddVersion:
    """Add a finished version whose objects are stored already; they are kept in the same transaction."""

    dataset_id: str
    kind: str
    level: int
    identifiability: str
    rows: int
    persons: int
    tables: tuple[TableRef, ...]
    files: tuple[FileRef, ...] = ()
    parent_id: str | None = None
    profile: Mapping[str, Any] = field(default_factory=dict)
    profile_hash: str = ""
    risk: Mapping[str, Any] = field(default_factory=dict)
    clauses: tuple[str, ...] = ()


@dataclass(frozen=True)
class PublishDataSet:
    """Publish the entry and its ready versions."""

    dataset_id: str
    version: int | None = None


@dataclass(frozen=True)
class WithdrawDataSet:
    """Withdraw the entry and all its versions."""

    dataset_id: str
    reason: str


@dataclass(frozen=True)
class VariableView:
    """A line of the dictionary. `facts` are empty for everybody but stewards."""

    id: str
    table: str
    name: str
    position: int
    dtype: str
    kind: str
    label_zh: str
    label_en: str
    codes: dict[str, dict[str, str]]
    indicator: dict[str, str]
    facts: dict[str, Any]
    role: str
    proposed_role: str
    person_key: bool
    reason_zh: str
    reason_en: str
    clause: str
    level: int
    category: str
    confirmed: bool

    def label(self, language: str) -> str:
        """Return the label in `zh` or `en`, or the name."""
        return (self.label_zh if language == "zh" else self.label_en) or self.name

    def reason(self, language: str) -> str:
        """Return why the column has its role."""
        return self.reason_zh if language == "zh" else self.reason_en


@dataclass(frozen=True)
class VersionView:
    """A version of a data set. `risk` is the report of the de-identification that made it.

    `degrees` are those it was published with, empty before: nobody may have it then (C-0).
    """

    id: str
    dataset_id: str
    number: int
    kind: str
    level: int
    identifiability: str
    rows: int
    persons: int
    tables: tuple[TableRef, ...]
    files: tuple[FileRef, ...]
    parent_id: str | None
    profile: dict[str, Any]
    profile_hash: str
    risk: dict[str, Any]
    degrees: dict[str, str]
    state: str
    created_by: str
    created_at: datetime

    def table(self, name: str) -> TableRef:
        """Return the table `name`; a name the version does not have raises KeyError."""
        return {table.name: table for table in self.tables}[name]

    @property
    def columns(self) -> dict[str, tuple[str, ...]]:
        """Return the columns of each table, without the hidden `_person`."""
        return {table.name: tuple(name for name in table.columns if name != "_person") for table in self.tables}


@dataclass(frozen=True)
class DataSetView:
    """One line of the catalogue. Counts are `None`, and their texts a band, where they are too small to show."""

    id: str
    slug: str
    title_zh: str
    title_en: str
    description_zh: str
    description_en: str
    controller: str
    system: str
    category: str
    level: int
    level_reason_zh: str
    level_reason_en: str
    audience: str
    state: str
    years: str
    rows: int | None
    rows_text: str
    persons: int | None
    persons_text: str
    kinds: tuple[str, ...]
    created_at: datetime
    published_at: datetime | None
    version: int

    def title(self, language: str) -> str:
        """Return the title in `zh` or `en`."""
        return self.title_zh if language == "zh" else self.title_en

    def description(self, language: str) -> str:
        """Return the description in `zh` or `en`."""
        return self.description_zh if language == "zh" else self.description_en


@dataclass(frozen=True)
class DataSetDetail(DataSetView):
    """Everything one entry shows. `missing` lists the codes that still stand against publication."""

    conditions_zh: str = ""
    conditions_en: str = ""
    cost_zh: str = ""
    cost_en: str = ""
    duties_zh: str = ""
    duties_en: str = ""
    licence: str = ""
    attribution: str = ""
    legal_basis: str = ""
    resource: str = ""
    origin: str = ""
    jurisdiction: str = ""
    created_by: str = ""
    variables: tuple[VariableView, ...] = ()
    versions: tuple[VersionView, ...] = ()
    missing: tuple[str, ...] = ()

    def conditions(self, language: str) -> str:
        """Return the conditions of application in `zh` or `en`."""
        return self.conditions_zh if language == "zh" else self.conditions_en

    def cost(self, language: str) -> str:
        """Return the cost statement in `zh` or `en`."""
        return self.cost_zh if language == "zh" else self.cost_en

    def duties(self, language: str) -> str:
        """Return the duties of the user in `zh` or `en`."""
        return self.duties_zh if language == "zh" else self.duties_en

    def latest(self, kind: str) -> VersionView | None:
        """Return the newest usable version of a kind, or None."""
        usable = [
            version for version in self.versions if version.kind == kind and version.state in ("ready", "published")
        ]
        return max(usable, key=lambda version: version.number, default=None)
