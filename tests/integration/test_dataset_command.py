"""`enclave dataset` on the machine itself: register, look, confirm, build, and refusals in two languages."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from catalog_browser import service as catalogue
from enclave.cli.dataset import app
from enclave.deidentify.descriptions import load_descriptions
from enclave.kernel.errors import EnclaveError, Invalid, NotFound, Refused
from enclave.kernel.identity import Actor, system
from tests.conftest import Home

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


def run(*words: str) -> Result:
    result = CliRunner().invoke(app, list(words))
    if isinstance(result.exception, EnclaveError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


def given(tmp_path: Path) -> Path:
    path = tmp_path / "首页.csv"
    lines = "".join(f"{n // 2},{20 + n % 50},{'阴性' if n % 9 else '阳性'},{n % 5}\n" for n in range(400))
    path.write_bytes(("病案号,年龄,HIV抗体,住院次数\n" + lines).encode("gbk"))
    return path


def test_from_file_to_versions(home: Home, people: dict[str, Actor], tmp_path: Path) -> None:
    words = ("--slug", "first", "--title-zh", "首页", "--title-en", "Front page", "--controller", "示例医院")
    shown = run("register", str(given(tmp_path)), *words, "--as", "wang").output
    assert "直接标识 *" in shown and "200 人" in shown
    assert "first" in run("list").output and "first" not in run("list", "--public").output
    assert "病案号" in run("show", "first").output
    run("confirm", "first", "--as", "wang")
    assert "limited" in run("build", "first").output
    entry = catalogue.get(system("tests"), "first")
    for kind in ("limited", "deidentified"):
        made = entry.latest(kind)
        assert made is not None and "HIV抗体" not in made.columns["首页"]  # level 5 leaves in no version
        paths = catalogue.fetch_tables(made, tmp_path / kind)
        assert "_person" in pq.read_schema(paths["首页"]).names
    with pytest.raises(Refused) as caught:
        run("publish", "first")
    assert caught.value.code == "catalog_not_publishable"
    run("withdraw", "first", "测试结束")
    assert catalogue.get(system("tests"), "first").state == "withdrawn"


def test_who_may(home: Home, people: dict[str, Actor], tmp_path: Path) -> None:
    words = ("--slug", "first", "--title-zh", "首页", "--title-en", "Front page", "--controller", "示例医院")
    with pytest.raises(Refused):
        run("register", str(given(tmp_path)), *words, "--as", "li")
    with pytest.raises(NotFound):
        run("register", str(given(tmp_path)), *words, "--as", "nobody")


def test_described_in_a_file(home: Home, people: dict[str, Actor], tmp_path: Path) -> None:
    description = tmp_path / "first.yaml"
    description.write_text(
        "slug: described\ncontroller: 示例医院\ntexts: {title_zh: 首页, title_en: Front page, years: 2022}\n"
        "labels: {年龄: {zh: 年龄（岁）, en: age (years)}}\ncodes: {HIV抗体: {阴性: {zh: 阴性, en: negative}}}\n",
        encoding="utf-8",
    )
    run("register", str(given(tmp_path)), "--describe", str(description))
    entry = catalogue.get(system("tests"), "described")
    labels = {variable.name: variable.label("en") for variable in entry.variables}
    assert entry.years == "2022" and labels["年龄"] == "age (years)"
    assert {v.name: v.codes for v in entry.variables}["HIV抗体"]["阴性"]["en"] == "negative"


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("slug: a\n", "describe_incomplete"),
        ("- 3\n", "describe_incomplete"),
        ("slug: a\ncontroller: b\nsurprise: c\n", "describe_unknown_field"),
        ("slug: a\ncontroller: b\ntexts: {surprise: c}\n", "describe_unknown_field"),
        ("slug: [", "describe_unreadable"),
    ],
)
def test_a_description_that_is_wrong(home: Home, tmp_path: Path, written: str, code: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(written)
    with pytest.raises(Invalid) as caught:
        load_descriptions(path)
    assert caught.value.code == code and "wrong.yaml" in caught.value.message("zh")
