"""The whole runtime together: sign-in, sandbox, kernel, red team, revocation, on a real hub."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from enclave.kernel.settings import settings
from tests.conftest import Home
from tests.factories.accounts import PASSWORD
from tests.factories.projects import end_project, make_project
from tests.fixtures.runtime import Hub, Person, make_extract, make_version, running_hub

pytestmark = [pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)]
PROJECT, OTHER = "p-hubtest1", "p-hubtest2"


@pytest.fixture
def hub(home: Home, people: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    monkeypatch.setenv("ENCLAVE_PORT", "18400")
    monkeypatch.setenv("ENCLAVE_PORT_BASE", "18410")
    settings.cache_clear()
    make_version()
    make_project(PROJECT, ("li", "zhang"))
    make_project(OTHER, ("zhang",), first_uid=200050)
    make_extract(PROJECT)
    make_extract(OTHER)
    settings().run_dir.mkdir(mode=0o711, exist_ok=True)
    with running_hub({f"li--{PROJECT}": 200001, f"zhang--{OTHER}": 200050}, tmp_path) as hub:
        yield hub


def test_an_analyst_works_in_the_enclave_until_the_grant_ends(hub: Hub) -> None:
    li = Person(hub, "li")
    assert li.sign_in(PASSWORD).status_code in (200, 503)
    started = time.monotonic()
    page = li.open_enclave(PROJECT)
    print("ready after", time.monotonic() - started)
    assert page.status_code == 200, (page.url, page.text[-500:], hub.log.read_text()[-3000:])
    kernel = li.kernel(PROJECT)
    assert kernel.run("print(1 + 1)") == "2\n"
    assert kernel.run("print(open('/data/demo/visits.parquet').read())") == "sex,age\nF,61\n\n"
    end_project(PROJECT)
    ended = time.monotonic()
    while li.get(PROJECT, "api/status").status_code == 200:
        time.sleep(0.05)
        assert time.monotonic() - ended < 5
    print("cut off after", time.monotonic() - ended)
