"""The rules of the standard stand at every door of the main job: what they say is kept, and what they refuse fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import catalog_browser.service as catalogue
from catalog_browser.models import DataSet, DataSetVersion
from catalog_browser.views import DataSetDetail, DescribeDataSet, PublishDataSet, Texts
from enclave.grants import service as grants
from enclave.kernel import institutions, ledger
from enclave.kernel.db import reading
from enclave.kernel.errors import EnclaveError, Invalid, Refused
from enclave.kernel.identity import Actor, Role, system
from enclave.kernel.settings import settings
from enclave.kernel.unit import unit_of_work
from enclave.outputs import access
from enclave.outputs.answers import service as answers
from enclave.outputs.answers.service import Ask
from enclave.outputs.files import service as exports
from enclave.outputs.files import submission
from enclave.outputs.files.views import ReviewExport, SubmitExport
from enclave.outputs.tables import service as tables
from enclave.outputs.tables.views import TableRequest
from enclave.policy.book import current
from enclave.privacy import service as privacy
from enclave.workspaces import mounting, sessions
from enclave.workspaces import service as workspaces
from request_review import service
from tests.conftest import AccountFactory, Home
from tests.factories import projects
from tests.factories import requests as make
from tests.fixtures.runtime import make_extract

People = dict[str, Actor]
pytestmark = pytest.mark.promise("P9")


@pytest.fixture
def data(home: Home, people: People) -> DataSetDetail:
    return make.publish(people["wang"], {"cases": make.cases()})


def events(action: str = "") -> list[dict[str, Any]]:
    with reading() as session:
        return [body for body, _ in ledger.stored(session) if action in ("", body["action"])]


def change(model: type[Any], key: object, **values: Any) -> None:
    with unit_of_work(system("test")) as unit:
        row = unit.session.get_one(model, key)
        for name, value in values.items():
            setattr(row, name, value)
        unit.record("test.change", "test")


def refusal(call: Callable[[], object]) -> EnclaveError:
    with pytest.raises(EnclaveError) as raised:
        call()
    assert "{" not in raised.value.message("zh") + raised.value.message("en")
    return raised.value


# --- what the doors said is kept (P8) ------------------------------------------------------------------------------


@pytest.mark.promise("P8")
@pytest.mark.clause("7-0")
def test_every_door_of_the_way_keeps_its_decision(data: DataSetDetail, people: People) -> None:
    granted = make.granted(people, data.id)
    asked = {
        "dataset.add": "allow",
        "dataset.confirm": "allow",
        "dataset.version": "allow",
        "dataset.publish": "allow",
        "request.submitted": "ask",
        "agreement.drawn-up": "allow",
        "request.registered": "allow",
    }
    for action, outcome in asked.items():
        found = events(action)
        assert found, action
        for event in found:
            decision = event["facts"]["decision"]
            assert (decision["outcome"], decision["rule_version"]) == (outcome, current().version), action
            assert event["clauses"] and decision["rules"], action
    assert events("dataset.publish")[0]["facts"]["sample"]["outcome"] == "allow"
    view = service.view(people["wu"], granted.id)
    assert list(view.rulings) == ["application", "agreement", "grant"]
    assert view.rulings["application"]["missing"]  # what people had still to settle


@pytest.mark.clause("3.10-1")
def test_a_grant_is_registered_as_a_disclosure(data: DataSetDetail, people: People) -> None:
    make.granted(people, data.id)
    (event,) = events("request.registered")
    disclosure = event["facts"]["disclosure"]
    assert disclosure["recipient"] == "WCH"
    assert {data.id, "age", "sex"} <= set(disclosure["content"])
    assert disclosure["purpose"] == "P7" and disclosure["legal_basis"].startswith("agreement ")


@pytest.mark.clause("C-4")
def test_the_grant_keeps_the_use_it_was_decided_on(data: DataSetDetail, people: People) -> None:
    granted = make.granted(people, data.id)
    (grant,) = grants.get_project(granted.project_id).grants
    assert grant.use["organisation"] == "hospital"  # the verified kind of WCH, which no form asks for
    assert (grant.use["scenario"], grant.use["mode"]) == ("10.4.2", "point_to_point")


# --- registration, publication -------------------------------------------------------------------------------------


@pytest.mark.clause("3.2")
def test_a_version_below_its_source_needs_a_measured_risk(data: DataSetDetail, people: People) -> None:
    version = make.stored_table(make.cases())
    unmeasured = make.AddVersion(data.id, "deidentified", 2, "deidentified", 400, 400, (version,))
    error = refusal(lambda: catalogue.add_version(people["wang"], unmeasured))
    assert error.facts["rules"] == ["derived-keeps-level"]


@pytest.mark.clause("3.10-2s")
def test_a_sample_that_failed_its_privacy_tests_is_not_published(
    data: DataSetDetail, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    sample = data.latest("synthetic")
    assert sample is not None
    change(DataSetVersion, sample.id, risk={"passed": False})
    error = refusal(lambda: catalogue.publish(people["wang"], PublishDataSet(data.id)))
    assert "sample-tested" in error.facts["rules"]


@pytest.mark.clause("6.4")
@pytest.mark.clause("C-0")
def test_a_resource_of_appendix_c_is_shared_to_its_degrees(home: Home, people: People) -> None:
    """The appendix gives the fund data of the rural scheme to no enterprise: nobody there can get them."""
    data = make.publish(people["wang"], {"cases": make.cases()})
    described = DescribeDataSet(data.id, Texts(), resource="s1|农合基金数据|")
    catalogue.describe(people["wang"], described)
    versions = [version.id for version in data.versions if version.kind != "source"]
    for version in versions:
        change(DataSetVersion, version, state="ready")
    catalogue.publish(people["wang"], PublishDataSet(data.id))
    assert catalogue.version(versions[0]).degrees["enterprise"] == "none"
    view = make.draft(people["li"], data.id)
    assert [problem.code for problem in view.problems] == ["rule:degree-none"]


@pytest.mark.clause("C-0")
def test_only_what_the_appendix_lists_may_be_named(data: DataSetDetail, people: People) -> None:
    with pytest.raises(Invalid):
        catalogue.describe(people["wang"], DescribeDataSet(data.id, Texts(), resource="s1|没有这一项|"))


# --- application: what would fail at the end is said at the start --------------------------------------------------


@pytest.mark.clause("C-4")
def test_nobody_applies_from_an_institution_that_was_not_verified(
    data: DataSetDetail, account: AccountFactory, people: People
) -> None:
    stranger = account("gao", Role.RESEARCHER, institution="UNVERIFIED")
    view = make.draft(stranger, data.id)
    assert [problem.code for problem in view.problems] == ["rule:audience-unstated"]
    with pytest.raises(Invalid):
        make.submitted(stranger, data.id)
    institutions.verify(people["he"], institutions.VerifyInstitution("UNVERIFIED", "某院", "Some", "hospital"))
    assert make.submitted(stranger, data.id).state == "submitted"


def test_only_operator_and_authority_verify_institutions(people: People) -> None:
    command = institutions.VerifyInstitution("NEW", "新院", "New", "hospital")
    for name in ("li", "wang", "sun", "feng"):
        assert refusal(lambda name=name: institutions.verify(people[name], command)).code == "forbidden"
    institutions.verify(people["wu"], command)
    assert [event["facts"]["kind"] for event in events("institution.verified") if event["subject"].endswith("NEW")] == [
        "hospital"
    ]


CONTEST = {"purpose": "P10", "purpose_kind": "data_innovation_contest", "collection_purpose": "诊疗"}
AT_ONCE = [
    ({**CONTEST, "version_kind": "limited"}, "rule:limited-set-needs-authorisation"),
    ({"purpose_kind": "data_innovation_contest"}, "rule:use-purpose@data_innovation_contest"),
    ({"mode": "resource_pool"}, "rule:pool-approved"),
    ({"mode": "resource_pool", **CONTEST}, "rule:use-outside-scenario@10.4.1"),
]


@pytest.mark.clause("3.8-n2")
@pytest.mark.clause("9.1.3-0")
def test_what_no_decision_could_allow_is_said_in_the_form(data: DataSetDetail, people: People) -> None:
    for changes, code in AT_ONCE:
        found = {problem.code: problem.field for problem in make.draft(people["li"], data.id, **changes).problems}
        assert code in found, (changes, found)
        assert found[code] in changes or found[code] == "mode"  # beside an answer that would have to change
    assert make.draft(people["li"], data.id, **CONTEST).problems == ()


@pytest.mark.clause("9.1.3-3")
def test_an_approved_pool_serves(data: DataSetDetail, people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENCLAVE_POOL_APPROVAL", "川卫规 2026-9")
    settings.cache_clear()
    assert make.granted(people, data.id, mode="resource_pool").state == "granted"


@pytest.mark.clause("10.4.2-e-2c4")
def test_a_column_that_chooses_the_rows_is_told_to_the_rules(data: DataSetDetail, people: People) -> None:
    plain = make.submitted(people["li"], data.id, columns=["age"])
    chosen = make.submitted(
        people["zhang"], data.id, columns=["age"], row_filter=[{"column": "sex", "op": "=", "value": "F"}]
    )
    both = make.submitted(people["li"], data.id, columns=["age", "sex"])
    asked = [service.view(people["wu"], each.id).rulings["application"]["request"] for each in (plain, chosen, both)]
    assert asked[0] != asked[1] == asked[2]


@pytest.mark.clause("1-1")
def test_data_from_outside_the_province_are_not_requested(data: DataSetDetail, people: People) -> None:
    change(DataSet, data.id, jurisdiction="110000")
    codes = [problem.code for problem in make.draft(people["li"], data.id).problems]
    assert "rule:outside-province-not-shared" in codes


# --- agreement and grant: the answer is the one of that moment -----------------------------------------------------


@pytest.mark.clause("4.1-T1-L2d3")
def test_what_changed_since_the_decision_stops_the_grant(data: DataSetDetail, people: People) -> None:
    request = make.signed(people, make.decided(people, make.submitted(people["li"], data.id)))
    change(DataSetVersion, catalogue.latest(data.id, "deidentified").id, degrees={})
    error = refusal(
        lambda: service.register_grant(people["wu"], service.RegisterGrant(request.id, request.version, "川卫备 1"))
    )
    assert "degree-unlisted" in error.facts["rules"]
    assert service.view(people["wu"], request.id).state == "agreement"
    assert events("grant.issued") == []


# --- mount, query, egress ------------------------------------------------------------------------------------------


@pytest.fixture
def project(home: Home, people: People) -> str:
    return projects.make_project("p-doors001", ("li", "zhang"))


@pytest.mark.clause("10.4.2-e-1j")
def test_a_copy_whose_labels_differ_from_the_register_is_not_mounted(project: str) -> None:
    make_extract(project)
    plan = workspaces.mount_plan(project, "li")
    assert all(decision.allowed for decision in mounting.decisions(plan.asked, probed=True).values())
    change(DataSet, "ds-demo", category="medical_payment")
    error = refusal(lambda: workspaces.mount_plan(project, "li"))
    assert error.facts["rules"] == ["mount-labels"]


@pytest.mark.promise("P10")
@pytest.mark.clause("4.1-T1-L2d2")
def test_the_ledger_says_under_which_rules_an_extract_was_mounted_or_not(project: str) -> None:
    make_extract(project)
    plan = workspaces.mount_plan(project, "li")
    sessions.opened(plan, [{"probe": "network", "held": True}])
    (mounted,) = events("extract.mounted")
    assert mounted["facts"]["decision"]["outcome"] == "allow"
    assert mounted["facts"]["disclosure"]["recipient"] == "li"
    sessions.refused(plan, [{"probe": "network", "held": False}], ["network"])
    (not_mounted,) = events("extract.refused")
    assert not_mounted["facts"]["decision"]["rules"] == ["mount-probes"]
    assert "disclosure" not in not_mounted["facts"]


@pytest.fixture
def asked(project: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    extracts: projects.Extracts = {}
    monkeypatch.setattr(access.workspaces, "trusted_tables", projects.tables_of(extracts))
    frame = pd.DataFrame({"sex": ["F", "M"] * 60, "_person": range(120)})
    projects.add_extract(extracts, tmp_path, project, "visits", frame)
    return project


CLOSED = [{"level": 5}, {"identifiability": "identifiable"}, {"degrees": {}}]


@pytest.mark.promise("P4")
@pytest.mark.clause("6.4")
@pytest.mark.parametrize("values", CLOSED)
def test_a_question_the_rules_refuse_costs_nothing(asked: str, people: People, values: dict[str, Any]) -> None:
    answers.ask(people["li"], Ask(asked, "visits", "count", 0.1))
    (given,) = events("answer.given")
    assert given["facts"]["decision"]["outcome"] == "allow"
    with reading() as session:
        before = privacy.account(session, asked, "ds-demo").remaining
    change(DataSetVersion, "dsv-ds-demo", **values)
    error = refusal(lambda: answers.ask(people["li"], Ask(asked, "visits", "count", 0.2)))
    assert error.code == "policy_denied"
    with reading() as session:
        assert privacy.account(session, asked, "ds-demo").remaining == before
    table = TableRequest(asked, "visits", ("sex",))
    assert refusal(lambda: tables.request(people["li"], table)).code == "policy_denied"
    assert len(events("answer.given")) == 1 and events("table.released") == []


@pytest.mark.promise("P5")
@pytest.mark.clause("4.1-T1-L2d2e")
def test_a_release_rests_on_a_decision_and_not_only_on_two_stewards(asked: str, people: People) -> None:
    workspace = submission.workspace_of(asked, "li")
    workspace.mkdir(parents=True)
    (workspace / "a.csv").write_bytes("性别,人数\n男,60\n女,60\n".encode())

    def submitted() -> Any:
        return exports.submit(people["li"], SubmitExport(asked, ("a.csv",), "表 1：按性别的人数，用于论文"))

    def approve(who: str, export: Any) -> Any:
        return exports.review(people[who], ReviewExport(export.summary.id, "approve", export.digest, ""))

    first = submitted()
    approve("wang", first)
    assert approve("chen", first).summary.state == "released"
    (released,) = events("export.released")
    assert released["facts"]["decisions"][f"g-{asked}"]["outcome"] == "allow"
    assert released["facts"]["disclosure"]["recipient"] == "li"
    second = submitted()
    approve("wang", second)
    change(DataSetVersion, "dsv-ds-demo", level=5)
    with pytest.raises(Refused):
        approve("chen", second)
    assert exports.view(people["wang"], second.summary.id).summary.state == "in_review"
    assert len(events("export.released")) == 1
