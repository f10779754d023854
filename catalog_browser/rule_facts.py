"""What the rules are told of data: labels and columns of a set as registered, or of one version as released."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from typing import Any

from catalog_browser.models import DataSet, Variable
from catalog_browser.views import AddDataSet, AddVersion, DataSetDetail, VariableSpec, VariableView, VersionView
from enclave.policy import doors
from enclave.policy.book import current
from enclave.policy.catalogue import Degrees
from enclave.policy.labels import Labels

SEPARATOR = "|"  # between system, category and item of a resource of Appendix C


DataSetFacts = DataSet | AddDataSet | DataSetDetail
VariableFacts = Variable | VariableSpec | VariableView


def of_set(entry: DataSetFacts, variables: Iterable[VariableFacts], *, persons: bool | None = None) -> doors.Data:
    """Return a data set as its controller holds it: every column as it is, nothing treated."""
    columns = tuple(doors.column(each.name, each.role, each.level, each.category, each.kind) for each in variables)
    personal = persons if persons is not None else any(each.role in ("direct", "quasi") for each in columns)
    return doors.Data(
        entry.level, "identifiable" if personal else "non_identified", persons=persons, columns=columns, **_owned(entry)
    )


def of_version(
    entry: DataSetFacts, version: VersionView | AddVersion, variables: Iterable[VariableView], columns: Collection[str]
) -> doors.Data:
    """Return a version as it may be released: its own labels, and of the columns those asked for.

    `columns` are names, "table.name" where there are several tables. A column has no level of its own here: the
    version has one, and how a direct identifier was treated stands in the version's profile (10.4.2-e-1l). The
    records of a synthetic version lead to nobody, so none of its columns identifies (10.4.2-e-1g).
    """
    held = {(table.name, name) for table in version.tables for name in table.columns}
    asked = [
        each
        for each in variables
        if (each.table, each.name) in held and not {each.name, f"{each.table}.{each.name}"}.isdisjoint(columns)
    ]
    treated, invented = _treatments(version.profile), version.kind == "synthetic"
    return doors.Data(
        version.level,
        version.identifiability,
        degrees=Degrees(**version.degrees) if isinstance(version, VersionView) and version.degrees else None,
        columns=tuple(
            doors.column(
                each.name,
                "other" if invented else each.role,
                None,
                each.category,
                each.kind,
                treated=treated.get((each.table, each.name), ""),
            )
            for each in asked
        ),
        persons=version.persons > 0 and not invented,
        **_owned(entry),
    )


def _owned(entry: DataSetFacts) -> dict[str, Any]:
    return {
        "categories": (entry.category,),
        "controller": entry.controller,
        "jurisdiction": entry.jurisdiction,
        "origin": entry.origin or None,
        "omics_access": "access_controlled",  # nobody reads person-level data here but in an enclave
    }


def _treatments(profile: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """Return how each column was treated, by (table, column), as the de-identification recorded it."""
    tables: Mapping[str, Mapping[str, Mapping[str, str]]] = profile.get("tables", {})
    return {
        (table, name): done.get("technique", "") for table, columns in tables.items() for name, done in columns.items()
    }


def degrees(resource: str, level: int) -> dict[str, str]:
    """Return the degrees a version is published with: those of Appendix C, or what its level assigns (D2, D10)."""
    found = doors.listed(*resource.split(SEPARATOR)) if resource else doors.assigned(level)
    return asdict(found)


def resources() -> dict[str, dict[str, str]]:
    """Return the resources of Appendix C an entry may name, each with its name in both languages."""
    return {
        SEPARATOR.join((item.system, item.category_zh, item.item_zh)): {
            language: item.name(language) for language in ("zh", "en")
        }
        for item in current().catalogue.items
    }


def labels(entry: DataSetFacts, version: VersionView) -> Labels:
    """Return the labels that travel with every copy of a version (10.4.2-e-1j)."""
    return Labels(version.dataset_id, version.id, (entry.category,), version.level, version.identifiability)
