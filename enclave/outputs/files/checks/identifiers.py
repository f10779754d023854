"""Identifiers of persons in text: numbers by their check digits, the rest by pattern."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import date

from stdnum import luhn
from stdnum.cn import ric

from enclave.outputs.files.report import Context, Report

_NOT_IN_NUMBER = r"(?<![0-9A-Za-z.])"
_ID18 = re.compile(
    _NOT_IN_NUMBER + r"[1-9]\d{5}(?:18|19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?![0-9A-Za-z])"
)
_ID15 = re.compile(
    _NOT_IN_NUMBER
    + r"(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5])\d{4}(\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])\d{3}"
    + r"(?![0-9A-Za-z])"
)
_MOBILE = re.compile(_NOT_IN_NUMBER + r"(?:\+?86[- ]?)?1[3-9]\d[- ]?\d{4}[- ]?\d{4}(?![0-9A-Za-z]|\.\d)")
_LANDLINE = re.compile(r"(?<![0-9A-Za-z.-])0\d{2,3}-\d{7,8}(?![0-9A-Za-z-])")
_EMAIL = re.compile(r"[A-Za-z0-9._%+-]{2,}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")
_BANK = re.compile(_NOT_IN_NUMBER + r"62\d{14,17}(?![0-9A-Za-z])")
_NAMED = re.compile(r"(?:姓名|患者|病人|联系人)\s*[:：]\s*[\u4e00-\u9fff·]{2,4}")
_TOKEN = re.compile(r"[0-9A-Za-z_+/=-]{6,}")
# The hundred commonest family names (2020 census) and the common double ones.
SURNAMES = frozenset(
    "王李张刘陈杨黄赵吴周徐孙马朱胡郭何高林罗郑梁谢宋唐许韩冯邓曹彭曾萧田董袁潘于蒋蔡余杜叶程苏魏吕丁任沈姚卢姜崔钟谭陆汪范金"
    "石廖贾夏韦付方白邹孟熊秦邱江尹薛闫段雷侯龙史陶黎贺顾毛郝龚邵万钱严覃武戴莫孔向汤肖康"
)
DOUBLE = ("欧阳", "司马", "上官", "诸葛", "东方", "皇甫", "尉迟", "公孙", "慕容", "令狐")


def is_name(value: str) -> bool:
    """Tell whether a cell looks like a Chinese person's name: family name and one or two characters."""
    if not re.fullmatch(r"[\u4e00-\u9fff]{2,4}", value):
        return False
    return value.startswith(DOUBLE) or (len(value) <= 3 and value[0] in SURNAMES)


def scan(text: str, report: Report, context: Context, **place: object) -> None:
    """Add a finding for every kind of identifier in `text`; `place` says where, never what."""
    plain = unicodedata.normalize("NFKC", text)  # full-width digits are digits too
    for code in set(found(plain)):
        report.add(code, **place)
    if context.pseudonyms and not context.pseudonyms.isdisjoint(_TOKEN.findall(plain)):
        report.add("export_pseudonyms", **place)


def found(plain: str) -> Iterator[str]:
    """Yield the finding code of each identifier in normalised text."""
    if any(ric.is_valid(match.group().upper()) for match in _ID18.finditer(plain)):
        yield "export_identifier_id_number"
    if any(_is_day(*match.groups()) for match in _ID15.finditer(plain)):
        yield "export_identifier_id_number"
    if _MOBILE.search(plain) or _LANDLINE.search(plain):
        yield "export_identifier_phone"
    if _EMAIL.search(plain):
        yield "export_identifier_email"
    if any(luhn.is_valid(match.group()) for match in _BANK.finditer(plain)):
        yield "export_identifier_bank_card"
    if _NAMED.search(plain):
        yield "export_identifier_name"


def _is_day(year: str, month: str, day: str) -> bool:
    try:
        date(1900 + int(year), int(month), int(day))
    except ValueError:
        return False
    return True
