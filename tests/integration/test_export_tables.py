"""A table leaves only if it and everything released before isolate no group under the threshold (P11)."""

from __future__ import annotations

import csv
import hashlib
import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import pandas as pd
import pytest

from enclave.kernel import crypto, ledger
from enclave.kernel.db import reading
from enclave.kernel.errors import EnclaveError, Invalid, Refused
from enclave.kernel.identity import Actor
from enclave.outputs import access
from enclave.outputs.tables import service as tables
from enclave.outputs.tables.service import TableRequest, TableView
from tests.conftest import Home
from tests.factories import projects
from tests.fixtures.objectstore import MemoryStore

pytestmark = [pytest.mark.promise("P11"), pytest.mark.clause("10.4.2-e-2d5")]


@dataclass
class World:
    """Two projects of different people on one data set, and their extracts."""

    people: dict[str, Actor]
    folder: Path
    extracts: projects.Extracts = field(default_factory=dict)

    def extract(self, project_id: str, frame: pd.DataFrame, name: str = "visits") -> None:
        projects.add_extract(self.extracts, self.folder, project_id, name, frame)

    def ask(self, who: str, project_id: str, *by: str, **where: object) -> TableView:
        conditions = tuple({"column": column, "op": "=", "value": value} for column, value in where.items())
        return tables.request(self.people[who], TableRequest(project_id, "visits", by, conditions))


@pytest.fixture
def world(home: Home, people: dict[str, Actor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    projects.make_project("p-tables01", ("li",))
    projects.make_project("p-tables02", ("zhang",), first_uid=200005)
    made = World(people, tmp_path)
    monkeypatch.setattr(access.workspaces, "trusted_tables", projects.tables_of(made.extracts))
    return made


def persons(sizes: dict[tuple[str, str], int], start: int = 0) -> pd.DataFrame:
    rows = [(sex, area) for (sex, area), size in sizes.items() for _ in range(size)]
    frame = pd.DataFrame(rows, columns=["sex", "area"])
    return frame.assign(_person=range(start, start + len(frame)))


def shown(view: TableView) -> dict[tuple[str | None, ...], int]:
    return {tuple(cell["values"]): cell["persons"] for cell in view.cells}


def actions() -> list[str]:
    with reading() as session:
        return [body["action"] for body, _ in ledger.stored(session)]


def test_counts_are_of_persons_and_small_cells_stay_hidden(world: World) -> None:
    frame = persons({("F", "north"): 30, ("F", "south"): 40, ("M", "north"): 9, ("M", "south"): 10})
    world.extract("p-tables01", pd.concat([frame, frame]))  # two rows a person
    view = world.ask("li", "p-tables01", "sex", "area")
    assert shown(view) == {("F", "north"): 30, ("F", "south"): 40, ("M", "south"): 10}
    assert actions()[-1] == "table.released"


def test_a_total_does_not_give_a_hidden_cell_back(world: World) -> None:
    """ACRO #198: 3 hidden of a total of 200, then the total."""
    world.extract("p-tables01", persons({("F", "north"): 197, ("M", "north"): 3}))
    assert shown(world.ask("li", "p-tables01", "sex")) == {("F",): 197}
    with pytest.raises(Refused) as refusal:
        world.ask("li", "p-tables01")
    assert refusal.value.code == "table_attack"
    assert "3" in refusal.value.facts["attack_en"]
    assert actions()[-1] == "table.refused"


def test_two_projects_one_person_apart_the_second_is_refused_with_the_sum(world: World) -> None:
    """ACRO #117: cell 60, then 59 after leaving one person out, asked by somebody else."""
    everybody = persons({("F", "north"): 60, ("M", "north"): 50})
    world.extract("p-tables01", everybody)
    world.extract("p-tables02", everybody[everybody["_person"] != 7])
    first = world.ask("li", "p-tables01", "sex")
    with pytest.raises(Refused) as refusal:
        world.ask("zhang", "p-tables02", "sex")
    assert refusal.value.code == "table_attack"
    for sentence in (refusal.value.message("zh"), refusal.value.message("en")):
        assert first.id in sentence
        assert "1" in sentence
    # What does not touch that person may still be counted.
    assert shown(world.ask("zhang", "p-tables02", "sex", sex="M")) == {("M",): 50}


def test_three_tables_that_are_only_jointly_unsafe(world: World) -> None:
    """A + B - C isolates five persons though every pair is safe."""
    frame = persons({("F", "north"): 50, ("F", "south"): 50, ("M", "north"): 50, ("M", "south"): 5})
    world.extract("p-tables01", frame)
    world.extract("p-tables02", frame)
    world.ask("li", "p-tables01", "sex")  # F 100, M 55
    assert shown(world.ask("zhang", "p-tables02", "sex", "area", sex="F")) == {("F", "north"): 50, ("F", "south"): 50}
    with pytest.raises(Refused):
        world.ask("zhang", "p-tables02", "area", sex="M")  # M north 50 shown, M south 5 hidden: 55 - 50


@pytest.mark.parametrize("turn", range(3))
def test_two_requests_at_once_that_are_only_jointly_unsafe_do_not_both_pass(world: World, turn: int) -> None:
    frame = persons({("F", "north"): 200, ("M", "north"): 200})
    world.extract("p-tables01", frame)
    world.extract("p-tables02", frame[frame["_person"] != 3])

    def one(who: str, project_id: str) -> str:
        try:
            return world.ask(who, project_id, "sex").id
        except EnclaveError as refusal:
            return refusal.code

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(one, ("li", "zhang"), ("p-tables01", "p-tables02")))
    assert sorted(outcome.startswith("tab-") for outcome in outcomes) == [False, True]
    assert "table_attack" in outcomes


def test_many_requests_at_once_leave_nothing_isolated(world: World) -> None:
    """Ten nested cohorts, each two persons larger: of any two released, the difference is at least ten."""
    frame = persons({("F", "north"): 120})
    for number in range(10):
        world.extract("p-tables01", frame[frame["_person"] < 100 + 2 * number], name=f"t{number}")

    def one(number: int) -> int | None:
        try:
            view = tables.request(world.people["li"], TableRequest("p-tables01", f"t{number}"))
        except Refused:
            return None
        return int(view.cells[0]["persons"])

    with ThreadPoolExecutor(10) as pool:
        sizes = sorted(size for size in pool.map(one, range(10)) if size)
    assert sizes
    assert all(large - small >= 10 for small, large in combinations(sizes, 2))


def test_the_same_question_returns_the_same_table(world: World) -> None:
    world.extract("p-tables01", persons({("F", "north"): 60, ("M", "north"): 50}))
    first = world.ask("li", "p-tables01", "sex", "area")
    assert world.ask("li", "p-tables01", "sex", "area").id == first.id
    assert world.ask("li", "p-tables01", "area", "sex").id == first.id
    assert len(tables.released(world.people["li"], "p-tables01")) == 1


def test_hidden_by_its_own_sums_against_the_published_size(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The catalogue says 115 persons: showing 60 and 50 would give away the hidden 5."""
    from catalog_browser import service as catalog
    from catalog_browser.views import VersionView

    class Source:
        persons = 115

    monkeypatch.setattr(catalog, "latest", lambda *_: Source())
    assert VersionView.__dataclass_fields__.keys() >= {"persons"}
    world.extract("p-tables01", persons({("F", "north"): 60, ("M", "north"): 50, ("X", "north"): 5}))
    assert shown(world.ask("li", "p-tables01", "sex")) == {("F",): 60}


def test_nothing_to_show_is_a_refusal(world: World) -> None:
    world.extract("p-tables01", persons({("F", "north"): 4, ("M", "south"): 3}))
    with pytest.raises(Refused) as refusal:
        world.ask("li", "p-tables01", "sex")
    assert refusal.value.code == "table_small"


def test_a_table_of_institutions_has_no_persons_to_count(world: World) -> None:
    world.extract("p-tables01", pd.DataFrame({"hospital": ["A", "B"], "beds": [100, 200]}))
    with pytest.raises(Invalid) as refusal:
        world.ask("li", "p-tables01", "hospital")
    assert refusal.value.code == "output_not_persons"


@pytest.mark.parametrize("by", [("_person",), ("nope",), ("sex", "sex"), ("sex", "area", "a", "b"), ('sex"; drop',)])
def test_columns_that_cannot_be_counted_by(world: World, by: tuple[str, ...]) -> None:
    world.extract("p-tables01", persons({("F", "north"): 60}))
    with pytest.raises(Invalid):
        world.ask("li", "p-tables01", *by)


@pytest.mark.promise("P5")
def test_what_is_downloaded_is_what_was_released_byte_for_byte(world: World, object_store: MemoryStore) -> None:
    world.extract("p-tables01", persons({("F", "=cmd()"): 60, ("M", "北"): 50}))
    view = world.ask("li", "p-tables01", "area")
    content = tables.download(world.people["li"], view.id)
    assert hashlib.sha256(content).hexdigest() == view.csv_sha256
    assert list(csv.reader(io.StringIO(content.decode("utf-8-sig")))) == [
        ["area", "persons"],
        ["'=cmd()", "60"],
        ["北", "50"],
    ]
    assert actions()[-1] == "table.downloaded"
    with pytest.raises(Refused):
        tables.download(world.people["zhang"], view.id)
    key = next(key for key in object_store.objects if key.startswith("tables/"))
    object_store.objects[key] = object_store.objects[key][:-1] + b"x"
    with pytest.raises(crypto.Tampered):
        tables.download(world.people["li"], view.id)
