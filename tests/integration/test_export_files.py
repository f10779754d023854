"""What leaves is what two different stewards saw, byte for byte, and nothing leaves any other way (P5, P7)."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import text
from sqlmodel import Session, select

from enclave.grants.models import Member
from enclave.kernel import crypto, ledger, storage
from enclave.kernel.db import engine, reading
from enclave.kernel.errors import Conflict, EnclaveError, Invalid, NotFound, Refused
from enclave.kernel.identity import Actor, Role
from enclave.kernel.unit import unit_of_work
from enclave.outputs import access
from enclave.outputs.files import opening, rules, service, submission
from enclave.outputs.files.service import ExportDetail, ReviewExport, SubmitExport
from enclave.outputs.models import Export, ExportFile
from tests.conftest import AccountFactory, Home
from tests.factories import projects
from tests.fixtures.objectstore import MemoryStore

TABLE = b"sex,n\nF,520\nM,480\n"


@dataclass
class World:
    """One project of li and zhang, and li's workspace."""

    people: dict[str, Actor]
    workspace: Path
    store: MemoryStore
    extracts: projects.Extracts

    def write(self, name: str, content: bytes = TABLE) -> str:
        path = self.workspace / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return name

    def submit(self, *names: str, who: str = "li", project: str = "p-export01") -> ExportDetail:
        return service.submit(self.people[who], SubmitExport(project, names, "表 1：按性别的人数，用于论文"))

    def decide(self, who: str, export: ExportDetail, decision: str = "approve", comment: str = "") -> ExportDetail:
        command = ReviewExport(export.summary.id, decision, export.digest, comment or "人数过少，请合并")
        return service.review(self.people[who], command)

    def released(self, *names: str) -> ExportDetail:
        export = self.submit(*names)
        self.decide("wang", export)
        return self.decide("chen", export)


@pytest.fixture
def world(
    home: Home, people: dict[str, Actor], object_store: MemoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> World:
    projects.make_project("p-export01", ("li", "zhang"))
    workspace = submission.workspace_of("p-export01", "li")
    workspace.mkdir(parents=True)
    extracts: projects.Extracts = {}
    monkeypatch.setattr(access.workspaces, "trusted_tables", projects.tables_of(extracts))
    return World(people, workspace, object_store, extracts)


def events(action: str) -> list[dict[str, Any]]:
    with reading() as session:
        return [body for body, _ in ledger.stored(session) if body["action"] == action]


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(EnclaveError) as refusal:
        call()
    return refusal.value.code


# --- the way out -------------------------------------------------------------------------------------------------


@pytest.mark.promise("P5")
@pytest.mark.promise("P7")
@pytest.mark.clause("4.1-T1-L2d2e")
def test_two_stewards_release_the_bytes_that_were_submitted(world: World) -> None:
    names = (world.write("表/结果 1.csv"), world.write("report.md", "# 结果\n".encode()))
    export = world.submit(*names)
    assert export.summary.state == "in_review"
    (world.workspace / names[0]).write_bytes(b"changed after submission")
    assert world.decide("wang", export).summary.state == "in_review"
    settled = world.decide("chen", export)
    assert settled.summary.state == "released"
    release = settled.release
    assert release is not None
    for name, content in zip(names, (TABLE, "# 结果\n".encode()), strict=True):
        left = service.download(world.people["zhang"], release.id, name)
        assert left == content
        entry = next(entry for entry in release.files if entry["name"] == name)
        assert entry["sha256"] == hashlib.sha256(left).hexdigest()
    manifest = service.download(world.people["li"], release.id, "manifest.json")
    assert (
        hashlib.sha256(manifest).hexdigest()
        == release.manifest_sha256
        == events("export.released")[0]["facts"]["manifest"]
    )
    assert json.loads(manifest)["approved_by"] == ["chen", "wang"]
    assert len(events("export.downloaded")) == 3


@pytest.mark.promise("P7")
def test_one_steward_is_not_two(world: World) -> None:
    export = world.submit(world.write("a.csv"))
    world.decide("wang", export)
    assert refused(lambda: world.decide("wang", export)) == "export_reviewed_already"
    assert service.view(world.people["wang"], export.summary.id).summary.state == "in_review"


@pytest.mark.promise("P7")
def test_who_may_not_review(world: World, account: AccountFactory) -> None:
    both = account("both", Role.RESEARCHER, Role.STEWARD)
    former = account("former", Role.STEWARD)
    with unit_of_work(both) as unit:
        for uid, (name, state) in enumerate((("both", "active"), ("former", "removed")), 200050):
            unit.add(
                Member(project_id="p-export01", username=name, uid=uid, state=state, joined_at=service.clock.now())
            )
        unit.record("test.members", "p-export01")
    workspace = submission.workspace_of("p-export01", "both")
    workspace.mkdir(parents=True)
    (workspace / "a.csv").write_bytes(TABLE)
    world.people |= {"both": both, "former": former}
    own = world.submit("a.csv", who="both")
    assert refused(lambda: world.decide("both", own)) == "export_own"
    other = world.submit(world.write("b.csv", b"sex,n\nF,620\nM,580\n"))
    assert refused(lambda: world.decide("both", other)) == "export_conflict"
    assert refused(lambda: world.decide("former", other)) == "export_conflict"
    for name in ("li", "zhao", "wu", "feng", "he"):
        assert refused(lambda name=name: world.decide(name, other)) == "forbidden"
    barred = {entry.id: entry.barred for entry in service.queue(former)}
    assert barred == {own.summary.id: "export_conflict", other.summary.id: "export_conflict"}
    assert [entry.barred for entry in service.queue(world.people["wang"])] == ["", ""]


@pytest.mark.promise("P7")
def test_reviewers_are_blind_to_each_other_until_both_are_in(world: World) -> None:
    export = world.submit(world.write("a.csv"))
    first = world.decide("wang", export, "refuse", "第二列的人数过少")
    assert [review.reviewer for review in first.reviews] == ["wang"]
    for other in ("chen", "li", "feng"):
        seen = service.view(world.people[other], export.summary.id)
        assert seen.reviews == ()
        assert seen.summary.state == "in_review"
    told = json.dumps(events("export.reviewed"), ensure_ascii=False)
    assert "refuse" not in told
    assert "人数过少" not in told
    settled = world.decide("chen", export)
    assert {review.reviewer for review in settled.reviews} == {"wang", "chen"}
    seen = service.view(world.people["li"], export.summary.id)
    assert {review.reviewer for review in seen.reviews} == {""}  # who decided is not the researcher's to know
    assert "第二列的人数过少" in {review.comment for review in seen.reviews}


@pytest.mark.promise("P5")
@pytest.mark.parametrize("decisions", [("approve", "refuse"), ("refuse", "approve"), ("refuse", "refuse")])
def test_unless_both_approve_nothing_leaves_and_the_bytes_are_destroyed(
    world: World, decisions: tuple[str, str]
) -> None:
    export = world.submit(world.write("a.csv"))
    world.decide("wang", export, decisions[0])
    settled = world.decide("chen", export, decisions[1])
    assert settled.summary.state == "refused"
    assert settled.release is None
    with reading() as session:
        key = session.get_one(ExportFile, settled.files[0].id).object_key
    with pytest.raises(NotFound):
        storage.fetch_bytes(key)
    assert refused(lambda: world.decide("chen", export)) == "already_decided"


def test_a_refusal_says_why(world: World) -> None:
    export = world.submit(world.write("a.csv"))
    command = ReviewExport(export.summary.id, "refuse", export.digest, " ")
    assert refused(lambda: service.review(world.people["wang"], command)) == "export_comment_missing"
    command = ReviewExport(export.summary.id, "maybe", export.digest)
    assert refused(lambda: service.review(world.people["wang"], command)) == "export_decision"


@pytest.mark.promise("P7")
def test_decisions_at_once_settle_once(world: World, account: AccountFactory) -> None:
    stewards = {name: account(name, Role.STEWARD) for name in ("sa", "sb", "sc", "sd")}
    export = world.submit(world.write("a.csv"))

    def decide(name: str) -> str:
        try:
            return service.review(
                stewards[name], ReviewExport(export.summary.id, "approve", export.digest)
            ).summary.state
        except EnclaveError as refusal:
            return refusal.code

    with ThreadPoolExecutor(4) as pool:
        outcomes = sorted(pool.map(decide, stewards))
    assert outcomes == ["already_decided", "already_decided", "in_review", "released"]
    assert len(events("export.released")) == 1


# --- tampering ---------------------------------------------------------------------------------------------------


def other_object(content: bytes) -> str:
    stored = storage.put_bytes(content, "exports")
    return str(stored.key)


def change(statement: str, **values: object) -> None:
    with engine().begin() as connection:
        connection.execute(text(statement), values)


@pytest.mark.promise("P5")
def test_bytes_exchanged_in_the_store_are_not_reviewed_and_not_released(world: World) -> None:
    export = world.submit(world.write("a.csv"))
    key = next(key for key in world.store.objects if key.startswith("exports/"))
    world.store.objects[key] = world.store.objects[key][:-1] + b"!"
    with pytest.raises(crypto.Tampered):
        world.decide("wang", export)
    with pytest.raises(crypto.Tampered):
        service.open_file(world.people["wang"], export.files[0].id)


@pytest.mark.promise("P5")
@pytest.mark.parametrize("between", [False, True])
def test_a_file_exchanged_for_another_valid_object_is_noticed(world: World, between: bool) -> None:
    """Somebody with the database's password points the row at other bytes, before any or between both reviews."""
    export = world.submit(world.write("a.csv"))
    if between:
        world.decide("wang", export)
    evil = b"sex,n\nF,3\nM,1\n"
    key = other_object(evil)
    change("UPDATE export_file SET object_key = :key", key=key)
    with pytest.raises(crypto.Tampered):
        world.decide("chen", export)
    sha = hashlib.sha256(evil).hexdigest()
    change("UPDATE export_file SET sha256 = :sha, size = :size", sha=sha, size=len(evil))
    assert refused(lambda: world.decide("chen", export)) == "export_changed"
    from enclave.outputs.files.manifest import digest

    forged = digest([("a.csv", len(evil), sha)])
    change("UPDATE export SET digest = :digest", digest=forged)
    assert refused(lambda: world.decide("chen", export)) == "export_changed"  # not the digest the steward saw
    if between:
        command = ReviewExport(export.summary.id, "approve", forged)
        with pytest.raises(crypto.Tampered):  # the first steward approved other bytes
            service.review(world.people["chen"], command)
    assert events("export.released") == []


@pytest.mark.promise("P5")
def test_bytes_exchanged_after_the_release_are_not_downloaded(world: World) -> None:
    settled = world.released(world.write("a.csv"))
    assert settled.release
    evil = b"id,name\n1,x\n"
    sha = hashlib.sha256(evil).hexdigest()
    change(
        "UPDATE export_file SET object_key = :key, sha256 = :sha, size = :size",
        key=other_object(evil),
        sha=sha,
        size=12,
    )
    with pytest.raises(crypto.Tampered):
        service.download(world.people["li"], settled.release.id, "a.csv")
    manifest = settled.release.manifest | {"files": [{"name": "a.csv", "size": 12, "sha256": sha, "kind": "csv"}]}
    from enclave.outputs.files.manifest import digest, sha256

    forged = digest([("a.csv", 12, sha)])
    manifest["digest"] = forged
    change("UPDATE export_review SET digest = :digest", digest=forged)
    change(
        "UPDATE release SET manifest = :body, manifest_sha256 = :sha", body=json.dumps(manifest), sha=sha256(manifest)
    )
    with pytest.raises(crypto.Tampered):  # the ledger remembers another manifest, and the ledger cannot be rewritten
        service.download(world.people["li"], settled.release.id, "a.csv")


@pytest.mark.promise("P5")
@pytest.mark.promise("P3")
@pytest.mark.clause("B.2-2-3a")
def test_only_members_download_and_only_while_the_grant_holds(world: World) -> None:
    settled = world.released(world.write("a.csv"))
    assert settled.release
    identifier = settled.release.id
    for name in ("wang", "chen", "zhao", "wu", "feng"):
        assert (
            refused(lambda name=name: service.download(world.people[name], identifier, "a.csv")) == "grant_not_member"
        )
    assert refused(lambda: service.download(world.people["li"], identifier, "../a.csv")) == "not_found"
    projects.end_project("p-export01")
    assert refused(lambda: service.download(world.people["li"], identifier, "a.csv")) == "grant_project_ended"


@pytest.mark.promise("P3")
def test_an_ended_grant_ends_submission_and_review(world: World) -> None:
    export = world.submit(world.write("a.csv"))
    projects.end_project("p-export01")
    assert refused(lambda: world.decide("wang", export)) == "grant_project_ended"
    assert refused(lambda: world.submit(world.write("b.csv"))) == "grant_project_ended"
    assert service.close_ended() == 1
    assert service.close_ended() == 0
    assert service.view(world.people["wang"], export.summary.id).summary.state == "withdrawn"


# --- what is taken out of the workspace --------------------------------------------------------------------------


@pytest.mark.promise("P5")
@pytest.mark.parametrize("walk", [False, True], ids=["openat2", "walk"])
def test_nothing_but_plain_files_of_the_own_workspace(
    world: World, walk: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if walk:
        monkeypatch.setattr(opening, "_open_beneath", opening._walk)
    secret = world.workspace.parents[1] / "trusted.csv"
    secret.write_bytes(TABLE)
    world.write("real/a.csv")
    space = world.workspace
    (space / "link.csv").symlink_to(secret)
    (space / "inner.csv").symlink_to("real/a.csv")
    (space / "folder").symlink_to(secret.parent)
    (space / "self").symlink_to("real")
    os.link(secret, space / "hard.csv")
    os.mkfifo(space / "pipe.csv")
    (space / "socket.csv").parent.mkdir(exist_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.open(space, os.O_RDONLY)
        listener.bind(f"/proc/self/fd/{here}/s.csv")
        os.close(here)
    expected = {
        "link.csv": "export_link", "inner.csv": "export_link", "folder/trusted.csv": "export_link",
        "self/a.csv": "export_link", "hard.csv": "export_not_plain", "pipe.csv": "export_not_plain",
        "s.csv": "export_no_file", "real": "export_not_plain", "nothing.csv": "export_no_file",
        "real/a.csv/x": "export_no_file",
        "../../trusted.csv": "export_bad_path", "/etc/passwd": "export_bad_path", str(secret): "export_bad_path",
        "real/../../x": "export_bad_path", ".": "export_bad_path", "": "export_bad_path", "a\nb.csv": "export_bad_path",
        "real//a.csv": "export_bad_path", "./real/a.csv": "export_bad_path", "x" * 200: "export_bad_path",
    }  # fmt: skip
    found = {name: refused(lambda name=name: world.submit(name)) for name in expected}
    if walk:  # without openat2 a link in a folder's place cannot be told from a file there
        expected["real/a.csv/x"] = "export_link"
    assert found == expected
    assert world.submit("real/a.csv").summary.state == "in_review"
    assert not list(storage.settings().folder("spool").iterdir())


def test_a_folder_exchanged_for_a_link_while_files_are_opened_never_leads_outside(world: World) -> None:
    """The researcher's processes rename all the while: either the own file is read or nothing is."""
    outside = world.workspace.parents[1] / "outside"
    outside.mkdir()
    (outside / "a.csv").write_bytes(b"SECRET")
    world.write("folder/a.csv")
    (world.workspace / "trap").symlink_to(outside)
    import threading

    stop = threading.Event()

    def exchange() -> None:
        space = world.workspace
        while not stop.is_set():
            for one, two in (("folder", "away"), ("trap", "folder"), ("folder", "trap"), ("away", "folder")):
                (space / one).rename(space / two)

    thread = threading.Thread(target=exchange)
    thread.start()
    try:
        for _ in range(3000):
            try:
                with opening.opened(world.workspace, "folder/a.csv") as file:
                    assert file.read() == TABLE
            except Invalid:
                pass
    finally:
        stop.set()
        thread.join()


def test_limits(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = dict(rules.rules().limits) | {"file_bytes": 30, "total_bytes": 50, "files": 3, "project_day_bytes": 60}
    changed = rules.Rules(**(vars(rules.rules()) | {"limits": limits}))
    monkeypatch.setattr(submission, "rules", lambda: changed)
    names = [world.write(f"{n}.csv", b"sex,n\nF,52%d\n" % n) for n in range(4)]
    assert refused(lambda: world.submit(*names)) == "export_files_number"
    assert refused(lambda: world.submit()) == "export_files_number"
    assert refused(lambda: world.submit(names[0], names[0])) == "export_names_twice"
    assert refused(lambda: world.submit(world.write("manifest.json", b"{}"))) == "export_names_twice"
    assert refused(lambda: world.submit(world.write("big.csv", b"a,b\n" * 10))) == "export_too_large"
    assert world.submit(*names[:3]).summary.state == "in_review"
    assert world.submit(names[3]).summary.state in ("in_review", "blocked")
    assert refused(lambda: world.submit(names[0], names[1])) == "export_quota"
    command = SubmitExport("p-export01", (names[0],), "short")
    assert refused(lambda: service.submit(world.people["li"], command)) == "export_note_missing"


# --- machine checks before people --------------------------------------------------------------------------------


@pytest.mark.promise("P6")
@pytest.mark.clause("3.2-n")
def test_a_blocked_export_reaches_no_steward_and_keeps_no_bytes(world: World) -> None:
    export = world.submit(world.write("ok.csv"), world.write("rows.csv", b"sex,n\nF,3\nM,480\n"))
    assert export.summary.state == "blocked"
    finding = next(file for file in export.files if file.name == "rows.csv").findings[0]
    assert finding.code == "export_small_count"
    assert finding.clauses
    assert "10" in finding.zh
    assert "10" in finding.en
    assert service.queue(world.people["wang"]) == []
    assert refused(lambda: world.decide("wang", export)) == "already_decided"
    assert not [key for key in world.store.objects if key.startswith("exports/")]
    assert events("export.blocked")[0]["facts"]["findings"] == ["export_small_count"]


@pytest.mark.promise("P6")
@pytest.mark.clause("10.4.1-b-4")
def test_pseudonyms_and_columns_of_the_own_extract_are_known(world: World, tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "_person": range(40),
            "patient": [f"pq{n:08d}" for n in range(40)],
            "age": [50 + n % 20 for n in range(40)],
            "sex": ["F", "M"] * 20,
            "diagnosis": ["I21"] * 40,
        }
    )
    projects.add_extract(world.extracts, tmp_path, "p-export01", "visits", frame)
    named = world.submit(world.write("a.md", b"The outlier is pq00000007."))
    assert [finding.code for finding in named.files[0].findings] == ["export_pseudonyms"]
    in_name = world.submit(world.write("pq00000007.md", b"text"))
    assert "export_bad_name" in {finding.code for finding in in_name.files[0].findings}
    rows = world.submit(world.write("a.csv", b"age,sex,diagnosis\n71,F,I21\n"))
    assert "export_row_level" in {finding.code for finding in rows.files[0].findings}


@pytest.mark.promise("P11")
@pytest.mark.clause("10.4.2-e-2d5")
def test_a_table_that_differs_by_a_few_persons_from_an_earlier_export_is_stopped(world: World) -> None:
    first = world.submit(world.write("a.csv", b"sex,n\nF,520\nM,480\n"))
    second = world.submit(world.write("b.csv", "性别,人数\nF,520\nM,479\n".encode()))
    assert second.summary.state == "blocked"
    finding = second.files[0].findings[0]
    assert finding.code == "export_differs_by_few"
    assert finding.facts["export"] == first.summary.id
    assert [entry.id for entry in second.earlier] == [first.summary.id]
    service.withdraw(world.people["li"], first.summary.id)
    assert world.submit("b.csv").summary.state == "in_review"


@pytest.mark.promise("P11")
def test_two_exports_at_once_that_differ_by_one_do_not_both_reach_review(world: World) -> None:
    world.write("a.csv", b"sex,n\nF,520\nM,480\n")
    world.write("b.csv", b"sex,n\nF,520\nM,481\n")
    with ThreadPoolExecutor(2) as pool:
        states = sorted(pool.map(lambda name: world.submit(name).summary.state, ("a.csv", "b.csv")))
    assert states == ["blocked", "in_review"]


def test_a_killed_submission_leaves_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the machine stops here")

    world.write("a.csv")
    with monkeypatch.context() as patch, pytest.raises(RuntimeError):
        patch.setattr("enclave.kernel.ledger.append", fail)
        world.submit("a.csv")
    with Session(engine()) as session:
        assert list(session.exec(select(Export))) == []
    assert events("export.submitted") == []


def test_every_look_at_a_file_is_on_the_ledger(world: World) -> None:
    export = world.submit(world.write("a.csv"))
    assert service.open_file(world.people["wang"], export.files[0].id) == TABLE
    assert events("export.viewed")[0]["actor"] == "wang"
    assert refused(lambda: service.open_file(world.people["zhao"], export.files[0].id)) == "grant_not_member"


@pytest.mark.promise("P12")
def test_no_file_name_and_no_note_on_the_ledger(world: World) -> None:
    world.released(world.write("王芳的结果.csv"))
    with reading() as session:
        written = "\n".join(ledger.export_lines(session))
    assert "王芳" not in written
    assert "论文" not in written


def test_refused_for_those_without_the_project(world: World) -> None:
    with pytest.raises(Refused):
        service.queue(world.people["li"])
    export = world.submit(world.write("a.csv"))
    for call in (service.view, service.withdraw):
        with pytest.raises((Refused, NotFound)):
            call(world.people["sun"], export.summary.id)
    with pytest.raises((Conflict, NotFound)):
        service.withdraw(world.people["zhang"], export.summary.id)
    assert [entry.id for entry in service.exports(world.people["zhang"], "p-export01")] == [export.summary.id]


@pytest.mark.promise("P5")
def test_a_note_is_too_short_to_carry_data_out(world: World) -> None:
    name = world.write("a.csv")
    with pytest.raises(EnclaveError) as refusal:
        service.submit(world.people["li"], SubmitExport("p-export01", (name,), "表 1：" + "61,F;" * 200))
    assert refusal.value.code == "export_note_long"
    assert service.exports(world.people["li"], "p-export01") == []
