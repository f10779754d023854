"""The notebook client: what it sends, what it shows, and that it needs nothing of the server."""

from __future__ import annotations

import ast
import json
import socket
import sys
import threading
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any, ClassVar

import numpy as np
import pytest

import enclave.client as client
from enclave.client import results
from enclave.client.errors import EnclaveError

PACKAGE = Path(client.__file__).parent
ALLOWED = {"enclave.client", "pandas"}


class _Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True
    calls: ClassVar[list[tuple[str, str, Any]]] = []
    answer: ClassVar[tuple[int, Any]] = (200, {})


class _Handler(BaseHTTPRequestHandler):
    def _answer(self) -> None:
        size = int(self.headers.get("Content-Length", 0))
        _Server.calls.append((self.command, self.path, json.loads(self.rfile.read(size)) if size else None))
        status, body = _Server.answer
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def address_string(self) -> str:
        return "unix"


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Server]]:
    path = tmp_path / "g.sock"
    _Server.calls, _Server.answer = [], (200, {})
    server = _Server(str(path), _Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    monkeypatch.setenv("ENCLAVE_GATEWAY", str(path))
    monkeypatch.setenv("HOME", str(tmp_path))
    yield _Server
    server.shutdown()
    server.server_close()
    thread.join()


def test_it_imports_nothing_of_the_server() -> None:
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                top = name.split(".")[0]
                assert top in sys.stdlib_module_names or name.startswith(tuple(ALLOWED)), f"{path.name} imports {name}"


def test_it_loads_without_pandas() -> None:
    """Importing is instant; pandas is loaded by the first frame."""
    import subprocess

    program = "import enclave.client, sys; sys.exit('pandas' in sys.modules or 'enclave.kernel' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_what_is_sent(gateway: type[_Server]) -> None:
    gateway.answer = (200, {"value": 1, "accuracy": 2})
    client.count("t", {"sex": "F", "icd": ["I21", "I22"]}, epsilon="0.1")
    client.mean(
        "t", "age", bounds=(np.int64(0), np.float64(110.5)), epsilon=0.2, where=[("day", ">=", date(2020, 1, 2))]
    )
    client.histogram("t", "age", bins=range(0, 30, 10), epsilon=0.1, per_person=2)
    client.histogram("t", "sex", categories={"F"}, epsilon=0.1)
    client.histogram("t", "sex", epsilon=0.1)
    client.table("t", by="sex", where=[{"column": "age", "op": "<", "value": 5}])
    bodies = [body for _, _, body in gateway.calls]
    common = {"table": "t", "per_person": 1}
    assert bodies == [
        common | {"kind": "count", "epsilon": "0.1", "where": [
            {"column": "sex", "op": "=", "value": "F"}, {"column": "icd", "op": "in", "value": ["I21", "I22"]}]},
        common | {"kind": "mean", "column": "age", "bounds": [0, 110.5], "epsilon": 0.2, "where": [
            {"column": "day", "op": ">=", "value": "2020-01-02"}]},
        common | {"kind": "histogram", "column": "age", "bins": [0, 10, 20], "epsilon": 0.1, "where": [],
                  "per_person": 2},
        common | {"kind": "histogram", "column": "sex", "categories": ["F"], "epsilon": 0.1, "where": []},
        common | {"kind": "histogram", "column": "sex", "epsilon": 0.1, "where": []},
        {"table": "t", "by": ["sex"], "where": [{"column": "age", "op": "<", "value": 5}]},
    ]  # fmt: skip


def test_files_are_named_relative_to_the_workspace(
    gateway: type[_Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")
    (tmp_path / "link").symlink_to("/etc")
    client.export(["a.csv", tmp_path / "b.csv", "~/c.csv", "../link/passwd"], note="text")
    assert gateway.calls[0][2]["paths"] == ["out/a.csv", "b.csv", "c.csv", "link/passwd"]  # the gateway judges links
    for outside in ("/etc/passwd", "../../x"):
        with pytest.raises(EnclaveError) as refusal:
            client.export(outside, note="text")
        assert refusal.value.code == "client_outside"
    client.export("a.csv", note="text")
    assert len(gateway.calls) == 2


def test_refusals_keep_code_both_languages_facts_and_clauses(gateway: type[_Server]) -> None:
    said = {"code": "x_y", "message_zh": "不行", "message_en": "No", "facts": {"n": 1}, "clauses": ["3.2-n"]}
    gateway.answer = (403, said)
    with pytest.raises(EnclaveError) as refusal:
        client.budget()
    error = refusal.value
    assert (error.code, error.facts, error.clauses) == ("x_y", {"n": 1}, ("3.2-n",))
    assert str(error) == "不行\nNo\n[x_y] T/SHIA 8-2020: 3.2-n"
    assert error._render_traceback_() == str(error).splitlines()


@pytest.mark.parametrize(("answer", "code"), [((502, b"<html>"), "client_answer"), ((500, b"[]"), "client_answer")])
def test_answers_that_are_none(gateway: type[_Server], answer: tuple[int, bytes], code: str) -> None:
    gateway.answer = answer
    with pytest.raises(EnclaveError) as refusal:
        client.budget()
    assert refusal.value.code == code


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1: object()}])
def test_values_that_cannot_be_sent(gateway: type[_Server], value: Any) -> None:
    with pytest.raises(EnclaveError) as refusal:
        client.count("t", {"a": value}, epsilon=0.1)
    assert refusal.value.code == "client_values"
    assert gateway.calls == []


@pytest.mark.parametrize("where", ["a = 1", [("a", "=")], 5, [1]])
def test_conditions_that_are_none(gateway: type[_Server], where: Any) -> None:
    with pytest.raises((EnclaveError, TypeError)):
        client.count("t", where, epsilon=0.1)
    assert gateway.calls == []


def test_no_gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENCLAVE_GATEWAY", str(tmp_path / "nothing.sock"))
    with pytest.raises(EnclaveError) as refusal:
        client.data()
    assert refusal.value.code == "client_unreachable"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "dead.sock"))
        monkeypatch.setenv("ENCLAVE_GATEWAY", str(tmp_path / "dead.sock"))
        with pytest.raises(EnclaveError):
            client.data()


EVIL = "<img src=x onerror=alert(1)>"


def test_nothing_in_an_answer_becomes_markup() -> None:
    dataset = {"title_zh": EVIL, "title_en": EVIL}
    column = {"name": EVIL, "dtype": EVIL, "label_zh": EVIL, "label_en": EVIL}
    finding = {"severity": "block", "zh": EVIL, "en": EVIL}
    money = {"title_zh": EVIL, "title_en": EVIL, "total": EVIL, "spent": EVIL, "remaining": EVIL}
    shown = [
        results.DataTables([results.DataTable({"name": EVIL, "rows": 1, "columns": [column], "dataset": dataset})]),
        results.Budgets([money]),
        results.Answer({"kind": EVIL, "column": EVIL, "table": EVIL, "value": 1, "accuracy": 1.5, "charged": EVIL,
                        "remaining": EVIL, "notes_zh": [EVIL], "notes_en": [EVIL]}),
        results.Table({"id": EVIL, "by": [EVIL], "cells": [{"values": [EVIL], "persons": 10}], "threshold": 10}),
        results.Export({"id": EVIL, "state": EVIL, "files": [{"name": EVIL, "findings": [finding]}]}),
        results.Exports([{"id": EVIL, "submitted_at": EVIL, "state": EVIL, "files": 1}]),
    ]  # fmt: skip
    for each in shown:
        assert "<img" not in each._repr_html_()
        assert repr(each)


def test_answers_read_well() -> None:
    common = {
        "charged": "0.1",
        "remaining": "3.9",
        "notes_zh": ["注"],
        "notes_en": ["note"],
        "column": None,
        "table": "visits",
    }
    answer = results.Answer(common | {"kind": "count", "value": 12345, "accuracy": 30})
    assert repr(answer) == "12,345 ± 30 (95 %), ε 0.1, 剩余 left 3.9"
    assert float(answer) == 12345
    assert "value" in dir(answer)
    assert not hasattr(answer, "nothing")
    nothing = results.Answer(common | {"kind": "mean", "value": None, "accuracy": None})
    assert repr(nothing).startswith("— ± —")
    bins = results.Answer(common | {"kind": "histogram", "value": [{"bin": "a", "count": 3}], "accuracy": 2})
    assert bins.frame().to_dict("records") == [{"bin": "a", "count": 3}]
