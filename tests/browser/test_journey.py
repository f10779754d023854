"""The whole loop in a real browser on a real platform: from the open catalogue to a release, and to the end of it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from enclave.cli.demonstration import application, data
from enclave.cli.demonstration.journey import ANALYSIS, CUT_OFF_SECONDS, free_ports
from request_review import forms
from request_review.pages.draft import STEPS
from request_review.rulebook import rules
from tests.browser import journey_data
from tests.browser.conftest import CHROMIUM
from tests.browser.walking import PATIENCE, PICTURES, Times, Walker, fill_in, picture, run_in_lab

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not CHROMIUM, reason="needs Debian's chromium"),
]
ROOT = Path(__file__).resolve().parents[2]
ENCLAVE = [sys.executable, "-m", "enclave.cli.main"]
DETAILS = {"zh": "周立：数据项与问题相称", "en": "Zhou Li: the columns fit the question"}
People = Callable[..., Walker]


@dataclass(frozen=True)
class Platform:
    """A platform that is up, with one data set published and everybody's password."""

    url: str
    environment: dict[str, str]
    passwords: dict[str, str]


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The platform as an operator starts it, in a home of its own."""
    folder, port = tmp_path_factory.mktemp("journey"), free_ports()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ENCLAVE_")}
    environment |= {"ENCLAVE_HOME": str(folder / "home"), "ENCLAVE_PORT": str(port), "ENCLAVE_MODE": "demo"}
    try:
        subprocess.run([*ENCLAVE, "up", "--detach"], env=environment, check=True, timeout=300)
        publish = [sys.executable, "-m", "tests.browser.journey_data", str(folder)]
        done = subprocess.run(publish, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        yield Platform(f"http://127.0.0.1:{port}", environment, json.loads(done.stdout))
    finally:
        subprocess.run([*ENCLAVE, "down"], env=environment, check=False, timeout=120)


@pytest.fixture
def people(platform: Platform, browser: Browser) -> Iterator[People]:
    """Return a function that gives a signed-in person his browser."""
    walkers: dict[str, Walker] = {}

    def walker(username: str = "", language: str = "zh") -> Walker:
        if username not in walkers:
            walkers[username] = Walker(browser, platform.url, username, language)
            if username:
                walkers[username].sign_in(platform.passwords[username])
        return walkers[username]

    yield walker
    for walker_ in walkers.values():
        walker_.context.close()


def test_a_steward_takes_a_file_to_the_catalogue(people: People) -> None:
    """Register, confirm, de-identify, sample, describe, publish: in the order the pages lead."""
    times, wang = Times("steward"), people("wang")
    with times("register"):
        wang.follow(wang.t("nav_data"))
        wang.press(wang.t("manage_register"))
        file = {"name": "门诊就诊.csv", "mimeType": "text/csv", "buffer": journey_data.outpatients()}
        wang.hand_in(wang.t("register_file"), file)
        for key, words in REGISTERED.items():
            wang.write(wang.t(key), words)
        wang.keep("steward-1-register")
        wang.press(wang.t("register_data_now"))
        wang.says(wang.t("register_read", count=7))
    with times("confirm"):
        wang.keep("steward-2-confirm")
        wang.press(wang.t("confirm_all", count=7))
        wang.says(wang.t("confirm_done", count=7))
        wang.press(wang.t("step_next", step=wang.t("step_deidentify")))
    with times("de-identify"):
        wang.press(wang.t("build_now"))
        wang.says(wang.t("build_done"))
        wang.keep("steward-3-deidentified")
        wang.press(wang.t("step_next", step=wang.t("step_sample")))
    with times("sample"):
        wang.press(wang.t("sample_generate"))
        wang.says(wang.t("sample_made"))
        wang.keep("steward-4-sample")
        wang.press(wang.t("step_next", step=wang.t("step_publish")))
    with times("publish"):
        for key, words in DESCRIBED.items():
            wang.write(wang.t(key), words)
        wang.press(wang.t("ui_save"))
        wang.says(wang.t("ui_saved"))
        wang.keep("steward-5-described")
        wang.press(wang.t("publish_now"), exact=True)
        wang.says(wang.t("publish_done"))
        wang.says(wang.t("publish_is_public"))
        wang.keep("steward-6-published")
        anybody = people()
        anybody.open("/services/catalogue/")
        assert REGISTERED["texts_title_zh"] in anybody.seen()


REGISTERED = {
    "texts_title_zh": "门诊就诊记录（演示）",
    "texts_title_en": "Outpatient visits (demonstration)",
    "register_slug": "outpatients",
    "entry_controller": "锦江医学院附属医院",
    "entry_system": "门诊系统",
}
DESCRIBED = {
    "texts_description_zh": "2025 年三个科室的门诊就诊记录。",
    "texts_description_en": "Visits to three outpatient departments in 2025.",
    "texts_conditions_zh": "限已立项课题。",
    "texts_conditions_en": "Registered projects only.",
    "texts_cost_zh": "免费。",
    "texts_cost_en": "Free of charge.",
    "texts_duties_zh": "不得识别个人。",
    "texts_duties_en": "Do not identify anybody.",
    "texts_years": "2025",
    "texts_licence": "CC-BY-4.0",
    "texts_attribution": "锦江医学院附属医院",
    "texts_legal_basis": "T/SHIA 8-2020 第 3.8 条",
}


@dataclass
class Walk:
    """What the steps hand on to one another."""

    people: People
    platform: Platform
    request: str = ""
    project: str = ""
    printed: dict[str, Any] = field(default_factory=dict)


@pytest.mark.promise("P4")
@pytest.mark.promise("P5")
@pytest.mark.promise("P7")
def test_the_whole_loop(people: People, platform: Platform) -> None:
    """Browse, apply, evaluate, review blind, decide, sign, register, analyse, release, end."""
    walk, times = Walk(people, platform), Times("loop")
    for step in (
        browse, apply, evaluate, review, decide, sign, register, open_enclave, analyse, release, download, end, prove,
    ):  # fmt: skip
        with times(step.__name__):
            step(walk)
    done = subprocess.run([*ENCLAVE, "ledger", "verify"], env=platform.environment, check=False, timeout=120)
    assert done.returncode == 0, "the chain holds"


def browse(walk: Walk) -> None:
    """Nobody in particular reads the catalogue in both languages and takes the sample."""
    anybody = walk.people()
    anybody.open("/services/catalogue/")
    anybody.says(anybody.t("find_title"))
    anybody.keep("01-catalogue")
    anybody.change_language()
    anybody.says(anybody.t("find_title"))
    anybody.keep("02-catalogue")
    anybody.follow(journey_data.TITLE_EN)
    anybody.keep_narrow("03-entry")
    anybody.tab(anybody.t("entry_tab_dictionary"))
    assert all(name in anybody.seen() for name in application.COLUMNS)
    anybody.keep("04-dictionary")
    anybody.tab(anybody.t("entry_tab_versions"))
    anybody.keep("05-versions")
    anybody.tab(anybody.t("entry_tab_sample"))
    anybody.says(re.compile("synthetic"))
    anybody.keep("06-sample")
    name, content = anybody.download(anybody.t("sample_download"))
    header, *rows = content.decode("utf-8-sig").splitlines()
    assert name.endswith(".csv") and len(rows) == data.SAMPLE_ROWS
    assert set(application.COLUMNS) <= set(header.split(","))


def apply(walk: Walk) -> None:
    """Li fills in every field of the form, by its label, and submits."""
    li, answers = walk.people("li"), application.answers("chosen by its title")
    li.keep("07-home")
    li.follow(li.t("nav_mine"))
    li.press(li.t("mine_new"))
    for number, (step, sections) in enumerate(list(STEPS.items())[:-1], 1):
        li.says(forms.sections()[sections[0]][li.language])
        asked = [each for each in forms.fields().values() if each.section in sections and each.asked(answers)]
        fill_in(li, asked, answers, journey_data.TITLE_ZH)
        if step == "papers":
            sheet = {"name": "单位审批表.pdf", "mimeType": "application/pdf", "buffer": application.SHEET}
            li.hand_in(rules("form")["uploads"]["kinds"]["institution_approval"][li.language], sheet)
            li.says("单位审批表.pdf")
        li.keep(f"08-apply-{number}-{step}")
        li.press(li.t("apply_next"))
    li.says(li.t("submit_ready"))
    li.keep("08-apply-6-check")
    li.press(li.t("submit_now"))
    li.says(li.t("submit_done"))
    li.keep("09-submitted")
    li.keep_narrow("09-submitted")
    walk.request = re.findall(r"id=(req-\w+)", li.page.url)[0]


def _open_request(walk: Walk, username: str, task: str, language: str = "zh") -> Walker:
    """Go from the person's first page to the request by what waits for him."""
    person = walk.people(username, language)
    person.open("/services/workbench/")
    person.follow(person.t(f"task_{task}"))
    person.follow(application.answers("")["title"])
    person.says(person.t("request_tab_form"))
    return person


def evaluate(walk: Walk) -> None:
    """Wang evaluates and seats two members; Zhao of the applicant's institution is named as excluded."""
    wang = _open_request(walk, "wang", "assign_reviewers")
    names = rules("committee")["evaluation"]["options"]
    for texts in names.values():
        wang.write(wang.t("evaluation_comment_on", name=texts["zh"]), "合理")
    wang.write(wang.t("evaluation_opinion"), "同意开放")
    excluded = wang.main.get_by_text(re.compile("^" + wang.t("assign_excluded", count="@").split("@")[0]))
    excluded.click()
    wang.says(re.compile("赵文博"))
    wang.keep("10-evaluate")
    wang.choose_all(wang.t("assign_reviewers"), ["孙雅琴", "周立"])
    for tab in ("score", "history"):
        wang.tab(wang.t(f"request_tab_{tab}"))
        wang.keep(f"11-{tab}")
    wang.press(wang.t("assign_send"))
    wang.says(wang.t("assign_done", count=2))
    wang.keep("12-sent")
    wang.follow(wang.t("nav_home"))
    assert wang.t("task_assign_reviewers") not in wang.seen(), "what is done waits no more"


def _give_review(person: Walker, comment: str) -> None:
    committee = rules("committee")
    person.pick(committee["verdicts"]["approve"][person.language])
    person.choose(person.t("review_field"), committee["expert_fields"]["options"]["public_health"][person.language])
    person.tick(person.t("review_relevant_check"))
    for texts in committee["necessity"]["options"].values():
        person.tick(texts[person.language])
    person.write(person.t("review_ethics"), "符合伦理")
    person.write(person.t("review_confidentiality"), "保密措施充分")
    person.write(person.t("review_comment"), comment)


def review(walk: Walk) -> None:
    """Zhou and Sun review; Sun sees nothing of Zhou's before both are in (P7)."""
    zhou = _open_request(walk, "zhou", "review", "en")
    _give_review(zhou, DETAILS["en"])
    zhou.keep("13-review")
    zhou.press(zhou.t("review_give"))
    zhou.says(zhou.t("review_done"))
    sun = _open_request(walk, "sun", "review")
    sun.tab(sun.t("request_tab_reviews"))
    sun.says(sun.t("panel_blinded"))
    assert DETAILS["en"] not in sun.page.content() and "周立" not in sun.page.content()
    sun.keep("14-blinded")
    _give_review(sun, "孙雅琴：同意")
    sun.press(sun.t("review_give"))
    sun.says(sun.t("review_done"))
    sun.keep("15-queue-after")


def decide(walk: Walk) -> None:
    """Wu reads both reviews and decides with reasons and clauses."""
    wu = _open_request(walk, "wu", "decide")
    wu.tab(wu.t("request_tab_reviews"))
    wu.says(DETAILS["en"])
    wu.says("孙雅琴：同意")
    wu.pick(wu.t("decide_approve"))
    wu.write(wu.t("decision_reasons"), "符合最少必要原则")
    wu.choose_all(wu.t("decision_clauses"), ["10.4.2-e-2c4", "10.4.2-e-3a"])
    wu.keep("16-decide")
    wu.keep_narrow("16-decide")
    wu.press(wu.t("decide_now"))
    wu.says(wu.t("decide_done"))
    wu.keep("17-decided")


def _wait_for(person: Walker, words: str, seconds: float = 120) -> None:
    """Load the page again until it says so: something goes on behind it."""
    deadline = time.monotonic() + seconds
    while not person.main.get_by_text(words).locator("visible=true").count():
        assert time.monotonic() < deadline, f"{words} never came"
        person.page.reload()
        person.settle()


def sign(walk: Walk) -> None:
    """Everybody signs the PDF that Li downloads: the team, in two languages, and the authority."""
    for username, language in (("li", "zh"), ("zhang", "en"), ("wu", "zh")):
        person = walk.people(username, language)
        person.open(f"/services/workbench/request?id={walk.request}")
        _wait_for(person, person.t("agreement_download"))
        name, pdf = person.download(person.t("agreement_download"))
        assert name.endswith(".pdf") and pdf.startswith(b"%PDF")
        (PICTURES / "18-agreement.pdf").write_bytes(pdf)
        assert hashlib.sha256(pdf).hexdigest() in person.seen(), "what is read is what is signed"
        person.tick(re.compile(person.t("sign_accept", number="@").split("@")[0]))
        person.keep(f"18-sign-{username}")
        person.press(person.t("sign_now"), exact=False)
        person.says(person.t("sign_done"))


def register(walk: Walk) -> None:
    """Wu registers the use, which brings the grant into force."""
    wu = walk.people("wu")
    wu.write(wu.t("request_filing"), "川卫备 2026-001")
    wu.keep("19-register")
    wu.press(wu.t("register_now"))
    wu.says(wu.t("register_done"))
    wu.tab(wu.t("request_tab_decision"))
    wu.keep("20-granted")


def open_enclave(walk: Walk) -> None:
    """Li finds the project and opens its enclave from there."""
    li = walk.people("li")
    li.open("/services/workbench/")
    li.keep("21-home-with-project")
    li.follow(li.t("nav_projects"))
    li.follow(application.answers("")["title"])
    walk.project = re.findall(r"id=(p-\w+)", li.page.url)[0]
    _wait_for(li, li.t("enclave_open"))
    li.main.get_by_text(li.t("enclave_begin")).click()
    li.says(re.compile("enclave.export"))
    li.keep("22-project")
    li.keep_narrow("22-project")
    li.page.get_by_role("link", name=li.t("enclave_open")).click()
    li.page.wait_for_url(re.compile(f"/(hub/spawn-pending|user)/.*{walk.project}"))
    picture(li.page, "23-opening")
    li.page.wait_for_url(f"**/user/li/{walk.project}/lab**")
    li.page.wait_for_selector(".jp-LauncherCard")
    picture(li.page, "24-jupyterlab")


def analyse(walk: Walk) -> None:
    """Li asks private questions in a notebook and submits an export."""
    printed = run_in_lab(walk.people("li").page, ANALYSIS, "25-notebook")
    walk.printed = json.loads(printed.strip().splitlines()[-1])
    assert walk.printed["leaks"] == []
    assert walk.printed["columns"] == application.COLUMNS
    assert walk.printed["again"] == walk.printed["count"]
    assert walk.printed["spent_twice"] == walk.printed["spent_once"]


def release(walk: Walk) -> None:
    """Wang and Chen look at every file and approve, each without the other's decision."""
    for username in ("wang", "chen"):
        steward = walk.people(username)
        steward.open("/services/workbench/")
        steward.follow(steward.t("task_exports"))
        steward.keep(f"26-egress-{username}")
        steward.follow(re.compile("30 天内再入院构成"))
        steward.says(steward.t("export_blinded"))
        assert steward.t("export_reviewer", number=1) not in steward.seen()
        steward.pick(steward.t("decide_approve"))
        steward.keep(f"27-export-{username}")
        steward.press(steward.t("review_give"))
        steward.says(steward.t("review_done"))
    steward.says(re.compile("rel-"))
    steward.keep("28-released")


def download(walk: Walk) -> None:
    """What Li downloads is, byte for byte, what the manifest names and what was handed in (P5)."""
    li = walk.people("li")
    reader = li.beside()
    reader.open(f"/services/workbench/project?id={walk.project}")
    reader.tab(reader.t("project_tab_budget"))
    reader.keep("29-budget")
    reader.tab(reader.t("project_tab_tables"))
    reader.keep("30-tables")
    reader.tab(reader.t("project_tab_exports"))
    reader.keep("31-releases")
    _, content = reader.download("result.csv")
    _, manifest = reader.download("manifest.json")
    (entry,) = json.loads(manifest)["files"]
    assert hashlib.sha256(content).hexdigest() == entry["sha256"] == walk.printed["sha256"]


def end(walk: Walk) -> None:
    """Wu ends the project; within five seconds nothing of the enclave answers."""
    wu, li = walk.people("wu"), walk.people("li")
    status = f"{walk.platform.url}/user/li/{walk.project}/api/status"
    assert li.context.request.get(status, max_redirects=0).ok
    wu.follow(wu.t("nav_projects"))
    wu.follow(application.answers("")["title"])
    wu.tab(wu.t("project_tab_end"))
    wu.write(wu.t("ui_reason"), "课题提前结题")
    wu.keep("32-end")
    wu.press(wu.t("project_end_now"))
    wu.says(wu.t("project_ended"))
    started = time.monotonic()
    while li.context.request.get(status, max_redirects=0).ok:
        assert time.monotonic() - started < CUT_OFF_SECONDS, "the enclave still answers"
    wu.keep("33-ended")
    picture(li.page, "34-jupyterlab-cut-off")
    li.page.reload(timeout=PATIENCE)
    picture(li.page, "35-jupyterlab-reloaded")
    assert not li.page.locator(".jp-Notebook").count()
    li.open(f"/services/workbench/project?id={walk.project}")
    li.says(re.compile(li.t("enclave_closed", reason="@").split("@")[0]))
    li.keep("36-project-ended")


def prove(walk: Walk) -> None:
    """Feng proves the chain and reads what happened."""
    feng = walk.people("feng")
    feng.follow(feng.t("nav_ledger"))
    feng.press(feng.t("ledger_verify"))
    feng.says(re.compile(feng.t("ledger_good", events="@").split("@")[1]))
    feng.keep("37-ledger")
