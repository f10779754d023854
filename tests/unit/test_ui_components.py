"""What pages show is escaped; what goes wrong becomes an alert that tells nothing it should not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import streamlit as st

from enclave.kernel import institutions
from enclave.kernel.errors import Refused
from enclave.kernel.identity import system
from enclave.kernel.log import correlated
from enclave.ui import components as ui
from tests.conftest import Home

HOSTILE = "<img src=x onerror=alert(1)>\"'&[a](https://x.test)"


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Everything a page hands to `st.html`."""
    bodies: list[str] = []
    monkeypatch.setattr(st, "html", lambda body, **_: bodies.append(str(body)))
    return bodies


SHOWERS: dict[str, Callable[[], object]] = {
    "heading": lambda: ui.heading(HOSTILE, HOSTILE, HOSTILE),
    "section": lambda: ui.section(HOSTILE, HOSTILE),
    "prose": lambda: ui.prose(HOSTILE),
    "small": lambda: ui.small(HOSTILE),
    "bullets": lambda: ui.bullets([HOSTILE]),
    "badges": lambda: ui.badges((HOSTILE, "warn")),
    "facts": lambda: ui.facts([(HOSTILE, HOSTILE)]),
    "table": lambda: ui.table([HOSTILE], [[HOSTILE], [ui.Cell(HOSTILE, "bad")], [ui.Cell(HOSTILE, mono=True)]]),
    "stats": lambda: ui.stats([(HOSTILE, HOSTILE)]),
    "timeline": lambda: ui.timeline([ui.Step(HOSTILE, "now", HOSTILE, HOSTILE)]),
    "empty": lambda: ui.empty(HOSTILE, HOSTILE),
    "notice": lambda: ui.notice(HOSTILE),
    "finding": lambda: ui.finding(HOSTILE, HOSTILE, "bad", [HOSTILE]),
    "field": lambda: (ui.field_label(HOSTILE, HOSTILE), ui.field_error(HOSTILE)),
    "anchor": lambda: ui.anchor(HOSTILE, '"><script>'),
    "alert": lambda: ui.alert(Refused("catalog_slug_taken", slug=HOSTILE, clauses=(HOSTILE,))),
}


@pytest.mark.parametrize("name", SHOWERS)
def test_nothing_a_person_wrote_becomes_markup(shown: list[str], name: str) -> None:
    SHOWERS[name]()
    assert shown
    for body in shown:
        assert "<img src=x" not in body and "<script" not in body
        assert "\"'&[" not in body


def test_markdown_in_data_stays_words() -> None:
    written = ui.md("[link](https://x.test) ![i](x) **b** <b> `c` $x$ :red[y] ~~z~~")
    for mark in ("[", "]", "(", "!", "*", "<", "`", "$", ":", "~"):
        assert f"\\{mark}" in written
        assert written.replace(f"\\{mark}", "").count(mark) == 0


def test_an_error_is_told_in_both_languages_with_code_clauses_and_trace(shown: list[str]) -> None:
    with correlated("trace-1234"), ui.guarded():
        raise Refused("forbidden", clauses=("9.1.4-1", "6.4"), roles="steward")
    (body,) = shown
    for part in ("您的身份不能做这一步", "Your role does not allow", "9.1.4-1, 6.4", "forbidden", "trace-1234"):
        assert part in body
    assert 'role="alert"' in body


@pytest.mark.promise("P12")
def test_what_nobody_foresaw_shows_its_trace_and_none_of_its_text(
    shown: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with correlated("trace-5678"), ui.guarded():
        raise ValueError("张三 510107199001011234")
    told = "".join(shown) + "".join(capsys.readouterr())
    assert "trace-5678" in shown[0]
    assert "张三" not in told and "510107" not in told


def test_a_failed_step_says_so_before_the_alert(shown: list[str]) -> None:
    called: list[bool] = []
    with ui.guarded(failed=lambda: called.append(True)):
        raise Refused("forbidden", roles="")
    assert called == [True]


def test_control_flow_of_the_framework_passes_through() -> None:
    from streamlit.runtime.scriptrunner_utils.exceptions import StopException

    with pytest.raises(StopException), ui.guarded():
        raise StopException


def test_a_row_that_does_not_fit_its_table_is_a_mistake(shown: list[str]) -> None:
    with pytest.raises(ValueError, match="argument"):
        ui.table(["a", "b"], [["1"]])


def test_an_institution_shows_by_its_registered_name(home: Home) -> None:
    command = institutions.VerifyInstitution("WCH", "锦江医学院附属医院", "Jinjiang Hospital", "hospital")
    institutions.verify(system("tests"), command)
    assert ui.place("WCH") == "锦江医学院附属医院"
    assert ui.place("成都市第三人民医院") == "成都市第三人民医院"
