"""What a page may read from this machine, and what of a data set a page may show as a sample."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from catalog_browser import samples
from catalog_browser.samples import SampleTable
from enclave.deidentify import incoming
from enclave.kernel.errors import NotFound
from enclave.kernel.identity import ANONYMOUS, Actor
from tests.conftest import Home
from tests.factories import requests


def test_what_lies_in_the_incoming_folder_is_offered_by_name(home: Home) -> None:
    (incoming.folder() / "病案首页.csv").write_text("a,b\n1,2\n")
    (incoming.folder() / ".hidden").write_text("x")
    (incoming.folder() / "folder").mkdir()
    assert [(each.name, each.size) for each in incoming.arrivals()] == [("folder", 0), ("病案首页.csv", 8)]
    assert incoming.arrived("病案首页.csv").read_text() == "a,b\n1,2\n"


@pytest.mark.parametrize("name", ["../secrets/master", "/etc/passwd", "", ".", "..", ".hidden", "missing.csv", "link"])
def test_no_name_leads_out_of_the_incoming_folder(home: Home, tmp_path: Path, name: str) -> None:
    (tmp_path / "elsewhere").write_text("secret")
    (incoming.folder() / "link").symlink_to(tmp_path / "elsewhere")
    (incoming.folder() / ".hidden").write_text("x")
    with pytest.raises(NotFound):
        incoming.arrived(name)


@pytest.mark.parametrize("name", ["数据.csv", "../../x.csv", "/etc/passwd", ".bashrc", "a b.zip"])
def test_an_upload_keeps_its_own_name_and_stays_in_its_folder(home: Home, name: str) -> None:
    with incoming.uploaded(name, io.BytesIO(b"content")) as path:
        assert path.read_bytes() == b"content"
        assert path.parent.parent == home.path / "spool"
        assert path.name == Path(name).name.lstrip(".")
    assert not path.parent.exists()


def test_a_sample_is_the_synthetic_version_alone_and_hides_the_person(people: dict[str, Actor]) -> None:
    entry = requests.publish(people["wang"], {"cases": requests.cases(50)})
    (table,) = samples.sample(ANONYMOUS, entry.id)
    assert table.name == "cases" and "_person" not in table.columns and len(table.rows) == 50
    real = entry.latest("deidentified")
    assert real is not None
    with pytest.raises(NotFound):
        samples._read(real)


def test_the_download_opens_in_a_spreadsheet_as_chinese() -> None:
    content = SampleTable("t", ("性别", "备注"), (("女", 'a,"b"'), (None, "行\n行"))).csv()
    assert content.startswith(b"\xef\xbb\xbf")
    assert content.decode("utf-8-sig") == '性别,备注\r\n女,"a,""b"""\r\n,"行\n行"\r\n'
