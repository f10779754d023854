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
from stdnum import luhn
from stdnum.iso7064 import mod_11_2

from enclave.cli.main import main
from enclave.deidentify import profiles
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
        ("x,y\n1,a\n", "x,x", ["a.csv", "x"]),
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


MANY = pd.DataFrame(
    {
        "患者编号": [f"P{n:05d}" for n in range(200)],
        "姓名": [
            f"{'王李张刘陈'[n % 5]}{'伟芳敏静丽强磊洋艳勇'[n % 10]}{'一二三四五六七八'[n % 8]}" for n in range(200)
        ],
        "性别": ["男", "女"] * 100,
        "年龄": [20 + n * 7 % 60 for n in range(200)],
        "入院日期": [f"2024-{n % 12 + 1:02d}-{n % 28 + 1:02d}" for n in range(200)],
        "诊断": [["I10", "E11.9", "J18.9", "K80.2", "N18.3"][n % 5] for n in range(200)],
    }
)


def many(folder: Path) -> Path:
    MANY.to_csv(folder / "many.csv", index=False)
    return folder / "many.csv"


def test_deidentify_writes_what_it_says(nowhere: Path, enclave: Enclave) -> None:
    words = ["deidentify", str(many(nowhere)), "--profile", "standard", "--out", str(nowhere / "out"), "--json"]
    said = json.loads(enclave(*words))
    assert said["paths"] == [str(nowhere / "out" / "many.csv")] and said["profile"] == "standard"
    assert said["before"]["k"] < 10 <= said["after"]["k"]
    assert (said["methods"]["姓名"], said["methods"]["患者编号"]) == ("drop", "pseudonym")
    assert set(said["levels"]) == {"性别", "年龄"} and 0 < said["loss"] <= 1
    written = pd.read_csv(nowhere / "out" / "many.csv")
    assert len(written) == said["rows"] == 200 - said["suppressed_rows"]
    assert written.groupby(["性别", "年龄"], dropna=False).size().min() == said["after"]["k"]
    assert not any(name.startswith("_") for name in written) and "姓名" not in written
    assert not set(written["患者编号"]) & set(MANY["患者编号"])
    assert written["诊断"].tolist() != MANY["诊断"].tolist(), "rows in the order of the file join it"
    assert sorted(path.name for path in nowhere.iterdir()) == ["many.csv", "out"]


def test_two_runs_cannot_be_joined(nowhere: Path, enclave: Enclave) -> None:
    for out in ("one", "two"):
        enclave("deidentify", str(many(nowhere)), "--out", str(nowhere / out))
    one, two = (set(pd.read_csv(nowhere / out / "many.csv")["患者编号"]) for out in ("one", "two"))
    assert len(one) == len(two) and not one & two


def test_tables_of_a_folder_stay_joinable(nowhere: Path, enclave: Enclave) -> None:
    folder = nowhere / "tables"
    folder.mkdir()
    MANY.to_parquet(folder / "patients.parquet")
    MANY[["患者编号"]].assign(结果=range(200)).to_parquet(folder / "labs.parquet")
    said = json.loads(enclave("deidentify", str(folder), "--out", str(nowhere / "out"), "--json"))
    assert [Path(path).name for path in said["paths"]] == ["labs.parquet", "patients.parquet"]
    labs, patients = (pd.read_parquet(path) for path in said["paths"])
    assert set(labs["患者编号"]) == set(patients["患者编号"])


def test_the_limited_form_and_a_profile_of_ones_own(nowhere: Path, enclave: Enclave) -> None:
    profile = Path(profiles.FOLDER / "standard.yaml").read_text("utf-8").replace("name: standard", "name: own")
    (nowhere / "own.yaml").write_text(profile, encoding="utf-8")
    words = ["deidentify", str(many(nowhere)), "--profile", "own.yaml", "--form", "limited", "--out", "out", "--json"]
    said = json.loads(enclave(*words))
    assert (said["profile"], said["form"], said["suppressed_rows"]) == ("own", "limited", 0)
    assert said["methods"]["入院日期"] == "shift" and said["after"]["quasi_identifiers"] == ["性别", "年龄"]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--out", "."], ["."]),
        (["--out", "out", "--k", "500"], ["many.csv", "500"]),
        (["--out", "out", "--profile", "unknown"], ["unknown.yaml"]),
        (["--out", "out", "--profile", "broken.yaml"], ["broken.yaml"]),
    ],
)
def test_deidentify_writes_nothing_when_it_cannot(
    nowhere: Path, enclave: Enclave, words: list[str], named: list[str]
) -> None:
    (nowhere / "broken.yaml").write_text("name: broken\n")
    said = enclave("deidentify", str(many(nowhere)), *words, fails=True).strip().splitlines()
    assert len(said) == 2 and all(word in sentence for word in named for sentence in said)
    assert sorted(path.name for path in nowhere.iterdir()) == ["broken.yaml", "many.csv"]


def test_compare_tells_what_each_column_lost(nowhere: Path, enclave: Enclave) -> None:
    enclave("deidentify", str(many(nowhere)), "--out", "out")
    said = json.loads(enclave("compare", "many.csv", "out", "--json"))
    columns = {column["name"]: column for column in said["columns"]}
    assert (columns["姓名"]["kept"], columns["姓名"]["lost"]) == (False, 1.0)
    assert columns["患者编号"]["lost"] == pytest.approx(0, abs=0.1)
    assert 0 < columns["年龄"]["lost"] <= 1
    assert said["risk"]["before"]["k"] < said["risk"]["after"]["k"]
    assert said["risk"]["before"]["quasi_identifiers"] == ["性别", "年龄"]
    shown = enclave("compare", "many.csv", "out", "--qi", "性别")
    assert "年龄" in shown


def test_compare_with_itself_and_with_nothing_in_common(nowhere: Path, enclave: Enclave) -> None:
    many(nowhere)
    said = json.loads(enclave("compare", "many.csv", "many.csv", "--json"))
    assert said["lost"] == 0 and said["risk"]["before"] == said["risk"]["after"]
    (nowhere / "other.csv").write_text("z\n1\n2\n")
    said = json.loads(enclave("compare", "many.csv", "other.csv", "--json"))
    assert (said["lost"], said["added"], said["risk"]["after"]["k"]) == (1, ["z"], 2)
    one, two = nowhere / "one", nowhere / "two"
    one.mkdir(), two.mkdir()
    for folder, names in ((one, "ab"), (two, "cd")):
        for name in names:
            (folder / f"{name}.csv").write_text("x\n1\n")
    told = enclave("compare", "one", "two", fails=True)
    assert "one" in told and "two" in told
    assert "nowhere" in enclave("compare", "many.csv", "many.csv", "--qi", "nowhere", fails=True)


def test_long_numbers_of_a_file_are_no_quantities(nowhere: Path, enclave: Enclave) -> None:
    bodies = [f"622848{n:012d}" for n in range(40)]
    cards = [body + luhn.calc_check_digit(body) for body in bodies]
    numbers = [f"11010119900101{n:03d}" for n in range(40)]
    ids = [body + mod_11_2.calc_check_digit(body) for body in numbers]
    ids = [number for number in ids if number[-1] != "X"][:35] + [number for number in ids if number[-1] == "X"][:1]
    pd.DataFrame({"f1": cards[: len(ids)], "f2": ids, "x": 1}).to_csv("long.csv", index=False)
    found = {column["name"]: column for column in json.loads(enclave("classify", "long.csv", "--json"))["columns"]}
    assert (found["f1"]["kind"], found["f2"]["kind"]) == ("bank_card", "national_id")
