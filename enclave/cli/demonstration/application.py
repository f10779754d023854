"""The application of the demonstration: a complete form, its sheet, and what committee and authority answer."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from enclave.cli.demonstration.data import person
from enclave.kernel import clock
from request_review import service

COLUMNS = ["age", "gender", "race", "time_in_hospital", "num_medications", "insulin", "readmitted"]
REVIEWERS = ("sun", "zhou")
# A small, valid PDF: the sheet with the institution's opinion, signature and seal.
SHEET = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"


def answers(dataset_id: str) -> dict[str, Any]:
    """Return the answers to every field of the form."""
    today = clock.today()
    return {
        "title": "糖尿病患者 30 天再入院风险因素研究",
        "requesting_unit": "天府大学公共卫生学院",
        "institution_address": "成都市武侯区人民南路三段 17 号",
        "contact_name": "李晓岚",
        "contact_phone": "028-85422114",
        "needed_on": today,
        "dataset_id": dataset_id,
        "version_kind": "deidentified",
        "data_needed": "糖尿病住院病例的人口学特征、住院天数、用药与再入院情况",
        "columns": COLUMNS,
        "row_filter": [],
        "purpose": "P7",
        "purpose_kind": "scientific_research",
        "data_use": "估计再入院率及其与胰岛素使用、住院天数的关系",
        "relevance": "所选七列为再入院模型的结局变量与已知风险因素",
        "necessity": "仅取七列，不含诊断与机构；为估计基线风险须覆盖全部住院人群",
        "contact_statement": "涉及七万余名患者的历史住院记录，逐一联系成本过高",
        "legal_basis": "个人信息保护法第十三条；T/SHIA 8-2020 第 3.8 条",
        "mode": "point_to_point",
        "delivery": "enclave",
        "data_flow_path": "平台内加密传输至分析空间",
        "parties_description": "甲方为健康信息中心，乙方为天府大学公共卫生学院",
        "cooperation_basis": "双方已有慢性病监测合作",
        "results": "学术论文一篇",
        "project_title": "糖尿病患者再入院风险预测",
        "project_number": "2026YFC0000001",
        "project_grade": "national",
        "project_funder": "国家重点研发计划",
        "project_ends_on": today + timedelta(days=900),
        "ethics_number": "伦审〔2026〕017",
        "ethics_board": "天府大学伦理委员会",
        "ethics_expires_on": today + timedelta(days=700),
        "professional_title": "associate_senior",
        "publications": [{"reference": "Li X. Hospital readmission in diabetes. 2025", "year": today.year}],
        "credit_person": "A",
        "credit_organisation": "A",
        "credit_issuer": "信用四川",
        "credit_expires_on": today + timedelta(days=300),
        "organisation_opinion": "同意申请",
        "organisation_head": "周校长",
        "organisation_signed": True,
        "organisation_sealed": True,
        "members": ["zhang"],
        "starts_on": today,
        "ends_on": today + timedelta(days=180),
        "work_division": "乙方负责研究设计、统计分析与论文撰写",
        "nonprofit": True,
        "duties_accepted": True,
    }


def draft(dataset_id: str, **changes: Any) -> service.RequestView:
    """Save a complete draft with its sheet, as Li: nothing is left to do but to read and submit it."""
    li = person("li")
    saved = service.save_draft(li, service.SaveDraft(answers(dataset_id) | changes))
    return service.attach(li, service.Attach(saved.id, "institution_approval", "单位审批表.pdf", SHEET))


def submit(dataset_id: str, **changes: Any) -> service.RequestView:
    """Save, attach the sheet and submit, as Li."""
    complete = draft(dataset_id, **changes)
    return service.submit(person("li"), service.Submit(complete.id, complete.version))


def review(request: service.RequestView) -> None:
    """Evaluate as the data manager, then review as two members, blind to each other."""
    committee = service.rules("committee")
    evaluation = {code: service.Criterion(4, "合理") for code in committee["evaluation"]["options"]}
    service.assign_reviewers(
        person("wang"), service.AssignReviewers(request.id, request.version, REVIEWERS, evaluation, "同意开放")
    )
    necessity = dict.fromkeys(committee["necessity"]["options"], True)
    for username in REVIEWERS:
        service.review(
            person(username),
            service.Review(request.id, "approve", "public_health", True, necessity, "符合伦理", "保密措施充分", "同意"),
        )


def approve(request_id: str) -> service.RequestView:
    """Decide as the authority."""
    wu = person("wu")
    version = service.view(wu, request_id).version
    clauses = ("10.4.2-e-2c4", "10.4.2-e-3a")
    return service.decide(wu, service.Decide(request_id, version, True, "符合最少必要原则", clauses))


def sign(request_id: str) -> service.RequestView:
    """Draw up the agreement and sign it on both sides."""
    wu = person("wu")
    drawn = service.draw_up_agreement(wu, request_id)
    assert drawn.agreement is not None
    for username in filter(None, drawn.agreement.waiting):  # an empty name stands for party A
        service.sign(person(username), service.Sign(request_id, drawn.agreement.sha256, True))
    service.sign(wu, service.Sign(request_id, drawn.agreement.sha256, True))
    return service.view(wu, request_id)


def register(request: service.RequestView) -> service.RequestView:
    """Register the use and issue the grant."""
    return service.register_grant(person("wu"), service.RegisterGrant(request.id, request.version, "川卫备 2026-001"))
