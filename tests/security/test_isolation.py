"""The sandbox proves itself, and every layer taken away is noticed by a probe (P10)."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from enclave.kernel.settings import settings
from enclave.workspaces import cgroups, launch, sandbox, seccomp
from enclave.workspaces.inside import probes
from tests.fixtures import sandboxes
from tests.fixtures.sandboxes import Change, Ground, failed, started

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="the sandbox of a host process that is root")
OTHER_UID = 12345


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    monkeypatch.setenv("ENCLAVE_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    with sandboxes.ground(tmp_path) as found:
        yield found
    settings.cache_clear()


@pytest.fixture
def others_folder() -> Iterator[Path]:
    """A folder of another user, reachable by him: pytest's own folders are root's alone."""
    with tempfile.TemporaryDirectory(prefix="enclave-test-") as folder:
        os.chown(folder, OTHER_UID, OTHER_UID)
        yield Path(folder)


@pytest.mark.promise("P10")
@pytest.mark.clause("4.1-T1-L2d2")
def test_every_probe_holds_within_a_second(place: Ground) -> None:
    begun = time.monotonic()
    with started(place) as running:
        assert failed(running) == []
        taken = time.monotonic() - begun
        assert len(running.report) >= 60
    assert taken < 1 or os.getloadavg()[0] > 2, f"{taken:.2f} s on an idle machine"


@pytest.mark.promise("P10")
@root_only
def test_every_probe_holds_for_a_host_process_without_root(others_folder: Path) -> None:
    place = others_folder
    reachable = ["setpriv", f"--reuid={OTHER_UID}", f"--regid={OTHER_UID}", "--clear-groups"]
    if subprocess.run([*reachable, "test", "-x", sys.executable, "-a", "-x", str(place)], check=False).returncode:
        pytest.skip("another user cannot reach this checkout or pytest's folder")
    ran = subprocess.run(
        [*reachable, sys.executable, sandboxes.__file__, str(place)],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(place),
            "ENCLAVE_HOME": str(place),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(ran.stdout)
    assert found["failed"] == []
    assert found["uid"] == OTHER_UID
    assert found["probes"] >= 60


def without(*parts: str) -> Change:
    """Leave out a sequence of arguments."""

    def change(argv: list[str]) -> list[str]:
        for i in range(len(argv)):
            if tuple(argv[i : i + len(parts)]) == parts:
                return argv[:i] + argv[i + len(parts) :]
        raise AssertionError(f"{parts} is not there to be left out")

    return change


def before_seccomp(*parts: str) -> Change:
    """Add arguments at the end of the mounts."""

    def change(argv: list[str]) -> list[str]:
        place = argv.index("--remount-ro")
        return [*argv[:place], *parts, *argv[place:]]

    return change


def writable_data(argv: list[str]) -> list[str]:
    place = argv.index("/data/visits") - 2
    assert argv[place] == "--ro-bind"
    return [*argv[:place], "--bind", *argv[place + 1 :]]


def no_seccomp(argv: list[str]) -> list[str]:
    place = argv.index("--seccomp")
    return argv[:place] + argv[place + 2 :]


def still_root(argv: list[str]) -> list[str]:
    place = argv.index("/usr/bin/setpriv")
    return argv[:place] + argv[argv.index("--", place) + 1 :]


def whole_dev(argv: list[str]) -> list[str]:
    place = argv.index("--dev")
    return [*argv[:place], "--dev-bind", "/dev", "/dev", *argv[place + 2 :]]


MUTATIONS: dict[str, tuple[Change, str]] = {
    "network shared": (without("--unshare-net"), "namespace_net"),
    "network shared: ports": (without("--unshare-net"), "host_ports"),
    "processes shared": (without("--unshare-pid"), "processes"),
    "messages shared": (without("--unshare-ipc"), "namespace_ipc"),
    "control groups shared": (without("--unshare-cgroup"), "namespace_cgroup"),
    "host name shared": (
        lambda a: without("--hostname", "enclave-p-abc")(without("--unshare-uts")(a)),
        "namespace_uts",
    ),
    "no system call filter": (no_seccomp, "seccomp_filter"),
    "no system call filter: namespaces": (no_seccomp, "call_unshare_user"),
    "no system call filter: sockets": (no_seccomp, "socket_other_families"),
    "data writable": (writable_data, "data_mounts"),
    "capabilities kept": (without("--bounding-set=-all"), "capabilities_bnd"),
    "uid kept": (still_root, "user_id"),
    "groups kept": (lambda a: [x.replace("--clear-groups", "--groups=4,24") for x in a], "groups"),
    "group of root": (lambda a: [x.replace("--regid=200001", "--regid=0") for x in a], "user_id"),
    "root folder writable": (without("--remount-ro", "/"), "read_only_root"),
    "devices of the host": (whole_dev, "listing_dev"),
    "device folder writable": (without("--remount-ro", "/dev"), "read_only_dev"),
    "settings of the host": (before_seccomp("--ro-bind", "/etc", "/etc"), "listing_etc"),
    "accounts of the host": (before_seccomp("--ro-bind", "/etc/shadow", "/etc/shadow"), "host_files"),
    "resolver of the host": (before_seccomp("--ro-bind", "/etc/hosts", "/etc/resolv.conf"), "names"),
    "whole host": (before_seccomp("--ro-bind", "/", "/host"), "listing_root"),
    "kernel's device tree": (before_seccomp("--ro-bind", "/sys", "/sys"), "sys_absent"),
    "somebody else's workspace": (before_seccomp("--bind", "/tmp", "/home/zhang"), "listing_home"),
    "product's source": (
        before_seccomp("--ro-bind", str(sandbox.PACKAGE), f"{sandbox.CLIENT}/enclave"),
        "product_source",
    ),
    "libraries writable": (before_seccomp("--bind", sys.prefix, sandbox.VENV), "read_only_opt_enclave_venv"),
    "something else at /data": (before_seccomp("--tmpfs", "/data/visits"), "data_as_planned"),
}


@pytest.mark.promise("P10")
@root_only
@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_layer_taken_away_is_noticed(mutation: str, place: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    change, expected = MUTATIONS[mutation]
    original = sandbox.argv
    monkeypatch.setattr(sandbox, "argv", lambda *arguments: change(original(*arguments)))
    with started(place) as running:
        found = failed(running)
    assert expected in found, (found, place.log.read_text())


@pytest.mark.promise("P10")
def test_a_filter_that_sees_high_bits_is_noticed(place: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seccomp, "LOW", 2**64 - 1)
    with started(place) as running:
        assert "socket_high_bits" in failed(running)


@pytest.mark.promise("P10")
@root_only
def test_a_sandbox_outside_its_control_group_is_noticed(place: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    if not cgroups.make("enclave-test-there", sandboxes.LIMITS).version:
        pytest.skip("no control groups on this machine")
    cgroups.make("enclave-test-there", sandboxes.LIMITS).remove()
    monkeypatch.setattr(cgroups.Cgroup, "joiners", [])
    with started(place) as running:
        assert failed(running) == ["control_group"]


@pytest.mark.promise("P10")
def test_surroundings_that_are_not_as_planned_are_noticed(place: Ground) -> None:
    late = {**place.expected(), "issued_at": time.time() - 3600}
    with started(place, expected=late) as running:
        assert failed(running) == ["clock"]
    with started(place, environment={**place.environment(), "ENCLAVE_S3_SECRET_KEY": "x"}) as running:
        assert failed(running) == ["environment_names", "environment_secrets"]
    planned = place.expected()
    (place.folder / "data").chmod(0o755)
    (place.folder / "data" / "more.parquet").write_bytes(b"not granted")
    with started(place, expected=planned) as running:
        assert failed(running) == ["data_as_planned"]
    (place.folder / "gateway" / "other.sock").touch()
    with started(place) as running:
        assert failed(running) == ["listing_run_enclave"]


@pytest.mark.promise("P10")
def test_an_open_file_of_the_host_is_noticed(place: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    popen = subprocess.Popen

    def leaking(*arguments: Any, pass_fds: list[int], **options: Any) -> Any:
        return popen(*arguments, pass_fds=[*pass_fds, secret.fileno()], **options)

    with (place.folder / "secret").open("w") as secret:
        monkeypatch.setattr(launch.subprocess, "Popen", leaking)
        with started(place) as running:
            assert failed(running) == ["descriptors"]


@pytest.mark.promise("P10")
def test_no_report_is_a_refusal(place: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "boot_command", lambda _fd: ["/usr/bin/true"])
    with started(place) as running:
        # The host's own look at a process that is gone already may fail too; what counts is the refusal.
        assert set(failed(running)) & {"no report", "control_group"}
        assert not [entry for entry in running.report if entry["held"] and entry["probe"] in probes.PROBES]


@pytest.mark.promise("P10")
def test_a_report_without_one_probe_is_a_refusal() -> None:
    report = [{"probe": name, "held": True, "detail": ""} for name in probes.PROBES]
    assert probes.faults(report) == []
    for i in range(len(report)):
        assert probes.faults(report[:i] + report[i + 1 :]) == [report[i]["probe"]]
        lying = [*report[:i], {**report[i], "held": False}, *report[i:]]
        assert probes.faults(lying) == [report[i]["probe"]], "a probe that both held and failed has failed"
    assert probes.faults([{**entry, "held": "yes"} for entry in report]) == sorted(probes.PROBES)


@pytest.mark.promise("P10")
@root_only
def test_what_lies_in_the_workspace_cannot_run_before_the_probes(place: Ground) -> None:
    library = place.spec.workspace / ".local/lib/python3.11/site-packages"
    library.mkdir(parents=True)
    mark = "import os; open('/tmp/mark', 'w').close(); os._exit(0)\n"
    (library / "usercustomize.py").write_text(mark)
    (library / "own.pth").write_text(mark)
    (place.spec.workspace / "json.py").write_text(mark)
    subprocess.run(["chown", "-R", str(place.spec.uid), str(place.spec.workspace)], check=True)
    with started(place) as running:
        assert failed(running) == []
        inside = psutil.Process(running.process.pid).children(recursive=True)[-1]
        assert not Path(f"/proc/{inside.pid}/root", "tmp", "mark").exists()


def processes_of(running: launch.Running) -> list[psutil.Process]:
    return [psutil.Process(running.process.pid), *psutil.Process(running.process.pid).children(recursive=True)]


def test_stopping_ends_everything_at_once(place: Ground) -> None:
    with started(place) as running:
        assert failed(running) == []
        inside = processes_of(running)
        folders = running.group.folders
        begun = time.monotonic()
        running.stop()
        assert time.monotonic() - begun < 2
        assert not [process for process in inside if process.is_running() and process.status() != "zombie"]
        assert not [folder for folder in folders if folder.exists()]


def test_a_sandbox_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from tests.fixtures.sandboxes import *\n"
        "with ground(Path(sys.argv[1])) as found, started(found) as box:\n"
        "    assert failed(box) == []; print(box.process.pid, flush=True); time.sleep(60)\n"
    )
    environment = {**os.environ, "ENCLAVE_HOME": str(tmp_path / "home"), "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, env=environment
    ) as starter:
        assert starter.stdout is not None
        box = psutil.Process(int(starter.stdout.readline()))
        inside: list[psutil.Process] = [box, *box.children(recursive=True)]
        starter.send_signal(signal.SIGKILL)
        starter.wait()
    _, alive = psutil.wait_procs(inside, 2, callback=None)
    assert not [process for process in alive if process.status() != "zombie"]
