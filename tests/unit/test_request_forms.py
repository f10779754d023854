"""The form: what is read, what is refused, and what stands against submission, field by field."""

from __future__ import annotations

from datetime import timedelta

import pytest

from enclave.kernel import clock
from enclave.kernel.errors import EnclaveError, Invalid
from request_review import service
from request_review.applying import check_upload
from request_review.forms import fields, read_answers
from tests.factories import requests as make

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0\x1f\x15\xc4\x89"
JPEG = b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xdb\0C\0"


@pytest.fixture
def data(home, people, object_store):
    return make.publish(people["wang"], {"cases": make.cases(60)})


def codes(view: service.RequestView) -> dict[str, str]:
    return {problem.field: problem.code for problem in view.problems}


def problems_with(people, data, **changes) -> dict[str, str]:
    return codes(make.draft(people["li"], data.id, **changes))


def test_a_complete_form_has_no_problem(people, data):
    assert problems_with(people, data) == {}


@pytest.mark.clause("9.1.4-1")
@pytest.mark.clause("A-1")
@pytest.mark.clause("10.4.2-e-1f")
def test_each_mandatory_field_left_empty_is_named_in_both_languages(people, data):
    saved = make.draft(people["li"], data.id)
    for field in fields().values():
        if field.optional or not field.asked(saved.answers):
            continue
        empty = False if field.type == "boolean" else None
        view = service.save_draft(people["li"], service.SaveDraft({field.code: empty}, saved.id))
        found = next(problem for problem in view.problems if problem.field == field.code)
        assert field.zh in found.message("zh") and field.en in found.message("en")
        service.save_draft(people["li"], service.SaveDraft({field.code: saved.answers[field.code]}, saved.id))


WRONG = [
    ({"contact_phone": "12"}, "contact_phone", "request_phone"),
    ({"purpose": "P1"}, "purpose", "request_purpose_elsewhere"),
    ({"purpose": "P6"}, "purpose", "request_purpose_elsewhere"),
    ({"purpose": "P10"}, "collection_purpose", "request_field_missing"),
    ({"delivery": "database_file"}, "delivery", "request_enclave_only"),
    ({"columns": ["nothing"]}, "columns", "request_column_unknown"),
    ({"columns": ["name"]}, "columns", "request_column_identifying"),
    ({"columns": ["cases.name"]}, "columns", "request_column_identifying"),
    ({"columns": ["_person"]}, "columns", "request_column_unknown"),
    ({"row_filter": [{"column": "nothing", "op": "=", "value": 1}]}, "row_filter", "request_column_unknown"),
    ({"row_filter": [{"column": "_person", "op": "=", "value": 1}]}, "row_filter", "request_column_unknown"),
    ({"row_filter": [{"column": "age", "op": "like", "value": "4%"}]}, "row_filter", "request_filter_op"),
    ({"row_filter": [{"column": "age", "op": "in", "value": []}]}, "row_filter", "request_filter_value"),
    ({"row_filter": [{"column": "age", "op": "=", "value": ["a"]}]}, "row_filter", "request_filter_value"),
    ({"members": ["li"]}, "members", "request_member_self"),
    ({"members": ["nobody"]}, "members", "request_member_unknown"),
    ({"members": ["sun"]}, "members", "request_member_role"),
    ({"funds_total": 10}, "funds_payment", "request_funds_payment"),
    ({"funds_total": 10, "funds_party_a": 11, "funds_payment": "一次"}, "funds_party_a", "request_funds_share"),
    ({"dataset_id": "ds-unknown"}, "dataset_id", "request_dataset_closed"),
]  # fmt: skip


def test_what_cannot_be_is_named_beside_its_field(people, data):
    saved = make.draft(people["li"], data.id)
    for changes, field, code in WRONG:
        view = service.save_draft(people["li"], service.SaveDraft(changes, saved.id))
        assert codes(view).get(field) == code, changes
        before = {name: saved.answers.get(name) for name in changes}
        service.save_draft(people["li"], service.SaveDraft(before, saved.id))


DATES = [
    (0, -1, "request_dates_order"),
    (-9, -1, "request_dates_past"),
    (0, 1200, "request_dates_long"),
    (0, 900, None),
    (0, 901, "request_dates_project"),
]


def test_dates(people, data):
    today = clock.today()
    saved = make.draft(people["li"], data.id)
    for first, last, code in DATES:
        days = {"starts_on": today + timedelta(days=first), "ends_on": today + timedelta(days=last)}
        view = service.save_draft(people["li"], service.SaveDraft(days, saved.id))
        assert codes(view).get("ends_on") == code


@pytest.mark.clause("4.1-T1-L3d")
def test_a_level_three_set_has_a_cap_on_people(people, account, data):
    from enclave.kernel.identity import Role

    names = [account(f"extra{number}", Role.RESEARCHER).username for number in range(10)]
    assert problems_with(people, data, version_kind="limited", members=names).get("members") == "request_team_large"
    assert problems_with(people, data, version_kind="limited", members=names[1:]).get("members") is None


@pytest.mark.parametrize("name", ["伟", "四川大学华西医院", "Mao·阿卜杜拉", "O'Brien", "Đặng Thị", "李"])
def test_names_are_taken_as_people_write_them(name):
    assert read_answers({"contact_name": f"  {name} "})["contact_name"] == name


@pytest.mark.parametrize(
    "given",
    [
        {"title": 7}, {"title": "a\nb"}, {"title": "反\u202e转"}, {"title": "x" * 121}, {"needed_on": "31.03.2026"},
        {"purpose": "P99"}, {"nonprofit": "yes"}, {"funds_total": -1}, {"funds_total": "NaN"}, {"columns": "age"},
        {"row_filter": [{"column": "age"}]}, {"publications": [{"reference": "A"}]}, {"secret": "x"},
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_and_named(given):
    with pytest.raises(Invalid) as refused:
        read_answers(given)
    assert next(iter(given)) in str(refused.value.facts)


def test_saving_keeps_what_is_not_mentioned_and_drops_what_is_none(people, data):
    saved = service.save_draft(people["li"], service.SaveDraft({"title": "一", "contact_name": "伟"}))
    saved = service.save_draft(people["li"], service.SaveDraft({"title": None, "data_use": "研究"}, saved.id))
    assert saved.answers == {"contact_name": "伟", "data_use": "研究"}


def test_an_old_page_saves_nothing(people, data):
    saved = service.save_draft(people["li"], service.SaveDraft({"title": "一"}))
    service.save_draft(people["li"], service.SaveDraft({"title": "二"}, saved.id, saved.version))
    with pytest.raises(EnclaveError) as conflict:
        service.save_draft(people["li"], service.SaveDraft({"title": "三"}, saved.id, saved.version))
    assert conflict.value.code == "already_decided"
    assert service.view(people["li"], saved.id).title == "二"


@pytest.mark.clause("10.4.2-e-2b2")
def test_uploads_are_judged_by_content():
    assert check_upload("other", make.PDF) == "application/pdf"
    assert check_upload("other", PNG) == "image/png"
    assert check_upload("other", JPEG) == "image/jpeg"


@pytest.mark.parametrize(
    ("kind", "content", "code"),
    [
        ("other", b"", "request_upload_empty"),
        ("other", b"MZ" + b"\0" * 200, "request_upload_type"),
        ("other", b"<html><script>alert(1)</script></html>", "request_upload_type"),
        ("other", b"PK\3\4" + b"\0" * 64, "request_upload_type"),
        ("other", b"just text", "request_upload_type"),
        ("else", make.PDF, "request_upload_kind"),
        ("other", make.PDF + b" " * 21_000_000, "request_upload_large"),
    ],
)
def test_other_uploads_are_refused(kind, content, code):
    with pytest.raises(Invalid) as refused:
        check_upload(kind, content)
    assert refused.value.code == code


@pytest.mark.parametrize("name", ["中文.pdf", '报告 (终稿)".pdf', "../../etc/passwd", "a\nb.pdf", "长" * 300, ""])
def test_an_upload_comes_back_under_its_name_and_lies_nowhere_under_it(people, data, object_store, name):
    saved = service.save_draft(people["li"], service.SaveDraft({"title": "一"}))
    view = service.attach(people["li"], service.Attach(saved.id, "other", name, make.PDF))
    found, media_type, content = service.download(people["li"], saved.id, view.files[0].id)
    assert (media_type, content) == ("application/pdf", make.PDF)
    assert found == (name.replace("\n", "").strip()[:200] or "document")
    assert make.PDF not in object_store.objects.values()  # sealed
    assert not any(part in key for key in object_store.objects for part in ("etc", "中文", "报告"))


def test_nobody_else_reads_an_upload(people, data):
    request = make.submitted(people["li"], data.id)
    for name in ("zhang", "zhao", "sun", "he"):
        with pytest.raises(EnclaveError) as refused:
            service.download(people[name], request.id, request.files[0].id)
        assert refused.value.code == "not_found"


def test_a_removed_upload_is_destroyed(people, data, object_store):
    view = make.draft(people["li"], data.id)
    with pytest.raises(EnclaveError):
        service.detach(people["zhang"], view.id, view.files[0].id)
    assert service.detach(people["li"], view.id, view.files[0].id).files == ()
