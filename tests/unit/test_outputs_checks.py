"""What wants to leave is checked as what it is; what cannot be read is stopped (P6)."""

from __future__ import annotations

import base64
import csv
import io
import json
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook
from openpyxl.comments import Comment

from enclave.kernel.i18n import catalogue
from enclave.outputs.files import isolated
from enclave.outputs.files.checks import check
from enclave.outputs.files.report import Context, Report
from enclave.outputs.files.rules import rules

pytestmark = pytest.mark.promise("P6")
PSEUDONYMS = frozenset({"k7f3q9x2m4", "b8d2w6z1n5"})
CONTEXT = Context(10, frozenset({"age", "sex", "diagnosis", "cost", "admitted"}), PSEUDONYMS)


def codes(report: Report, blocking: bool = True) -> set[str]:
    return {finding.code for finding in report.findings if finding.blocking is blocking}


def run(name: str, content: bytes | str) -> Report:
    return check(name, content.encode() if isinstance(content, str) else content, CONTEXT)


def table(*rows: tuple[object, ...]) -> str:
    body = io.StringIO()
    csv.writer(body).writerows(rows)
    return body.getvalue()


def png(extra: bytes = b"", text: bytes = b"") -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    words = chunk(b"tEXt", text) if text else b""
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
        + words
        + chunk(b"IDAT", zlib.compress(b"\0\0"))
        + chunk(b"IEND", b"")
        + extra
    )


def workbook(change: Callable[[Workbook], object] = lambda book: None, rows: Any = (("sex", "n"), ("F", 30))) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    change(book)
    body = io.BytesIO()
    book.save(body)
    return body.getvalue()


def notebook(*outputs: dict[str, Any], source: str = "1 + 1", metadata: dict[str, Any] | None = None) -> str:
    cell = {
        "cell_type": "code",
        "execution_count": 1,
        "id": "a1",
        "metadata": {},
        "outputs": list(outputs),
        "source": source,
    }
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata or {}, "cells": [cell]})


def shows(**data: Any) -> dict[str, Any]:
    bundle = {name.replace("_", "/"): value for name, value in data.items()}
    return {"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": bundle}


def hide_sheet(book: Workbook) -> None:
    book.create_sheet("more").sheet_state = "veryHidden"


def hide_row(book: Workbook) -> None:
    book.active.row_dimensions[2].hidden = True


def hide_column(book: Workbook) -> None:
    book.active.column_dimensions["B"].hidden = True


def add_formula(book: Workbook) -> None:
    book.active["C2"] = "=SUM(B2:B2)"


def add_comment(book: Workbook) -> None:
    book.active["A1"].comment = Comment("张三", "x")


def with_part(name: str) -> bytes:
    body = io.BytesIO(workbook())
    with zipfile.ZipFile(body, "a") as archive:
        archive.writestr(name, "x")
    return body.getvalue()


MICRODATA = table(("a", "b", "c", "d"), *((n, n * 7.31, f"x{n}", n % 3 + 0.5) for n in range(900)))
FRAME_HTML = (
    "<div><style scoped>.dataframe td {}</style><table border='1' class='dataframe'>"
    "<thead><tr><th></th><th>age</th><th>sex</th><th>diagnosis</th></tr></thead>"
    "<tbody><tr><th>0</th><td>71</td><td>F</td><td>I21</td></tr></tbody></table><p>5 rows</p></div>"
)

WORKBOOK = workbook()

UNSAFE: dict[str, tuple[str, bytes | str, str]] = {
    "small count": ("a.csv", table(("sex", "n"), ("F", 3), ("M", 50)), "export_small_count"),
    "small count, Chinese header": ("a.csv", table(("科室", "人数"), ("心内", 9), ("肿瘤", 50)), "export_small_count"),
    "small count, BOM": ("a.csv", b"\xef\xbb\xbf" + "人数,性别\n3,男\n".encode(), "export_small_count"),
    "small count, GBK": ("a.csv", "性别,人数\n男,3\n女,40\n".encode("gbk"), "export_small_count"),
    "small count, UTF-16": ("a.csv", "性别,人数\n男,3\n女,40\n".encode("utf-16"), "export_small_count"),
    "small count, semicolons": ("a.csv", "sex;n\nF;3\nM;50\n", "export_small_count"),
    "small count beside a thousand": ("a.csv", 'sex,n\nF,"1,204"\nM,7\n', "export_small_count"),
    "small count in the last of 900 rows": (
        "a.csv",
        table(("code", "n"), *((f"c{n}", 50 + n) for n in range(899)), ("last", 1)),
        "export_small_count",
    ),
    "counts spread over columns": (
        "a.csv",
        table(("region", "F", "M"), ("north", 40, 3), ("south", 30, 25)),
        "export_small_count",
    ),
    "small count with full-width digits": (
        "a.csv",
        table(("性别", "人数"), ("男", "３"), ("女", "５０")),
        "export_small_count",
    ),
    "csv named txt": ("a.txt", "sex,n\nF,3\nM,50\n", "export_small_count"),
    "900 rows of persons": ("a.csv", MICRODATA, "export_row_level_likely"),
    "a longer table": ("a.csv", table(("a", "n"), *((n, 50) for n in range(1001))), "export_too_many_rows"),
    "a wide table": ("a.csv", table(tuple(f"c{n}" for n in range(101)), tuple(range(101))), "export_too_wide"),
    "a long cell": ("a.csv", table(("a", "b"), ("x" * 600, 1.5)), "export_long_cell"),
    "a long text": ("a.txt", "word " * 50_000, "export_long_text"),
    "a notebook of pictures": (
        "a.ipynb",
        notebook(*[shows(image_png=base64.b64encode(png()).decode())] * 40_000),
        "export_many_pictures",
    ),
    "columns of the extract": (
        "a.csv",
        table(("Age", "sex", "diagnosis"), (71, "F", "I21"), (65, "M", "C34")),
        "export_row_level",
    ),
    "pseudonyms": ("a.csv", table(("who", "score"), ("k7f3q9x2m4", 0.5)), "export_pseudonyms"),
    "pseudonym in prose": ("a.md", "The outlier is k7f3q9x2m4.", "export_pseudonyms"),
    "record number header": ("a.csv", table(("Patient ID ", "score"), ("1", 0.5)), "export_identifier_record"),
    "names": (
        "a.csv",
        table(("who", "x"), *((n, 0.5) for n in ("张伟", "王芳", "李娜", "刘洋", "陈静"))),
        "export_identifier_name",
    ),
    "identity number": ("a.txt", "病例 11010519491231002X 见附表", "export_identifier_id_number"),
    "identity number, full width": ("a.txt", "１１０１０５１９４９１２３１００２Ｘ", "export_identifier_id_number"),
    "identity number of fifteen digits": ("a.txt", "510105491231002", "export_identifier_id_number"),
    "mobile number": ("a.txt", "电话 138-1234-5678", "export_identifier_phone"),
    "e-mail": ("a.txt", "someone@example.org", "export_identifier_email"),
    "named": ("a.txt", "患者：张伟，男", "export_identifier_name"),
    "formula": ("a.csv", table(("x", "y"), ('=HYPERLINK("h")', 1.5)), "export_formula"),
    "command": ("a.csv", table(("x", "y"), ("-2+3+cmd", 1.5)), "export_formula"),
    "ragged": ("a.csv", "a,b\n1.5,2.5\n1.5,2.5,张三\n", "export_ragged"),
    "open quote": ("a.csv", 'a,b\n"1.5,2.5\n', "export_unreadable"),
    "broken encoding": ("a.csv", b"a,b\n\xff\xfe\xfd,\x81\n"[:7] + b"\xff\n", "export_unreadable"),
    "control characters": ("a.txt", "results\x1b[31m", "export_control_characters"),
    "right-to-left override": ("a.txt", "results \u202e", "export_control_characters"),
    "zeros": ("a.txt", b"text\0more", "export_type_mismatch"),
    "a picture named txt": ("a.txt", png(), "export_type_mismatch"),
    "html named txt": ("a.txt", "<html><script>alert(1)</script>", "export_type_mismatch"),
    "html": ("a.html", "<p>x</p>", "export_type_not_allowed"),
    "svg": ("a.svg", "<svg/>", "export_type_not_allowed"),
    "pickle": ("model.pkl", b"\x80\x04", "export_type_not_allowed"),
    "parquet": ("a.parquet", b"PAR1", "export_type_not_allowed"),
    "no suffix": ("README", "x", "export_type_not_allowed"),
    "archive": ("a.zip", b"PK\x03\x04", "export_archive"),
    "archive named csv": ("a.csv", b"PK\x03\x04abc", "export_archive"),
    "gzip named csv": ("a.csv", b"\x1f\x8b\x08abc", "export_archive"),
    "archive named png": ("a.png", b"PK\x03\x04abc", "export_archive"),
    "empty": ("a.csv", b"", "export_empty"),
    "hidden sheet": ("a.xlsx", workbook(hide_sheet), "export_workbook_hidden"),
    "hidden row": ("a.xlsx", workbook(hide_row), "export_workbook_hidden"),
    "hidden column": ("a.xlsx", workbook(hide_column), "export_workbook_hidden"),
    "workbook formula": ("a.xlsx", workbook(add_formula), "export_formula"),
    "workbook comment": ("a.xlsx", workbook(add_comment), "export_workbook_part"),
    "macro": ("a.xlsx", with_part("xl/vbaProject.bin"), "export_workbook_part"),
    "pivot cache": ("a.xlsx", with_part("xl/pivotCache/pivotCacheRecords1.xml"), "export_workbook_part"),
    "embedded": ("a.xlsx", with_part("xl/embeddings/oleObject1.bin"), "export_workbook_part"),
    "anything else in the package": ("a.xlsx", with_part("data.csv"), "export_workbook_part"),
    "workbook with a small count": ("a.xlsx", workbook(rows=(("sex", "n"), ("F", 3), ("M", 50))), "export_small_count"),
    "workbook cut short": ("a.xlsx", workbook()[:900], "export_unreadable"),
    "appended to a picture": ("a.png", png(extra=b"PK\x03\x04data"), "export_picture_trailing"),
    "text in a picture": ("a.png", png(text=b"Comment\0" + b"id,name\n" * 50), "export_picture_metadata"),
    "picture cut short": ("a.png", png()[:-20], "export_unreadable"),
    "notebook with rows": ("a.ipynb", notebook(shows(text_html=FRAME_HTML)), "export_row_level"),
    "notebook with printed rows": (
        "a.ipynb",
        notebook(shows(text_plain="   age sex diagnosis\n0   71   F   I21\n1   65   M   C34")),
        "export_row_level",
    ),
    "notebook with value counts": (
        "a.ipynb",
        notebook(shows(text_plain="sex\nF    300\nM      2\nName: count, dtype: int64")),
        "export_small_count",
    ),
    "notebook with a pseudonym": ("a.ipynb", notebook(source="d[d.id == 'k7f3q9x2m4']"), "export_pseudonyms"),
    "notebook with a script": (
        "a.ipynb",
        notebook(shows(text_html="<img src=x onerror=alert(1)>")),
        "export_notebook_output",
    ),
    "notebook with embedded data": (
        "a.ipynb",
        notebook(shows(**{"application_vnd.plotly.v1+json": {"data": [1]}})),
        "export_notebook_output",
    ),
    "notebook with widget state": ("a.ipynb", notebook(metadata={"widgets": {"state": {}}}), "export_notebook_state"),
    "notebook picture with more behind": (
        "a.ipynb",
        notebook(shows(image_png=base64.b64encode(png(extra=b"secret")).decode())),
        "export_picture_trailing",
    ),
    "no notebook": ("a.ipynb", '{"cells": 1}', "export_unreadable"),
    "no pdf": ("a.pdf", b"%PDF-1.7\nrubbish", "export_unreadable"),
}  # fmt: skip

SAFE: dict[str, tuple[str, bytes | str]] = {
    "table": ("a.csv", table(("sex", "n", "percent"), ("F", 520, 52.0), ("M", 480, 48.0))),
    "rounded to midpoints of six": ("a.csv", table(("group", "n"), ("a", 3), ("b", 15), ("c", 27), ("d", 9))),
    "regression": (
        "a.csv",
        table(("variable", "coef", "se", "p"), ("age", -0.41, 0.05, 0.001), ("sex", 0.2, 0.07, 1)),
    ),
    "wide counts": ("a.csv", table(("region", "F", "M"), ("north", 40, 33), ("south", 30, 25))),
    "suppressed cells": ("a.csv", table(("sex", "n"), ("F", "<10"), ("M", 50), ("X", "*"))),
    "counts by year": ("a.csv", table(("year", "grade", "n"), (2019, 1, 40), (2019, 2, 30), (2020, 1, 44))),
    "counts by age in Chinese": ("a.csv", table(("年龄", "人数"), (1, 40), (2, 30), (3, 44))),
    "description": ("a.csv", table(("", "age", "cost"), ("mean", 61.2, 3102.5), ("50%", 62, 2900))),
    "curve": ("a.csv", table(("fpr", "tpr"), *((n / 200, (n / 200) ** 0.5) for n in range(200)))),
    "prose": ("a.md", "# 结果\n\n共纳入 5,204 人，平均年龄 61.2 岁（标准差 12.1）。p=0.0138123456。\n"),
    "code": ("a.py", "import enclave.client as enclave\nenclave.count('visits', epsilon=0.1)\n"),
    "json": ("a.json", '{"auc": 0.81, "n": 5204}'),
    "workbook": ("a.xlsx", workbook()),
    "picture": ("a.png", png()),
    "matplotlib's picture": ("a.png", png(text=b"Software\0Matplotlib version3.10.0, https://matplotlib.org/")),
    "notebook": (
        "a.ipynb",
        notebook(
            {"output_type": "stream", "name": "stdout", "text": "AUC 0.81\n"},
            shows(text_plain="sex\nF    300\nM    250\nName: count, dtype: int64"),
            shows(image_png=base64.b64encode(png()).decode()),
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", UNSAFE)
@pytest.mark.clause("10.4.2-e-1k")
def test_unsafe_files_are_stopped_for_the_right_reason(case: str) -> None:
    name, content, expected = UNSAFE[case]
    report = run(name, content)
    assert report.blocked
    assert expected in codes(report)


@pytest.mark.parametrize("case", SAFE)
def test_safe_files_pass(case: str) -> None:
    report = run(*SAFE[case])
    assert codes(report) == set()
    assert report.preview


def test_pdf(tmp_path: Path) -> None:
    pikepdf = pytest.importorskip("pikepdf")
    document = pikepdf.new()
    document.add_blank_page()
    body = io.BytesIO()
    document.save(body)
    report = run("a.pdf", body.getvalue())
    assert codes(report) == set()
    assert codes(report, blocking=False) == {"export_pdf"}
    document.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS="app.alert(1)")
    document.attachments["rows.csv"] = b"a,b"
    body = io.BytesIO()
    document.save(body)
    assert "export_pdf_part" in codes(run("a.pdf", body.getvalue()))
    body = io.BytesIO()
    document.save(body, encryption=pikepdf.Encryption(owner="o", user=""))
    assert run("a.pdf", body.getvalue()).blocked


def test_a_percentage_that_stands_for_few_is_shown() -> None:
    report = run("a.csv", table(("group", "n", "%"), ("a", 200, 1.5), ("b", 400, 40.0)))
    assert codes(report, blocking=False) == {"export_implied_count"}


def test_extremes_are_shown() -> None:
    report = run("a.csv", table(("variable", "mean", "max"), ("age", 61.5, 104.0), ("cost", 12.5, 90000.5)))
    assert "export_extreme" in codes(report, blocking=False)


def test_findings_say_where_and_never_what() -> None:
    """P12: the values found do not travel in findings."""
    report = run("a.csv", table(("note", "x"), ("11010519491231002X", 1.5), ("13812345678", 1.5)))
    said = json.dumps([finding.facts for finding in report.findings])
    assert "1101" not in said
    assert "138" not in said
    assert '"row": 2' in said


def test_every_finding_has_a_rule_and_a_sentence_in_both_languages() -> None:
    for code in rules().findings:
        assert code in catalogue()


@pytest.mark.clause("10.4.1-b-4")
def test_every_finding_names_its_clause() -> None:
    assert all(rule.clauses and rule.severity in ("block", "look") for rule in rules().findings.values())


@given(
    st.lists(st.integers(0, 400), min_size=2, max_size=12),
    st.sampled_from(["n", "人数", "Count", "患者数", "cases (total)"]),
    st.sampled_from(["utf-8", "utf-8-sig", "gb18030", "utf-16"]),
    st.sampled_from([",", ";", "\t"]),
)
@settings(max_examples=60)
def test_no_small_count_passes_in_any_encoding_or_separator(
    counts: list[int], header: str, encoding: str, separator: str
) -> None:
    lines = [f"组别{separator}{header}", *(f"组{n}{separator}{count}" for n, count in enumerate(counts))]
    report = run("a.csv", "\n".join(lines).encode(encoding))
    small = any(0 < count < 10 for count in counts)
    midpoints = len([c for c in counts if c]) >= 3 and all(c % 6 == 3 for c in counts if c)
    assert report.blocked == small or midpoints


@given(st.binary(max_size=400), st.sampled_from(["a.csv", "a.txt", "a.xlsx", "a.png", "a.pdf", "a.ipynb", "a.md"]))
@settings(max_examples=200)
def test_no_bytes_crash_a_check(content: bytes, name: str) -> None:
    magic = {"a.xlsx": b"PK\x03\x04", "a.png": b"\x89PNG\r\n\x1a\n", "a.pdf": b"%PDF-1.4\n"}.get(name, b"")
    for body in (content, magic + content):
        assert isinstance(run(name, body), Report)


@given(st.data())
@settings(max_examples=80)
def test_damaged_files_are_stopped_or_stay_readable(data: st.DataObject) -> None:
    for name, whole in (("a.xlsx", WORKBOOK), ("a.png", png()), ("a.ipynb", notebook().encode())):
        damaged = bytearray(whole)
        for _ in range(data.draw(st.integers(1, 5))):
            damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
        assert isinstance(run(name, bytes(damaged)), Report)


# --- the process of its own --------------------------------------------------------------------------------------


def test_a_check_in_its_own_process_says_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(table(("sex", "n"), ("F", 3), ("M", 50)).encode())
    assert isolated.check("a.csv", path, CONTEXT) == run("a.csv", path.read_bytes())


def test_a_check_that_dies_or_hangs_is_a_blocking_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * 100)
    monkeypatch.setattr(isolated, "MEMORY", 1 << 20)  # not even the interpreter starts
    assert codes(isolated.check("a.txt", path, CONTEXT)) == {"export_check_failed"}


def test_a_bomb_is_stopped_within_its_limits(tmp_path: Path) -> None:
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"0" * (200 << 20))
    path = tmp_path / "bomb"
    path.write_bytes(body.getvalue())
    assert path.stat().st_size < 1 << 20
    assert isolated.check("a.xlsx", path, CONTEXT).blocked


def test_the_process_has_no_rights_and_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a hostile file could make the parser do: read a file of ours, see the environment, write."""
    monkeypatch.setenv("ENCLAVE_SECRET", "x")
    seen: dict[str, Any] = {}

    class Done:
        returncode = 1

    def run_instead(command: list[str], **options: Any) -> Done:
        seen.update(options)
        return Done()

    monkeypatch.setattr(isolated.subprocess, "run", run_instead)
    path = tmp_path / "a"
    path.write_bytes(b"x")
    isolated.check("a.txt", path, CONTEXT)
    assert "ENCLAVE_SECRET" not in seen["env"]
    if isolated.os.geteuid() == 0:
        assert seen["user"] == isolated.NOBODY
        assert seen["extra_groups"] == []


def test_time_for_the_largest_file() -> None:
    """A file at the size limit is judged in seconds: a reviewer is not kept waiting, the gateway not held up."""
    import time

    chooser = random.Random(1)
    lines = ["a,b,c,d"] + [f"{chooser.random()},{chooser.random()},x{n},y" for n in range(300_000)]
    content = "\n".join(lines).encode()[: rules().limits["file_bytes"]]
    started = time.monotonic()
    assert run("a.csv", content).blocked
    assert time.monotonic() - started < 15
