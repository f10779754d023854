"""The search finds the optimum: against every node of small lattices, and against what ARX publishes for Adult."""

from __future__ import annotations

import json
import math
import shutil
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from enclave.cli.main import app
from enclave.deidentify.hierarchies import read_hierarchy
from enclave.disclosure import optimal
from enclave.disclosure.generalisation import NotNested, Space, axis
from enclave.disclosure.optimal import Found, least_loss
from enclave.kernel.errors import Invalid

ADULT = Path(__file__).resolve().parents[1] / "data" / "arx-adult"
QUASI = "sex,age,race,marital-status,education,native-country,workclass,occupation,salary-class"
Hierarchies = list[dict[str, list[str]]]


# -- an oracle that looks at every node ---------------------------------------------------------------------------


def label(hierarchy: dict[str, list[str]], value: str, level: int) -> str:
    return value if level == 0 else hierarchy[value][level - 1]


def loss_of(hierarchy: dict[str, list[str]], value: str, level: int) -> float:
    own = label(hierarchy, value, level)
    leaves = sum(label(hierarchy, other, level) == own for other in hierarchy)
    return (leaves - 1) / max(len(hierarchy) - 1, 1)


def brute_force(rows: list[tuple[str, ...]], known: Hierarchies, k: int, suppress: float) -> float | None:
    """Return the least loss over all nodes, straight from its definition; None when no node is allowed."""
    best = None
    for node in product(*(range(len(next(iter(h.values()))) + 1) for h in known)):
        labels = [tuple(label(h, v, level) for h, v, level in zip(known, row, node, strict=True)) for row in rows]
        sizes = pd.Series(labels).map(pd.Series(labels).value_counts())
        small = [size < k for size in sizes]
        if sum(small) > suppress * len(rows) + 1e-9:
            continue
        losses = [
            1.0 if alone else sum(loss_of(h, v, level) for h, v, level in zip(known, row, node, strict=True)) / len(row)
            for row, alone in zip(rows, small, strict=True)
        ]
        mean = sum(losses) / len(rows)
        best = mean if best is None else min(best, mean)
    return best


@st.composite
def hierarchy(draw: Any) -> dict[str, list[str]]:
    """Draw a tree over 1 to 5 values with 1 to 3 levels above them, the last one a single label."""
    size, levels = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    parts = list(range(size))
    columns = []
    for _ in range(levels - 1):
        merged = {part: draw(st.integers(0, max(parts))) for part in sorted(set(parts))}
        parts = [merged[part] for part in parts]
        columns.append([f"g{part}" for part in parts])
    columns.append(["*"] * size)
    return {f"v{n}": [column[n] for column in columns] for n in range(size)}


@st.composite
def table(draw: Any) -> tuple[list[tuple[str, ...]], Hierarchies]:
    known = draw(st.lists(hierarchy(), min_size=1, max_size=3))
    values = [st.sampled_from(sorted(each)) for each in known]
    return draw(st.lists(st.tuples(*values), min_size=1, max_size=25)), known


def space_of(rows: list[tuple[str, ...]], known: Hierarchies) -> Space:
    return Space([axis(f"c{n}", [row[n] for row in rows], each) for n, each in enumerate(known)])


@settings(max_examples=150)
@given(table(), st.integers(1, 6), st.sampled_from([0.0, 0.1, 0.3, 0.6, 1.0]))
def test_the_search_finds_what_looking_at_every_node_finds(
    drawn: tuple[list[tuple[str, ...]], Hierarchies], k: int, suppress: float
) -> None:
    rows, known = drawn
    wanted = brute_force(rows, known, k, suppress)
    found = least_loss(space_of(rows, known), k, suppress)
    if wanted is None:
        assert found is None
        return
    assert found is not None and found.proved
    assert found.loss == pytest.approx(wanted, abs=1e-9)
    assert found.lower_bound == pytest.approx(wanted, abs=1e-9)


@settings(max_examples=60)
@given(table(), st.integers(1, 6), st.sampled_from([0.0, 0.3, 1.0]))
def test_a_search_that_is_cut_short_bounds_the_optimum_from_both_sides(
    drawn: tuple[list[tuple[str, ...]], Hierarchies], k: int, suppress: float
) -> None:
    rows, known = drawn
    wanted = brute_force(rows, known, k, suppress)
    found = least_loss(space_of(rows, known), k, suppress, seconds=0)
    if wanted is not None:
        assert found is not None
        assert found.lower_bound - 1e-9 <= wanted <= found.loss + 1e-9
        assert found.proved == (found.gap == pytest.approx(0, abs=1e-9))


@settings(max_examples=60)
@given(table(), st.integers(1, 5))
def test_generalising_never_leaves_more_alone(drawn: tuple[list[tuple[str, ...]], Hierarchies], k: int) -> None:
    space = space_of(*drawn)
    for node in product(*map(range, space.shape)):
        for place in range(len(node)):
            if node[place] + 1 < space.shape[place]:
                coarser = (*node[:place], node[place] + 1, *node[place + 1 :])
                assert space.judge(coarser, k).suppressed <= space.judge(node, k).suppressed
                assert space.label_loss(coarser) >= space.label_loss(node) - 1e-12


@settings(max_examples=150)
@given(table(), st.integers(1, 6), st.sampled_from([0.0, 0.2, 0.5, 1.0]), st.data())
def test_what_one_look_tells_of_the_nodes_below_is_never_too_much(
    drawn: tuple[list[tuple[str, ...]], Hierarchies], k: int, suppress: float, choice: st.DataObject
) -> None:
    """After any looks the bound of every other node is at most its loss: else the optimum could be lost."""
    space = space_of(*drawn)
    nodes = list(product(*map(range, space.shape)))
    looked = choice.draw(st.lists(st.sampled_from(nodes), min_size=1, max_size=6))
    search = optimal._Search(space, k, suppress, math.inf)
    for node in looked:
        search.look(node)
    for node in set(nodes) - set(looked):
        verdict = space.judge(node, k)
        if verdict.suppressed <= search.tolerated:
            assert search.least(node) <= space.label_loss(node) + verdict.added + 1e-9


def test_rolled_up_classes_are_those_counted_from_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when tables are forgotten for want of memory."""
    monkeypatch.setattr("enclave.disclosure.generalisation.KEPT_CODES", 1)
    tree = {str(n): [str(n // 2), str(n // 4), "*"] for n in range(8)}
    rows = [(str(n % 8), str(n * 5 % 8)) for n in range(60)]
    space = space_of(rows, [tree, tree])
    for node in product(range(4), repeat=2):
        counted = pd.Series([tuple(label(tree, v, level) for v, level in zip(r, node, strict=True)) for r in rows])
        assert sorted(space.classes(node).rows) == sorted(counted.value_counts())


def test_a_lattice_too_large_to_list_is_searched_without_a_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimal, "LISTED", 1)
    tree = {str(n): [str(n // 2), "*"] for n in range(6)}
    rows = [(str(n % 6), str(n % 5)) for n in range(30)]
    found = least_loss(space_of(rows, [tree, tree]), 3, 0.1)
    assert found is not None and not found.proved and found.lower_bound == 0.0


def test_what_is_no_tree_is_refused() -> None:
    with pytest.raises(NotNested):
        axis("c", ["a", "b"], {"a": ["x", "1", "*"], "b": ["x", "2", "*"]})


# -- known answers, and the command -------------------------------------------------------------------------------


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["kanonymity", *map(str, arguments)])


KNOWN = {"0": (0.635543847, 0), "0.04": (0.292815876, 1178), "0.05": (0.269634663, 1346), "1": (0.227700323, 2553)}


@pytest.mark.parametrize(("suppress", "known"), KNOWN.items())
def test_the_optima_arx_finds_on_adult(suppress: str, known: tuple[float, int]) -> None:
    """ARX 3.9.2, loss by arithmetic mean, nine columns, k = 5."""
    done = run(ADULT / "adult.csv.gz", "--qi", QUASI, "--hierarchies", ADULT, "--suppress", suppress, "--json")
    result = json.loads(done.stdout)
    assert result["loss"] == pytest.approx(known[0], abs=1e-9) and result["lower_bound"] == result["loss"]
    assert result["suppressed"] == known[1]
    assert list(result["levels"]) == QUASI.split(",")


def test_people_read_the_result_in_words() -> None:
    done = run(ADULT / "adult.csv.gz", "--qi", "sex,race", "--hierarchies", ADULT, "--k", 100)
    assert "已证明最优" in done.stdout and "30,162" in done.stdout


def refusal(*arguments: object) -> Invalid:
    error = run(*arguments).exception
    assert isinstance(error, Invalid)
    assert "{" not in error.message("zh") + error.message("en")
    return error


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data.csv").write_text("town,age\nA,1\nB,2\nC,1\n")
    (tmp_path / "data_hierarchy_town.csv").write_text("A,north,*\nB,north,*\nC,south,*\n", "utf-8")
    (tmp_path / "data_hierarchy_age.csv").write_text("1;*\n2;*\n", "utf-8")
    return tmp_path


def test_hierarchies_are_found_by_name_and_read_in_any_separator(folder: Path) -> None:
    (folder / "other_hierarchy_town.csv").write_text("X;*\n")
    done = run(folder / "data.csv", "--qi", "town,age", "--hierarchies", folder, "--k", 3, "--json")
    assert json.loads(done.stdout)["levels"] == {"town": 2, "age": 1}
    shutil.copy(folder / "data.csv", folder / "third.csv")
    assert refusal(folder / "third.csv", "--qi", "town", "--hierarchies", folder).code == "hierarchy_file"


BAD = {
    "hierarchy_lacks": "A,north,*\nB,north,*\n",
    "hierarchy_width": "A,north,*\nB,*\nC,south,*\n",
    "hierarchy_twice": "A,north,*\nB,north,*\nB,south,*\nC,south,*\n",
    "hierarchy_form": "A\nB\nC\n",
    "hierarchy_not_nested": "A,x,1,*\nB,x,2,*\nC,y,2,*\n",
}


@pytest.mark.parametrize(("code", "content"), BAD.items())
def test_a_hierarchy_that_does_not_fit_is_named_with_its_place(folder: Path, code: str, content: str) -> None:
    (folder / "data_hierarchy_town.csv").write_text(content)
    error = refusal(folder / "data.csv", "--qi", "town", "--hierarchies", folder)
    assert error.code == code
    if code == "hierarchy_lacks":
        assert (error.facts["row"], error.facts["column"], error.facts["value"]) == (4, "town", "C")


def test_other_bad_input(folder: Path) -> None:
    assert refusal(folder / "data.csv", "--qi", " , ", "--hierarchies", folder).code == "file_no_quasi_identifiers"
    (folder / "data_hierarchy_street.csv").write_text("A;*\n")
    assert refusal(folder / "data.csv", "--qi", "street", "--hierarchies", folder).code == "file_no_column"


def test_too_few_rows_for_k(folder: Path) -> None:
    done = run(folder / "data.csv", "--qi", "town,age", "--hierarchies", folder, "--k", 4)
    assert done.exception is not None and getattr(done.exception, "code", "") == "kanonymity_impossible"


def test_encodings_of_hierarchies(tmp_path: Path) -> None:
    path = tmp_path / "data_hierarchy_区县.csv"
    path.write_bytes("武侯区;成都市;*\n青羊区;成都市;*\n".encode("gb18030"))
    assert read_hierarchy(path, "区县") == {"武侯区": ("成都市", "*"), "青羊区": ("成都市", "*")}


def test_improvements_are_reported_while_the_search_runs() -> None:
    tree = {str(n): [str(n // 2), str(n // 4), "*"] for n in range(8)}
    rows = [(str(n % 8), str(n * 3 % 8)) for n in range(80)]
    seen: list[Found] = []
    found = least_loss(space_of(rows, [tree, tree]), 4, 0.1, report=seen.append)
    assert found is not None and seen and seen[-1].loss == found.loss
    assert [each.loss for each in seen] == sorted((each.loss for each in seen), reverse=True)
