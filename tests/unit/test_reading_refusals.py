"""What cannot be read is refused with file, row and column, in both languages, and never with a value of the data."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from enclave.deidentify.reading import Limits, ReadOptions, read_tables
from enclave.kernel.errors import Invalid

LIMITS = Limits(file_bytes=20 << 20, expanded_bytes=40 << 20, ratio_from=1 << 20)


def refused(path: Path, tmp_path: Path, limits: Limits = LIMITS, **options: object) -> Invalid:
    folder = tmp_path / "work"
    folder.mkdir()
    with pytest.raises(Invalid) as caught:
        read_tables(path, folder, limits, ReadOptions(**options))  # type: ignore[arg-type]  # keywords of one test
    error = caught.value
    for language in ("zh", "en"):
        message = error.message(language)
        assert message != error.code and "{" not in message, message
        assert str(error.facts["file"]) in message
        for fact in ("row", "column"):
            if fact in error.facts:
                assert str(error.facts[fact]) in message
    return error


def given(tmp_path: Path, content: bytes | str, name: str = "数据.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\n\r\n  \n", gzip.compress(b"")])
def test_empty_file(tmp_path: Path, content: bytes) -> None:
    assert refused(given(tmp_path, content), tmp_path).code == "ingest_empty_file"


@pytest.mark.parametrize("content", ["a,b", "a,b\n", "\ufeff姓名,年龄\r\n\r\n"])
def test_header_without_rows(tmp_path: Path, content: str) -> None:
    error = refused(given(tmp_path, content), tmp_path)
    assert error.code == "ingest_no_rows"


def test_parquet_and_sheet_without_rows(tmp_path: Path) -> None:
    pd.DataFrame({"a": []}).to_parquet(tmp_path / "t.parquet")
    assert refused(tmp_path / "t.parquet", tmp_path).code == "ingest_no_rows"
    book = openpyxl.Workbook()
    book.active.append(["a", "b"])  # type: ignore[union-attr]  # a new workbook has a sheet
    book.save(tmp_path / "t.xlsx")
    (tmp_path / "x").mkdir()
    assert refused(tmp_path / "t.xlsx", tmp_path / "x").code == "ingest_no_rows"


@pytest.mark.parametrize("header", ["病案号,年龄,病案号", "Age,b,age", "a,b,ａ", "x, y,x "])
def test_duplicate_header(tmp_path: Path, header: str) -> None:
    error = refused(given(tmp_path, f"{header}\n1,2,3\n"), tmp_path)
    assert error.code == "ingest_duplicate_header" and error.facts["second"] == 3


@pytest.mark.parametrize("header", ["a,,c", "a, ,c", 'a,"",c', "a,\u200b\ufeff,c"])
def test_empty_header(tmp_path: Path, header: str) -> None:
    if "\u200b" in header:
        header = header.replace("\u200b", "")
    error = refused(given(tmp_path, f"{header}\n1,2,3\n"), tmp_path)
    assert (error.code, error.facts["column"], error.facts["row"]) == ("ingest_empty_header", 2, 1)


def test_reserved_header(tmp_path: Path) -> None:
    assert refused(given(tmp_path, "a,_Person\n1,2\n"), tmp_path).code == "ingest_reserved_header"


def test_row_with_too_many_cells(tmp_path: Path) -> None:
    error = refused(given(tmp_path, "a,b\n1,2\n3,秘密,5\n"), tmp_path)
    assert (error.code, error.facts["row"]) == ("ingest_uneven_row", 3)
    assert (error.facts["expected"], error.facts["found"]) == (2, 3)
    assert "秘密" not in error.message("zh") + str(error.__cause__)


def test_wrong_type_in_one_row(tmp_path: Path) -> None:
    lines = ["编号,年龄,入院日期"] + [f"{n},{n % 90},2022-01-{n % 28 + 1:02d}" for n in range(1, 1000)]
    lines[500] = "500,四十二岁,2022-01-05"
    error = refused(given(tmp_path, "\n".join(lines)), tmp_path)
    assert (error.code, error.facts["row"], error.facts["column"]) == ("ingest_wrong_type", 501, "年龄")
    assert "四十二" not in error.message("zh")


def test_impossible_date_in_one_row(tmp_path: Path) -> None:
    lines = ["n,when"] + [f"{n},2022-01-{n % 28 + 1:02d}" for n in range(1, 300)]
    lines[250] = "250,2022-02-30"
    error = refused(given(tmp_path, "\n".join(lines)), tmp_path)
    assert (error.code, error.facts["row"], error.facts["column"]) == ("ingest_wrong_type", 251, "when")


def test_wrong_type_in_a_small_table_whose_name_promises(tmp_path: Path) -> None:
    path = given(tmp_path, "id,age\n1,30\n2,abc\n3,40\n")
    error = refused(path, tmp_path, expect=lambda _table, column: "number" if column == "age" else "")
    assert (error.code, error.facts["row"]) == ("ingest_wrong_type", 3)


def test_wrong_type_in_a_sheet_counts_rows_as_the_sheet_does(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["n", "v"])
    for n in range(2, 40):
        sheet.append([n, n] if n != 10 else [])
    sheet["B30"] = "x"
    book.save(tmp_path / "t.xlsx")
    error = refused(tmp_path / "t.xlsx", tmp_path)
    assert (error.code, error.facts["row"], error.facts["column"]) == ("ingest_wrong_type", 30, "v")


def test_a_declared_text_column_or_missing_mark_is_no_error(tmp_path: Path) -> None:
    lines = ["编号,结果"] + [f"{n},{n}" for n in range(1, 100)]
    lines[50] = "50,溶血"
    path = given(tmp_path, "\n".join(lines))
    for number, options in enumerate(({"text_columns": frozenset({"结果"})}, {"missing_marks": ("溶血",)})):
        folder = tmp_path / str(number)
        folder.mkdir()
        (table,) = read_tables(path, folder, LIMITS, ReadOptions(**options))  # type: ignore[arg-type]  # keywords
        assert table.rows == 99


def test_broken_utf8(tmp_path: Path) -> None:
    good = "姓名,科室\n张伟,内科\n".encode()
    error = refused(given(tmp_path, good + b"\xe5\xbc,x\n" + good), tmp_path)
    assert (error.code, error.facts["encoding"]) == ("ingest_broken_encoding", "utf-8")
    assert (error.facts["offset"], error.facts["row"]) == (len(good), 3)


def test_broken_byte_in_plain_text(tmp_path: Path) -> None:
    error = refused(given(tmp_path, b"a,b\n1,x\n2,caf\xe9a\n3,y\n"), tmp_path)
    assert (error.code, error.facts["offset"], error.facts["row"]) == ("ingest_broken_encoding", 13, 3)


def test_broken_gb18030(tmp_path: Path) -> None:
    good = "姓名,科室\n张伟,心血管内科\n".encode("gb18030")
    error = refused(given(tmp_path, good * 3 + b"\xff,x\n" + good), tmp_path)
    assert (error.code, error.facts["encoding"]) == ("ingest_broken_encoding", "gb18030")
    assert (error.facts["offset"], error.facts["row"]) == (3 * len(good), 7)


def test_odd_utf16(tmp_path: Path) -> None:
    error = refused(given(tmp_path, "姓名,科室\n张伟,内科\n".encode("utf-16") + b"\x00"), tmp_path)
    assert error.code == "ingest_broken_encoding"


def test_truncated_parquet(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pd.DataFrame({"a": range(1000)}).to_parquet(path)
    whole = path.read_bytes()
    for number, cut in enumerate((len(whole) // 2, len(whole) - 5, 4)):
        (tmp_path / str(number)).mkdir()
        path.write_bytes(whole[:cut])
        assert refused(path, tmp_path / str(number)).code == "ingest_broken_parquet"


def test_parquet_damaged_inside(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    frame = pa.table({"a": [f"value {n}" for n in range(100_000)]})
    pq.write_table(frame, path, compression="zstd", write_page_checksum=True)
    damaged = bytearray(path.read_bytes())
    damaged[len(damaged) // 3] ^= 0xFF
    path.write_bytes(damaged)
    assert refused(path, tmp_path).code == "ingest_broken_parquet"


def test_nested_parquet(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [[1, 2]]}), tmp_path / "t.parquet")
    error = refused(tmp_path / "t.parquet", tmp_path)
    assert (error.code, error.facts["column"]) == ("ingest_nested_column", "a")


def test_over_the_limit_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "huge.csv"
    with path.open("wb") as file:
        file.truncate(3 << 30)  # a hole: three gigabytes that take no room
    monkeypatch.setattr(Path, "open", lambda *_: pytest.fail("the file was opened"))
    error = refused(path, tmp_path, Limits(file_bytes=2 << 30, expanded_bytes=4 << 30))
    assert error.code == "ingest_too_large" and error.facts["size"] == 3 << 30


@pytest.mark.parametrize("kind", ["zip", "gzip", "xlsx"])
def test_bomb(tmp_path: Path, kind: str) -> None:
    filling = b"0" * (30 << 20)
    if kind == "gzip":
        path = given(tmp_path, gzip.compress(filling), "b.csv.gz")
    else:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("[Content_Types].xml" if kind == "xlsx" else "b.csv", filling)
        lying = packed.getvalue().replace((30 << 20).to_bytes(4, "little"), (100).to_bytes(4, "little"))
        path = given(tmp_path, lying if kind == "zip" else packed.getvalue(), "b.xlsx" if kind == "xlsx" else "b.zip")
    error = refused(path, tmp_path)
    assert error.code in ("ingest_zip_bomb", "ingest_broken_archive")
    left = sum(part.stat().st_size for part in (tmp_path / "work").rglob("*") if part.is_file())
    assert left < 12 << 20


def test_bomb_in_many_parts(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(20):
            archive.writestr(f"{number}.csv", b"a,b\n" + b"12345,2\n" * 400_000)
    limits = Limits(file_bytes=20 << 20, expanded_bytes=10 << 20, ratio=10_000)
    assert refused(tmp_path / "b.zip", tmp_path, limits).code == "ingest_expands_too_far"


def test_archive_in_an_archive_and_broken_archives(tmp_path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("a.csv", "a\n1\n")
    with zipfile.ZipFile(tmp_path / "o.zip", "w") as archive:
        archive.writestr("inner.zip", inner.getvalue())
    assert refused(tmp_path / "o.zip", tmp_path).code == "ingest_nested_archive"
    for number, (name, content) in enumerate(
        [("t.zip", inner.getvalue()[:-30]), ("t.csv.gz", gzip.compress(b"a,b\n1,2\n" * 100)[:-12])]
    ):
        (tmp_path / str(number)).mkdir()
        assert refused(given(tmp_path, content, name), tmp_path / str(number)).code == "ingest_broken_archive"


@pytest.mark.parametrize("name", ["a.pdf", "a.json", "a.csv"])
def test_other_formats(tmp_path: Path, name: str) -> None:
    error = refused(given(tmp_path, b"%PDF-1.7\n" + bytes(range(256)) * 4, name), tmp_path)
    assert error.code == "ingest_unknown_format"


def test_open_quote(tmp_path: Path) -> None:
    error = refused(given(tmp_path, 'a,b\n1,x\n2,"y\n3,z\n4,w\n'), tmp_path)
    assert (error.code, error.facts["row"]) == ("ingest_open_quote", 3)


def test_two_tables_of_one_name(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    for sub in ("a", "b"):
        (folder / sub).mkdir(parents=True)
        (folder / sub / "t.csv").write_text("a\n1\n")
    assert refused(folder, tmp_path).code == "ingest_duplicate_table"


def test_broken_workbook(tmp_path: Path) -> None:
    error = refused(given(tmp_path, b"\xd0\xcf\x11\xe0" + b"\0" * 600, "旧.xls"), tmp_path)
    assert error.code == "ingest_broken_workbook"
