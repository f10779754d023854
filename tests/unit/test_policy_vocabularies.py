"""Vocabularies of the standard, counted and sampled against a second writing."""

from __future__ import annotations

from typing import Any

import pytest

from enclave.policy import levels, references
from enclave.policy.book import current
from enclave.policy.glossary import as_locale, terms
from enclave.policy.labels import Labels
from enclave.policy.vocabulary import field_codes
from tests.factories.policy import expect_denied, fulfilled, research, without


def names(entry: Any, language: str = "zh") -> list[str]:
    return [row[language] for row in entry.attributes["scope"]]


CATEGORIES = [
    pytest.param("health_resource", "卫生资源数据", 3, ["各类医疗卫生机构人、财、物等基本数据"],
                 marks=[pytest.mark.clause("4.2-C1"), pytest.mark.clause("4.2-T2-C1")]),
    pytest.param("personal_attribute", "个人属性数据", 5, ["人口统计信息", "个人身份信息", "个人通讯信息"],
                 marks=pytest.mark.clause("4.2-C2")),
    pytest.param("electronic_medical_record", "电子病历数据", 19,
                 ["病程记录", "麻醉记录", "输血记录", "知情告知信息", "基因测序", "代谢小分子检测", "人体微生物检测"],
                 marks=[pytest.mark.clause("4.2-C3"), pytest.mark.clause("4.2-T2-C3")]),
    pytest.param("health_record", "健康档案数据", 10,
                 ["主诉", "遗传咨询数据", "可穿戴设备采集的健康相关信息", "生活方式"],
                 marks=[pytest.mark.clause("4.2-C4"), pytest.mark.clause("4.2-T2-C4")]),
    pytest.param("medical_payment", "医疗支付数据", 2, ["医疗交易信息", "保险信息"],
                 marks=[pytest.mark.clause("4.2-C5"), pytest.mark.clause("4.2-T2-C5-1")]),
    pytest.param("public_health", "公共卫生数据", 5, ["环境卫生数据", "传染病疫情数据", "出生死亡数据"],
                 marks=[pytest.mark.clause("4.2-C6"), pytest.mark.clause("4.2-T2-C6")]),
]  # fmt: skip


@pytest.mark.parametrize(("code", "name", "parts", "some"), CATEGORIES)
def test_a_category_has_its_scope(code: str, name: str, parts: int, some: list[str]) -> None:
    entry = current().words("categories")[code]
    assert entry.zh == name and entry.en and entry.told("definition", "zh") and entry.told("definition", "en")
    assert len(names(entry)) == parts and set(some) <= set(names(entry)) and all(names(entry, "en"))


@pytest.mark.clause("4.2-C2")
def test_personal_attributes_are_natural_or_social_and_have_named_fields() -> None:
    entry = current().words("categories")["personal_attribute"]
    assert [one["code"] for one in entry.attributes["attributes"]] == ["natural_attribute", "social_attribute"]
    counts = {row["code"]: len(row["fields"]) for row in entry.attributes["scope"]}
    assert counts == {"demographic": 13, "identity": 9, "communication": 3, "sensing_device": 1, "biometric": 7}


DOMAINS = {
    "demographics": (10, "血型"), "examination": (11, "检查所见"), "laboratory": (22, "药敏最低抑菌值"),
    "drug_order": (16, "同组标识"), "non_drug_order": (12, "医嘱类别"), "surgery": (14, "术中失血量"),
    "pathology": (14, "免疫组化结果"), "bone_marrow": (15, "形态描述"), "vital_signs": (9, "血氧饱和度"),
    "diagnosis": (9, "病理诊断"), "prescription": (20, "药频规格"), "record_documents": (15, "抢救记录"),
    "patient_reported_outcome": (3, "功能恢复"), "charges": (36, "冷暖费"),
}  # fmt: skip


@pytest.mark.clause("10.4.1-c-1", "10.4.1-c-2", "10.4.1-c-3", "10.4.1-c-4", "10.4.1-c-5", "10.4.1-c-6", "10.4.1-c-7")
@pytest.mark.clause(
    "10.4.1-c-8", "10.4.1-c-9", "10.4.1-c-10", "10.4.1-c-11", "10.4.1-c-12", "10.4.1-c-13", "10.4.1-c-14"
)
def test_fourteen_clinical_domains_with_their_named_fields() -> None:
    words = current().words("clinical_domains")
    assert list(words) == list(DOMAINS) and [entry.attributes["number"] for entry in words.values()] == list(
        range(1, 15)
    )
    for code, (count, sample) in DOMAINS.items():
        fields = words[code].attributes["fields"]
        assert len(fields) == count and len({row["code"] for row in fields}) == count, code
        assert any(sample in row["zh"] for row in fields) and all(row["en"] for row in fields), code
        assert words[code].clauses == (f"10.4.1-c-{list(DOMAINS).index(code) + 1}",)
    assert words["record_documents"].attributes["free_text"] is True
    assert [row["code"] for row in words["patient_reported_outcome"].attributes["channels"]] == [
        "outpatient_follow_up", "telephone_follow_up", "internet_follow_up",
    ]  # fmt: skip


def data(scenario: str) -> dict[str, Any]:
    return {row["code"]: row for row in current().words("scenarios")[scenario].attributes["data"]}


def items(row: Any) -> list[str]:
    return [one["zh"] for one in row.get("items", [])]


@pytest.mark.clause("10.1.1-c-1", "10.1.1-c-2", "10.1.1-c-3", "10.1.2-c-1", "10.1.2-c-2")
def test_data_of_interconnection() -> None:
    inside, between = data("10.1.1"), data("10.1.2")
    assert "排班" in inside["doctor_schedule"]["zh"]
    assert len(items(inside["emr"])) == 15 and {"病历概要", "住院病案首页", "出院小结基本数据集"} <= set(
        items(inside["emr"])
    )
    assert len(items(inside["ehr"])) == 3
    assert [len(row.get("parts", [])) for row in inside["ehr"]["items"]] == [5, 0, 4]
    assert items(between["emr"]) == items(inside["emr"]) and items(between["ehr"]) == items(inside["ehr"])


@pytest.mark.clause("10.1.1-c-4", "10.1.1-c-5")
def test_laboratory_reports_and_omics() -> None:
    kinds = current().words("laboratory_reports")
    assert len(kinds) == 18 and kinds["blood_bank_tests"].zh == "血库检查"
    assert set(current().words("omics_access")) == {"open", "access_controlled"}
    assert len(current().words("omics_items")) == 7
    assert set(current().words("omics_types")) == {
        "genome", "proteome", "transcriptome", "disease_genome", "pharmacogenome", "metabolome", "pathogen_microbiome",
    }  # fmt: skip


@pytest.mark.clause("10.3.2-c")
def test_data_of_health_consultation() -> None:
    assert [row["zh"] for row in data("10.3.2").values()] == [
        "历史就诊信息",
        "历史处方信息",
        "体检信息",
        "慢病管理信息",
        "健康档案",
    ]
    assert current().words("scenarios")["10.3.2"].clauses[1] == "10.3.2-c"


@pytest.mark.clause("10.4.2-c")
def test_data_of_research_special() -> None:
    assert len(data("10.4.2")) == 6 and "基因组等生物组学数据" in [row["zh"] for row in data("10.4.2").values()]


@pytest.mark.clause("8-a", "8-b")
def test_sources_of_data() -> None:
    sources = current().words("sources")
    provincial = [row["zh"] for row in sources["provincial_systems"].attributes["members"]]
    assert len(provincial) == 14 and {"全员人口库", "包虫病防控管理系统", "医疗三监管平台"} <= set(provincial)
    assert [row["code"] for row in sources["institution_systems"].attributes["members"]] == [
        "emr",
        "his",
        "lis",
        "pacs",
    ]
    assert all(source.attributes["open_ended"] is True for source in sources.values())
    systems = {item.system_zh for item in current().catalogue.items}
    named = {
        row["appendix_c_system"]
        for row in sources["provincial_systems"].attributes["members"]
        if "appendix_c_system" in row
    }
    assert named <= systems and len(named) == 9


@pytest.mark.clause("9.1-2")
def test_reasons_to_pool() -> None:
    assert list(current().words("pool_reasons")) == ["costly", "scarce", "frequent"]


@pytest.mark.clause("9-5")
@pytest.mark.clause("9.1-11a", "9.1-11b", "9.1-11c", "9.1-11d", "9.1-11e", "9.1-11f")
def test_nine_fields_and_eight_techniques() -> None:
    assert [entry.zh for entry in current().words("expert_fields").values()] == [
        "临床医学", "信息技术", "医学伦理", "卫生管理", "公共卫生", "药学", "卫生经济", "社会学", "法律",
    ]  # fmt: skip
    techniques = current().words("techniques")
    assert [entry.zh for entry in techniques.values()] == [
        "替代",
        "混洗",
        "数值变换",
        "加密",
        "遮挡",
        "控制插入/删除",
        "截断",
        "泛化",
    ]
    assert len(current().words("technique_criteria")) == 6 and list(current().words("stages")) == [
        "early",
        "middle",
        "late",
    ]
    assert len(current().words("applicant_criteria")) == 15 and len(current().words("plan_parts")) == 12


@pytest.mark.clause("2-1")
def test_the_glossary_has_clause_3_and_names_its_security_source() -> None:
    found = {term.code: term for term in terms()}
    sources = {term.source_en.removeprefix("T/SHIA 8-2020 ") for term in found.values()}
    assert {f"3.{number}" for number in range(1, 12)} <= sources
    security = (
        "authentication",
        "access_control",
        "confidentiality",
        "integrity",
        "availability",
        "non_repudiation",
        "general_security",
    )
    assert {found[code].source_en for code in security} == {"GB/T 25069-2010"}
    for term in found.values():
        assert term.zh and term.en and term.meaning_zh and term.meaning_en and term.source_zh and term.source_en
    assert len({term.zh for term in found.values()}) == len(found) == len({term.en for term in found.values()})
    assert "term_therapy_notes:" in as_locale()


@pytest.mark.clause("2-2")
def test_every_control_on_personal_information_is_mapped_to_a_function() -> None:
    from tests.verification.source import ROOT

    controls = current().words("personal_information_controls")
    wanted = {
        "lawful_basis", "purpose_limitation", "minimum_necessary", "grading", "deidentification", "access_control",
        "storage_security", "sharing", "public_disclosure", "retention", "deletion", "subject_rights", "audit",
    }  # fmt: skip
    assert set(controls) == wanted
    for entry in controls.values():
        assert entry.clauses and entry.told("how", "zh") and entry.told("how", "en")
        assert (ROOT / str(entry.attributes["where"])).exists(), entry.code
        assert all(current().rule(rule) for rule in entry.codes("rules")) and entry.codes("rules")
    expect_denied(without(fulfilled(research("mount")), "grant_valid"), "mount-grant-valid")


EDITIONS = {
    "GB/T 25069": "2010",
    "GB/T 35273": "2017",
    "GB/T 35274": "2017",
    "GB/T 22239": "2019",
    "GB/T 37964": "2019",
    "WS/T 598": "2018",
}


@pytest.mark.clause("2-7")
@pytest.mark.parametrize("number", sorted(EDITIONS))
def test_a_dated_reference_is_that_edition_only(number: str) -> None:
    found = references.resolve(f"{number}—{EDITIONS[number]}")
    assert found is not None and found.attributes["edition"] == EDITIONS[number]
    assert references.resolve(f"{number}-2031") is None
    assert references.resolve(number) is found
    later = str(found.attributes["later"])
    assert (found in references.superseded()) == bool(later)
    assert not later or references.resolve(later) is None  # a note that does not bind


@pytest.mark.clause("2-7")
def test_six_references_of_which_three_are_superseded() -> None:
    assert len(current().words("references")) == 6
    assert {one.code for one in references.superseded()} == {"GB/T 25069-2010", "GB/T 35273-2017", "GB/T 35274-2017"}


@pytest.mark.clause("10.4.2-e-1j")
def test_labels_follow_every_copy_and_a_lost_one_stops_the_mount() -> None:
    labels = Labels("ds-1", "dsv-2", ("electronic_medical_record", "medical_payment"), 2, "deidentified")
    carried = labels.as_metadata()
    assert carried["scheme"] == "T/SHIA 8-2020" and labels.carried_by(carried)
    for missing in carried:
        assert not labels.carried_by({key: value for key, value in carried.items() if key != missing})
    assert not labels.carried_by({**carried, "level": 1}) and not labels.carried_by(None)
    expect_denied(without(fulfilled(research("mount")), "labels_intact"), "mount-labels", "10.4.2-e-1j")


def test_five_levels_with_their_degrees() -> None:
    found = {entry.attributes["number"]: entry.attributes["degree"] for entry in current().words("levels").values()}
    assert found == {1: "full", 2: "agreement", 3: "deidentified", 4: "deidentified", 5: "none"}
    assert len(field_codes(current().words("clinical_domains")["vital_signs"])) == 9
    assert levels.highest([1, 4, 2]) == 4
