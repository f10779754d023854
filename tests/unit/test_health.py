"""`enclave doctor` names what is missing, says how to get it, and blocks only on what the platform needs."""

from __future__ import annotations

import json
import os
import socket

import pytest
from typer.testing import CliRunner

from enclave.cli import health
from enclave.cli.main import app
from enclave.kernel import i18n
from enclave.kernel.settings import Settings, settings


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        return int(trial.getsockname()[1])


def test_every_finding_has_its_texts_in_both_languages(home) -> None:
    findings = list(health.examine(settings()))
    assert len({finding.name for finding in findings}) == len(findings) == 11
    for finding in findings:
        assert {f"doctor_{finding.name}", f"doctor_get_{finding.name}"} <= set(i18n.catalogue())


def test_a_missing_sandbox_program_blocks_and_says_how_to_get_it(home, monkeypatch) -> None:
    monkeypatch.setattr(health.shutil, "which", lambda *_args, **_options: None)
    assert not health.bubblewrap().good
    assert health.namespaces().blocking
    told = CliRunner().invoke(app, ["doctor", "--json"])
    assert told.exit_code == 1
    (found,) = [entry for entry in json.loads(told.stdout) if entry["name"] == "bubblewrap"]
    assert "apt-get install bubblewrap" in found["get_en"]
    assert "apt-get install bubblewrap" in found["get_zh"]


def test_the_wheel_of_the_sandbox_program_is_found_without_a_path(tmp_path, monkeypatch) -> None:
    program = tmp_path / "bin" / "bwrap"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho bubblewrap 0.11.0\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.setattr(health.sys, "executable", str(program.with_name("python")))
    assert health.bubblewrap() == health.Finding("bubblewrap", "required", True, f"bubblewrap 0.11.0 ({program})")


def test_a_kernel_that_refuses_sandboxes_is_noticed_by_trying(tmp_path, monkeypatch) -> None:
    program = tmp_path / "bwrap"
    program.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = health.namespaces()
    assert found.blocking
    assert "No permissions" in found.detail


@pytest.mark.parametrize(
    ("present", "good"),
    [({"cgroup.controllers": "cpu io memory pids"}, True), ({"cgroup.controllers": "hugetlb"}, False), ({}, False)],
)
def test_unified_control_groups(tmp_path, present, good) -> None:
    for name, text in present.items():
        (tmp_path / name).write_text(text)
    assert health.cgroups(tmp_path).good is good
    assert not health.cgroups(tmp_path).blocking


def test_control_groups_of_the_first_version(tmp_path) -> None:
    (tmp_path / "cgroup.controllers").write_text("hugetlb")
    for name in ("cpu", "memory", "pids"):
        (tmp_path / name).mkdir()
    assert health.cgroups(tmp_path) == health.Finding("cgroups", "recommended", True, "v1: cpu, memory, pids")


def test_a_kernel_without_system_call_filters_blocks(tmp_path) -> None:
    (tmp_path / "actions").write_text("kill_process trap")
    assert health.seccomp(tmp_path / "actions").blocking
    assert health.seccomp(tmp_path / "missing").blocking


def test_a_taken_port_is_named(home) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = holder.getsockname()[1]
        found = health.ports(Settings(port=taken, port_base=free_port()))
    assert found.blocking
    assert str(taken) in found.detail


def test_room_is_measured_where_the_data_will_lie(tmp_path, monkeypatch) -> None:
    asked: list[object] = []
    usage = health.shutil.disk_usage

    def watch(path: object) -> object:
        asked.append(path)
        return usage(path)

    monkeypatch.setattr(health.shutil, "disk_usage", watch)
    health.disk(tmp_path / "not" / "yet" / "there")
    assert asked == [tmp_path]


@pytest.mark.parametrize(("language", "word"), [("zh", "本机可以运行平台"), ("en", "The platform can run")])
def test_a_good_machine_is_told_so(home, monkeypatch, language, word) -> None:
    monkeypatch.setenv("ENCLAVE_LANGUAGE", language)
    settings.cache_clear()
    good = [health.Finding("python", "required", True, "3.11.2"), health.Finding("chromium", "tests", False)]
    monkeypatch.setattr(health, "examine", lambda _config: iter(good))
    told = CliRunner().invoke(app, ["doctor"], env=dict(os.environ))
    assert told.exit_code == 0
    assert word in told.stdout
    assert "apt-get install chromium" in told.stdout.replace("\n", " ")
