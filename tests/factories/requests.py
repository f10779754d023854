"""A published data set and applications for it, made through the services as people make them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import catalog_browser.service as catalogue
from catalog_browser.views import (
    AddDataSet,
    AddVersion,
    ConfirmVariables,
    DataSetDetail,
    PublishDataSet,
    TableRef,
    Texts,
    VariableSpec,
)
from enclave.kernel import clock, storage
from enclave.kernel.identity import Actor
from request_review import service

PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
ROLES = {"age": "quasi", "sex": "quasi", "county": "quasi", "diagnosis": "sensitive", "cost": "other", "ward": "other"}
TEXTS = Texts(
    title_zh="住院病例", title_en="Inpatient cases", description_zh="测试", description_en="For tests", years="2020",
    conditions_zh="科研", conditions_en="Research", cost_zh="无", cost_en="None", duties_zh="保密", duties_en="Keep it",
    licence="CC0", attribution="-", legal_basis="个人信息保护法",
)  # fmt: skip


def cases(persons: int = 400, seed: int = 7) -> pd.DataFrame:
    """Return one row a person; `ward` counts persons from 0, so that any cohort can be cut by a filter."""
    draw = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "_person": np.arange(persons),
            "age": draw.choice(["40-49", "50-59", "60-69", "70-79"], persons),
            "sex": draw.choice(["F", "M"], persons),
            "county": draw.choice(["武侯区", "青羊区", "锦江区", "成华区", "金牛区"], persons),
            "diagnosis": draw.choice([f"E{number:02}" for number in range(10, 40)], persons),
            "cost": draw.integers(1000, 90000, persons),
            "ward": np.arange(persons),
        }
    )


def stored_table(frame: pd.DataFrame, name: str = "cases") -> TableRef:
    """Store a frame as Parquet and return its reference."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.parquet"
        frame.to_parquet(path, index=False)
        kept = storage.put(path, "version")
    return TableRef(name, kept.key, kept.sha256, len(frame), tuple(frame.columns))


def publish(
    steward: Actor, tables: Mapping[str, pd.DataFrame], roles: Mapping[str, str] = ROLES, slug: str = "cases"
) -> DataSetDetail:
    """Publish a data set whose limited and de-identified versions hold `tables`."""
    specs = [
        VariableSpec(table, name, position, "text", "text", roles.get(name, "other"), 3, "health_record")
        for table, frame in tables.items()
        for position, name in enumerate(column for column in frame.columns if column != "_person")
    ]
    specs.append(VariableSpec(next(iter(tables)), "name", 99, "text", "person_name", "direct", 3, "personal_attribute"))
    added = catalogue.add_data_set(
        steward, AddDataSet(slug, TEXTS, "锦江医学院附属医院", "health_record", 3, tuple(specs))
    )
    catalogue.confirm_variables(steward, ConfirmVariables(added.id))
    for kind, level in (("limited", 3), ("deidentified", 2), ("synthetic", 1)):
        kept = tuple(
            stored_table(frame.drop(columns="_person", errors="ignore") if kind == "synthetic" else frame, name)
            for name, frame in tables.items()
        )
        rows = sum(map(len, tables.values()))
        persons = (
            0
            if kind == "synthetic"
            else len(set().union(*(frame["_person"] for frame in tables.values() if "_person" in frame)))
        )
        risk = {"passed": True, "k": 5, "k_wanted": 5, "uniques": 0, "suppressed_rows": 0, "suppressed_cells": 0}
        catalogue.add_version(steward, AddVersion(added.id, kind, level, kind, rows, persons, kept, risk=risk))
    return catalogue.publish(steward, PublishDataSet(added.id))


def answers(dataset_id: str, **changes: Any) -> dict[str, Any]:
    """Return a complete form; `changes` replace answers."""
    today = clock.today()
    complete: dict[str, Any] = {
        "title": "住院糖尿病患者再入院风险研究",
        "requesting_unit": "锦江医学院附属医院 内分泌科",
        "institution_address": "成都市武侯区人民南路 17 号",
        "contact_name": "伟",
        "contact_phone": "028-85422114",
        "needed_on": today,
        "dataset_id": dataset_id,
        "version_kind": "deidentified",
        "data_needed": "糖尿病住院病例",
        "columns": ["age", "sex"],
        "row_filter": [],
        "purpose": "P7",
        "purpose_kind": "scientific_research",
        "data_use": "建立再入院风险模型",
        "relevance": "年龄、性别为已知危险因素",
        "necessity": "仅取两列；须覆盖全部人群以估计基线风险",
        "contact_statement": "涉及四百余名出院患者，逐一联系成本过高",
        "legal_basis": "个人信息保护法第十三条",
        "mode": "point_to_point",
        "delivery": "enclave",
        "data_flow_path": "由平台加密传输至分析空间",
        "parties_description": "附属医院与信息中心",
        "cooperation_basis": "既往合作",
        "results": "论文一篇",
        "project_title": "糖尿病患者再入院风险因素研究",
        "project_number": "82073664",
        "project_grade": "national",
        "project_funder": "国家自然科学基金委员会",
        "project_ends_on": today + timedelta(days=900),
        "ethics_number": "伦审〔2026〕017",
        "ethics_board": "附属医院伦理委员会",
        "ethics_expires_on": today + timedelta(days=700),
        "professional_title": "senior",
        "publications": [{"reference": "Li W. Readmission. 2025", "year": today.year}],
        "credit_person": "A",
        "credit_organisation": "A",
        "credit_issuer": "信用四川",
        "credit_expires_on": today + timedelta(days=300),
        "organisation_opinion": "同意申请",
        "organisation_head": "王某",
        "organisation_signed": True,
        "organisation_sealed": True,
        "members": [],
        "starts_on": today,
        "ends_on": today + timedelta(days=180),
        "work_division": "研究设计、统计分析与论文撰写",
        "nonprofit": True,
        "duties_accepted": True,
    }
    return complete | changes


def draft(actor: Actor, dataset_id: str, **changes: Any) -> service.RequestView:
    """Save a complete draft with the approval sheet."""
    saved = service.save_draft(actor, service.SaveDraft(answers(dataset_id, **changes)))
    return service.attach(actor, service.Attach(saved.id, "institution_approval", "审批表（盖章）.pdf", PDF))


def submitted(actor: Actor, dataset_id: str, **changes: Any) -> service.RequestView:
    """Submit a complete application."""
    saved = draft(actor, dataset_id, **changes)
    return service.submit(actor, service.Submit(saved.id, saved.version))


def evaluation() -> dict[str, service.Criterion]:
    """Return a complete evaluation."""
    codes = service.rules("committee")["evaluation"]["options"]
    return {code: service.Criterion(4, "合理") for code in codes}


def in_review(
    people: Mapping[str, Actor], request: service.RequestView, reviewers: tuple[str, ...] = ("sun", "zhou")
) -> service.RequestView:
    """Send a submitted request to the committee."""
    command = service.AssignReviewers(request.id, request.version, reviewers, evaluation(), "同意开放")
    return service.assign_reviewers(people["wang"], command)


def a_review(request_id: str, verdict: str = "approve", **changes: Any) -> service.Review:
    """Return a complete review."""
    fields: dict[str, Any] = {
        "expert_field": "public_health",
        "relevant": True,
        "necessity": dict.fromkeys(service.rules("committee")["necessity"]["options"], True),
        "ethics": "符合伦理",
        "confidentiality": "保密措施充分",
        "comment": "同意",
    }
    return service.Review(request_id, verdict, **(fields | changes))


def decision(request: service.RequestView, approve: bool = True, **changes: Any) -> service.Decide:
    """Return a decision with reasons and clauses."""
    return service.Decide(request.id, request.version, approve, "符合条件", ("10.4.2-e-2c4", "10.4.2-e-3a"), **changes)


def decided(people: Mapping[str, Actor], request: service.RequestView, **changes: Any) -> service.RequestView:
    """Review and approve a submitted request."""
    in_review(people, request)
    for name in ("sun", "zhou"):
        service.review(people[name], a_review(request.id))
    return service.decide(people["wu"], decision(service.view(people["wu"], request.id), **changes))


def signed(people: Mapping[str, Actor], request: service.RequestView) -> service.RequestView:
    """Draw up and sign the agreement of an approved request."""
    drawn = service.draw_up_agreement(people["wu"], request.id)
    assert drawn.agreement is not None
    for name in ("wu", request.applicant, *(member.username for member in request.members)):
        service.sign(people[name], service.Sign(request.id, drawn.agreement.sha256, True))
    return service.view(people["wu"], request.id)


def granted(people: Mapping[str, Actor], dataset_id: str, applicant: str = "li", **changes: Any) -> service.RequestView:
    """Walk an application to its grant."""
    request = signed(people, decided(people, submitted(people[applicant], dataset_id, **changes)))
    return service.register_grant(people["wu"], service.RegisterGrant(request.id, request.version, "川卫备 1 号"))


def someday() -> date:
    """Return a day in the far future."""
    return clock.today() + timedelta(days=365)
