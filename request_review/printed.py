"""Prints an application as the form of Appendix A, with every other answer in its annex (A-0, D35)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import catalog_browser.service as catalogue
from enclave.kernel import clock
from enclave.kernel.errors import NotFound
from enclave.kernel.identity import system
from enclave.kernel.printing import pdf
from request_review.case import Case
from request_review.forms import Field, fields, filter_text, sections
from request_review.showing import person

APPENDIX_A = ("requesting_unit", "needed_on", "contact_name", "contact_phone", "remarks")
PENDING = {"who": "", "day": "　　年　月　日"}


def application(case: Case) -> bytes:
    """Return the printed form; the supplying side's three signatures are the recorded steps of evaluation,
    committee and authority, and the receipt is the opening of the workspace (A-8 to A-11)."""
    row = case.row
    controller, name = _data_set(case)
    answers = {**row.answers, "dataset_id": name}
    data = {
        "title": f"{controller}数据资源申请表",
        "number": row.id,
        **{code: str(answers.get(code, "")) for code in APPENDIX_A},
        "data_needed": _joined(answers, "data_needed", "dataset_id", "version_kind", "columns", "row_filter"),
        "data_use": _joined(answers, "data_use", "purpose", "purpose_kind"),
        "delivery": _delivery(answers),
        "section_head": _step(case, row.evaluation),
        "leader": _panel(case),
        "head": _step(case, row.decision),
        "receipt": _receipt(case),
        "sections": [_section(code, titles["zh"], answers) for code, titles in sections().items()],
    }
    return pdf(Path(__file__).with_name("application.typ"), data, row.submitted_at or row.created_at)


def _data_set(case: Case) -> tuple[str, str]:
    try:
        found = catalogue.get(system("requests"), case.row.dataset_id)
    except NotFound:
        return "　　机构", "—"
    return found.controller, f"{found.title_zh}（{found.id}）"


def _delivery(answers: Mapping[str, Any]) -> list[dict[str, Any]]:
    options = fields()["delivery"].options or {}
    order = sorted(options, key="enclave".__eq__)  # the four of the standard, then ours
    return [{"label": options[code]["zh"], "chosen": answers.get("delivery") == code} for code in order]


def _joined(answers: Mapping[str, Any], first: str, *more: str) -> str:
    lines = [f"{fields()[code].zh}：{shown(fields()[code], answers.get(code))}" for code in more]
    return "\n".join([str(answers.get(first, "")), *lines])


def shown(field: Field, value: Any) -> str:
    """Return an answer as people read it, in Chinese."""
    if field.type == "filter":
        return filter_text(value or [])
    if value in (None, "", []):
        return "—"
    if field.options and value in field.options:
        return field.options[value]["zh"]
    if field.type == "boolean":
        return "是" if value else "否"
    if field.type == "publications":
        return "\n".join(f"{entry['reference']}（{entry['year']}）" for entry in value)
    return "、".join(value) if isinstance(value, list) else str(value)


def _section(code: str, title: str, answers: Mapping[str, Any]) -> dict[str, Any]:
    asked = [field for field in fields().values() if field.section == code and field.asked(answers)]
    return {
        "title": title,
        "rows": [{"label": each.zh, "value": shown(each, answers.get(each.code))} for each in asked],
    }


def _day(moment: datetime) -> str:
    return f"{moment.astimezone(clock.SHANGHAI):%Y 年 %m 月 %d 日}"


def _step(case: Case, kept: Mapping[str, Any]) -> dict[str, str]:
    if not kept:
        return PENDING
    name = person(case.session, kept["by"]).display_name
    return {"who": f"{name}（电子记录）", "day": _day(datetime.fromisoformat(kept["at"]))}


def _panel(case: Case) -> dict[str, str]:
    days = [seat.reviewed_at for seat in case.active_panel if seat.reviewed_at]
    if not case.reviews_in:  # the form tells nothing of single reviews either
        return PENDING
    return {"who": f"咨询组 {len(days)} 名专家已出具评估意见（电子记录）", "day": _day(max(days))}


def _receipt(case: Case) -> dict[str, str]:
    if case.row.state != "granted" or case.row.closed_at is None:
        return PENDING
    name = person(case.session, case.row.applicant).display_name
    return {"who": f"{name}（分析空间 {case.row.project_id} 开通）", "day": _day(case.row.closed_at)}
