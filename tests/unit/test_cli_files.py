"""`enclave risk`, `classify`, `deidentify` and `compare` as a steward types them: no home, no database, no server."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from openpyxl import Workbook

from enclave.cli.main import main
from enclave.kernel.settings import settings

ROWS = pd.DataFrame(
    {
        "姓名": [f"王{'一二三四五六七八'[n % 8]}{n}" for n in range(40)],
        "性别": ["男", "女"] * 20,
        "年龄": [30 + n // 10 for n in range(40)],
        "诊断": ["I10", "E11.9", "J18.9", "K80.2"] * 10,
    }
)


Enclave = Callable[..., str]


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Stand in a folder with no home below, as on a machine where nothing was ever started."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("ENCLAVE_")]:
        monkeypatch.delenv(name)
    settings.cache_clear()
    yield tmp_path
    assert not (tmp_path / ".enclave").exists()
    settings.cache_clear()


@pytest.fixture
def enclave(nowhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Enclave:
    """Run the command as typed and return what it printed, or what it said when it had to fail."""

    def run(*words: str, fails: bool = False) -> str:
        monkeypatch.setattr(sys, "argv", ["enclave", *words])
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr()
        assert bool(end.value.code) == fails, said.err
        return said.err if fails else said.out

    return run


def risk_of(enclave: Enclave, path: Path, qi: str, *more: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(enclave("risk", str(path), "--qi", qi, "--json", *more))
    return found


def as_csv(folder: Path, encoding: str = "utf-8", name: str = "rows.csv") -> Path:
    path = folder / name
    path.write_text(ROWS.to_csv(index=False), encoding=encoding)
    return path


def as_workbook(folder: Path) -> Path:
    book = Workbook()
    for row in [list(ROWS), *ROWS.itertuples(index=False)]:
        book.active.append(list(row))
    book.save(folder / "rows.xlsx")
    return folder / "rows.xlsx"


def as_parquet(folder: Path) -> Path:
    ROWS.to_parquet(folder / "rows.parquet")
    return folder / "rows.parquet"


EXPECTED = {
    "rows": 40,
    "quasi_identifiers": ["性别", "年龄"],
    "k": 5,
    "classes": 8,
    "uniques": 0,
    "below_k": {"5": 0, "10": 40},
    "l": {"诊断": 2},
    "t": {"诊断": 0.5},
    "missing": "own_class",
    "k_by_reading": {"own_class": 5, "wildcard": 5},
}


@pytest.mark.parametrize("make", [as_csv, as_workbook, as_parquet])
def test_risk_of_every_format_with_nothing_running(nowhere: Path, enclave: Enclave, make: Any) -> None:
    assert risk_of(enclave, make(nowhere), "性别,年龄") == EXPECTED


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8-sig", "utf-16", "big5"])
def test_risk_of_every_encoding(nowhere: Path, enclave: Enclave, encoding: str) -> None:
    big5 = encoding == "big5"
    if big5:
        ROWS.rename(columns={"性别": "性別", "年龄": "年齡", "诊断": "診斷"}).drop(columns="姓名").to_csv(
            nowhere / "rows.csv", index=False, encoding="big5"
        )
        found = risk_of(enclave, nowhere / "rows.csv", "性別,年齡", "--encoding", "big5", "--sensitive", "診斷")
        assert (found["k"], found["l"]) == (5, {"診斷": 2})
    else:
        assert risk_of(enclave, as_csv(nowhere, encoding), "性别，年龄") == EXPECTED


def test_risk_counts_missing_both_ways(nowhere: Path, enclave: Enclave) -> None:
    (nowhere / "a.csv").write_text("x,y\n1,a\n1,a\n,a\n2,b\n2,b\n")
    found = risk_of(enclave, nowhere / "a.csv", "x,y")
    assert (found["k"], found["missing"], found["uniques"]) == (1, "own_class", 1)
    assert found["k_by_reading"] == {"own_class": 1, "wildcard": 2}


def test_risk_of_a_folder_is_that_of_each_table(nowhere: Path, enclave: Enclave) -> None:
    folder = nowhere / "tables"
    folder.mkdir()
    as_csv(folder, name="one.csv")
    (folder / "two.csv").write_text("id,年龄,结果\n1,30,5.5\n2,31,5.5\n")
    (folder / "codes.csv").write_text("code,wording\nA,one\nB,two\n")
    found = risk_of(enclave, folder, "性别,年龄")
    assert [(part["table"], part["quasi_identifiers"], part["k"]) for part in found["tables"]] == [
        ("one", ["性别", "年龄"], 5),
        ("two", ["年龄"], 1),
    ]


def test_risk_for_people(nowhere: Path, enclave: Enclave) -> None:
    shown = enclave("risk", str(as_csv(nowhere)), "--qi", "性别,年龄")
    assert "k" in shown and "40" in shown and "诊断" in shown


@pytest.mark.parametrize(
    ("content", "qi", "named"),
    [
        ("x,y\n1,a\n", "x,z", ["a.csv", "z", "x, y"]),
        ("x,y\n1,a\n", "x,x", ["x"]),
        ("x,y\n1,a\n", " ,", ["a.csv"]),
        ("x,y\n1,a\n2\n", "x", ["a.csv", "3"]),
        ("x,x\n1,a\n", "x", ["a.csv", "x", "1", "2"]),
        ("x,年龄\n" + "1,30\n" * 99 + "1,未知年龄\n", "x", ["a.csv", "101", "年龄"]),
        ("x,y\n", "x", ["a.csv"]),
    ],
)
def test_errors_name_file_column_and_row_in_both_languages(
    nowhere: Path, enclave: Enclave, content: str, qi: str, named: list[str]
) -> None:
    (nowhere / "a.csv").write_text(content, encoding="utf-8")
    said = enclave("risk", str(nowhere / "a.csv"), "--qi", qi, fails=True).strip().splitlines()
    assert len(said) == 2, said
    for sentence in said:
        assert all(word in sentence for word in named), sentence
    assert any("\u4e00" <= char <= "\u9fff" for char in said[0].replace("年龄", ""))


def test_classify_prints_the_documented_form(nowhere: Path, enclave: Enclave) -> None:
    found = json.loads(enclave("classify", str(as_csv(nowhere, "gb18030")), "--json"))
    assert found["file"] == "rows.csv"
    roles = {column["name"]: column["role"] for column in found["columns"]}
    assert roles == {"姓名": "direct", "性别": "quasi", "年龄": "quasi", "诊断": "sensitive"}
    for column in found["columns"]:
        assert {"name", "role", "level", "category", "reason_en", "reason_zh"} <= set(column)
        assert not any(value in column["reason_zh"] + column["reason_en"] for value in ROWS["姓名"])


def test_classify_a_folder_and_for_people(nowhere: Path, enclave: Enclave) -> None:
    as_csv(nowhere, name="one.csv")
    (nowhere / "two.csv").write_text("patient_id,result\n1,5.5\n2,5.6\n")
    found = json.loads(enclave("classify", str(nowhere), "--json"))
    assert [part["file"] for part in found["tables"]] == ["one.csv", "two.csv"]
    assert "诊断" in enclave("classify", str(nowhere / "one.csv"))
