"""Extracts from a grant to their end, and what an enclave may mount, on both databases."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlmodel import select

from catalog_browser.models import DataSetVersion
from catalog_browser.views import VersionView
from enclave.grants.models import Grant, Member
from enclave.kernel import ledger, outbox, storage
from enclave.kernel.db import reading
from enclave.kernel.errors import EnclaveError, Invalid, Refused, Unavailable
from enclave.kernel.identity import Account, Role, system
from enclave.kernel.settings import settings
from enclave.kernel.unit import unit_of_work
from enclave.workspaces import ending, extracts, hub, places, service, sessions
from enclave.workspaces.models import Extract
from tests.conftest import AccountFactory, Home
from tests.factories.projects import end_project, make_project, make_version
from tests.fixtures.objectstore import MemoryStore
from tests.fixtures.runtime import make_extract

PROJECT = "p-works1"
CONTENT = "what was granted"


@dataclass(frozen=True)
class BuiltTable:
    name: str
    path: Path
    rows: int
    columns: tuple[str, ...]


@dataclass
class Builder:
    """Stands in for the de-identification of an extract; `fails` and `columns` are what a test sets."""

    keys: list[bytes] = field(default_factory=list)
    fails: Callable[[], None] = lambda: None
    columns: tuple[str, ...] = ("sex", "age")

    def build_extract(
        self,
        source: VersionView,
        columns: Sequence[str],
        row_filter: Sequence[Any],
        key: bytes,
        target: Path,
        footer: Mapping[bytes, bytes],
    ) -> Any:
        self.keys.append(key)
        self.fails()
        found = {}
        for kind in ("mounted", "trusted"):
            path = target / f"{kind}.parquet"
            pq.write_table(pa.table({"sex": [CONTENT], "age": [kind]}).replace_schema_metadata(footer), path)
            names = self.columns if kind == "mounted" else (*self.columns, "_person")
            found[kind] = (BuiltTable("visits", path, 3, names),)
        return type("Files", (), {**found, "risk": {"k": 10}})


@pytest.fixture
def builder(monkeypatch: pytest.MonkeyPatch) -> Builder:
    found = Builder()
    module: Any = ModuleType("enclave.deidentify.building")
    module.build_extract = found.build_extract
    monkeypatch.setitem(sys.modules, "enclave.deidentify.building", module)
    return found


@pytest.fixture
def project(home: Home, account: AccountFactory) -> str:
    account("li", Role.RESEARCHER)
    account("zhang", Role.RESEARCHER)
    make_version()
    return make_project(PROJECT, ("li", "zhang"))


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What the hub was asked to stop."""
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(hub, "stop", lambda name, project: asked.append((name, project)))
    return asked


def events(action: str) -> list[ledger.LedgerEvent]:
    with reading() as session:
        return list(session.exec(select(ledger.LedgerEvent).where(ledger.LedgerEvent.action == action)))


def change(model: type[Any], key: object, **values: Any) -> None:
    with unit_of_work(system("test")) as unit:
        row = unit.session.get_one(model, key)
        for name, value in values.items():
            setattr(row, name, value)
        unit.record("test.change", PROJECT)


# -- building -----------------------------------------------------------------------------------------
@pytest.mark.clause("9.1.4-5")
def test_a_grant_becomes_a_sealed_extract(project: str, builder: Builder, object_store: MemoryStore) -> None:
    found = service.prepare(project, f"g-{project}")
    assert found is not None
    table = found.tables[0]
    assert (found.state, found.folder, table.name, table.rows) == ("ready", "demo", "visits", 3)
    assert pq.read_table(table.path)["age"].to_pylist() == ["mounted"]
    assert table.path.stat().st_mode & 0o777 == 0o444
    assert table.path.parent.stat().st_mode & 0o777 == 0o555
    trusted = service.trusted_tables(project)[0]
    assert pq.read_table(trusted.path)["age"].to_pylist() == ["trusted"]
    assert trusted.path.stat().st_mode & 0o077 == 0
    assert storage.sha256_of(trusted.path) == trusted.sha256
    assert CONTENT.encode() not in b"".join(object_store.objects.values())
    assert events("extract.ready")[0].facts["files"] == {"visits.parquet": table.sha256}


def test_preparing_again_changes_nothing(project: str, builder: Builder) -> None:
    first = service.prepare(project, f"g-{project}")
    assert service.prepare(project, f"g-{project}") == first
    assert len(builder.keys) == 1


def test_every_extract_of_a_project_has_the_projects_own_key(project: str, builder: Builder) -> None:
    other = make_project("p-works2", ("li",), first_uid=200010)
    service.prepare(project, f"g-{project}")
    service.prepare(other, f"g-{other}")
    assert len(set(builder.keys)) == 2
    assert all(len(key) == 32 for key in builder.keys)


def test_a_killed_build_leaves_nothing_that_counts(project: str, builder: Builder) -> None:
    class Killed(BaseException):
        """As good as SIGKILL: nothing of ours runs after it."""

    def kill() -> None:
        raise Killed

    builder.fails = kill
    with pytest.raises(Killed):
        service.prepare(project, f"g-{project}")
    (places.project_folder(project) / ".building" / "left-over").mkdir(parents=True)
    assert service.extracts(project)[0].state == "building"
    with pytest.raises(Refused) as refusal:
        service.mount_plan(project, "li")
    assert refusal.value.code == "enclave_not_ready"
    builder.fails = lambda: None
    found = service.prepare(project, f"g-{project}")
    assert found is not None
    assert found.state == "ready"


def test_a_crash_between_files_and_record_is_made_good(
    project: str, builder: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_arguments: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(extracts, "_finish", crash)
        with pytest.raises(KeyboardInterrupt):
            service.prepare(project, f"g-{project}")
    assert places.data_folder(project, "demo").exists()
    with pytest.raises(Refused):
        service.mount_plan(project, "li")
    service.prepare(project, f"g-{project}")
    assert service.mount_plan(project, "li").data == {"demo": places.data_folder(project, "demo")}


def test_a_failure_is_kept_with_its_reason(project: str, builder: Builder) -> None:
    def fail() -> None:
        raise Invalid("reading_empty")

    builder.fails = fail
    with pytest.raises(Invalid):
        service.prepare(project, f"g-{project}")
    found = service.extracts(project)[0]
    assert (found.state, found.error) == ("failed", "reading_empty")


@pytest.mark.promise("P2")
def test_a_hidden_column_never_reaches_an_extract(project: str, builder: Builder) -> None:
    builder.columns = ("sex", "_person")
    with pytest.raises(Refused) as refusal:
        service.prepare(project, f"g-{project}")
    assert refusal.value.code == "enclave_hidden_column"
    assert not places.data_folder(project, "demo").exists()


@pytest.mark.promise("P2")
@pytest.mark.clause("10.4.2-e-1m")
@pytest.mark.clause("4.1-T1-L4d1")
@pytest.mark.parametrize(
    "change_to",
    [{"identifiability": "identifiable"}, {"identifiability": "synthetic"}, {"level": 5}, {"state": "withdrawn"}],
)
def test_what_may_not_be_mounted_is_neither_built_nor_mounted(
    project: str, builder: Builder, change_to: dict[str, Any]
) -> None:
    service.prepare(project, f"g-{project}")
    change(DataSetVersion, "dsv-ds-demo", **change_to)
    with pytest.raises(Refused) as refusal:
        service.mount_plan(project, "li")
    assert refusal.value.code == "enclave_version_not_mountable"
    other = make_project("p-works2", ("li",), first_uid=200010)
    with pytest.raises(Refused):
        service.prepare(other, f"g-{other}")
    assert not places.data_folder(other, "demo").exists()


def test_nothing_is_built_for_a_grant_that_ended(project: str, builder: Builder) -> None:
    end_project(project)
    assert service.prepare(project, f"g-{project}") is None
    assert builder.keys == []


# -- mounting -----------------------------------------------------------------------------------------
@pytest.mark.clause("10.4.2-e-3e")
def test_a_member_mounts_what_his_project_holds(project: str) -> None:
    folder = make_extract(project)
    plan = service.mount_plan(project, "zhang")
    assert plan.data == {"demo": folder}
    assert plan.grants == (f"g-{project}",)
    assert plan.uid == (200002 if os.geteuid() == 0 else os.geteuid())
    assert plan.workspace.stat().st_mode & 0o777 == 0o700
    assert plan.workspace.stat().st_uid == plan.uid


def replaced(folder: Path) -> None:
    (folder / "visits.parquet").unlink()
    (folder / "visits.parquet").write_bytes(b"sex,age\nF,62\n")


def added(folder: Path) -> None:
    (folder / "more.parquet").write_bytes(b"x")


def missing(folder: Path) -> None:
    (folder / "visits.parquet").unlink()


def linked(folder: Path) -> None:
    target = folder.parent / "elsewhere"
    (folder / "visits.parquet").rename(target)
    (folder / "visits.parquet").symlink_to(target)


def hard_linked(folder: Path) -> None:
    os.link(folder / "visits.parquet", folder.parent / "elsewhere")


@pytest.mark.promise("P2")
@pytest.mark.clause("4.1-T1-L2d3")
@pytest.mark.parametrize("tamper", [replaced, added, missing, linked, hard_linked])
def test_bytes_that_are_not_the_registered_ones_are_not_mounted(project: str, tamper: Callable[[Path], None]) -> None:
    folder = make_extract(project)
    folder.chmod(0o755)
    tamper(folder)
    with pytest.raises(Refused) as refusal:
        service.mount_plan(project, "li")
    assert refusal.value.code == "enclave_extract_altered"
    assert events("extract.altered")[0].subject == project


def test_an_extract_whose_folder_is_gone_comes_back_from_the_store(project: str) -> None:
    folder = make_extract(project)
    content = (folder / "visits.parquet").read_bytes()
    places.remove(folder)
    plan = service.mount_plan(project, "li")
    assert (plan.data["demo"] / "visits.parquet").read_bytes() == content


@pytest.mark.promise("P3")
@pytest.mark.parametrize(
    ("model", "key", "values", "code"),
    [
        (Grant, f"g-{PROJECT}", {"state": "revoked"}, "grant_revoked"),
        (Member, (PROJECT, "li"), {"state": "removed"}, "grant_member_removed"),
        (Account, "li", {"active": False}, "grant_account_inactive"),
    ],
)
def test_an_enclave_may_go_on_only_while_everything_holds(
    project: str, model: type[Any], key: Any, values: dict[str, Any], code: str
) -> None:
    make_extract(project)
    plan = service.mount_plan(project, "li")
    assert service.may_run(project, "li", plan.grants)
    change(model, key, **values)
    assert not service.may_run(project, "li", plan.grants)
    with pytest.raises(Refused) as refusal:
        service.mount_plan(project, "li")
    assert refusal.value.code == code


@pytest.mark.promise("P3")
def test_strangers_and_unknown_projects_mount_nothing(project: str, account: AccountFactory) -> None:
    account("wang", Role.STEWARD)
    make_extract(project)
    for name, where in (("wang", project), ("nobody", project), ("li", "p-none")):
        with pytest.raises(Refused):
            service.mount_plan(where, name)
        assert not service.may_run(where, name, (f"g-{project}",))
    assert not service.may_run(project, "li", ())
    assert not service.may_run(project, "li", (f"g-{project}", "g-ended"))


# -- the end ------------------------------------------------------------------------------------------
@pytest.mark.clause("B.2-2-2b")
@pytest.mark.clause("5.3-T4-F4-4b")
def test_the_end_destroys_files_keys_and_copies(
    project: str, builder: Builder, stopped: list[tuple[str, str]], object_store: MemoryStore
) -> None:
    service.prepare(project, f"g-{project}")
    keys = [entry["object_key"] for entry in _row(project).tables + _row(project).trusted]
    end_project(project)
    service.close(project, None)
    service.close(project, None)  # a message may come twice
    assert set(stopped) == {("li", project), ("zhang", project)}
    assert not places.data_folder(project, "demo").exists()
    assert not places.trusted_folder(project, "demo").exists()
    assert not (settings().home / "secrets" / f"project-{project}").exists()
    for key in keys:
        with pytest.raises(EnclaveError):
            storage.describe(key)
    while outbox.deliver_one({"store.remove": storage.remove}):
        pass
    assert not object_store.objects
    assert len(events("extract.destroyed")) == 1
    assert service.extracts(project)[0].state == "destroyed"
    assert service.trusted_tables(project) == []


def _row(project: str) -> Extract:
    with reading() as session:
        return session.exec(select(Extract).where(Extract.project_id == project)).one()


def test_one_members_end_leaves_the_project(project: str, stopped: list[tuple[str, str]]) -> None:
    folder = make_extract(project)
    service.close(project, "zhang")
    assert stopped == [("zhang", project)]
    assert folder.exists()


@pytest.mark.promise("P3")
def test_looking_around_stops_what_may_not_go_on(
    project: str, stopped: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_extract(project)
    for name in ("li", "zhang"):
        sessions.opened(service.mount_plan(project, name), [])
    assert ending.watch() == 0
    change(Member, (project, "zhang"), state="removed")
    assert ending.watch() == 1
    assert stopped == [("zhang", project)]
    monkeypatch.setattr(hub, "active", lambda: [("li", project), ("zhang", project), ("li", "p-unknown")])
    assert ending.look_around() == 2
    assert stopped[1:] == [("zhang", project), ("li", "p-unknown")]


def test_a_hub_that_is_away_is_asked_again(project: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_name: str, _project: str) -> None:
        raise Unavailable("hub_unavailable")

    monkeypatch.setattr(hub, "stop", away)
    make_extract(project)
    sessions.opened(service.mount_plan(project, "li"), [])
    end_project(project)
    assert ending.watch() == 0
    with pytest.raises(Unavailable):  # the outbox keeps the message
        service.close(project, None)


# -- the record ---------------------------------------------------------------------------------------
@pytest.mark.promise("P10")
@pytest.mark.clause("5.3-T4-F6-2")
def test_every_opening_refusal_and_end_is_on_the_ledger(project: str) -> None:
    make_extract(project)
    plan = service.mount_plan(project, "li")
    first = sessions.opened(plan, [{"probe": "routes", "held": True}])
    sessions.refused(plan, [{"probe": "routes", "held": False}], ["routes"])
    sessions.not_mounted(project, "li", "grant_expired", ())
    assert service.is_running(project, "li")
    sessions.ended(first, "stopped")
    sessions.ended(first, "gone")
    second = sessions.opened(plan, [])
    assert sessions.end_lost() == 1
    assert not service.is_running(project, "li")
    assert [e.facts["session"] for e in events("enclave.opened")] == [first, second]
    assert events("enclave.refused")[0].facts["failed"] == ["routes"]
    assert events("enclave.refused")[1].facts["code"] == "grant_expired"
    assert [e.facts["reason"] for e in events("enclave.ended")] == ["stopped", "platform-restart"]
    with reading() as session:
        assert not ledger.verify(ledger.stored(session)).fault


def test_people_stop_their_own_enclave_and_stewards_anyones(project: str, account: AccountFactory) -> None:
    li, wang, zhang = (
        account(n, r) for n, r in (("liu", Role.RESEARCHER), ("wang", Role.STEWARD), ("ma", Role.RESEARCHER))
    )
    make_extract(project)
    sessions.opened(service.mount_plan(project, "li"), [])
    with pytest.raises(Refused):
        service.stop(zhang, project, "li")
    with pytest.raises(Invalid):
        service.stop(li, project)
    service.stop(wang, project, "li")
    sent: list[dict[str, Any]] = []
    assert outbox.deliver_one({"workspace.stop": sent.append})
    assert sent == [{"project": project, "username": "li"}]
    assert [view.username for view in service.sessions(wang, project)] == ["li"]
    assert service.sessions(zhang, project) == []
