"""Registration is whole or nothing: the data set, its source version, its objects and its ledger event together."""

from __future__ import annotations

import io
import resource
import time
import zipfile
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from sqlmodel import col, func, select

from catalog_browser import service as catalogue
from catalog_browser.models import DataSet, DataSetVersion, Variable
from catalog_browser.views import Texts
from enclave.deidentify import registering
from enclave.deidentify.descriptions import load_descriptions
from enclave.deidentify.service import RegisterDataSet, register
from enclave.kernel import clock, db, ledger, storage
from enclave.kernel.errors import Conflict, EnclaveError, Invalid, Refused, Unavailable
from enclave.kernel.identity import Actor
from enclave.kernel.ledger import LedgerEvent
from enclave.kernel.settings import settings
from enclave.kernel.storage import StoredObject
from tests.conftest import Home
from tests.fixtures.objectstore import MemoryStore

DEMO = Path(__file__).parents[2] / "deploy" / "demo"
TEXTS = Texts(title_zh="示例", title_en="Example")


def given(
    tmp_path: Path, content: str = "病案号,年龄,诊断\n7,40,I10\n8,50,E11\n7,41,I10\n", name: str = "首页.csv"
) -> Path:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    return path


def command(path: Path | None = None, slug: str = "example", **more: object) -> RegisterDataSet:
    return RegisterDataSet(slug, TEXTS, "示例医院", path, **more)  # type: ignore[arg-type]  # keywords of one test


def counts() -> dict[str, int]:
    with db.reading() as session:
        found = {
            model.__name__: session.exec(select(func.count()).select_from(model)).one()
            for model in (DataSet, DataSetVersion, Variable)
        }
        kept = select(func.count()).select_from(StoredObject).where(StoredObject.state == "kept")
        events = select(func.count()).select_from(LedgerEvent).where(col(LedgerEvent.action).startswith("dataset."))
        return found | {"kept": session.exec(kept).one(), "events": session.exec(events).one()}


NOTHING = {"DataSet": 0, "DataSetVersion": 0, "Variable": 0, "kept": 0, "events": 0}


def nothing_left(home: Home) -> bool:
    return counts() == NOTHING and not list((home.path / "spool").iterdir())


@pytest.mark.promise("P1")
def test_everything_is_committed_together(home: Home, people: dict[str, Actor], tmp_path: Path) -> None:
    detail = register(people["wang"], command(given(tmp_path)))
    assert (detail.state, detail.rows, detail.persons, detail.level) == ("draft", 3, 2, 4)
    assert counts() == {"DataSet": 1, "DataSetVersion": 1, "Variable": 3, "kept": 2, "events": 3}
    with db.reading() as session:
        assert not ledger.verify(ledger.stored(session)).fault
    source = detail.latest("source")
    assert source is not None and source.identifiability == "identifiable"
    assert source.files[0].name == "首页.csv"
    assert storage.fetch_bytes(source.files[0].object_key) == (tmp_path / "首页.csv").read_bytes()
    stored = pq.read_table(io.BytesIO(storage.fetch_bytes(source.tables[0].object_key)))
    assert stored.schema.names == list(source.tables[0].columns) == ["病案号", "年龄", "诊断", "_person"]
    assert stored.column("_person").to_pylist() == [0, 1, 0]
    assert not list((home.path / "spool").iterdir())


def test_the_store_holds_nothing_in_clear(
    home: Home, people: dict[str, Actor], tmp_path: Path, object_store: MemoryStore
) -> None:
    register(people["wang"], command(given(tmp_path)))
    assert object_store.objects and all(
        b"I10" not in body and b"PAR1" not in body for body in object_store.objects.values()
    )


@pytest.mark.promise("P1")
@pytest.mark.parametrize("failing", [1, 2, 3])
def test_a_store_that_fails_midway_leaves_nothing(
    home: Home, people: dict[str, Actor], tmp_path: Path, object_store: MemoryStore, failing: int
) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    for name in ("a", "b"):
        given(folder, name=f"{name}.csv")
    written: list[str] = []

    def fail(key: str) -> None:
        written.append(key)
        if len(written) >= failing:
            raise OSError("no space left")

    object_store.before_put = fail
    with pytest.raises(Unavailable):
        register(people["wang"], command(folder))
    assert nothing_left(home)
    object_store.before_put = None
    with clock.frozen(clock.now() + storage.ABANDONED + timedelta(minutes=1)):
        assert storage.sweep() == failing
    assert not object_store.objects
    assert register(people["wang"], command(folder)).rows == 6


@pytest.mark.promise("P1")
@pytest.mark.parametrize("broken", ["catalog_browser.service.add_version", "enclave.kernel.ledger.append"])
def test_a_commit_that_fails_leaves_nothing(
    home: Home, people: dict[str, Actor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as patched:
        patched.setattr(broken, fail)
        with pytest.raises(RuntimeError):
            register(people["wang"], command(given(tmp_path)))
    assert nothing_left(home)
    assert register(people["wang"], command(given(tmp_path))).rows == 3


@pytest.mark.parametrize(
    "content", ["", "a,b\n", "a,a\n1,2\n", "a,\n1,2\n", "a,b\n1,2,3\n", "病案号,年龄\n" + "1,30\n" * 9 + "1,x\n"]
)
def test_what_cannot_be_read_leaves_nothing(home: Home, people: dict[str, Actor], tmp_path: Path, content: str) -> None:
    with pytest.raises(Invalid) as caught:
        register(people["wang"], command(given(tmp_path, content)))
    assert caught.value.code.startswith("ingest_") and "首页.csv" in caught.value.message("zh")
    assert nothing_left(home)


@pytest.mark.clause("4.1-0")
def test_only_stewards_register_and_nothing_is_read_before(
    home: Home, people: dict[str, Actor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registering, "read_tables", lambda *_: pytest.fail("the file was read"))
    for name in ("li", "zhao", "wu", "he"):
        with pytest.raises(Refused, match="steward"):
            register(people[name], command(given(tmp_path)))
    assert counts() == NOTHING


def test_a_slug_is_taken_once(home: Home, people: dict[str, Actor], tmp_path: Path) -> None:
    register(people["wang"], command(given(tmp_path)))
    with pytest.raises(Conflict) as caught:
        register(people["chen"], command(given(tmp_path)))
    assert caught.value.code == "catalog_slug_taken"


def test_what_the_store_holds_is_fetched(
    home: Home, people: dict[str, Actor], tmp_path: Path, object_store: MemoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    object_store.buckets["incoming"] = {"2024/首页 数据.csv": given(tmp_path).read_bytes()}
    detail = register(people["wang"], command(s3_url="s3://incoming/2024/首页 数据.csv"))
    assert detail.rows == 3 and detail.versions[0].files[0].name == "首页 数据.csv"
    for url, code in [
        ("s3://incoming/none.csv", "ingest_no_such_file"),
        ("s3://nowhere/a.csv", "ingest_no_such_file"),
        ("https://x/a.csv", "ingest_bad_url"),
        ("s3://incoming", "ingest_bad_url"),
    ]:
        with pytest.raises(Invalid) as caught:
            register(people["wang"], command(slug="other", s3_url=url))
        assert caught.value.code == code
    monkeypatch.setattr(settings(), "upload_limit_bytes", 20)
    with pytest.raises(Invalid) as caught:
        register(people["wang"], command(slug="other", s3_url="s3://incoming/2024/首页 数据.csv"))
    assert caught.value.code == "ingest_too_large"


def test_one_person_has_one_number_in_all_tables(home: Home, people: dict[str, Actor], tmp_path: Path) -> None:
    folder = tmp_path / "omop"
    folder.mkdir()
    pd.DataFrame({"person_id": [10, 20, 30], "year_of_birth": [1950, 1960, 1970]}).to_parquet(folder / "person.parquet")
    seen = [30.0, 10.0, None, *[20.0] * 30]
    visits = pd.DataFrame({"visit_id": [f"v{n}" for n in range(33)], "person_id": seen, "gender": "F"})
    visits.to_parquet(folder / "visit.parquet")
    labs = pd.DataFrame({"visit_id": ["v1", "v0", "v0", "v99"], "glucose": [5.0, 6.0, 7.0, 8.0]})
    labs.to_parquet(folder / "lab.parquet")
    (folder / "codes.csv").write_text("code,meaning\nA,alpha\nB,beta\n")
    detail = register(people["wang"], command(folder))
    source = detail.latest("source")
    assert source is not None
    tables = {table.name: pq.read_table(io.BytesIO(storage.fetch_bytes(table.object_key))) for table in source.tables}
    assert "_person" not in tables["codes"].schema.names and "_person" not in source.columns["person"]
    numbers = {name: table.column("_person").to_pylist() for name, table in tables.items() if name != "codes"}
    ten, twenty, thirty = numbers["person"]
    assert numbers["visit"][:2] == [thirty, ten]
    assert numbers["lab"][:3] == [ten, thirty, thirty]
    strangers = {numbers["visit"][2], numbers["lab"][3]}
    assert len(strangers) == 2 and not strangers & {ten, twenty, thirty}
    everyone = {number for rows in numbers.values() for number in rows}
    assert everyone == set(range(5)) and detail.persons == 5


def test_a_person_key_with_gaps_is_refused(home: Home, people: dict[str, Actor], tmp_path: Path) -> None:
    lines = "".join(f"{n // 5 if n % 5 == 0 else ''},2020-01-{n % 28 + 1:02d},{n}\n" for n in range(50))
    with pytest.raises(Invalid) as caught:
        register(people["wang"], command(given(tmp_path, "PATIENT_ID,RE_DATE,乳酸脱氢酶\n" + lines)))
    assert (caught.value.code, caught.value.facts["column"]) == ("ingest_person_key_gaps", "PATIENT_ID")
    assert caught.value.facts["rows"] == 40 and caught.value.facts["row"] == 3


def test_a_steward_names_the_person_key(home: Home, people: dict[str, Actor], tmp_path: Path) -> None:
    path = given(tmp_path, "病案号,家庭编号,年龄\n1,a,40\n2,a,41\n3,b,42\n")
    detail = register(people["wang"], command(path, person_key="家庭编号"))
    keys = [variable for variable in detail.variables if variable.person_key]
    assert [(key.name, key.role, key.level) for key in keys] == [("家庭编号", "direct", 4)] and detail.persons == 2
    with pytest.raises(Invalid) as caught:
        register(people["wang"], command(path, slug="other", person_key="没有"))
    assert caught.value.code == "ingest_no_such_column"


def test_headers_that_look_like_code(home: Home, people: dict[str, Actor], tmp_path: Path) -> None:
    names = ['a""; DROP TABLE data_set; --', "x'y", "选 择", "%(p)s", "a.b", "{z}"]
    path = given(tmp_path, ",".join(f'"{name}"' for name in names) + "\n1,2,3,4,5,6\n7,8,9,1,2,3\n")
    detail = register(people["wang"], command(path))
    assert [variable.name for variable in detail.variables] == [name.replace('""', '"') for name in names]
    assert catalogue.get(people["wang"], "example").id == detail.id


def test_a_bomb_is_refused(home: Home, people: dict[str, Actor], tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("b.csv", b"0" * (80 << 20))
    with pytest.raises(Invalid) as caught:
        register(people["wang"], command(tmp_path / "b.zip"))
    assert caught.value.code == "ingest_zip_bomb"
    assert nothing_left(home)


def test_no_persons_is_not_taken_on_trust(home: Home, people: dict[str, Actor], tmp_path: Path) -> None:
    numbers = "\n".join(f"1380000{n:04d},{n}" for n in range(40))
    with pytest.raises(Refused) as caught:
        register(people["wang"], command(given(tmp_path, f"c,n\n{numbers}\n"), persons=False))
    assert caught.value.code == "ingest_persons_found"
    plain = register(
        people["wang"], command(given(tmp_path, "year,area,rate\n2019,city,0.5\n2020,land,0.4\n"), persons=False)
    )
    assert (plain.level, plain.persons, plain.rows) == (1, 0, 2)


@pytest.mark.promise("P12")
def test_no_value_of_the_data_reaches_ledger_or_messages(home: Home, people: dict[str, Actor], tmp_path: Path) -> None:
    secret = "张三丰四"
    register(people["wang"], command(given(tmp_path, f"姓名,年龄\n{secret},40\n李四,50\n")))
    with pytest.raises(EnclaveError) as caught:
        register(
            people["wang"], command(given(tmp_path, "姓名,年龄\n" + "王五,40\n" * 9 + f"王五,{secret}\n"), slug="other")
        )
    with db.reading() as session:
        written = "\n".join(ledger.export_lines(session))
        variables = "\n".join(f"{row.reason_zh}{row.reason_en}{row.facts}" for row in session.exec(select(Variable)))
    assert secret not in written + variables + caught.value.message("zh") + caught.value.message("en")


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_the_demonstration_data_sets(home: Home, people: dict[str, Actor]) -> None:
    details = {}
    for described in load_descriptions(DEMO / "datasets.yaml"):
        started = time.perf_counter()
        details[described.slug] = register(people["wang"], described)
        assert time.perf_counter() - started < 15
    assert {slug: detail.level for slug, detail in details.items()} == dict.fromkeys(details, 4)
    assert {slug: (detail.rows, detail.persons) for slug, detail in details.items()} == {
        "diabetes-130": (101_766, 71_518),
        "cn-inpatient-synthetic": (10_000, 5_263),
        "omop-gibleed": (343_279, 5_343),
    }
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 1_500_000  # kilobytes
    for detail in details.values():
        assert set(detail.missing) == {
            "catalog_missing_confirmation", "catalog_missing_version", "catalog_missing_sample"
        }  # fmt: skip
        assert all(variable.label_zh and variable.label_en for variable in detail.variables)
    assert "糖尿病" in details["diabetes-130"].title_zh and " 住" not in details["diabetes-130"].description_zh
