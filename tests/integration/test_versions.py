"""The limited and the de-identified version and a project's extract, on both databases, with faults injected."""

from __future__ import annotations

import io
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pikepdf
import pytest
from sqlmodel import select

from catalog_browser import report
from catalog_browser import service as catalogue
from catalog_browser.views import ConfirmVariables, Texts, VariableDecision, VersionView
from enclave.deidentify import versions
from enclave.deidentify.building import ExtractFiles, build_extract
from enclave.deidentify.service import BuildVersions, RegisterDataSet, build_versions, register
from enclave.kernel import storage
from enclave.kernel.db import reading
from enclave.kernel.errors import Invalid, NotFound, Refused
from enclave.kernel.identity import Actor
from enclave.kernel.ledger import LedgerEvent
from enclave.kernel.settings import settings
from enclave.kernel.storage import StoredObject
from enclave.policy import doors
from tests.conftest import Home
from tests.factories.admissions import VISITS, write_tables

# What a test on the data themselves finds does not depend on the database.
one_database = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
TEXTS = Texts(title_zh="示例住院数据", title_en="Example admissions")


@dataclass(frozen=True)
class Made:
    """A registered data set of two tables, and what it was made from."""

    dataset_id: str
    people: pd.DataFrame
    visits: pd.DataFrame


@pytest.fixture
def made(home: Home, people: dict[str, Actor], tmp_path: Path) -> Made:
    folder = tmp_path / "source"
    folder.mkdir()
    persons, visits = write_tables(folder)
    found = register(people["wang"], RegisterDataSet("example", TEXTS, "示例医院", folder))
    catalogue.confirm_variables(people["wang"], ConfirmVariables(found.id))
    return Made(found.id, persons, visits)


@pytest.fixture
def built(made: Made, people: dict[str, Actor]) -> dict[str, VersionView]:
    return {version.kind: version for version in build_versions(people["wang"], BuildVersions(made.dataset_id))}


def frames(version: VersionView, tmp_path: Path) -> dict[str, pd.DataFrame]:
    paths = catalogue.fetch_tables(version, tmp_path / version.kind)
    return {name: pd.read_parquet(path) for name, path in paths.items()}


def mounted(files: ExtractFiles) -> dict[str, pd.DataFrame]:
    return {table.name: pd.read_parquet(table.path) for table in files.mounted}


def extract(
    version: VersionView, key: bytes, folder: Path, columns: Iterable[str] = (), where: Iterable[dict[str, Any]] = ()
) -> ExtractFiles:
    folder.mkdir()
    names = list(columns) or [f"{table}.{name}" for table, held in version.columns.items() for name in held]
    return build_extract(version, names, list(where), key, folder)


def every_value(tables: Iterable[pd.DataFrame]) -> set[str]:
    return {str(value) for table in tables for name in table for value in table[name].dropna().unique()}


# -- versions -----------------------------------------------------------------------------------------
@one_database
@pytest.mark.clause("3.8-n1")
@pytest.mark.clause("4.1-T1-L2a")
def test_no_identifier_is_left_in_any_version(made: Made, built: dict[str, VersionView], tmp_path: Path) -> None:
    for version in built.values():
        held = every_value(frames(version, tmp_path).values())
        for column in ("身份证号", "姓名", "联系电话"):
            assert held.isdisjoint(made.people[column].astype(str))
        assert held.isdisjoint(made.visits["visit_id"])
        assert not {"姓名", "联系电话"}.intersection(version.columns["people"])


@one_database
@pytest.mark.clause("4.1-T1-L2b")
def test_the_deidentified_version_has_k_over_both_tables(built: dict[str, VersionView], tmp_path: Path) -> None:
    version = built["deidentified"]
    assert version.risk["passed"]
    assert version.risk["k"] >= settings().k_deidentified
    tables = frames(version, tmp_path)
    own = version.risk["tables"]["people"]["after"]["quasi_identifiers"]
    theirs = version.risk["tables"]["visits"]["after"]["quasi_identifiers"]
    assert {"性别", "行政区划代码", "出生日期"} <= set(own)
    joined = tables["visits"].merge(tables["people"], on="_person")
    telling = joined[joined[theirs].notna().any(axis=1)]
    sizes = telling.groupby([*own, *theirs], dropna=False)["_person"].nunique()
    assert sizes.min() >= settings().k_deidentified
    assert version.risk["tables"]["people"]["before"]["uniques"] > 0
    together = version.risk["tables"]["visits"]["together"]
    assert together["units"] == tables["visits"]["_person"].nunique()


@one_database
def test_intervals_and_joins_are_kept(made: Made, built: dict[str, VersionView], tmp_path: Path) -> None:
    for kind, version in built.items():
        tables = frames(version, tmp_path)
        visits = tables["visits"]
        stay = pd.to_datetime(visits["出院时间"]) - pd.to_datetime(visits["入院时间"])
        assert (stay.dt.days == made.visits["住院天数"].to_numpy()).all()
        moved = (pd.to_datetime(visits["入院时间"]) - pd.to_datetime(made.visits["入院时间"])).dt.round("D").dt.days
        assert (moved.groupby(visits["_person"]).nunique() <= (2 if kind == "deidentified" else 1)).all()
        joined = visits.merge(tables["people"], on="身份证号", suffixes=("", "_p"))
        assert len(joined) == VISITS
        assert (joined["_person"] == joined["_person_p"]).all()


@one_database
def test_the_two_versions_do_not_match_by_pseudonym_or_shift(built: dict[str, VersionView], tmp_path: Path) -> None:
    limited, other = (frames(built[kind], tmp_path)["visits"] for kind in ("limited", "deidentified"))
    assert set(limited["身份证号"]).isdisjoint(other["身份证号"])
    days = (pd.to_datetime(limited["入院时间"]).dt.normalize() - pd.to_datetime(other["入院时间"])).dt.days
    assert days.nunique() > 100


@pytest.mark.clause("10.4.2-e-1l")
def test_every_identifier_says_how_it_was_handled(built: dict[str, VersionView]) -> None:
    treated = built["limited"].profile["tables"]["people"]
    assert {treated[name]["technique"] for name in ("身份证号", "姓名", "联系电话")} == {"encryption", "deletion"}
    assert all(done["clause"] for table in built["limited"].profile["tables"].values() for done in table.values())
    assert (built["limited"].level, built["deidentified"].level) == (3, 2)
    assert built["limited"].profile_hash == built["deidentified"].profile_hash


@one_database
def test_the_limited_version_is_measured_not_coarsened(
    made: Made, built: dict[str, VersionView], tmp_path: Path
) -> None:
    people = frames(built["limited"], tmp_path)["people"]
    assert Counter(people["行政区划代码"].astype(str)) == Counter(made.people["行政区划代码"])
    assert not built["limited"].risk["passed"]
    assert built["limited"].risk["k_wanted"] == settings().k_limited


@one_database
def test_the_report_holds_no_value_of_anybody(made: Made, built: dict[str, VersionView]) -> None:
    for version in built.values():
        written = str(version.risk) + str(version.profile)
        for column in ("身份证号", "姓名", "联系电话", "出生日期"):
            assert not any(value in written for value in made.people[column])


@one_database
def test_the_same_source_gives_the_same_bytes(
    made: Made, built: dict[str, VersionView], people: dict[str, Actor]
) -> None:
    again = {version.kind: version for version in build_versions(people["wang"], BuildVersions(made.dataset_id))}
    for kind, version in built.items():
        assert [table.sha256 for table in version.tables] == [table.sha256 for table in again[kind].tables]
        assert again[kind].number > version.number


# -- who, when, and what a crash leaves ---------------------------------------------------------------
def test_stewards_only_and_only_when_confirmed(home: Home, people: dict[str, Actor], tmp_path: Path) -> None:
    folder = tmp_path / "source"
    folder.mkdir()
    write_tables(folder)
    found = register(people["wang"], RegisterDataSet("example", TEXTS, "示例医院", folder))
    with pytest.raises(Refused) as caught:
        build_versions(people["wang"], BuildVersions(found.id))
    assert caught.value.code == "deidentify_unconfirmed"
    catalogue.confirm_variables(people["wang"], ConfirmVariables(found.id))
    with pytest.raises(Refused) as caught:
        build_versions(people["li"], BuildVersions(found.id))
    assert caught.value.code == "forbidden"


@pytest.mark.promise("P1")
def test_both_versions_come_with_their_events_or_neither(
    made: Made, people: dict[str, Actor], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """As good as SIGKILL: nothing of ours runs after it."""

    plain = catalogue.add_version
    calls: list[str] = []

    def dies_at_the_second(actor: Actor, command: Any) -> VersionView:
        calls.append(command.kind)
        if len(calls) == 2:
            raise Killed
        return plain(actor, command)

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(versions.catalogue, "add_version", dies_at_the_second)
        build_versions(people["wang"], BuildVersions(made.dataset_id))
    kinds = [version.kind for version in catalogue.get(people["wang"], made.dataset_id).versions]
    assert kinds == ["source"]
    with reading() as session:
        waiting = session.exec(select(StoredObject).where(StoredObject.state == "waiting")).all()
        assert waiting  # left for the sweep, and no version knows of them
        events = {event.action for event in session.exec(select(LedgerEvent))}
    assert "dataset.deidentify" not in events
    assert len(build_versions(people["wang"], BuildVersions(made.dataset_id))) == 2
    with reading() as session:
        events = {event.action for event in session.exec(select(LedgerEvent))}
    assert "dataset.deidentify" in events
    spool = settings().folder("spool")
    assert not list(spool.glob("versions-*"))


# -- extracts -----------------------------------------------------------------------------------------
@one_database
@pytest.mark.promise("P2")
def test_person_numbers_are_never_mounted(built: dict[str, VersionView], tmp_path: Path) -> None:
    for kind, version in built.items():
        files = extract(version, b"a" * 32, tmp_path / f"x-{kind}")
        trusted = {table.name: pd.read_parquet(table.path) for table in files.trusted}
        for name, table in mounted(files).items():
            assert not [column for column in table if column.startswith("_")]
            pd.testing.assert_frame_equal(table, trusted[name].drop(columns="_person"))
            assert b"_person" not in next(t.path for t in files.mounted if t.name == name).read_bytes()


@one_database
@pytest.mark.clause("10.4.1-b-4")
def test_pseudonyms_belong_to_one_project(built: dict[str, VersionView], tmp_path: Path) -> None:
    version = built["limited"]
    first, second = (mounted(extract(version, key * 32, tmp_path / key.decode())) for key in (b"a", b"b"))
    stored = frames(version, tmp_path)["people"]["身份证号"]
    for name in ("people", "visits"):
        assert set(first[name]["身份证号"]).isdisjoint(second[name]["身份证号"])
        assert set(first[name]["身份证号"]).isdisjoint(stored)
    assert set(first["visits"]["身份证号"]) <= set(first["people"]["身份证号"])
    assert len(first["visits"].merge(first["people"], on="身份证号")) == VISITS
    assert set(first["visits"]["visit_id"]).isdisjoint(second["visits"]["visit_id"])
    again = mounted(extract(version, b"a" * 32, tmp_path / "again"))
    for name in first:
        pd.testing.assert_frame_equal(first[name], again[name])


@one_database
def test_rows_are_shuffled_by_the_project(built: dict[str, VersionView], tmp_path: Path) -> None:
    orders = []
    for key in (b"a", b"b"):
        files = extract(built["limited"], key * 32, tmp_path / key.decode())
        people = next(table for table in files.trusted if table.name == "people")
        orders.append(pd.read_parquet(people.path)["_person"].tolist())
    stored = frames(built["limited"], tmp_path)["people"]["_person"].tolist()
    assert len({tuple(order) for order in (*orders, stored)}) == 3
    assert sorted(orders[0]) == sorted(stored)


@one_database
@pytest.mark.clause("9.1.4-5")
def test_the_extract_is_exactly_what_was_granted(made: Made, built: dict[str, VersionView], tmp_path: Path) -> None:
    where = [{"column": "性别", "op": "=", "value": "女"}, {"column": "住院天数", "op": ">=", "value": 10}]
    columns = ["visits.主要诊断编码", "visits.住院天数", "people.血型"]
    files = extract(built["limited"], b"a" * 32, tmp_path / "x", columns, where)
    tables = mounted(files)
    assert set(tables["visits"]) == {"主要诊断编码", "住院天数", "身份证号", "visit_id"}
    assert set(tables["people"]) == {"血型", "身份证号"}
    women = set(made.people.loc[made.people["性别"] == "女", "身份证号"])
    visits = made.visits[made.visits["身份证号"].isin(women) & (made.visits["住院天数"] >= 10)]
    assert len(tables["visits"]) == len(visits)
    assert tables["visits"]["住院天数"].min() >= 10
    assert len(tables["people"]) == visits["身份证号"].nunique()


@one_database
@pytest.mark.clause("9.1.2-3")
def test_k_holds_after_the_row_filter(built: dict[str, VersionView], tmp_path: Path) -> None:
    version = built["deidentified"]
    files = extract(
        version, b"a" * 32, tmp_path / "x", where=[{"column": "主要诊断编码", "op": "in", "value": ["I10"]}]
    )
    lost = sum(table["suppressed_cells"] + table["suppressed_rows"] for table in files.risk["tables"].values())
    assert lost > 0
    trusted = {table.name: pd.read_parquet(table.path) for table in files.trusted}
    for name, table in trusted.items():
        quasi = files.risk["tables"][name]["after"]["quasi_identifiers"]
        classes: dict[tuple[Any, ...], set[int]] = defaultdict(set)
        for row in table[[*quasi, "_person"]].astype(object).where(table.notna(), None).itertuples(index=False):
            classes[tuple(row[:-1])].add(row[-1])
        telling = [members for key, members in classes.items() if any(value is not None for value in key)]
        assert min(map(len, telling), default=99) >= settings().k_deidentified


@one_database
def test_too_few_persons_give_no_extract(built: dict[str, VersionView], tmp_path: Path) -> None:
    with pytest.raises(Refused) as caught:
        extract(
            built["deidentified"], b"a" * 32, tmp_path / "x", where=[{"column": "总费用", "op": ">", "value": 60000.0}]
        )
    assert caught.value.code == "extract_too_few"


NOT_UNDERSTOOD: list[tuple[list[str], list[dict[str, Any]], str]] = [
    (["people._person"], [], "extract_no_column"),
    (["姓名"], [], "extract_no_column"),
    (["血型"], [{"column": "_person", "op": "=", "value": 1}], "extract_no_column"),
    (["血型"], [{"column": "身份证号", "op": "=", "value": "x"}], "extract_ambiguous_column"),
    (["血型"], [{"column": "住院天数", "op": "~", "value": 1}], "extract_bad_condition"),
    (["血型"], [{"column": "住院天数", "op": "=", "value": "many"}], "extract_bad_condition"),
    (["血型"], [{"column": "住院天数", "op": "in", "value": "12"}], "extract_bad_condition"),
    (["血型"], [{"column": "住院天数", "op": "=", "value": [1]}], "extract_bad_condition"),
]


@one_database
def test_what_cannot_be_understood_is_refused(built: dict[str, VersionView], tmp_path: Path) -> None:
    for number, (columns, where, code) in enumerate(NOT_UNDERSTOOD):
        with pytest.raises(Invalid) as caught:
            extract(built["limited"], b"a" * 32, tmp_path / str(number), columns, where)
        assert caught.value.code == code


@one_database
@pytest.mark.promise("P2")
def test_the_source_is_never_extracted(made: Made, tmp_path: Path) -> None:
    source = catalogue.latest(made.dataset_id, "source")
    with pytest.raises(Refused) as caught:
        extract(source, b"a" * 32, tmp_path / "x")
    assert caught.value.code == "extract_not_shareable"
    assert storage.describe(source.tables[0].object_key).state == "kept"


# -- what is kept of a run, and where its results may go ---------------------------------------------------------------
@one_database
@pytest.mark.clause("2-5")
@pytest.mark.clause("9.1.2-0a")
@pytest.mark.clause("5.3-T4-F3-2")
@pytest.mark.clause("5.3-T4-F4-3")
def test_a_run_is_kept_with_identifiers_techniques_risk_and_operator(
    made: Made, built: dict[str, VersionView], people: dict[str, Actor]
) -> None:
    """GB/T 37964 in order: identifiers found, techniques chosen, processed, risk verified, the run recorded."""
    found = {variable.name: variable.role for variable in catalogue.get(people["wang"], made.dataset_id).variables}
    assert {name for name, role in found.items() if role == "direct"} >= {"身份证号", "姓名", "联系电话"}
    for version in built.values():
        techniques = {name: done["technique"] for name, done in version.profile["tables"]["people"].items()}
        assert techniques["身份证号"] == "encryption" and techniques["姓名"] == "deletion"
        assert version.profile["stages"] == ["middle"]
        assert version.risk["tables"]["people"]["before"]["k"] == 1 <= version.risk["tables"]["people"]["after"]["k"]
    with reading() as session:
        (event,) = session.exec(select(LedgerEvent).where(LedgerEvent.action == "dataset.deidentify"))
    assert (event.actor, event.subject) == ("wang", made.dataset_id)
    assert event.facts["profile"] == built["limited"].profile_hash and set(event.facts["k"]) == set(built)
    source = catalogue.latest(made.dataset_id, "source")
    assert "stages" not in source.profile  # nothing was done to it, so nobody gets it
    assert refused_extract(source) == "extract_not_shareable"


def refused_extract(version: VersionView) -> str:
    with pytest.raises(Refused) as caught:
        build_extract(version, ["people.性别"], [], b"k" * 32, Path("nowhere"))
    return caught.value.code


@one_database
@pytest.mark.clause("6.3")
@pytest.mark.clause("4.1-T1-L2d1")
@pytest.mark.clause("10.6.1-e-1")
@pytest.mark.clause("10.2.1-e-6")
def test_what_is_shared_is_the_desensitised_version_and_never_the_source(
    made: Made, built: dict[str, VersionView], people: dict[str, Actor], tmp_path: Path
) -> None:
    assert refused_extract(catalogue.latest(made.dataset_id, "source")) == "extract_not_shareable"
    for number, version in enumerate(built.values()):
        held = every_value(mounted(extract(version, b"k" * 32, tmp_path / f"x{number}")).values())
        assert held.isdisjoint(made.people["身份证号"]) and held.isdisjoint(made.people["姓名"])


@one_database
@pytest.mark.clause("10.4.1-e-1")
def test_a_column_is_kept_in_clear_only_with_a_reason(made: Made, people: dict[str, Actor]) -> None:
    kept = VariableDecision("people", "联系电话", role="other", level=2)
    with pytest.raises(Refused) as caught:
        catalogue.confirm_variables(people["wang"], ConfirmVariables(made.dataset_id, (kept,)))
    assert caught.value.code == "catalog_relaxing_needs_reason"
    reasoned = replace(kept, note="随访研究须回拨，伦理批件第 3 条")
    catalogue.confirm_variables(people["wang"], ConfirmVariables(made.dataset_id, (reasoned,)))
    phone = next(v for v in catalogue.variables(made.dataset_id) if v.name == "联系电话")
    assert phone.role == "other" and phone.reason_zh == "随访研究须回拨，伦理批件第 3 条"


@one_database
@pytest.mark.clause("3.8")
def test_a_limited_set_is_described_and_never_downloaded(
    built: dict[str, VersionView], people: dict[str, Actor]
) -> None:
    limited = built["limited"]
    assert limited.level == 3 and limited.identifiability == "limited"
    data, _ = catalogue.ruled(limited.id, [name for held in limited.columns.values() for name in held])
    decision = doors.publication(data, "data", met={"public_release_review", "second_steward", "entry_complete"})
    assert decision.denied and decision.because("public-data-level-one-only")


@one_database
@pytest.mark.clause("2-5")
@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_risk_report_is_a_pdf_for_those_who_judge_the_data(
    made: Made, built: dict[str, VersionView], people: dict[str, Actor], language: str
) -> None:
    for version in built.values():
        printed = report.render(people["wang"], version.id, language)
        assert printed == report.render(people["chen"], version.id, language)  # the same bytes each time
        with pikepdf.open(io.BytesIO(printed)) as pdf:
            assert len(pdf.pages) >= 2
        content = report._content(catalogue.get(people["wang"], made.dataset_id), version, language)
        columns = {row[0]: row[1:] for table in content["tables"] for row in table["columns"]}
        assert set(columns) >= {"身份证号", "姓名", "出生日期", "总费用"}
        assert columns["姓名"] != columns["身份证号"] and all(columns["姓名"])
        assert not [value for row in columns.values() for value in row if value.startswith(("method_", "report_"))]
        shares = [bar for table in content["tables"] for bar in table["bars"]]
        assert all(0 <= bar["after"] <= 100 and 0 <= bar["before"] <= 100 for bar in shares)
    with pytest.raises(Refused):
        report.render(people["li"], built["limited"].id, language)
    with pytest.raises(NotFound):
        report.render(people["wang"], catalogue.latest(made.dataset_id, "source").id, language)
