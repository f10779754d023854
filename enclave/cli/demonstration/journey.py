"""The main job end to end, without a browser, through the services and HTTP doors people use."""

from __future__ import annotations

import hashlib
import json
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import httpx

from catalog_browser.views import DataSetDetail
from enclave.cli.demonstration import application, data
from enclave.cli.demonstration.browserless import Visitor
from enclave.cli.demonstration.people import open_accounts
from enclave.gateway import supervisor
from enclave.grants import service as grants
from enclave.grants.views import RevokeGrant
from enclave.kernel import ledger
from enclave.kernel.db import reading
from enclave.kernel.errors import EnclaveError
from enclave.kernel.i18n import text
from enclave.kernel.settings import settings
from enclave.outputs.files import service as exports
from enclave.outputs.files.views import ReviewExport
from request_review import service as requests

CUT_OFF_SECONDS = 5.0
Report = Callable[[str], object]
# What an analyst types. It prints one line of JSON, which the step checks.
ANALYSIS = (data.FOLDER / "analysis.py").read_text("utf-8")


class NotDone(AssertionError):
    """A step did not do what it must."""


@dataclass
class Walk:
    """What the steps hand on to one another."""

    passwords: dict[str, str] = field(default_factory=dict)
    visitor: Visitor | None = None
    dataset: DataSetDetail | None = None
    request: requests.RequestView | None = None
    project: str = ""
    printed: dict[str, Any] = field(default_factory=dict)


def need(fact: object, what: str) -> None:
    """Fail the step unless `fact` holds."""
    if not fact:
        raise NotDone(what)


def free_ports() -> int:
    """Return a port whose inner ports (the 15 from 80 above it) are free as well."""
    for _ in range(100):
        port = random.randrange(20000, 30000, 100)
        if all(_free(number) for number in (port, *range(port + 80, port + 95))):
            return port
    raise NotDone("no free ports between 20000 and 30000")


def _free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def register(walk: Walk) -> str:
    """1-3: register, de-identify, sample, publish."""
    walk.passwords = open_accounts()
    walk.dataset = data.publish(data.described()[0])
    need(walk.dataset.state == "published", "the data set is published")
    kinds = {version.kind for version in walk.dataset.versions}
    need({"limited", "deidentified", "synthetic"} <= kinds, "all three versions exist")
    version = walk.dataset.latest("deidentified")
    need(version and version.risk, "the risk report is kept")
    return f"{walk.dataset.rows_text} rows, {', '.join(sorted(kinds - {'source'}))}"


def browse(_walk: Walk) -> str:
    """3: an anonymous visitor is shown the catalogue."""
    answer = httpx.get(f"{settings().public_url}/services/catalogue/", trust_env=False, timeout=20)
    need(answer.status_code == 200 and '<div id="root">' in answer.text, "the catalogue is shown without signing in")
    closed = httpx.get(f"{settings().public_url}/services/workbench/", trust_env=False, timeout=20)
    need(closed.status_code in (302, 401, 403), "the workbench asks for sign-in")
    return f"HTTP {answer.status_code}"


def sign_in(walk: Walk) -> str:
    """Li signs in at the hub; a wrong password is refused."""
    with Visitor(settings().public_url) as stranger:
        try:
            stranger.sign_in("li", "not the password")
        except EnclaveError:
            pass
        else:
            raise NotDone("a wrong password is refused")
    walk.visitor = Visitor(settings().public_url)
    walk.visitor.sign_in("li", walk.passwords["li"])
    return "li"


def apply(walk: Walk) -> str:
    """4-5: apply; qualification and history are weighed."""
    assert walk.dataset is not None
    walk.request = application.submit(walk.dataset.id)
    seen = requests.view(data.person("wang"), walk.request.id)
    need(seen.score and seen.score.total > 0, "the applicant is scored")
    need(seen.history is not None, "the history is checked")
    assert seen.score is not None and seen.history is not None
    return f"{seen.score.total} points; history: {seen.history.outcome}"


def decide(walk: Walk) -> str:
    """6: two blinded reviews, decision, signed agreement, registration, grant."""
    assert walk.request is not None
    application.review(walk.request)
    need(application.approve(walk.request.id).state == "decided", "the authority decides")
    signed = application.sign(walk.request.id)
    pdf = requests.agreement_pdf(data.person("li"), signed.id)
    need(pdf.startswith(b"%PDF") and signed.agreement, "the agreement is a PDF")
    assert signed.agreement is not None
    need(hashlib.sha256(pdf).hexdigest() == signed.agreement.sha256, "the signed PDF is the one kept")
    walk.project = application.register(signed).project_id
    return f"{walk.project}, agreement of {len(pdf) // 1024} kB"


def open_enclave(walk: Walk) -> str:
    """7: the grant opens the sandboxed server."""
    assert walk.visitor is not None
    _wait_for_extract(walk.project)
    seconds = walk.visitor.open_enclave(walk.project)
    return f"ready in {seconds:.1f} s"


def _wait_for_extract(project: str, patience: float = 60) -> None:
    folder = settings().work_dir / project / "data"
    deadline = time.monotonic() + patience
    while not folder.exists():
        need(time.monotonic() < deadline, "the extract is prepared")
        time.sleep(0.2)


def analyse(walk: Walk) -> str:
    """8: private answers and an export, from a kernel."""
    assert walk.visitor is not None
    printed = walk.visitor.run(walk.project, ANALYSIS, seconds=120)
    walk.printed = json.loads(printed.strip().splitlines()[-1])
    need(walk.printed["leaks"] == [], "nothing leaks into the kernel")
    need(abs(walk.printed["count"] - walk.printed["rows"]) < walk.printed["rows"] * 0.5, "the private count is near")
    need(walk.printed["again"] == walk.printed["count"], "the same question has the same answer")
    need(walk.printed["spent_twice"] == walk.printed["spent_once"], "and costs nothing the second time")
    return f"count {walk.printed['count']}, epsilon spent {walk.printed['spent_twice']}"


def release(walk: Walk) -> str:
    """9: two stewards approve; what is downloaded is what was reviewed."""
    found = exports.view(data.person("wang"), walk.printed["export"])
    for steward in ("wang", "chen"):
        command = ReviewExport(found.summary.id, "approve", found.digest)
        exports.review(data.person(steward), command)
    (released,) = exports.releases(data.person("li"), walk.project)
    for file in released.files:
        content = exports.download(data.person("li"), released.id, file["name"])
        need(hashlib.sha256(content).hexdigest() == file["sha256"], "the released bytes are the reviewed bytes")
        need(file["sha256"] == walk.printed["sha256"], "and those the analyst handed in")
    return f"{len(released.files)} file, sha256 {walk.printed['sha256'][:12]}…"


def end(walk: Walk) -> str:
    """10: revoked; the server is gone within five seconds."""
    assert walk.visitor is not None
    grants.revoke(data.person("wu"), RevokeGrant(walk.project, "演示结束"))
    started = time.monotonic()
    while walk.visitor.enclave("GET", walk.project, "api/status").text.find('"started"') >= 0:
        need(time.monotonic() - started < CUT_OFF_SECONDS, "the enclave is unreachable within 5 s")
        time.sleep(0.1)
    return f"unreachable after {time.monotonic() - started:.1f} s"


def prove(_walk: Walk) -> str:
    """10: the ledger's chain holds."""
    with reading() as session:
        verdict = ledger.verify(ledger.stored(session))
    need(not verdict.fault and verdict.events > 20, "the ledger holds")
    return f"{verdict.events} events"


STEPS = (register, browse, sign_in, apply, decide, open_enclave, analyse, release, end, prove)


def run(report: Report) -> bool:
    """Walk all steps in a platform of this home; tell whether every one did what it must."""
    with ExitStack() as stack:
        started = time.monotonic()
        stack.enter_context(Running())
        report(_line("up", time.monotonic() - started, settings().public_url))
        walk = Walk()
        for step in STEPS:
            started = time.monotonic()
            try:
                outcome = step(walk)
            except (NotDone, EnclaveError, httpx.HTTPError) as error:
                report(f"[red]✗[/] {step.__name__:14} {text('demo_step_failed', settings().language, step=error)}")
                return False
            report(_line(step.__name__, time.monotonic() - started, outcome))
    return True


def _line(step: str, seconds: float, outcome: str) -> str:
    return f"[green]✓[/] {step:14} {seconds:6.1f} s  {outcome}"


class Running:
    """The platform as a process of its own, as `enclave up` starts it."""

    def __enter__(self) -> None:
        log = (settings().folder("logs") / "supervisor.log").open("ab")
        environment = {**os.environ, "ENCLAVE_HOME": str(settings().home), "ENCLAVE_PORT": str(settings().port)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "enclave.cli.main", "up"], stdout=log, stderr=log, env=environment
        )
        log.close()
        while supervisor.running(settings()) is None:
            need(self.process.poll() is None, "the platform comes up (see logs/supervisor.log)")
            time.sleep(0.1)

    def __exit__(self, *_error: object) -> None:
        supervisor.down(settings())
        self.process.wait(30)
