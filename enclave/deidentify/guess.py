"""Guesses what one column is: by check digits and patterns first, then by its name, then by its shape."""

from __future__ import annotations

from dataclasses import dataclass

from enclave.deidentify.agreement import agrees
from enclave.deidentify.evidence import Evidence, ValueFinding, holds_identifiers, plain_finding, strong_finding
from enclave.deidentify.names import kinds, name_kinds

NEAR_KEY = 0.95
NEAR_KEY_ROWS = 20
CODE_MOST = 60


@dataclass(frozen=True)
class Guess:
    """A kind and why. `proves_person` says that only rows about persons hold such values (identity numbers)."""

    kind: str
    zh: str
    en: str
    by_value: bool = False
    proves_person: bool = False


def guess(table: str, name: str, evidence: Evidence) -> Guess:
    """Return what a column is; values with check digits outweigh a name that says something harmless."""
    strong = strong_finding(evidence)
    named = next((kind for kind in name_kinds(table, name) if agrees(kind, evidence)), None)
    if strong and (named is None or kinds()[named].role != "direct"):
        return _shown(strong)
    if holds_identifiers(evidence) and (named is None or kinds()[named].role != "direct"):
        zh, en = "文字中夹有证件号、电话或邮箱", "identity or telephone numbers or e-mail addresses stand in the text"
        return Guess("free_text", zh, en, by_value=True, proves_person=True)
    if named:
        proof = bool(strong and strong.personal)
        return Guess(
            named, f"列名表示“{kinds()[named].zh}”", f"the name says: {kinds()[named].en}", proves_person=proof
        )
    return _guess_by_value(evidence)


def _shown(found: ValueFinding) -> Guess:
    percent = round(100 * found.share)
    return Guess(
        found.kind,
        f"抽查的不同取值有 {percent}% {found.zh}",
        f"{percent}% of the values sampled {found.en}",
        by_value=True,
        proves_person=found.personal,
    )


def _guess_by_value(evidence: Evidence) -> Guess:
    if evidence.present == 0:
        return Guess("empty", "全部缺失", "holds no value")
    found = plain_finding(evidence)
    if found:
        return _shown(found)
    if evidence.is_date:
        return _dated(evidence)
    if _is_free_text(evidence):
        return Guess("free_text", "取值是长短不一的文字", "the values are texts of varying length")
    if _is_near_key(evidence):
        return _near_key(evidence)
    if evidence.is_number and not (evidence.whole and evidence.distinct <= CODE_MOST):
        return Guess("number", "取值是数值", "the values are numbers")
    if evidence.distinct <= CODE_MOST or evidence.dtype == "truth":
        return Guess("code", f"只有 {evidence.distinct} 种取值", f"has {evidence.distinct} different values only")
    return Guess("text", "取值是一般文字", "the values are plain text")


def _near_key(evidence: Evidence) -> Guess:
    percent = round(100 * evidence.uniqueness)
    zh, en = f"{percent}% 的取值各不相同，可当作编号", f"{percent}% of the values differ and may serve as a number"
    return Guess("identifier", zh, en, by_value=True)


def _dated(evidence: Evidence) -> Guess:
    if evidence.dtype in ("date", "moment") and evidence.high.year - evidence.low.year >= 60:
        zh, en = "日期跨度达数十年，可能是出生日期", "the dates span decades and may be dates of birth"
        return Guess("birth_date", zh, en, by_value=True)
    return Guess("date", "取值是日期", "the values are dates", by_value=True)


def _is_free_text(evidence: Evidence) -> bool:
    if not evidence.is_text or evidence.uniqueness < 0.2:
        return False
    wide = evidence.share(lambda value: any("\u4e00" <= char <= "\u9fff" for char in value)) > 0.5
    return evidence.mean_length >= (12 if wide else 30)


def _is_near_key(evidence: Evidence) -> bool:
    """Tell whether nearly every row has a value of its own, or the values are long numbers that recur little."""
    if evidence.present < NEAR_KEY_ROWS or not (evidence.is_text or evidence.whole):
        return False
    lengths = {len(value) for value in evidence.sample}
    if evidence.whole and len(lengths) > 2:  # numbers given out in turn have few lengths, measures have many
        return False
    if evidence.uniqueness >= NEAR_KEY:
        return not evidence.whole or evidence.high >= 1000
    numbers = evidence.share(
        lambda value: any(char.isdigit() for char in value) and value.isascii() and value.isalnum()
    )
    return len(lengths) == 1 and min(lengths) >= 7 and numbers >= NEAR_KEY and evidence.uniqueness >= 0.3
