"""P12: a log line carries codes, counts and technical names, whatever a caller hands it."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enclave.kernel import log

ID_NUMBER = "510104199003070011"


def lines(capsys) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


@pytest.mark.promise("P12")
@pytest.mark.parametrize(
    "name", ["name", "path", "value", "row", "message", "exception", "facts", "url", "query", "title"]
)
def test_fields_that_may_hold_data_are_dropped(capsys, name) -> None:
    log.configure()
    log.logger().warning("upload", **{name: ID_NUMBER})
    (line,) = lines(capsys)
    assert name not in line
    assert ID_NUMBER not in json.dumps(line)
    assert line["state"] == "fields-dropped"


@pytest.mark.promise("P12")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=12))
def test_only_listed_fields_get_through(capsys, name) -> None:
    if name in ("event", "self"):
        return
    log.configure()
    log.logger().info("something", **{name: ID_NUMBER})
    (line,) = lines(capsys)
    assert set(line) <= log.ALLOWED
    assert (ID_NUMBER in line.values()) == (name in log.ALLOWED - {"level", "timestamp", "correlation"})


@pytest.mark.promise("P12")
def test_an_exception_leaves_no_words_in_the_log(capsys) -> None:
    log.configure()
    try:
        raise ValueError(ID_NUMBER)
    except ValueError:
        log.logger().error("failed", exc_info=True)
        log.logger().exception("failed", code="ValueError")
    printed = json.dumps(lines(capsys))
    assert ID_NUMBER not in printed
    assert "ValueError" in printed


def test_lines_carry_the_correlation_id(capsys) -> None:
    log.configure()
    with log.correlated("abc"):
        with log.correlated():
            log.logger().info("inside")
        with log.correlated("other"):
            log.logger().info("another")
    log.logger().info("outside")
    assert [line["correlation"] for line in lines(capsys)] == ["abc", "other", ""]


def test_a_fresh_correlation_id_is_made_when_there_is_none() -> None:
    with log.correlated() as one:
        pass
    with log.correlated() as other:
        pass
    assert one != other
    assert len(one) == 16
