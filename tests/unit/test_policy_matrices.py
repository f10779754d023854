"""Tables 5 to 10: who reaches which data, written a second time and compared cell by cell."""

from __future__ import annotations

from itertools import product

import pytest

from enclave.policy import Column, decide
from enclave.policy.book import current
from tests.factories.policy import (
    but,
    care,
    expect_asked,
    expect_denied,
    fulfilled,
    insurance,
    reading,
    supervision,
    telemedicine,
)

DOCUMENTS = {
    "D": "personal_health_data", "E": "personal_emr", "P": "preliminary_diagnosis_and_orders",
    "O": "diagnosis_and_orders", "R": "preliminary_lab_report", "C": "certified_lab_report",
    "F": "final_amended_lab_report",
}  # fmt: skip
# Table 5: position, documents, clause. The community doctor consults results of the general hospital by referral.
TABLE_5 = [
    pytest.param("resident", "DE", "10.1.2-T5-1", marks=pytest.mark.clause("10.1.2-T5-1")),
    pytest.param("community_doctor", "DEPCF", "10.1.2-T5-2", marks=pytest.mark.clause("10.1.2-T5-2")),
    pytest.param("attending_physician", "DEOC", "10.1.2-T5-3", marks=pytest.mark.clause("10.1.2-T5-3")),
    pytest.param("chief_physician", "DEOC", "10.1.2-T5-3", marks=pytest.mark.clause("10.1.2-T5-3")),
    pytest.param("resident_physician", "DE", "10.1.2-T5-4", marks=pytest.mark.clause("10.1.2-T5-4")),
    pytest.param("lab_report_author", "R", "10.1.2-T5-5", marks=pytest.mark.clause("10.1.2-T5-5")),
    pytest.param("laboratory_certifier", "C", "10.1.2-T5-6", marks=pytest.mark.clause("10.1.2-T5-6")),
    pytest.param("reviewer", "C", "10.1.2-T5-7", marks=pytest.mark.clause("10.1.2-T5-7")),
    pytest.param("legal_reviewer", "F", "10.1.2-T5-7", marks=pytest.mark.clause("10.1.2-T5-7")),
    pytest.param("health_administration", "DE", "10.1.2-T5-8", marks=pytest.mark.clause("10.1.2-T5-8")),
]


@pytest.mark.parametrize(("position", "reach", "clause"), TABLE_5)
def test_table_5(position: str, reach: str, clause: str) -> None:
    entry = current().words("interconnection")[position]
    assert entry.attributes["role"] == {"resident": "subject", "health_administration": "user"}.get(
        position, "controller"
    )
    for letter, document in DOCUMENTS.items():
        asked = decide(reading(scenario="10.1.2", position=position, documents=(document,)))
        if letter in reach:
            assert not asked.because(f"table-5@{position}")  # results of the other hospital: see the next test
        else:
            expect_denied(asked, f"table-5@{position}", clause)


@pytest.mark.clause("10.1.2-T5-2")
def test_the_community_doctor_may_refer_and_consult() -> None:
    report = {"documents": ("certified_lab_report",), "met": fulfilled(reading()).met | {"qualification_verified"}}
    asked = reading(scenario="10.1.2", use="care", position="community_doctor", **report)
    expect_denied(decide(asked), "table-5-consults", "10.1.2-T5-2")
    assert but(asked, met=asked.met | {"referral_registered"}).allowed
    assert not but(asked, documents=("personal_emr",)).because("table-5-consults")


@pytest.mark.clause("10.1.2-T5-8")
def test_the_health_administration_assures_quality_and_nothing_else() -> None:
    asked = reading(
        scenario="10.1.2", position="health_administration", use="quality_assurance", role="user", same_party=False
    )
    good = fulfilled(asked)
    expect_denied(but(good, use="supervision"), "table-5-administration", "10.1.2-T5-8")
    expect_denied(but(good, role="controller"), "table-5-administration-role", "10.1.2-T5-8")


def test_interconnection_names_the_position() -> None:
    asked = fulfilled(reading(scenario="10.1.2", use="care", position="lab_report_author"))
    expect_asked(but(asked, position=None), "table-5-position", "10.1.2-b")


@pytest.mark.clause("10.1.2-c-3")
def test_hospitals_exchange_final_reports_only() -> None:
    expect_denied(but(fulfilled(care()), documents=("preliminary_lab_report",)), "final-reports-only", "10.1.2-c-3")
    assert but(fulfilled(care()), documents=("final_amended_lab_report",)).allowed


@pytest.mark.clause("10.1.2-T5-5")
@pytest.mark.clause("10.1.2-T5-6")
@pytest.mark.clause("10.1.2-T5-7")
def test_a_report_moves_only_by_the_right_hand() -> None:
    report = current().tracks["laboratory_report"]
    assert report.state([]) == "" and report.state(["write"]) == "preliminary_lab_report"
    assert report.may("lab_report_author", "write") and not report.may("lab_report_author", "certify", ["write"])
    assert report.may("laboratory_certifier", "certify", ["write"]) and not report.may(
        "laboratory_certifier", "certify", []
    )
    assert report.state(["write", "certify"]) == "certified_lab_report"
    assert report.may("reviewer", "review", ["write", "certify"])
    assert report.state(["write", "certify", "review"]) == "certified_lab_report"  # no legal effect
    assert not report.may("reviewer", "legal_review", ["write", "certify"])
    assert report.may("legal_reviewer", "legal_review", ["write", "certify"])
    assert not report.may("legal_reviewer", "legal_review", ["write"])
    assert report.state(["write", "certify", "legal_review"]) == "final_amended_lab_report"
    assert not report.may("lab_report_author", "write", ["write"]) and not report.may("reviewer", "sign", [])


CLASSES = {
    "d": "personal_attribute.demographic", "i": "personal_attribute.identity", "c": "personal_attribute.communication",
    "s": "personal_attribute.sensing_device", "b": "personal_attribute.biometric", "h": "health_record",
    "e": "electronic_medical_record", "t": "medical_payment.transaction", "n": "medical_payment.insurance",
    "r": "health_resource", "p": "public_health",
}  # fmt: skip
TABLES_6_8 = [
    pytest.param("inviting_hospital", "icbhetn", "10.2.1-T6", marks=pytest.mark.clause("10.2.1-T6")),
    pytest.param("invited_hospital", "ihe", "10.2.1-T7", marks=pytest.mark.clause("10.2.1-T7")),
    pytest.param("telemedicine_commission", "dicbhetrp", "10.2.1-T8", marks=pytest.mark.clause("10.2.1-T8")),
]


@pytest.mark.clause("10.2.2-c")
@pytest.mark.clause("10.2.3-c")
@pytest.mark.parametrize(("position", "reach", "clause"), TABLES_6_8)
def test_tables_6_to_8(position: str, reach: str, clause: str) -> None:
    for scenario, (letter, code) in product(("10.2.1", "10.2.2", "10.2.3"), CLASSES.items()):
        asked = decide(telemedicine(scenario=scenario, position=position, columns=(Column("x", "other", 2, code),)))
        if letter in reach:
            assert not asked.because(f"tables-6-to-8@{position}")
        else:
            expect_denied(asked, f"tables-6-to-8@{position}", clause)
    unmapped = decide(telemedicine(position=position, columns=(Column("x", "other", 2),)))
    expect_denied(unmapped, f"tables-6-to-8@{position}", clause)


@pytest.mark.clause("10.5.1-T9")
def test_table_9_is_the_upper_bound_and_omics_need_authorisation() -> None:
    good = fulfilled(insurance())
    inside = (
        "name",
        "disease_code",
        "total_amount",
        "hospital_name",
        "surgery_name",
        "indemnity_clauses",
        "generic_name",
    )
    for code in inside:
        assert but(good, columns=(Column("x", "other", 2, "electronic_medical_record", code),)).allowed, code
    for code in ("blood_type", "practice_qualification_of_institutions_and_staff", "bone_marrow", ""):
        outside = but(good, columns=(Column("x", "other", 2, "electronic_medical_record", code),))
        expect_denied(outside, "table-9", "10.5.1-T9")
    gene = Column("x", "sensitive", 4, "electronic_medical_record", "disease_code", ("genetic",))
    expect_denied(but(good, columns=(gene,)), "table-9-omics", "10.5.1-T9")
    assert but(good, columns=(gene,), met=good.met | {"omics_authorisation"}).allowed
    counts = {code: _count(entry.attributes) for code, entry in current().words("insurance_fields").items()}
    assert counts == {
        "personal_attribute": 9, "health_record": 21, "electronic_medical_record": 48, "medical_payment": 16,
        "health_resource": 3, "personal_insurance": 3,
    }  # fmt: skip


@pytest.mark.clause("10.6.1-c")
def test_table_10_is_the_upper_bound_without_omics() -> None:
    good = fulfilled(supervision())
    for code in ("name", "disease_code", "practice_qualification_of_institutions_and_staff", "hospital_grade"):
        assert but(good, columns=(Column("x", "other", 2, "health_resource", code),)).allowed, code
    for code in ("indemnity_clauses", "insurance_application_information", "blood_type", ""):
        expect_denied(but(good, columns=(Column("x", "other", 2, "health_resource", code),)), "table-10", "10.6.1-c")
    gene = Column("x", "sensitive", 2, "electronic_medical_record", "disease_code", ("genetic",))
    expect_denied(but(good, columns=(gene,)), "table-10-no-omics", "10.6.1-c")
    counts = {code: _count(entry.attributes) for code, entry in current().words("supervision_fields").items()}
    assert counts == {
        "personal_attribute": 9, "health_record": 21, "electronic_medical_record": 48, "medical_payment": 16,
        "health_resource": 4,
    }  # fmt: skip


def _count(attributes) -> int:
    groups = sum(_count(group) for group in attributes.get("groups", []))
    return len(attributes.get("fields", [])) + groups
