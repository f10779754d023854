"""An enclave's only way out: its member's socket, as long as his grant holds (P3, P5, P10)."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pandas as pd
import pytest
from aiohttp import web

from enclave.gateway import sockets, sockets_app, sockets_calls
from enclave.grants.models import Member as MemberRow
from enclave.kernel.identity import Actor, system
from enclave.kernel.settings import settings
from enclave.kernel.unit import unit_of_work
from enclave.outputs import access
from enclave.outputs.files import submission
from enclave.workspaces.service import ExtractTable
from tests.conftest import Home
from tests.factories import projects

ROOT = os.geteuid() == 0
UID = {"li": 200001, "zhang": 200002}


@dataclass
class Hub:
    """Stands for the hub's API and remembers what reaches it."""

    seen: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        self.seen.append((request.method, request.raw_path, dict(request.headers), await request.read()))
        return web.json_response({"name": "li"}, headers={"X-JupyterHub-Version": "6", "Set-Cookie": "a=b"})


class Running:
    """The gateway in a thread of this process, so that what tests replace is replaced in it too."""

    def __init__(self) -> None:
        self.hub = Hub()
        self.loop = asyncio.new_event_loop()
        self.syncing = True
        self._ready = threading.Event()
        self.thread = threading.Thread(target=self.loop.run_until_complete, args=(self._run(),))

    async def _run(self) -> None:
        self.stop = asyncio.Event()
        app = web.Application()
        app.router.add_route("*", "/{rest:.*}", self.hub.handle)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        folder = settings().run_dir / "gw"
        folder.mkdir(parents=True, mode=0o711)
        for step in (settings().run_dir, folder):
            step.chmod(0o711)
        async with aiohttp.ClientSession() as client:
            self.gateway = sockets.Gateway(folder, client, f"http://127.0.0.1:{port}/hub/api")
            await self.gateway.sync()
            self._ready.set()
            while not self.stop.is_set():
                if self.syncing:
                    await self.gateway.sync()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.stop.wait(), 0.1)
            await self.gateway.close()
        await runner.cleanup()

    def __enter__(self) -> Running:
        self.thread.start()
        assert self._ready.wait(20)
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self.stop.set)
        self.thread.join(20)
        shutil.rmtree(settings().run_dir)


@pytest.fixture
def running(home: Home, people: dict[str, Actor]) -> Iterator[Running]:
    projects.make_project("p-socket01", ("li", "zhang"))
    with Running() as gateway:
        yield gateway


def path_of(username: str = "li", project_id: str = "p-socket01") -> Path:
    return settings().run_dir / "gw" / f"{username}--{project_id}" / "gateway.sock"


CALLER = """
import http.client, json, socket, sys
def connect(path):
    c = http.client.HTTPConnection("x", timeout=60)
    c.sock = socket.socket(socket.AF_UNIX); c.sock.settimeout(60); c.sock.connect(path)
    return c
path, calls = sys.argv[1], json.loads(sys.stdin.read())
answers = []
for method, target, body in calls:
    try:
        c = connect(path)
        c.putrequest(method, target, skip_host=False)
        data = (body if isinstance(body, str) else json.dumps(body)).encode() if body is not None else b""
        c.putheader("Content-Length", str(len(data)))
        c.putheader("Authorization", "token t"); c.putheader("Cookie", "a=b")
        c.endheaders(data)
        r = c.getresponse(); raw = r.read()
        try: answers.append([r.status, json.loads(raw), dict(r.getheaders())])
        except ValueError: answers.append([r.status, raw.decode(), dict(r.getheaders())])
    except OSError as e:
        answers.append([type(e).__name__, None, None])
print(json.dumps(answers))
"""


def calls(*wanted: tuple[str, str, Any], who: str = "li", socket_of: str = "li") -> list[list[Any]]:
    """Make calls as the member's own user id, in a process of its own."""
    identity: dict[str, Any] = {"user": UID[who], "group": UID[who], "extra_groups": []} if ROOT else {}
    done = subprocess.run(
        [sys.executable, "-c", CALLER, str(path_of(socket_of))],
        input=json.dumps(wanted), capture_output=True, text=True, timeout=120, cwd="/", **identity,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    answers: list[list[Any]] = json.loads(done.stdout)
    return answers


def call(method: str, target: str, body: Any = None, **how: str) -> list[Any]:
    return calls((method, target, body), **how)[0]


# --- who may call ------------------------------------------------------------------------------------------------


@pytest.mark.promise("P3")
def test_sockets_are_those_of_open_members(running: Running) -> None:
    for username in ("li", "zhang"):
        found = path_of(username).stat()
        assert stat.S_ISSOCK(found.st_mode)
        assert stat.S_IMODE(found.st_mode) == 0o600
        assert found.st_uid == (UID[username] if ROOT else os.geteuid())
        assert path_of(username).parent.stat().st_uid == os.geteuid()  # the member cannot put anything in its place
    assert {path.parent.name for path in settings().run_dir.glob("gw/*/gateway.sock")} == {
        "li--p-socket01",
        "zhang--p-socket01",
    }


@pytest.mark.promise("P3")
def test_a_revoked_grant_closes_the_socket_and_the_connections_on_it_within_seconds(running: Running) -> None:
    with socket.socket(socket.AF_UNIX) as held:
        held.connect(str(path_of()))  # an open connection, kept alive
        held.settimeout(10)
        started = time.monotonic()
        projects.end_project("p-socket01")
        assert held.recv(1) == b""
    while path_of().exists():
        assert time.monotonic() - started < 5
        time.sleep(0.02)
    assert time.monotonic() - started < 5
    assert call("GET", "/enclave/budget")[0] in ("FileNotFoundError", "ConnectionRefusedError")
    assert path_of().parent.exists()  # what an enclave mounts stays


@pytest.mark.promise("P3")
def test_every_call_asks_whether_the_grant_holds(running: Running) -> None:
    """Even when the socket is still there: nothing relies on closing it in time."""
    running.syncing = False
    time.sleep(0.3)
    projects.end_project("p-socket01")
    for method, target in (("GET", "/enclave/data"), ("GET", "/enclave/budget"), ("POST", "/enclave/ask"),
                           ("POST", "/enclave/table"), ("POST", "/enclave/export"), ("GET", "/enclave/exports"),
                           ("GET", "/hub/api/user"), ("POST", "/hub/api/oauth2/token"),
                           ("GET", "/nothing")):  # fmt: skip
        status, body, _ = call(method, target, {} if method == "POST" else None)
        assert (status, body["code"]) == (403, "grant_project_ended")
    assert running.hub.seen == []


@pytest.mark.promise("P3")
def test_a_removed_member_loses_his_socket_and_no_one_elses(running: Running) -> None:
    with unit_of_work(system("test")) as unit:
        unit.get(MemberRow, ("p-socket01", "zhang")).state = "removed"  # type: ignore[arg-type]  # a key of two columns
        unit.record("test.removed", "p-socket01")
    deadline = time.monotonic() + 5
    while path_of("zhang").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert call("GET", "/hub/api")[0] == 200


@pytest.mark.root
@pytest.mark.skipif(not ROOT, reason="only root can give members user ids of their own")
@pytest.mark.promise("P3")
def test_another_members_socket_cannot_be_used(running: Running) -> None:
    assert call("GET", "/hub/api", who="zhang", socket_of="li")[0] == "PermissionError"
    path_of("li").chmod(0o666)  # even if it could be opened: the kernel tells who calls
    status, body, _ = call("GET", "/hub/api", who="zhang", socket_of="li")
    assert (status, body["code"]) == (403, "gateway_stranger")
    assert running.hub.seen == []


@pytest.mark.root
@pytest.mark.skipif(not ROOT, reason="only root can give members user ids of their own")
def test_an_enclave_cannot_leave_anything_in_the_sockets_folder(running: Running) -> None:
    program = "import os, sys; os.symlink('/etc/passwd', sys.argv[1] + '/gateway.sock2')"
    done = subprocess.run(
        [sys.executable, "-c", program, str(path_of().parent)], user=UID["li"], group=UID["li"], extra_groups=[],
        cwd="/", capture_output=True, check=False,
    )  # fmt: skip
    assert b"PermissionError" in done.stderr


# --- the hub's API -----------------------------------------------------------------------------------------------


@pytest.mark.promise("P10")
def test_four_calls_of_the_hub_pass_and_nothing_else_does(running: Running) -> None:
    open_calls = [("GET", "/hub/api", None), ("GET", "/hub/api/", None), ("GET", "/hub/api/user", None),
                  ("POST", "/hub/api/oauth2/token", "grant_type=x"),
                  ("POST", "/hub/api/users/li/activity", {})]  # fmt: skip
    for status, body, headers in calls(*open_calls):
        assert (status, body) == (200, {"name": "li"})
        assert "Set-Cookie" not in headers
    assert [(method, target) for method, target, _, _ in running.hub.seen] == [
        (method, target) for method, target, _ in open_calls
    ]
    assert all(seen["Authorization"] == "token t" and "Cookie" not in seen for _, _, seen, _ in running.hub.seen)
    running.hub.seen.clear()
    shut = ["/hub/api/users", "/hub/api/users/li", "/hub/api/users/zhang/activity", "/hub/api/groups", "/hub/api/proxy",
            "/hub/api/services", "/hub/api/info", "/hub/api/shutdown", "/hub/login", "/hub/api/user/",
            "/hub/api/users/li/activity/x", "/hub/api/%75sers", "/hub/api/user/../users", "/hub/api/..%2fusers",
            "/hub/api/user%2f..%2fusers", "//hub/api/users",
            "/hub/api/users/zhang%2factivity", "/hub/api/users/li/../zhang/activity", "/hub/api/users/li/server",
            "/hub/api/authorizations/token/x", "/hub/api/oauth2/authorize"]  # fmt: skip
    for method in ("GET", "POST", "DELETE"):
        for target, (status, body, _) in zip(shut, calls(*((method, target, None) for target in shut)), strict=True):
            assert status in (403, 404), target
            assert body["code"] in ("gateway_hub_call", "gateway_no_call")
    assert call("DELETE", "/hub/api/user")[0] == 403
    assert running.hub.seen == []
    call("GET", "/hub/api/user?include_stopped_servers=1")
    assert running.hub.seen[0][1] == "/hub/api/user"  # nothing of the caller's query goes on


def test_a_hub_that_is_away_is_said_to_be_away(running: Running) -> None:
    running.gateway.hub = "http://127.0.0.1:9/hub/api"
    app = asyncio.run_coroutine_threadsafe(_reopened(running), running.loop)
    app.result(10)
    status, body, _ = call("GET", "/hub/api/user")
    assert (status, body["code"]) == (503, "gateway_hub_unavailable")


async def _reopened(running: Running) -> None:
    await running.gateway.close()
    await running.gateway.sync()


# --- limits ------------------------------------------------------------------------------------------------------


def test_bodies_that_are_no_calls(running: Running) -> None:
    cases = [("not json", 422, "gateway_json"), ("[1]", 422, "gateway_json"), ('{"epsilon": NaN}', 422, "gateway_json"),
             ('{"epsilon": Infinity}', 422, "gateway_json"), ("[" * 100_000, 422, "gateway_json"),
             ({"sudo": 1}, 422, "gateway_field"), ({"table": 5}, 422, "gateway_text"),
             ({"where": {"a": 1}}, 422, "gateway_list"), ("x" * (2 << 20), 413, "gateway_too_large")]  # fmt: skip
    for (_, status, code), answer in zip(
        cases, calls(*(("POST", "/enclave/ask", body) for body, _, _ in cases)), strict=True
    ):
        assert answer[:1] == [status]
        assert answer[1]["code"] == code
        assert answer[1]["message_zh"]
        assert answer[1]["message_en"]
    assert call("GET", "/enclave/nothing")[1]["code"] == "gateway_no_call"
    assert call("DELETE", "/enclave/ask")[0] == 405


def test_too_many_calls_are_turned_away_and_the_next_minute_is_fine(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets_app, "RATE", 2.0)
    statuses = [status for status, _, _ in calls(*[("GET", "/hub/api", None)] * 100)]
    assert statuses.count(200) >= 60
    assert 429 in statuses
    time.sleep(1.1)
    assert call("GET", "/hub/api")[0] == 200


def test_a_crowd_of_connections_is_closed_at_the_door(running: Running) -> None:
    crowd = [socket.socket(socket.AF_UNIX) for _ in range(sockets.MOST_CONNECTIONS + 20)]
    try:
        for each in crowd:
            each.settimeout(30)
            while each.connect_ex(str(path_of())):  # the queue is full for a moment
                time.sleep(0.01)
        assert crowd[-1].recv(1) == b""
        assert call("GET", "/hub/api", who="zhang", socket_of="zhang")[0] == 200  # nobody else suffers
    finally:
        for each in crowd:
            each.close()


@pytest.mark.promise("P12")
def test_a_defect_shows_no_inside(
    running: Running, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("张伟 11010519491231002X")

    monkeypatch.setattr(sockets_calls.answers, "budgets", broken)
    status, body, _ = call("GET", "/enclave/budget")
    assert (status, body["code"]) == (500, "gateway_defect")
    written = capfd.readouterr()
    assert "张伟" not in json.dumps(body, ensure_ascii=False) + written.out + written.err


# --- the client in the notebook ----------------------------------------------------------------------------------


@dataclass
class Title:
    id: str = "ds-demo"
    slug: str = "demo"
    title_zh: str = "示范数据"
    title_en: str = "Demonstration"


@dataclass
class Extract:
    grant_id: str
    tables: tuple[ExtractTable, ...]
    dataset_id: str = "ds-demo"
    folder: str = "demo"
    state: str = "ready"


@pytest.fixture
def notebook(running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The data of the project, mounted and trusted, and li's workspace."""
    rows = 2_000
    frame = pd.DataFrame(
        {
            "_person": range(rows),
            "sex": ["F" if n % 2 else "M" for n in range(rows)],
            "age": [20 + n % 60 for n in range(rows)],
        }
    )
    extracts: projects.Extracts = {}
    projects.add_extract(extracts, tmp_path, "p-socket01", "visits", frame)
    mounted = settings().run_dir / "data" / "demo"
    mounted.mkdir(parents=True)
    frame.drop(columns="_person").to_parquet(mounted / "visits.parquet")
    mounted.chmod(0o755)
    mounted.parent.chmod(0o755)
    table = ExtractTable("visits", mounted / "visits.parquet", "0" * 64, 1, rows, ("sex", "age"))
    monkeypatch.setattr(access.workspaces, "trusted_tables", projects.tables_of(extracts))
    monkeypatch.setattr(access.workspaces, "extracts", lambda _: [Extract("g-p-socket01", (table,))])
    monkeypatch.setattr(sockets_calls.catalog, "get", lambda *_: Title())
    workspace = submission.workspace_of("p-socket01", "li")
    workspace.mkdir(parents=True)
    yield workspace


NOTEBOOK = """
import json, os, sys
import enclave.client as enclave
assert not [name for name in sys.modules if name.startswith("enclave.") and not name.startswith("enclave.client")]
seen = {}
def say(name, value):
    seen[name] = [repr(value), value._repr_html_()]
say("data", enclave.data())
frame = enclave.load("visits", columns=["age"])
seen["frame"] = [len(frame), list(frame.columns)]
say("budget", enclave.budget())
answer = enclave.count("visits", {"sex": "F"}, epsilon=0.5)
say("count", answer)
seen["value"] = [answer.value, answer.accuracy, answer.charged, answer.remaining, float(answer)]
again = enclave.count("visits", [("sex", "==", "F")], epsilon="0.5")
seen["again"] = [again.value, again.charged]
mean = enclave.mean("visits", "age", bounds=(0, 120), epsilon=0.5, where=[("age", ">=", 30)])
say("mean", mean)
seen["mean value"] = mean.value
say("histogram", enclave.histogram("visits", "age", bins=range(20, 81, 20), epsilon=0.5))
say("table", enclave.table("visits", by="sex"))
seen["cells"] = enclave.table("visits", by="sex").frame().to_dict("records")
say("export", enclave.export([os.path.expanduser("~/out/results.csv")], note="表 1：按性别的人数"))
say("exports", enclave.exports())
refusals = {}
for name, call in {
    "budget": lambda: enclave.count("visits", {"sex": "M"}, epsilon=9),
    "column": lambda: enclave.count("visits", {"nope": "M"}, epsilon=0.1),
    "epsilon": lambda: enclave.count("visits", epsilon=0),
    "person": lambda: enclave.count("visits", {"_person": 3}, epsilon=0.1),
    "outside": lambda: enclave.export(["/etc/passwd"], note="a file of the system"),
    "table": lambda: enclave.load("nope"),
    "bounds": lambda: enclave.mean("visits", "age", bounds=(5, 5), epsilon=0.1),
}.items():
    try: call()
    except enclave.EnclaveError as error: refusals[name] = [error.code, str(error), error._render_traceback_()]
seen["refusals"] = refusals
print(json.dumps(seen, ensure_ascii=False))
"""


@pytest.mark.promise("P4")
@pytest.mark.promise("P5")
def test_an_analyst_works_through_the_socket(notebook: Path) -> None:
    (notebook / "out").mkdir()
    (notebook / "out" / "results.csv").write_text("sex,n\nF,1000\nM,1000\n")
    identity: dict[str, Any] = {"user": UID["li"], "group": UID["li"], "extra_groups": []} if ROOT else {}
    done = subprocess.run(
        [sys.executable, "-c", NOTEBOOK],
        env={"ENCLAVE_GATEWAY": str(path_of()), "ENCLAVE_DATA": str(settings().run_dir / "data"), "HOME": str(notebook),
             "LANG": "C.UTF-8", "PYTHONPATH": str(Path(__file__).resolve().parents[2])},
        capture_output=True, text=True, cwd="/", timeout=120, **identity,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert "示范数据" in seen["data"][1]
    assert "_person" not in json.dumps(seen["data"])
    assert seen["frame"] == [2000, ["age"]]
    value, accuracy, charged, remaining, _ = seen["value"]
    assert abs(value - 1000) < 60
    assert 0 < accuracy < 20
    assert (charged, remaining) == ("0.5", "3.5")
    assert seen["again"] == [value, "0"]
    assert 50 < seen["mean value"] < 60
    assert seen["cells"] == [{"sex": "F", "persons": 1000}, {"sex": "M", "persons": 1000}]
    assert "in review" in seen["export"][0]
    codes = {name: code for name, (code, _, _) in seen["refusals"].items()}
    assert codes == {
        "budget": "privacy_budget_exhausted", "column": "output_no_column", "epsilon": "privacy_epsilon_range",
        "person": "output_no_column", "outside": "client_outside", "table": "client_table", "bounds": "privacy_bounds",
    }  # fmt: skip
    for _, said, lines in seen["refusals"].values():
        assert len(lines) == 3  # Chinese, English, code: no traceback
        assert "Traceback" not in said
    for name in ("data", "budget", "count", "mean", "histogram", "table", "export", "exports"):
        assert seen[name][1].startswith("<table")


# --- the service as it runs --------------------------------------------------------------------------------------


@pytest.fixture
def service(home: Home, people: dict[str, Actor]) -> Iterator[subprocess.Popen[bytes]]:
    projects.make_project("p-socket01", ("li", "zhang"))
    process = _service()
    yield process
    process.kill()
    process.wait()
    shutil.rmtree(settings().run_dir, ignore_errors=True)


def _service() -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "enclave.gateway.sockets"], stderr=subprocess.DEVNULL)


def _answering() -> list[Any]:
    deadline = time.monotonic() + 30
    while True:
        answer = call("POST", "/enclave/ask", "x")
        if isinstance(answer[0], int) or time.monotonic() > deadline:
            return answer
        time.sleep(0.1)


def test_killed_and_started_again_it_is_found_in_the_same_folder(service: subprocess.Popen[bytes]) -> None:
    assert _answering()[1]["code"] == "gateway_json"
    folder = path_of().parent.stat().st_ino
    stale = settings().run_dir / "gw" / "gone--p-socket99" / "gateway.sock"
    stale.parent.mkdir()
    stale.touch()
    service.send_signal(signal.SIGKILL)
    service.wait()
    again = _service()
    try:
        assert _answering()[1]["code"] == "gateway_json"
        assert path_of().parent.stat().st_ino == folder
        assert not stale.exists()
    finally:
        again.terminate()
        assert again.wait(10) == 0
    assert not path_of().exists()
