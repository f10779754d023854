"""Turns rows of the catalogue into the views a given person may see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from catalog_browser import checks
from catalog_browser.models import DataSet, DataSetVersion, Variable
from catalog_browser.views import DataSetDetail, DataSetView, FileRef, TableRef, VariableView, VersionView
from enclave.kernel.identity import Actor, Role

SMALL = 100  # below this many, a count is shown as a band: the size itself may disclose (10.4.2-e-1c)
BAND = 20
_SUMMARY = (
    "id slug title_zh title_en description_zh description_en controller system category level level_reason_zh "
    "level_reason_en audience state years created_at published_at version"
).split()
_DETAIL = (
    "conditions_zh conditions_en cost_zh cost_en duties_zh duties_en licence attribution legal_basis resource origin "
    "jurisdiction created_by"
).split()
_VARIABLE = (
    "id name position dtype kind label_zh label_en codes indicator role proposed_role person_key reason_zh "
    "reason_en clause level category confirmed"
).split()
_VERSION = (
    "id dataset_id number kind level identifiability rows persons parent_id profile profile_hash risk degrees state "
    "created_by created_at"
).split()


def count_text(count: int) -> str:
    """Return a count as the catalogue prints it: exact when large, a band of 20 when small."""
    if count >= SMALL:
        return f"{count:,}"
    low = count // BAND * BAND
    return f"{low}–{low + BAND - 1}" if low else f"<{BAND}"


def version_view(row: DataSetVersion) -> VersionView:
    """Return a version as code and stewards see it."""
    tables = tuple(TableRef(**(table | {"columns": tuple(table["columns"])})) for table in row.tables)
    return VersionView(
        tables=tables,
        files=tuple(FileRef(**file) for file in row.files),
        **{name: getattr(row, name) for name in _VERSION},
    )


PUBLIC_RISK = ("k", "k_wanted", "passed", "uniques", "suppressed_rows", "suppressed_cells", "equal_rows")


def outside_view(row: DataSetVersion) -> VersionView:
    """Return a version as everybody else sees it: small counts blunted, no statistics of the source (10.4.2-e-1c)."""
    whole = version_view(row)
    return replace(
        whole,
        rows=_blunt(whole.rows),
        persons=_blunt(whole.persons),
        tables=tuple(replace(table, rows=_blunt(table.rows)) for table in whole.tables),
        risk={name: value for name, value in whole.risk.items() if name in PUBLIC_RISK},
    )


def _blunt(count: int) -> int:
    """Return a small count as the lower end of its band, and never 0 for what is there."""
    return count if count >= SMALL or not count else max(1, count // BAND * BAND)


def variable_view(row: Variable, *, with_facts: bool = True) -> VariableView:
    """Return a line of the dictionary; statistics of the source are for stewards only."""
    return VariableView(
        table=row.table_name,
        facts=row.facts if with_facts else {},
        **{name: getattr(row, name) for name in _VARIABLE},
    )


def summary_view(row: DataSet, versions: Sequence[DataSetVersion], actor: Actor) -> DataSetView:
    """Return one line of the catalogue."""
    return DataSetView(**_summary(row, versions, actor))


def detail_view(
    row: DataSet, versions: Sequence[DataSetVersion], variables: Sequence[Variable], actor: Actor
) -> DataSetDetail:
    """Return a whole entry: outsiders see published versions alone and no statistics of the source."""
    steward = actor.has(Role.STEWARD)
    insider = checks.is_staff(actor)
    see = version_view if insider else outside_view
    shown = [see(version) for version in versions if insider or version.state == "published"]
    detail = DataSetDetail(
        **_summary(row, versions, actor),
        **{name: getattr(row, name) for name in _DETAIL},
        variables=tuple(variable_view(variable, with_facts=steward) for variable in variables),
        versions=tuple(shown),
    )
    return checks.with_missing(detail) if insider else detail


def _summary(row: DataSet, versions: Sequence[DataSetVersion], actor: Actor) -> dict[str, Any]:
    source = next((version for version in reversed(versions) if version.kind == "source"), None)
    rows, persons = (source.rows, source.persons) if source else (0, 0)
    insider = checks.is_staff(actor)
    usable = {
        version.kind for version in versions if version.state == "published" or (insider and version.state == "ready")
    }
    return {
        **{name: getattr(row, name) for name in _SUMMARY},
        "rows": rows if insider or rows >= SMALL else None,
        "rows_text": count_text(rows),
        "persons": persons if insider or persons >= SMALL else None,
        "persons_text": count_text(persons),
        "kinds": tuple(sorted(usable)),
    }
