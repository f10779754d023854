"""The steward's pages say to the service what the command can say, and leave alone what registration settled."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from catalog_browser.pages import confirm
from catalog_browser.views import VariableDecision
from enclave.deidentify.service import RegisterDataSet
from enclave.kernel.i18n import text
from tests.conftest import Home


def form() -> None:
    import streamlit as st

    from enclave.deidentify.pages import register

    st.session_state["command"] = register._words()


def made(shown: AppTest) -> RegisterDataSet:
    assert not shown.exception
    command: RegisterDataSet = shown.session_state["command"]
    return command


def test_nothing_more_is_said_of_most_files(home: Home) -> None:
    command = made(AppTest.from_function(form).run(timeout=30))
    assert (command.person_key, command.text_columns, command.missing_marks) == ("", (), ())


def test_the_form_takes_what_the_command_takes(home: Home) -> None:
    shown = AppTest.from_function(form).run(timeout=30)
    assert [each.label for each in shown.expander] == [text("register_more")]
    next(each for each in shown.text_input if each.label == text("register_person_key")).input(" 家庭编号 ")
    for name, said in (("register_text_columns", "项目, 代码\n\n 邮编 \n"), ("register_missing_marks", "999\n不详")):
        next(each for each in shown.text_area if each.label == text(name)).input(said)
    command = made(shown.run(timeout=30))
    assert command.person_key == "家庭编号"
    assert command.text_columns == ("项目, 代码", "邮编")
    assert command.missing_marks == ("999", "不详")


def test_the_person_key_is_seen_and_not_changed_on_the_confirm_page() -> None:
    assert "person_key" in confirm.SHOWN[:4]
    assert "person_key" in confirm.READ_ONLY and "person_key" not in confirm.DECIDED
    row = dict.fromkeys(confirm.SHOWN, "x") | {"level": 3, "person_key": True}
    decision = confirm._decision("t", row)
    assert decision == VariableDecision("t", "x", "x", None, 3, "x", None, "x", "x", None, "x")


@pytest.mark.parametrize("name", ["person_key", "text_columns", "missing_marks"])
def test_every_option_is_explained(name: str) -> None:
    for language in ("zh", "en"):
        assert text(f"register_{name}_help", language) != f"register_{name}_help"
