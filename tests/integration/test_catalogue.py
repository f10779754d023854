"""The catalogue: who sees what, what confirmation changes, and what stands against publication."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlmodel import select

from catalog_browser import service as catalogue
from catalog_browser.models import DataSetVersion
from catalog_browser.views import (
    AddVersion,
    ConfirmVariables,
    DataSetDetail,
    DescribeDataSet,
    FileRef,
    PublishDataSet,
    TableRef,
    Texts,
    VariableDecision,
    VariableView,
    WithdrawDataSet,
)
from enclave.deidentify.registering import RegisterDataSet, register
from enclave.kernel import db, storage
from enclave.kernel.errors import Conflict, EnclaveError, Invalid, NotFound, Refused
from enclave.kernel.identity import ANONYMOUS, Actor
from enclave.kernel.ledger import LedgerEvent
from enclave.kernel.unit import unit_of_work
from tests.conftest import Home

FULL = replace(Texts(**dict.fromkeys(Texts.__dataclass_fields__, "说明 text")), title_zh="糖尿病随访")


@pytest.fixture
def entry(home: Home, people: dict[str, Actor], tmp_path: Path) -> DataSetDetail:
    path = tmp_path / "t.csv"
    lines = "".join(f"{n},{n % 60},{'阴性' if n % 7 else '阳性'},1\n" for n in range(200))
    path.write_text("病案号,年龄,HIV抗体,血糖\n" + lines, encoding="utf-8")
    texts = Texts(title_zh="糖尿病随访", title_en="Diabetes follow-up")
    return register(people["wang"], RegisterDataSet("follow-up", texts, "示例医院", path))


def version(entry: DataSetDetail, kind: str, level: int, columns: tuple[str, ...] = ("年龄",)) -> AddVersion:
    stored = storage.put_bytes(kind.encode(), "table")
    table = TableRef("t", stored.key, stored.sha256, 200, (*columns, "_person"))
    return AddVersion(entry.id, kind, level, kind, 200, 200, (table,), risk={"passed": True})


def published(entry: DataSetDetail, people: dict[str, Actor], actor: str = "wu") -> DataSetDetail:
    wang = people["wang"]
    relaxed = VariableDecision("t", "HIV抗体", level=2, note="仅为筛查登记，无个案详情")
    catalogue.confirm_variables(wang, ConfirmVariables(entry.id, (relaxed,)))
    catalogue.describe(wang, DescribeDataSet(entry.id, FULL))
    for kind, level in (("limited", 3), ("deidentified", 2), ("synthetic", 1)):
        catalogue.add_version(wang, version(entry, kind, level))
    return catalogue.publish(people[actor], PublishDataSet(entry.id))


@pytest.mark.clause("10.4.2-e-1b")
def test_drafts_are_for_those_who_work_on_them(entry: DataSetDetail, people: dict[str, Actor]) -> None:
    assert entry.level == 5
    seers = {name for name, actor in people.items() if catalogue.find(actor)}
    assert seers == {"wang", "chen", "wu"}  # at level 5 not even the auditor (4.1-T1-L5c)
    assert catalogue.find(ANONYMOUS) == []
    relaxed = VariableDecision("t", "HIV抗体", level=2, note="仅为筛查登记，无个案详情")
    catalogue.confirm_variables(people["wang"], ConfirmVariables(entry.id, (relaxed,)))
    seers = {name for name, actor in people.items() if catalogue.find(actor)}
    assert seers == {"wang", "chen", "wu", "feng"}
    assert not catalogue.find(ANONYMOUS)
    for actor in (ANONYMOUS, people["li"]):
        with pytest.raises(NotFound):
            catalogue.get(actor, entry.slug)


@pytest.mark.clause("4.1-0")
@pytest.mark.clause("4.1-L5")
def test_the_level_follows_the_columns(entry: DataSetDetail, people: dict[str, Actor]) -> None:
    assert entry.level == 5
    relaxed = VariableDecision("t", "HIV抗体", level=2, note="仅为筛查登记")
    changed = catalogue.confirm_variables(people["wang"], ConfirmVariables(entry.id, (relaxed,)))
    assert (changed.level, changed.state) == (4, "confirmed")
    raised = catalogue.confirm_variables(
        people["wang"], ConfirmVariables(entry.id, (VariableDecision("t", "血糖", level=5),))
    )
    assert raised.level == 5 and "血糖" in raised.level_reason_zh


@pytest.mark.promise("P2")
def test_level_five_columns_are_in_no_shareable_version(entry: DataSetDetail, people: dict[str, Actor]) -> None:
    catalogue.confirm_variables(people["wang"], ConfirmVariables(entry.id))
    with pytest.raises(Refused) as caught:
        catalogue.add_version(people["wang"], version(entry, "limited", 3, ("年龄", "HIV抗体")))
    assert caught.value.code == "catalog_level_five_column"


@pytest.mark.promise("P2")
@pytest.mark.parametrize(
    ("kind", "level", "label"),
    [
        ("limited", 4, "limited"),
        ("limited", 5, "limited"),
        ("deidentified", 4, "deidentified"),
        ("limited", 3, "identifiable"),
    ],
)
def test_labels_that_contradict_each_other(
    entry: DataSetDetail, people: dict[str, Actor], kind: str, level: int, label: str
) -> None:
    with pytest.raises(EnclaveError):
        catalogue.add_version(people["wang"], replace(version(entry, kind, level), identifiability=label))


@pytest.mark.promise("P9")
@pytest.mark.parametrize(
    "decision",
    [
        VariableDecision("t", "病案号", role="other"),
        VariableDecision("t", "年龄", role="sensitive"),
        VariableDecision("t", "HIV抗体", level=4),
    ],
)
def test_relaxing_needs_a_reason(entry: DataSetDetail, people: dict[str, Actor], decision: VariableDecision) -> None:
    with pytest.raises(Refused) as caught:
        catalogue.confirm_variables(people["wang"], ConfirmVariables(entry.id, (decision,)))
    assert caught.value.code == "catalog_relaxing_needs_reason"
    catalogue.confirm_variables(people["wang"], ConfirmVariables(entry.id, (replace(decision, note="理由"),)))


def test_a_change_after_building_withdraws_what_was_built(entry: DataSetDetail, people: dict[str, Actor]) -> None:
    wang = people["wang"]
    catalogue.confirm_variables(wang, ConfirmVariables(entry.id))
    made = catalogue.add_version(wang, version(entry, "limited", 3))
    catalogue.confirm_variables(wang, ConfirmVariables(entry.id, (VariableDecision("t", "血糖", label_zh="空腹血糖"),)))
    assert catalogue.version(made.id).state == "ready"
    catalogue.confirm_variables(wang, ConfirmVariables(entry.id, (VariableDecision("t", "血糖", role="quasi"),)))
    assert catalogue.version(made.id).state == "withdrawn"
    with pytest.raises(NotFound):
        catalogue.latest(entry.id, "limited")
    assert catalogue.latest(entry.id, "source").state == "ready"


def test_two_editors(entry: DataSetDetail, people: dict[str, Actor]) -> None:
    catalogue.describe(people["wang"], DescribeDataSet(entry.id, Texts(years="2020"), entry.version))
    with pytest.raises(Conflict):
        catalogue.describe(people["chen"], DescribeDataSet(entry.id, Texts(years="2021"), entry.version))
    assert catalogue.get(people["chen"], entry.id).years == "2020"


def test_the_person_key_is_settled_on_registration(entry: DataSetDetail, people: dict[str, Actor]) -> None:
    for decision in (VariableDecision("t", "血糖", person_key=True), VariableDecision("t", "病案号", person_key=False)):
        with pytest.raises(Refused) as caught:
            catalogue.confirm_variables(people["wang"], ConfirmVariables(entry.id, (decision,)))
        assert caught.value.code == "catalog_person_key_fixed"
    catalogue.confirm_variables(
        people["wang"], ConfirmVariables(entry.id, (VariableDecision("t", "病案号", person_key=True),))
    )


@pytest.mark.clause("10.4.2-e-1c")
@pytest.mark.clause("10.4.2-e-1d")
@pytest.mark.clause("10.4.2-e-1e")
@pytest.mark.clause("10.4.2-e-1f")
def test_what_is_missing_is_named(entry: DataSetDetail, people: dict[str, Actor]) -> None:
    catalogue.confirm_variables(people["wang"], ConfirmVariables(entry.id))
    catalogue.describe(
        people["wang"], DescribeDataSet(entry.id, replace(FULL, years="", conditions_zh="", cost_en="", duties_zh=""))
    )
    with pytest.raises(Refused) as caught:
        catalogue.publish(people["wu"], PublishDataSet(entry.id))
    assert caught.value.facts["missing"] == [
        "catalog_missing_years", "catalog_missing_conditions_zh", "catalog_missing_cost_en",
        "catalog_missing_duties_zh", "catalog_missing_version",
    ]  # fmt: skip
    assert "数据年份" in caught.value.message("zh") and "years covered" in caught.value.message("en")


@pytest.mark.clause("10.4.2-e-1a")
def test_publishing(entry: DataSetDetail, people: dict[str, Actor]) -> None:
    assert published(entry, people, "wang").state == "published"
    seen = catalogue.get(ANONYMOUS, entry.slug)
    assert {shown.kind for shown in seen.versions} == {"limited", "deidentified", "synthetic"}
    assert all(variable.facts == {} for variable in seen.variables) and seen.missing == ()
    assert catalogue.get(people["wang"], entry.id).variables[0].facts["rows"] == 200
    assert [found.slug for found in catalogue.find(ANONYMOUS, "血糖 糖尿病")] == [entry.slug]
    assert not catalogue.find(ANONYMOUS, "高血压")
    with pytest.raises(Refused):
        catalogue.publish(people["li"], PublishDataSet(entry.id))


@pytest.mark.clause("10.4.2-e-1b")
def test_registered_users_only(entry: DataSetDetail, people: dict[str, Actor]) -> None:
    published(entry, people)
    catalogue.describe(people["wang"], DescribeDataSet(entry.id, Texts(), audience="registered"))
    assert not catalogue.find(ANONYMOUS) and catalogue.find(people["li"])


@pytest.mark.clause("6.4")
def test_level_five_is_published_by_the_authority_alone(entry: DataSetDetail, people: dict[str, Actor]) -> None:
    wang = people["wang"]
    catalogue.confirm_variables(wang, ConfirmVariables(entry.id))
    catalogue.describe(wang, DescribeDataSet(entry.id, FULL))
    catalogue.add_version(wang, version(entry, "limited", 3))
    with pytest.raises(Refused) as caught:
        catalogue.publish(wang, PublishDataSet(entry.id))
    assert caught.value.code == "catalog_level_five"
    assert catalogue.publish(people["wu"], PublishDataSet(entry.id)).state == "published"


@pytest.mark.clause("4.1-T1-L1d")
@pytest.mark.clause("4.1-T1-L1b")
def test_level_one_needs_a_second_steward(home: Home, people: dict[str, Actor], tmp_path: Path) -> None:
    path = tmp_path / "beds.csv"
    path.write_text("year,area,beds\n2020,city,10\n2021,land,20\n")
    wang = people["wang"]
    beds = register(wang, RegisterDataSet("beds", FULL, "示例", path, persons=False))
    assert beds.level == 1
    catalogue.confirm_variables(wang, ConfirmVariables(beds.id))
    for kind, level in (("deidentified", 2), ("synthetic", 1)):
        catalogue.add_version(wang, replace(version(beds, kind, level, ("beds",)), persons=0))
    with pytest.raises(Refused) as caught:
        catalogue.publish(wang, PublishDataSet(beds.id))
    assert caught.value.code == "catalog_second_steward"
    assert catalogue.publish(people["chen"], PublishDataSet(beds.id)).state == "published"
    assert catalogue.get(ANONYMOUS, "beds").level == 1  # anybody, without login (4.1-T1-L1b)


def test_withdrawing(entry: DataSetDetail, people: dict[str, Actor]) -> None:
    published(entry, people)
    catalogue.withdraw(people["wang"], WithdrawDataSet(entry.id, "更正后重新登记"))
    assert not catalogue.find(ANONYMOUS)
    with pytest.raises(NotFound):
        catalogue.latest(entry.id, "deidentified")
    with pytest.raises(Conflict):
        catalogue.publish(people["wang"], PublishDataSet(entry.id))


@pytest.mark.clause("10.4.2-e-1c")
def test_small_counts_are_shown_as_bands(home: Home, people: dict[str, Actor], tmp_path: Path) -> None:
    path = tmp_path / "rare.csv"
    path.write_text("病案号,年龄\n" + "".join(f"{n},40\n" for n in range(37)), encoding="utf-8")
    rare = register(people["wang"], RegisterDataSet("rare", Texts("罕见病", "Rare"), "示例", path))
    assert (rare.persons, rare.persons_text) == (37, "20–39")


@pytest.mark.clause("10.4.2-e-1c")
def test_outsiders_see_no_exact_size_of_a_small_version_and_no_statistics_of_its_source(
    entry: DataSetDetail, people: dict[str, Actor]
) -> None:
    found = published(entry, people)
    with unit_of_work(people["wang"]) as unit:
        for row in unit.session.exec(select(DataSetVersion).where(DataSetVersion.dataset_id == entry.id)):
            row.rows = row.persons = 37
            row.tables = [table | {"rows": 37} for table in row.tables]
            row.risk = {"passed": True, "k": 10, "tables": {"t": {"rows_before": 37, "before": {"uniques": 31}}}}
        unit.record("test.change", entry.id)
    for actor in (ANONYMOUS, people["li"]):
        versions = catalogue.get(actor, found.id).versions
        for version in versions:
            assert {version.rows, version.persons, *(table.rows for table in version.tables)} == {20}
            assert version.risk == {"passed": True, "k": 10}
        assert versions
    assert {version.rows for version in catalogue.get(people["wang"], found.id).versions} == {37}


@pytest.mark.promise("P1")
def test_every_step_is_on_the_ledger(entry: DataSetDetail, people: dict[str, Actor]) -> None:
    published(entry, people)
    with db.reading() as session:
        actions = [event.action for event in session.exec(select(LedgerEvent).order_by("seq"))]
    wanted = [
        "dataset.add",
        "dataset.version",
        "dataset.register",
        "dataset.confirm",
        "dataset.describe",
        "dataset.publish",
    ]
    assert [action for action in actions if action in wanted] == [
        *wanted[:5], *["dataset.version"] * 3, "dataset.publish"
    ]  # fmt: skip


def test_files_of_a_version_are_kept(entry: DataSetDetail, people: dict[str, Actor]) -> None:
    stored = storage.put_bytes(b"sample", "sample")
    file = FileRef("样本.csv", stored.key, stored.sha256, stored.size)
    made = catalogue.add_version(
        people["wang"],
        AddVersion(entry.id, "synthetic", 1, "synthetic", 0, 0, (), files=(file,), risk={"passed": True}),
    )
    assert storage.describe(stored.key).state == "kept" and made.files == (file,)


@pytest.mark.clause("10.2.1-a-2")
def test_data_from_telemedicine_are_a_source_like_any_other(
    home: Home, people: dict[str, Actor], tmp_path: Path
) -> None:
    path = tmp_path / "consultations.csv"
    path.write_text("病案号,年龄\n" + "".join(f"{n},{n % 60}\n" for n in range(200)), encoding="utf-8")
    texts = Texts("远程会诊", "Remote consultations")
    found = register(people["wang"], RegisterDataSet("remote", texts, "示例", path, origin="10.2.1"))
    assert (found.origin, found.level, found.category) == ("10.2.1", 4, "personal_attribute")
    with pytest.raises(NotFound):  # unclassified as it is, no researcher can ask for it
        catalogue.get(people["li"], found.id)
    with pytest.raises(Refused) as caught:
        register(people["wang"], RegisterDataSet("strange", texts, "示例", path, origin="10.9.9"))
    assert caught.value.facts["rules"] == ["value-not-recognised"]


@pytest.mark.clause("2-6")
def test_a_column_may_be_a_health_statistical_indicator(home: Home, people: dict[str, Actor], tmp_path: Path) -> None:
    path = tmp_path / "beds.csv"
    path.write_text("year,area,beds\n2020,city,10\n2021,land,20\n")
    indicator = {"code": "HSI10.02.001", "zh": "年末固定实有床位数", "en": "beds in place at the end of the year"}
    command = RegisterDataSet("beds", FULL, "示例", path, persons=False, indicators={"beds": indicator})
    known = {variable.name: variable.indicator for variable in register(people["wang"], command).variables}
    assert known == {"year": {}, "area": {}, "beds": indicator}
    lacking = replace(command, slug="more", indicators={"beds": {"code": "HSI10.02.001"}})
    with pytest.raises(Invalid) as caught:
        register(people["wang"], lacking)
    assert caught.value.code == "catalog_indicator_incomplete"


@pytest.mark.promise("P9")
def test_a_stricter_word_on_a_column_is_proposed_the_next_time_and_a_laxer_one_is_not(
    home: Home, people: dict[str, Actor], tmp_path: Path
) -> None:
    wang, texts = people["wang"], Texts("门诊", "Outpatients")
    path = tmp_path / "visits.csv"
    path.write_text("病案号,年龄,窗口,血糖\n" + "".join(f"{n},{n % 60},{n % 9},{n % 7}\n" for n in range(200)), "utf-8")

    def roles(slug: str) -> dict[str, VariableView]:
        found = register(wang, RegisterDataSet(slug, texts, "示例医院", path))
        return {variable.name: variable for variable in found.variables}

    first = roles("first")
    assert (first["窗口"].role, first["血糖"].role) == ("other", "sensitive")
    decided = (
        VariableDecision("visits", "窗口", role="quasi", kind="place", level=3),
        VariableDecision("visits", "血糖", role="other", level=2, note="仅此一次"),
    )
    entry = catalogue.get(wang, "first")
    catalogue.confirm_variables(wang, ConfirmVariables(entry.id, decided))
    again = roles("second")
    assert (again["窗口"].role, again["窗口"].kind, again["窗口"].level) == ("quasi", "place", 3)
    assert "first" in again["窗口"].reason_zh and not again["窗口"].confirmed
    assert again["血糖"].role == "sensitive"
