"""Appendix C, written a second time as letters and compared cell by cell."""

from __future__ import annotations

import pytest

from enclave.policy import Degrees, Outcome, decide
from enclave.policy.book import current
from enclave.policy.catalogue import AUDIENCES, strictest_degree
from enclave.policy.doors import assigned, listed
from tests.factories.policy import AGE, but, expect_denied, fulfilled, research

F, A, D, N = "full", "agreement", "deidentified", "none"
LETTERS = {"F": F, "A": A, "D": D, "N": N}
# Each row as public-enterprise-government, in the order of the appendix.
TABLE = [
    pytest.param(
        "s1", "新农合系统数据（2005-2017年）", "NDA NDA NDA NDA NDA NDA AAF NNA FFF", marks=pytest.mark.clause("C-s1")
    ),
    pytest.param("s2", "居民健康卡注册管理系统", "NAA NAA NAA NAA NAA NNN NAA", marks=pytest.mark.clause("C-s2")),
    pytest.param(
        "s3",
        "四川省卫生计生统计数据综合采集与决策支持系统",
        "FFF DAA DAA DAA DAA DAA DAA NNA NAA NDA NDA NDA NDA NNA NDA",
        marks=pytest.mark.clause("C-s3"),
    ),
    pytest.param("s4", "DRGS系统", "NAA", marks=pytest.mark.clause("C-s4")),
    pytest.param("s5", "三监管平台（机构、行为、人员监管）", "NAA", marks=pytest.mark.clause("C-s5")),
    pytest.param("s6", "卫生人力资源管理及决策支持系统", "NDA", marks=pytest.mark.clause("C-s6")),
    pytest.param(
        "s7",
        "省互联网医疗服务监管平台系统数据",
        "DDA NDA DDA NDA NDA NDA DDA NDA NDA NDA",
        marks=pytest.mark.clause("C-s7"),
    ),
    pytest.param("s8", "四川省基层医疗卫生机构管理信息系统", " ".join(["NAA"] * 20), marks=pytest.mark.clause("C-s8")),
    pytest.param("s9", "全员人口系统", "NAA", marks=pytest.mark.clause("C-s9")),
    pytest.param("s10", "四川省全民健康信息平台数据", " ".join(["NAA"] * 52), marks=pytest.mark.clause("C-s10")),
    pytest.param("s11", "四川省人口健康信息标准测试平台", "NNN NNN FFF", marks=pytest.mark.clause("C-s11")),
]


@pytest.mark.parametrize(("system", "name", "cells"), TABLE)
def test_every_cell_of_a_system(system: str, name: str, cells: str) -> None:
    rows = [item for item in current().catalogue.items if item.system == system]
    assert {item.system_zh for item in rows} == {name} and all(item.system_en for item in rows)
    found = [tuple(item.degrees[audience] for audience in AUDIENCES) for item in rows]
    assert found == [tuple(LETTERS[letter] for letter in cell) for cell in cells.split()]


@pytest.mark.clause("8-c")
@pytest.mark.clause("C-1")
def test_the_catalogue_is_loaded_whole() -> None:
    items = current().catalogue.items
    assert len(items) == 120 and len({item.system for item in items}) == 11
    assert len({(item.system, item.category_zh, item.item_zh) for item in items}) == 120
    for item in items:
        assert item.status == "built_managed" and item.category_zh and item.category_en
        assert set(item.degrees) == set(AUDIENCES) and item.name("zh") and item.name("en")
    counted = {
        audience: [sum(item.degrees[audience] == one for item in items) for one in (F, A, D, N)]
        for audience in AUDIENCES
    }
    assert counted == {"public": [3, 1, 9, 107], "enterprise": [3, 89, 22, 6], "government": [4, 113, 0, 3]}


@pytest.mark.clause("C-1")
def test_the_two_cells_the_text_lost_are_marked_as_inferred() -> None:
    marked = {(item.category_zh, item.item_zh): item.inferred for item in current().catalogue.items if item.inferred}
    assert marked == {
        ("住院就诊数据", "入院记录信息"): ("government",),
        ("出生医学证明", "出生医学证明"): ("government",),
    }


def test_a_row_is_found_in_both_languages() -> None:
    catalogue = current().catalogue
    chinese = catalogue.find("居民健康卡注册管理系统", "SAM卡管理信息")
    assert chinese is not None and chinese is catalogue.find(chinese.system_en, chinese.category_en, chinese.item_en)
    assert chinese is catalogue.find("s2", "SAM卡管理信息") and catalogue.find("s2", "no such category") is None
    assert [item.category_zh for item in catalogue.search("SAM卡")] == ["SAM卡管理信息"]
    assert len(list(catalogue.search("drug procurement"))) == 3 and list(catalogue.search("zebra")) == []
    assert listed("s2", "SAM卡管理信息").of("government") == "none"
    assert (
        listed("s1", "农合机构信息").of("public") == "agreement"
        and listed("s1", "农合机构信息").of("martians") == "none"
    )


@pytest.mark.clause("C-2")
def test_a_new_item_takes_the_degrees_of_its_category() -> None:
    catalogue = current().catalogue
    assert catalogue.degrees("s10", "药品采购信息", "new item") == Degrees(
        "none", "agreement", "agreement", "catalogue"
    )
    mixed = catalogue.degrees("s3", "年报表", "new item")  # one row is full, the others are not: the strictest holds
    assert (mixed.public, mixed.enterprise, mixed.government) == ("deidentified", "agreement", "agreement")
    assert catalogue.degrees("s3", "月报表", "new item").public == "none"
    assert strictest_degree(["deidentified", "agreement"]) == "deidentified_agreement"
    assert strictest_degree(["full", "none"]) == "none" and strictest_degree([]) == "none"


@pytest.mark.clause("C-0")
@pytest.mark.parametrize("audience", AUDIENCES)
def test_what_is_not_listed_is_shared_with_nobody_until_decided(audience: str) -> None:
    assert listed("s99", "anything") == Degrees() and Degrees().of(audience) == "none"
    asked = fulfilled(research("apply", audience="enterprise"))
    for degrees in (None, listed("s99", "anything")):
        expect_denied(but(asked, audience=audience, degrees=degrees), "degree-unlisted", "C-0", "6.4")
    decided = but(asked, audience=audience, degrees=assigned(2))
    assert decided.denied == (audience == "public") and decided.degrees.source == "assigned"


def test_a_decision_to_publish_assigns_what_the_level_implies() -> None:
    assert assigned(1) == Degrees("full", "full", "full", "assigned")
    assert assigned(3) == Degrees("none", "deidentified", "deidentified", "assigned")
    assert assigned(5) == Degrees("none", "none", "none", "assigned") and assigned(9).of("government") == "none"


def test_catalogue_and_level_bind_together_and_both_are_shown() -> None:
    """D2: the cell is the limit, the level adds duties; none comes first."""
    good = fulfilled(research("grant", level=3, identifiability="limited"))
    for cell, effective in ((F, D), (A, "deidentified_agreement"), (D, D), (N, N)):
        decision = but(good, degrees=Degrees(N, cell, cell, "catalogue"), met=good.met | {"public_release_review"})
        assert (decision.degrees.catalogue, decision.degrees.level) == (cell, D)
        assert decision.degrees.effective == effective and decision.denied == (cell == N)
    undone = research("apply", identifiability=None, degrees=Degrees(N, D, D, "catalogue"))
    assert any(one.rule == "degree-deidentified" for one in decide(undone).blocking)
    unsigned = but(good, met=good.met - {"agreement_signed"})
    assert {"degree-agreement", "level-2-agreement"} <= {one.rule for one in unsigned.blocking}


def test_a_narrower_audience_may_use_a_wider_one_s_terms() -> None:
    """Beds and equipment: desensitised for the public, the full table by agreement for enterprises (D7)."""
    beds = Degrees("deidentified", "agreement", "agreement", "catalogue")
    asked = research("query", level=1, identifiability="non_identified", degrees=beds, columns=(AGE,))
    good = fulfilled(asked)
    assert decide(good).degrees.through == "enterprise"
    raw = but(
        fulfilled(research("apply")),
        degrees=beds,
        met=fulfilled(research("apply")).met - {"agreement_signed"},
        level=1,
        columns=(AGE,),
    )
    assert raw.degrees.through == "public" and raw.degrees.catalogue == "deidentified"
    assert raw.outcome >= Outcome.ALLOW
