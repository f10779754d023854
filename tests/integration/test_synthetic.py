"""A synthetic sample from registration to the catalogue: capped, tested, free of anybody, or not there at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from catalog_browser import service as catalogue
from catalog_browser.views import ConfirmVariables, Texts, VariableDecision
from enclave.deidentify.service import BuildVersions, RegisterDataSet, build_versions, register
from enclave.kernel.errors import Invalid, NotFound, Refused
from enclave.kernel.identity import Actor
from enclave.kernel.settings import settings
from synthetic import generator
from synthetic.service import MOST_ROWS, GenerateSample, generate
from tests.conftest import Home
from tests.factories.admissions import write_tables

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
Source = tuple[str, pd.DataFrame, pd.DataFrame]


@pytest.fixture
def source(home: Home, people: dict[str, Actor], tmp_path: Path) -> Source:
    folder = tmp_path / "source"
    folder.mkdir()
    persons, visits = write_tables(folder)
    texts = Texts(title_zh="示例", title_en="Example")
    found = register(people["wang"], RegisterDataSet("example", texts, "示例医院", folder))
    catalogue.confirm_variables(people["wang"], ConfirmVariables(found.id))
    return found.id, persons, visits


@pytest.mark.clause("10.4.2-e-1g")
def test_a_sample_shows_nobody(source: Source, people: dict[str, Actor], tmp_path: Path) -> None:
    dataset_id, persons, visits = source
    build_versions(people["wang"], BuildVersions(dataset_id))
    made = generate(people["wang"], GenerateSample(dataset_id, 80))
    tables = {name: pd.read_parquet(path) for name, path in catalogue.fetch_tables(made, tmp_path / "s").items()}
    assert (made.kind, made.level, made.identifiability, made.persons) == ("synthetic", 1, "synthetic", 0)
    assert made.risk["passed"] and made.profile["synthetic"]
    assert all(0 < len(table) <= 80 for table in tables.values())
    shown = {str(value) for table in tables.values() for name in table for value in table[name].dropna()}
    for column in ("身份证号", "姓名", "联系电话", "出生日期"):
        assert shown.isdisjoint(persons[column].astype(str))
    assert shown.isdisjoint(visits["visit_id"])
    assert "_person" not in {name for table in tables.values() for name in table}
    assert tables["people"]["身份证号"].is_unique
    assert tables["people"]["身份证号"].str.startswith("SYN-P-").all()
    assert set(tables["visits"]["身份证号"]) <= set(tables["people"]["身份证号"])
    real = {
        name: pd.read_parquet(path)
        for name, path in catalogue.fetch_tables(catalogue.latest(dataset_id, "deidentified"), tmp_path / "d").items()
    }
    for name, table in tables.items():
        plain = [column for column in table if column not in ("身份证号", "visit_id")]
        having = real[name].groupby([real[name][column].astype(str) for column in plain])["_person"].nunique().to_dict()
        shared = [having.get(tuple(row), 0) for row in table[plain].astype(str).to_numpy()]
        assert all(count == 0 or count >= settings().k_deidentified for count in shared)
        assert sum(count > 0 for count in shared) == made.risk["tables"][name]["common_rows"]
    assert made.risk["tables"]["visits"]["common_rows"] == 0


@pytest.mark.clause("3.10-2s")
def test_near_copies_are_refused_and_nothing_is_added(
    source: Source, people: dict[str, Actor], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset_id, *_ = source
    build_versions(people["wang"], BuildVersions(dataset_id))

    def copies(frame: pd.DataFrame, columns: list[generator.Column], rows: int, seed: int) -> pd.DataFrame:
        made = frame[[c.name for c in columns if c.kind != "key"]].head(rows).reset_index(drop=True)
        return made.assign(**{name: made[name] + 0.01 for name in made if name == "总费用"})

    monkeypatch.setattr(generator, "generate", copies)
    with pytest.raises(Refused) as caught:
        generate(people["wang"], GenerateSample(dataset_id, 100))
    assert caught.value.code == "synthetic_too_near"
    assert catalogue.get(people["wang"], dataset_id).latest("synthetic") is None


@pytest.mark.parametrize("rows", [0, MOST_ROWS + 1])
def test_more_than_the_cap_is_refused(source: Source, people: dict[str, Actor], rows: int) -> None:
    with pytest.raises(Invalid) as caught:
        generate(people["wang"], GenerateSample(source[0], rows))
    assert caught.value.code == "synthetic_rows"


def test_stewards_only_and_never_from_the_source(source: Source, people: dict[str, Actor]) -> None:
    with pytest.raises(Refused) as caught:
        generate(people["li"], GenerateSample(source[0], 10))
    assert caught.value.code == "forbidden"
    with pytest.raises(NotFound):
        generate(people["wang"], GenerateSample(source[0], 10))


@pytest.mark.clause("6.4-s")
def test_no_sample_of_level_five(source: Source, people: dict[str, Actor]) -> None:
    dataset_id, *_ = source
    decision: Any = VariableDecision("people", "血型", level=5)
    catalogue.confirm_variables(people["wang"], ConfirmVariables(dataset_id, (decision,)))
    build_versions(people["wang"], BuildVersions(dataset_id))
    with pytest.raises(Refused) as caught:
        generate(people["wang"], GenerateSample(dataset_id, 10))
    assert caught.value.code == "synthetic_level_five"
