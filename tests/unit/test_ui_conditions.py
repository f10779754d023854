"""A condition's value has the type the version's column has, whatever a person picks or types."""

from __future__ import annotations

from dataclasses import replace

import pytest

from catalog_browser.views import VariableView
from request_review.pages.conditions import MOST_OFFERED, Choice

VARIABLE = VariableView(
    id="v", table="t", name="sex", position=0, dtype="text", kind="", label_zh="性别", label_en="Sex",
    codes={"1": {"zh": "男", "en": "male"}, "2": {"zh": "女", "en": "female"}}, indicator={}, facts={}, role="quasi",
    proposed_role="quasi", person_key=False, reason_zh="", reason_en="", clause="", level=3,
    category="personal_attribute", confirmed=True,
)  # fmt: skip


@pytest.mark.parametrize(
    ("dtype", "examples", "written", "read"),
    [
        ("whole", (), "1", 1),
        ("number", (), "1.5", 1.5),
        ("number", (), "-3", -3),
        ("whole", (), "六十", "六十"),
        ("text", (), "01", "01"),
        ("date", (), "2020-01-02", "2020-01-02"),
        ("truth", (), "是", True),
        ("truth", (), "false", False),
        ("whole", ("[60,70)", "[50,60)"), "60", "60"),  # coarsened to classes in the version asked for
        ("text", (1, 2), "2", 2),
        ("whole", (1, 2.5), "3", 3),
        ("whole", (True, False), "true", True),
    ],
)
def test_the_versions_own_values_decide_the_type(
    dtype: str, examples: tuple[object, ...], written: str, read: object
) -> None:
    found = Choice(replace(VARIABLE, dtype=dtype), examples).read(written)  # type: ignore[arg-type] # values of a table
    assert found == read and type(found) is type(read)


def test_values_are_offered_with_their_meaning() -> None:
    assert Choice(VARIABLE).values == {"1": "1 男", "2": "2 女"}
    assert Choice(VARIABLE, ("2", "其他 other")).values == {"2": "2 女", "其他 other": "其他 other"}


def test_too_many_values_are_typed_rather_than_listed() -> None:
    assert Choice(VARIABLE, tuple(range(MOST_OFFERED + 1))).values == {}
