"""The whole runtime together, on a real hub: sign-in, sandbox, kernel, red team, the end of a grant."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest
from sqlmodel import select
from websockets.exceptions import ConnectionClosed

from enclave.grants.models import Member
from enclave.kernel import ledger
from enclave.kernel.db import reading
from enclave.kernel.identity import Account, system
from enclave.kernel.settings import settings
from enclave.kernel.unit import unit_of_work
from enclave.workspaces import service
from tests.factories.accounts import PASSWORD
from tests.factories.projects import end_project
from tests.fixtures.databases import Databases
from tests.fixtures.runtime import Hub, Kernel, Person, filled_home, running_hub

pytestmark = [pytest.mark.timeout(180)]
# project: members. Every test that ends something has a project of its own.
PROJECTS = {
    "p-work": ("li", "zhang"),
    "p-other": ("zhang",),
    "p-revoke": ("li", "ma"),
    "p-leave": ("ma", "zhang"),
    "p-tamper": ("ma",),
    "p-close": ("hu",),
    "p-crash": ("tang",),
}


@pytest.fixture(scope="module")
def surroundings(tmp_path_factory: pytest.TempPathFactory, databases: Databases) -> Iterator[Path]:
    """One home, filled, for all tests here: a hub is slow to start."""
    with filled_home(tmp_path_factory.mktemp("platform") / "home", databases, PROJECTS) as home:
        yield home


@pytest.fixture(scope="module")
def hub(surroundings: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with running_hub(tmp_path_factory.mktemp("hub")) as running:
        yield running


@pytest.fixture
def person(hub: Hub) -> Callable[[str], Person]:
    """Factory of signed-in people."""

    def signed_in(name: str) -> Person:
        found = Person(hub, name)
        assert str(found.sign_in(PASSWORD).url).endswith("/hub/home")
        return found

    return signed_in


def opened(who: Person, project: str) -> Kernel:
    page = who.open_enclave(project)
    assert page.status_code == 200, (page.url, page.text[-600:], who.hub.log.read_text()[-3000:])
    assert str(page.url).endswith(f"/user/{who.name}/{project}/lab")
    return who.kernel(project)


def wait_until(condition: Callable[[], bool], patience: float = 5) -> float:
    """Wait, and return how long it took."""
    started = time.monotonic()
    while not condition():
        assert time.monotonic() - started < patience, "not in time"
        time.sleep(0.02)
    return time.monotonic() - started


def unreachable(who: Person, project: str) -> bool:
    return who.get(project, "api/status", headers={"Accept": "application/json"}).status_code != 200


def sandboxes(hub: Hub, project: str) -> list[psutil.Process]:
    found = []
    for process in hub.children():
        try:
            if process.name() == "bwrap" and f"enclave-{project}" in process.cmdline():
                found += [process, *process.children(recursive=True)]
        except psutil.Error:
            continue
    return found


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [process for process in processes if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


def facts(action: str, project: str) -> list[dict[str, object]]:
    with reading() as session:
        query = select(ledger.LedgerEvent).where(
            ledger.LedgerEvent.action == action, ledger.LedgerEvent.subject == project
        )
        return [event.facts for event in session.exec(query)]


# -- signing in ---------------------------------------------------------------------------------------
def test_the_front_leads_visitors_to_the_catalogue_and_people_to_the_workbench(person: Callable[[str], Person]) -> None:
    li = person("li")
    assert li.client.get("/hub/", follow_redirects=False).headers["Location"] == "/services/workbench/"
    assert li.client.get("/").url.path == "/services/workbench/"
    li.client.cookies.clear()
    assert li.client.get("/hub/", follow_redirects=False).headers["Location"] == "/services/catalogue/"


@pytest.mark.promise("P12")
def test_a_wrong_password_is_refused_in_both_languages_and_guessing_is_slowed(hub: Hub) -> None:
    stranger = Person(hub, "王小明")
    answer = stranger.sign_in("wrong")
    assert answer.status_code == 403
    assert "用户名或密码不正确" in answer.text
    assert "User name or password is not right" in answer.text
    for _ in range(5):
        answer = Person(hub, "nobody").sign_in("wrong")
    assert answer.status_code in (403, 429)
    assert "尝试次数过多" in Person(hub, "nobody").sign_in(PASSWORD).text
    log = hub.log.read_text()
    assert "王小明" not in log
    assert "nobody" not in log
    assert PASSWORD not in log


def test_the_hubs_groups_are_the_databases(person: Callable[[str], Person], hub: Hub) -> None:
    person("zhang")
    from enclave.gateway.authenticator import current

    found = current("zhang")
    assert found is not None
    assert {"role-researcher", "project-p-work", "project-p-other"} <= set(found["groups"])


# -- working ------------------------------------------------------------------------------------------
RED_TEAM = """
import errno, json, os, socket
found = {}
def attempt(name, action):
    try:
        found[name] = repr(action())
    except Exception as error:
        found[name] = errno.errorcode.get(getattr(error, "errno", 0) or 0, type(error).__name__)
def connect(port):
    with socket.create_connection(("127.0.0.1", port), 1): return "connected"
parent = os.getppid()
attempt("write data", lambda: open("/data/demo/visits.parquet", "a"))
attempt("new data", lambda: open("/data/mine", "w"))
attempt("write program", lambda: open("/usr/bin/mine", "w"))
attempt("write client", lambda: open("/opt/enclave/lib/enclave/client/x.py", "w"))
attempt("shadow", lambda: open("/etc/shadow").read())
attempt("host home", lambda: os.listdir(HOST))
attempt("other people", lambda: sorted(os.listdir("/home")))
attempt("sockets", lambda: sorted(os.listdir("/run/enclave")))
attempt("hub", lambda: connect(HUB))
attempt("door", lambda: connect(DOOR))
attempt("server memory", lambda: open(f"/proc/{parent}/mem", "r+b"))
attempt("server environment", lambda: open(f"/proc/{parent}/environ").read())
attempt("server descriptors", lambda: os.listdir(f"/proc/{parent}/fd"))
attempt("vsock", lambda: socket.socket(40, socket.SOCK_STREAM))
attempt("log", lambda: os.readlink("/proc/self/fd/1"))
attempt("product", lambda: __import__("enclave.kernel.settings"))
attempt("workspace", lambda: open(os.path.expanduser("~/mine"), "w").write("x"))
attempt("scratch", lambda: open("/tmp/mine", "w").write("x"))
attempt("data", lambda: __import__("pandas").read_parquet("/data/demo/visits.parquet").to_dict("records"))
attempt("uid", os.getuid)
print(json.dumps(found))
"""


@pytest.mark.promise("P10")
@pytest.mark.clause("4.1-T1-L2d2")
@pytest.mark.clause("10.4.1-a-2")
def test_an_analyst_works_and_a_red_team_gets_nothing(person: Callable[[str], Person], surroundings: Path) -> None:
    li = person("li")
    with opened(li, "p-work") as kernel:
        assert kernel.run("print(1 + 1)") == "2\n"
        setup = f"HOST, HUB, DOOR = {str(surroundings)!r}, {settings().port_base + 1}, {settings().port}\n"
        found = json.loads(kernel.run(setup + RED_TEAM))
        assert "bwrap" not in kernel.run("import enclave.client, enclave; print(enclave.__path__)")
    refused = {"EROFS", "EACCES", "EPERM", "ENOENT", "ECONNREFUSED", "EAFNOSUPPORT", "ModuleNotFoundError"}
    useful = {
        name: found.pop(name) for name in ("other people", "sockets", "log", "workspace", "scratch", "data", "uid")
    }
    assert {name: result for name, result in found.items() if result not in refused} == {}
    assert useful["other people"] == "['researcher']"
    assert useful["sockets"] == "['gateway.sock']"
    assert useful["log"] != str(surroundings / "logs")
    assert useful["data"] == repr([{"sex": "F", "age": 61}])
    assert (useful["workspace"], useful["scratch"]) == ("1", "1")
    if os.geteuid() == 0:
        assert useful["uid"] == "200001"
    assert service.is_running("p-work", "li")
    log = (surroundings / "logs" / "enclave-li--p-work.log").read_text()
    assert not re.search(r"/home/researcher/\w|/api/contents/\w", log)


@pytest.mark.promise("P5")
def test_files_cannot_be_downloaded_from_a_running_enclave(person: Callable[[str], Person]) -> None:
    zhang = person("zhang")
    with opened(zhang, "p-other") as kernel:
        kernel.run("open('t.txt', 'w').write('hello'); open('b.bin', 'wb').write(bytes(range(256)))")
        kernel.run("open('big.txt', 'w').write('x' * 600000)")
    for path in ("files/t.txt", "files/t.txt?download=1", "nbconvert/html/t.txt", "view/t.txt", "lab/../files/t.txt"):
        assert zhang.get("p-other", path).status_code in (403, 404), path
    assert zhang.get("p-other", "api/contents/t.txt").json()["content"] == "hello"
    for path in ("b.bin", "b.bin?format=base64", "t.txt?format=base64", "big.txt", "b.bin?type=file&format=text"):
        assert zhang.get("p-other", f"api/contents/{path}").status_code in (400, 403), path
    page = zhang.get("p-other", "lab")
    assert "sandbox allow-scripts" in page.headers["Content-Security-Policy"]
    assert page.headers["Cache-Control"] == "no-store"
    assert "@jupyterlab/docmanager-extension:download" in page.text


# -- who may ------------------------------------------------------------------------------------------
@pytest.mark.promise("P3")
@pytest.mark.clause("B.2-2-2a")
def test_an_enclave_is_its_members_alone(person: Callable[[str], Person], hub: Hub) -> None:
    zhang, hu = person("zhang"), person("hu")
    opened(zhang, "p-work").close()
    for path in ("lab", "api/status", "api/contents"):
        assert hu.client.get(f"/user/zhang/p-work/{path}").status_code in (403, 404), path
    anonymous = Person(hub, "li").client.get("/user/zhang/p-work/lab")
    assert "/hub/login" in str(anonymous.url)
    refused = hu.open_enclave("p-work")
    assert refused.status_code == 403
    assert "不是该项目的成员" in refused.text
    assert "not a member of this project" in refused.text
    assert hu.open_enclave("p-none").status_code == 403
    assert hu.client.get("/hub/spawn/hu").status_code == 404
    assert hu.client.get("/hub/spawn").status_code == 404
    assert hu.client.get("/hub/spawn/zhang/p-other").status_code in (403, 404)


@pytest.mark.promise("P2")
def test_altered_data_stop_the_enclave_from_opening(person: Callable[[str], Person], surroundings: Path) -> None:
    folder = surroundings / "projects" / "p-tamper" / "data" / "demo"
    folder.chmod(0o755)
    (folder / "visits.parquet").chmod(0o644)
    (folder / "visits.parquet").write_bytes(b"sex,age\nF,62\n")
    refused = person("ma").open_enclave("p-tamper")
    assert refused.status_code == 403
    assert "与登记的内容不一致" in refused.text
    assert facts("enclave.refused", "p-tamper")[0]["code"] == "enclave_extract_altered"


# -- the end ------------------------------------------------------------------------------------------
@pytest.mark.promise("P3")
def test_revocation_cuts_everybody_off_within_five_seconds(person: Callable[[str], Person], hub: Hub) -> None:
    people = [person("li"), person("ma")]
    kernels = [opened(who, "p-revoke") for who in people]
    processes = sandboxes(hub, "p-revoke")
    assert len(processes) >= 8
    end_project("p-revoke")
    taken = wait_until(lambda: all(unreachable(who, "p-revoke") for who in people))
    taken += wait_until(lambda: not alive(processes))
    assert taken < 5
    for kernel in kernels:
        with pytest.raises(ConnectionClosed):
            kernel.run("print(1)", patience=2)
    wait_until(lambda: len(facts("enclave.ended", "p-revoke")) == 2)
    assert {fact["reason"] for fact in facts("enclave.ended", "p-revoke")} == {"cut-off"}
    assert people[0].open_enclave("p-revoke").status_code == 403


@pytest.mark.promise("P3")
def test_a_member_who_leaves_is_cut_off_and_the_others_work_on(person: Callable[[str], Person]) -> None:
    ma, zhang = person("ma"), person("zhang")
    with opened(ma, "p-leave") as stays, opened(zhang, "p-leave"):
        with unit_of_work(system("test")) as unit:
            unit.session.get_one(Member, ("p-leave", "zhang")).state = "removed"
            unit.record("test.leave", "p-leave")
        assert wait_until(lambda: unreachable(zhang, "p-leave")) < 5
        assert stays.run("print('still here')") == "still here\n"


@pytest.mark.promise("P3")
def test_a_closed_account_is_cut_off_and_cannot_come_back(person: Callable[[str], Person], hub: Hub) -> None:
    hu = person("hu")
    opened(hu, "p-close").close()
    with unit_of_work(system("test")) as unit:
        unit.session.get_one(Account, "hu").active = False
        unit.record("test.close", "account:hu")
    assert wait_until(lambda: unreachable(hu, "p-close")) < 5
    assert Person(hub, "hu").sign_in(PASSWORD).status_code == 403
    wait_until(lambda: "/hub/login" in str(hu.client.get("/hub/home").url), patience=10)


# -- accidents ----------------------------------------------------------------------------------------
def test_a_door_that_is_killed_opens_again_and_leads_to_the_same_enclaves(
    person: Callable[[str], Person], hub: Hub
) -> None:
    li = person("li")
    opened(li, "p-work").close()
    door = next(p for p in hub.children() if "enclave.gateway.door" in p.cmdline())
    door.send_signal(signal.SIGKILL)

    def back() -> bool:
        try:
            return not unreachable(li, "p-work")
        except httpx.HTTPError:
            return False

    assert wait_until(back, patience=15) < 15


def test_a_killed_hub_leaves_nothing_behind_and_starts_again(
    person: Callable[[str], Person], hub: Hub, tmp_path: Path
) -> None:
    """The last test here: it ends the module's hub."""
    tang = person("tang")
    opened(tang, "p-crash").close()
    children = hub.children()
    assert len(children) >= 6
    hub.process.send_signal(signal.SIGKILL)
    hub.process.wait()
    _, left = psutil.wait_procs(children, 5)
    assert alive(left) == []
    with running_hub(tmp_path) as again:
        assert not service.is_running("p-crash", "tang")
        assert facts("enclave.ended", "p-crash")[0]["reason"] == "platform-restart"
        back = Person(again, "tang")
        back.sign_in(PASSWORD)
        with opened(back, "p-crash") as kernel:
            assert kernel.run("print('again')") == "again\n"
