"""Every sentence a person may meet exists in Chinese and English, with the same places to fill."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator

import pytest

from enclave.kernel import i18n
from tests.verification.source import ROOT, Module, product

KERNEL_ERRORS = {"EnclaveError", "Refused", "NotFound", "Conflict", "Invalid", "Unavailable"}
HAN = re.compile(r"[\u4e00-\u9fff]")
# One word for one thing: 分析空间 for the enclave, 台账 for the ledger; 领地 is the standard’s, the glossary adds it.
OTHER_WORDS = re.compile(r"封闭分析环境|安全环境|分析环境|飞地|审计账本|账本|(?<!（)领地")
READ_BY_PEOPLE = ("README.zh-CN.md", "docs/*/*.zh-CN.md", "deploy/demo/*.yaml", "request_review/rules/*.yaml")


def error_classes() -> set[str]:
    """Return names of every class of the error tree, subclasses of subclasses included."""
    known, before = set(KERNEL_ERRORS), -1
    while len(known) != before:
        before = len(known)
        for module in product():
            for node in ast.walk(module.tree):
                if isinstance(node, ast.ClassDef) and known & {name(base) for base in node.bases}:
                    known.add(node.name)
    return known


def name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def calls(module: Module, names: set[str]) -> Iterator[ast.Call]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and name(node.func) in names:
            yield node


def codes(node: ast.expr) -> list[str]:
    """Return the literal codes an expression may give; none when it is computed."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.IfExp):
        return codes(node.body) + codes(node.orelse)
    return []


def raised() -> list[tuple[str, ast.Call, str]]:
    classes = error_classes()
    return [
        (f"{module.path}:{call.lineno}", call, code)
        for module in product()
        for call in calls(module, classes)
        if call.args
        for code in codes(call.args[0])
    ]


def places(template: str) -> set[str]:
    """Return the places of a sentence; a fact that exists in both languages (`name_zh`, `name_en`) counts as one."""
    fields = {field.split(".")[0].split("[")[0] for _, field, _, _ in string.Formatter().parse(template) if field}
    return {re.sub(r"_(zh|en)$", "", field) for field in fields}


def test_the_search_finds_codes() -> None:
    found = {code for _, _, code in raised()}
    assert {"forbidden", "not_found", "object_tampered", "already_decided"} <= found


@pytest.mark.promise("P8")
def test_every_code_raised_has_its_sentences() -> None:
    texts = i18n.catalogue()
    assert [f"{where}: {code}" for where, _, code in raised() if code not in texts] == []


@pytest.mark.promise("P8")
def test_every_place_in_a_sentence_is_filled_by_who_raises_it() -> None:
    texts = i18n.catalogue()
    empty = []
    for where, call, code in raised():
        given = {keyword.arg and re.sub(r"_(zh|en)$", "", keyword.arg) for keyword in call.keywords}
        if code in texts and None not in given:  # `**facts` is not known before it runs
            empty += [f"{where}: {code} {{{place}}}" for place in places(texts[code].zh) - given]
    assert empty == []


def test_every_literal_key_looked_up_exists() -> None:
    texts = i18n.catalogue()
    missing = [
        f"{module.path}:{call.lineno}: {key}"
        for module in product()
        for call in calls(module, {"text"})
        if call.args and isinstance(call.func, ast.Name)
        for key in codes(call.args[0])
        if re.fullmatch(r"[a-z][a-z0-9_]+", key) and key not in texts
    ]
    assert missing == []


@pytest.mark.promise("P8")
def test_both_languages_have_the_same_places() -> None:
    assert [key for key, text in i18n.catalogue().items() if places(text.zh) != places(text.en)] == []


def test_each_language_is_in_its_own_script() -> None:
    chinese_in_english = [key for key, text in i18n.catalogue().items() if len(HAN.findall(text.en)) > len(text.en) / 3]
    assert set(chinese_in_english) <= {"ui_other_language"}  # the name of the language, in that language
    # A text of words must be translated; a number, a symbol or a proper name may stand alone.
    untranslated = [
        key
        for key, text in i18n.catalogue().items()
        if not HAN.search(text.zh) and len(re.findall(r"[A-Za-z]{3,}", re.sub(r"\{[^}]*\}", "", text.zh))) >= 3
    ]
    assert untranslated == []


def test_no_text_is_empty() -> None:
    assert [key for key, text in i18n.catalogue().items() if not text.zh.strip() or not text.en.strip()] == []


def test_the_enclave_and_the_ledger_have_one_name() -> None:
    places = [(key, text.zh) for key, text in i18n.catalogue().items()]
    for pattern in READ_BY_PEOPLE:
        files = sorted(ROOT.glob(pattern))
        assert files, pattern
        places += [(file.name, file.read_text("utf-8")) for file in files]
    assert [(place, word) for place, words in places for word in OTHER_WORDS.findall(words)] == []
