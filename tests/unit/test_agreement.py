"""The agreement: every clause of B.1 and B.2, no blank, no markup from answers, one PDF, seals that hold."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime

import pikepdf
import pytest

from enclave.kernel import printing
from enclave.kernel.errors import EnclaveError, Unavailable
from request_review import agreements
from request_review.rulebook import rules

AT = datetime(2026, 11, 25, 2, 0, tzinfo=UTC)
FACTS = {
    "party_a": "锦江医学院附属医院",
    "party_b": "蜀都大学公共卫生学院",
    "party_b_address": "成都市人民南路 17 号",
    "project_name": "再入院风险研究",
    "applied_project": "再入院风险研究（立项编号：82073664）",
    "work_b": "统计分析",
    "funds": "本项目无专项经费，双方互不支付费用。",
    "joint_work": "再入院风险研究",
    "permitted_work": "再入院风险研究",
    "data_list": "住院病例（去标识化数据集）",
    "people": "李（li）",
}
ANNEX = dict.fromkeys(rules("agreement-2")["annex"]["rows"], "无")


def whole_text(facts=None) -> str:
    documents = agreements.texts(facts or FACTS)
    parts = [document["preamble"] for document in documents]
    parts += [item["zh"] for document in documents for article in document["articles"] for item in article["items"]]
    return "".join(parts)


@pytest.mark.clause("B-0")
@pytest.mark.clause("B.1-0c")
def test_the_corrected_template_holds_every_clause_and_none_of_the_defects():
    cited = json.dumps(rules("agreement-2")["documents"], ensure_ascii=False)
    for article in (
        "1-1",
        "1-2",
        "2-1",
        "2-2a",
        "2-2b",
        "2-3a",
        "2-3b",
        "2-4",
        "3-1",
        "3-2",
        "4-1",
        "4-2",
        "4-3",
        "5-1",
    ):
        assert f'"B.2-{article}"' in cited
    for article in ("1-1", "1-2", "2", "3-1a", "3-1b", "3-2", "4-1", "4-2", "4-3", "5-1", "5-2", "5-3", "5-4", "5-5"):
        assert f'"B.1-{article}"' in cited
    text = whole_text()
    assert "民法典" in text and "100000 元（壹拾万元）" in text
    for defect in ("合同法", "第双方", "第四方", "其他两方", "的的", "XX", "{", "}"):
        assert defect not in text


@pytest.mark.clause("B.1-0b")
@pytest.mark.parametrize("blank", sorted(FACTS))
def test_an_unfilled_blank_is_never_signed(blank):
    for value in (None, "", "  "):
        facts = {name: kept for name, kept in {**FACTS, blank: value}.items() if kept is not None}
        with pytest.raises(agreements.Unfilled) as refused:
            agreements.render(facts, ANNEX, "2026-1", AT)
        assert refused.value.facts["blank"] == blank


@pytest.mark.clause("B.1-2")
def test_money_adds_up_or_is_an_explicit_none():
    assert agreements.funds(0, 0, "") == "本项目无专项经费，双方互不支付费用。"
    sentence = agreements.funds(12.5, 2.5, "由信息中心一次拨付")
    assert "总额为 12.5 万元，甲方享有 2.5 万元，乙方享有 10 万元" in sentence and "一次拨付" in sentence


def test_drawing_up_twice_gives_the_same_bytes_and_another_word_another_hash():
    one, two = (agreements.render(FACTS, ANNEX, "2026-1", AT) for _ in range(2))
    assert agreements.sha256(one) == agreements.sha256(two)
    other = agreements.render({**FACTS, "work_b": "统计分析。"}, ANNEX, "2026-1", AT)
    assert agreements.sha256(other) != agreements.sha256(one)


def test_the_pdf_has_pages_a_title_and_embedded_chinese_fonts():
    with pikepdf.open(io.BytesIO(agreements.render(FACTS, ANNEX, "2026-1", AT))) as pdf:
        assert len(pdf.pages) == 5
        assert "数据保密协议" in str(pdf.docinfo["/Title"])
        fonts = pdf.pages[0]["/Resources"]["/Font"]
        assert any("CJK" in str(fonts[name]["/BaseFont"]) for name in fonts)


NASTY = '#panic("x") *粗* $x^2$ \\ `code` <label> @ref #include "/etc/passwd" {party_a} {0.__class__}'


def test_answers_are_words_and_never_markup_or_placeholders():
    assert NASTY in whole_text({**FACTS, "project_name": NASTY})
    made = agreements.render({**FACTS, "project_name": NASTY, "party_b": NASTY}, {**ANNEX, "columns": NASTY}, "1", AT)
    with pikepdf.open(io.BytesIO(made)) as pdf:
        assert len(pdf.pages) >= 5
        assert not any("/Annots" in page for page in pdf.pages)


def test_missing_fonts_are_named_with_the_way_to_get_them(monkeypatch):
    monkeypatch.setattr(printing, "families", lambda: frozenset())
    with pytest.raises(Unavailable) as refused:
        agreements.render(FACTS, ANNEX, "1", AT)
    assert "fonts-noto-cjk" in refused.value.message("zh")


@pytest.mark.clause("B.1-6")
def test_a_seal_holds_for_exactly_what_was_signed(home):
    content = agreements.statement("req-1", "party_a", "wu", "a" * 64, "同意", AT)
    signature, key = agreements.seal(content)
    assert agreements.seal_holds(content, signature, key)
    for changed in (
        agreements.statement("req-2", "party_a", "wu", "a" * 64, "同意", AT),
        agreements.statement("req-1", "party_b", "wu", "a" * 64, "同意", AT),
        agreements.statement("req-1", "party_a", "li", "a" * 64, "同意", AT),
        agreements.statement("req-1", "party_a", "wu", "b" * 64, "同意", AT),
        agreements.statement("req-1", "party_a", "wu", "a" * 64, "不同意", AT),
    ):
        assert not agreements.seal_holds(changed, signature, key)
    assert not agreements.seal_holds(content, "00" * 64, key)
    assert not agreements.seal_holds(content, "zz", key)


def test_a_seal_of_another_key_is_not_ours(home):
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    stranger = Ed25519PrivateKey.generate()
    public = stranger.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
    assert not agreements.seal_holds(b"x", stranger.sign(b"x").hex(), public)
    assert agreements.seal_holds(b"x", stranger.sign(b"x").hex(), public, [public])


def test_unfilled_is_an_error_of_the_tree():
    assert issubclass(agreements.Unfilled, EnclaveError)
