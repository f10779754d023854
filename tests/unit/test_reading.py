"""What stewards bring is read right: any encoding, line end, separator, container and file name."""

from __future__ import annotations

import gzip
import random
import zipfile
from datetime import date, datetime
from pathlib import Path

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from enclave.deidentify.reading import Limits, ReadOptions, ReadTable, read_tables

LIMITS = Limits(file_bytes=50 << 20, expanded_bytes=100 << 20)
CHINESE = "姓名,性别,出生日期,费用,编码\n张伟,男,1980-02-29,12.5,01\n李娜,女,2001-12-31,,02\n堃喆,女,1999-01-01,7,03\n"


def read(path: Path, tmp_path: Path, **options: object) -> list[ReadTable]:
    folder = tmp_path / "work"
    folder.mkdir()
    return read_tables(path, folder, LIMITS, ReadOptions(**options))  # type: ignore[arg-type]  # keywords of one test


def rows(table: ReadTable) -> list[dict[str, object]]:
    return pq.read_table(table.path).to_pylist()


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
@pytest.mark.parametrize("packed", [False, True])
def test_encodings_are_found(tmp_path: Path, encoding: str, packed: bool) -> None:
    content = CHINESE.encode(encoding)
    path = tmp_path / ("首页.csv.gz" if packed else "首页.csv")
    path.write_bytes(gzip.compress(content) if packed else content)
    (table,) = read(path, tmp_path)
    assert table.name == "首页" and table.rows == 3
    assert rows(table)[0] == {
        "姓名": "张伟", "性别": "男", "出生日期": date(1980, 2, 29), "费用": 12.5, "编码": "01"
    }  # fmt: skip
    assert rows(table)[1]["费用"] is None and rows(table)[2]["姓名"] == "堃喆"


def test_gb18030_beyond_gbk(tmp_path: Path) -> None:
    path = tmp_path / "四字节.csv"
    path.write_bytes(("姓名,科室\n" + "王芳,心血管内科\n" * 50 + "㐀𠀀,外科\n").encode("gb18030"))
    (table,) = read(path, tmp_path)
    assert rows(table)[-1]["姓名"] == "㐀𠀀"


def test_encoding_change_far_into_the_file(tmp_path: Path) -> None:
    path = tmp_path / "late.csv"
    path.write_bytes(b"a,b\n" + b"1,x\n" * 600_000 + "2,中文内容\n".encode("gbk") * 20)
    (table,) = read(path, tmp_path)
    assert table.rows == 600_020 and rows(table)[-1]["b"] == "中文内容"


def test_mixed_line_ends_and_quoted_newlines(tmp_path: Path) -> None:
    path = tmp_path / "mixed.csv"
    path.write_bytes(b'id,note\n1,a\r\n2,"two\nlines, ""quoted"""\r3,c\n\n4,"x\r\ny"\r\n')
    (table,) = read(path, tmp_path)
    assert [row["note"] for row in rows(table)] == ["a", 'two\nlines, "quoted"', "c", "x\r\ny"]


@pytest.mark.parametrize("separator", [",", ";", "\t", "|", "^"])
def test_separators_are_found(tmp_path: Path, separator: str) -> None:
    path = tmp_path / "some.txt"
    lines = [separator.join(cells) for cells in (["id", "地址", "n"], ["1", '"a, b; c|d"', "2"], ["2", "e", "3"])]
    path.write_text("\n".join(lines), encoding="utf-8")
    (table,) = read(path, tmp_path)
    assert rows(table) == [{"id": 1, "地址": "a, b; c|d", "n": 2}, {"id": 2, "地址": "e", "n": 3}]


def test_one_column_needs_no_separator(tmp_path: Path) -> None:
    path = tmp_path / "one.csv"
    path.write_text("值\n1\n2\n", encoding="utf-8")
    (table,) = read(path, tmp_path)
    assert rows(table) == [{"值": 1}, {"值": 2}]


@pytest.mark.parametrize(
    "name", ["数据 2024（终版）.csv", "ñandú—é.csv", "🏥.csv", "a'b\"c;drop.csv", "no_ending", "e\u0301.csv"]
)
def test_any_file_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    (table,) = read(path, tmp_path)
    assert table.rows == 1 and table.name.encode("utf-8")


def test_file_name_that_is_no_text(tmp_path: Path) -> None:
    path = Path(str(tmp_path) + "/" + b"\xb2\xa1\xb0\xb8.csv".decode("utf-8", "surrogateescape"))
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    (table,) = read(path, tmp_path)
    assert table.file.encode("utf-8")


def test_types(tmp_path: Path) -> None:
    lines = ["整数,小数,日期,时刻,编码,真假,邮编,混合,年月日,美式,早年,大数"]
    lines += [
        "1,1.50,2022/1/5,2022-01-05 03:24,01,TRUE,610000,1,2022年1月5日,1/13/2022,0999-01-01,12345678901234567890"
    ]
    lines += ["-2,.5,2022-12-31,2022-01-05T23:59:59.25,10,false,,a,2022年11月15日,12/1/2022,2000-01-01,1"]
    lines += ["?,1e3,不详,NA,11,true,610041,2,,2/2/2022,2000-01-02,2"]
    path = tmp_path / "types.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    (table,) = read(path, tmp_path)
    found = {field.name: str(field.type) for field in table.schema}
    assert found == {
        "整数": "int64", "小数": "double", "日期": "date32[day]", "时刻": "timestamp[us]", "编码": "string",
        "真假": "bool", "邮编": "int64", "混合": "string", "年月日": "date32[day]", "美式": "date32[day]",
        "早年": "string", "大数": "double",
    }  # fmt: skip
    first, second, third = rows(table)
    assert first["时刻"] == datetime(2022, 1, 5, 3, 24) and second["时刻"] == datetime(2022, 1, 5, 23, 59, 59, 250_000)
    assert [row["整数"] for row in (first, second, third)] == [1, -2, None]
    assert (first["美式"], first["年月日"], third["日期"]) == (date(2022, 1, 13), date(2022, 1, 5), None)


def test_day_and_month_are_never_guessed(tmp_path: Path) -> None:
    path = tmp_path / "ambiguous.csv"
    path.write_text("when,n\n01/02/2022,1\n03/04/2022,2\n", encoding="utf-8")
    (table,) = read(path, tmp_path)
    assert str(table.schema.field("when").type) == "string"


def test_codes_like_exponents_are_text_and_numbers_in_every_form_are_numbers(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("c1,c2\nE11,1.5e3\nE10,.5\ne119,5.\nE14,-7\n", "utf-8")
    (table,) = read(path, tmp_path)
    assert table.column("c1").to_pylist() == ["E11", "E10", "e119", "E14"]
    assert table.column("c2").to_pylist() == [1500.0, 0.5, 5.0, -7.0]


def test_a_name_that_promises_text_keeps_codes(tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    path.write_text("icd,day\n250.10,20220105\n276.00,20221231\n", encoding="utf-8")
    (table,) = read(path, tmp_path, expect=lambda _table, column: {"icd": "text", "day": "date"}[column])
    assert rows(table)[0] == {"icd": "250.10", "day": date(2022, 1, 5)}


def test_workbook(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "病人"
    for row in (
        [],
        ["编号", "入院时间", "体重", "确诊", "电话"],
        [1, datetime(2022, 1, 5, 3, 24), 60.5, True, 13800000000],
    ):
        sheet.append(row)
    sheet.append([2, None, "", False, 13900000000])
    second = book.create_sheet("诊断")
    second.append(["编号", "日期"])
    second.append([1, date(2022, 1, 5)])
    book.create_sheet("空表")
    path = tmp_path / "数据.xlsx"
    book.save(path)
    patients, diagnoses = read(path, tmp_path)
    assert (patients.name, patients.rows, diagnoses.name) == ("病人", 2, "诊断")
    assert rows(patients)[0] == {
        "编号": 1, "入院时间": datetime(2022, 1, 5, 3, 24), "体重": 60.5, "确诊": True, "电话": 13800000000
    }  # fmt: skip
    assert rows(diagnoses) == [{"编号": 1, "日期": date(2022, 1, 5)}]


def test_parquet_becomes_plain(tmp_path: Path) -> None:
    frame = pa.table(
        {
            "点.名": pa.array([1, 2], pa.int8()),
            "cat": pa.array(["a", "b"]).dictionary_encode(),
            "ns": pa.array([1_000_000_001, None], pa.timestamp("ns")),
            "zone": pa.array([0, 0], pa.timestamp("ms", "UTC")),
            "nothing": pa.nulls(2),
        }
    )
    path = tmp_path / "t.parquet"
    pq.write_table(frame, path)
    (table,) = read(path, tmp_path)
    assert [str(kind) for kind in table.schema.types] == ["int64", "string", "timestamp[us]", "timestamp[us]", "string"]
    assert rows(table)[0]["zone"] == datetime(1970, 1, 1, 8)
    assert table.column("点.名").to_pylist() == [1, 2]


def test_zip_and_folder_of_tables(tmp_path: Path) -> None:
    folder = tmp_path / "OMOP 数据"
    (folder / "sub").mkdir(parents=True)
    (folder / "person.csv").write_text("person_id\n1\n", encoding="utf-8")
    (folder / "sub" / "就诊.csv").write_bytes("编号,科室\n1,内科\n2,心血管内科\n".encode("gbk"))
    pd.DataFrame({"x": [1]}).to_parquet(folder / "drug.parquet")
    (folder / "README.md").write_text("words")
    (folder / ".DS_Store").write_bytes(b"\0\1")
    assert [table.name for table in read(folder, tmp_path)] == ["drug", "person", "就诊"]
    path = tmp_path / "packed.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for part in folder.rglob("*"):
            archive.write(part, part.relative_to(folder))
        archive.writestr("__MACOSX/._person.csv", b"\0")
    other = tmp_path / "other"
    other.mkdir()
    assert sorted(table.name for table in read(path, other)) == ["drug", "person", "就诊"]


def test_zip_with_names_in_gbk(tmp_path: Path) -> None:
    path, name = tmp_path / "windows.zip", "住院首页数据".encode("gbk")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x" * len(name) + ".csv", "a,b\n1,2\n")
    path.write_bytes(path.read_bytes().replace(b"x" * len(name), name))
    (table,) = read(path, tmp_path)
    assert table.name == "住院首页数据"


cells = st.text(st.characters(codec="gb18030", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=12).map(str.strip)


@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.lists(st.tuples(cells.filter(bool), cells.filter(bool)), min_size=1, max_size=20),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    line_end=st.sampled_from(["\n", "\r\n", "\r"]),
    seed=st.integers(0, 1 << 30),
)
def test_any_text_survives(
    tmp_path_factory: pytest.TempPathFactory, body: list[tuple[str, str]], encoding: str, line_end: str, seed: int
) -> None:
    def written(cell: str) -> str:
        quoted = any(char in cell for char in ',"\n\r;|^\t') or random.Random(seed).random() < 0.3
        return '"' + cell.replace('"', '""') + '"' if quoted else cell

    folder = tmp_path_factory.mktemp("any")
    path = folder / "任意.csv"
    lines = ["甲列,乙列", *(",".join(written(cell) for cell in row) for row in body)]
    path.write_bytes((line_end.join(lines) + line_end).encode(encoding))
    (table,) = read_tables(path, _made(folder / "w"), LIMITS, ReadOptions(expect=lambda _t, _c: "text"))
    assert [(row["甲列"], row["乙列"]) for row in rows(table)] == body


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
