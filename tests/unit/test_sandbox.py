"""How a sandbox is laid out: arguments, variables, limits, folders."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from enclave.kernel.errors import Unavailable
from enclave.kernel.settings import settings
from enclave.workspaces import cgroups, launch, places, sandbox
from enclave.workspaces.cgroups import Limits
from enclave.workspaces.inside import boot, probes
from enclave.workspaces.sandbox import SandboxSpec


def spec(root: bool = True, **changes: Any) -> SandboxSpec:
    fields: dict[str, Any] = {
        "project": "p-abc", "username": "li", "uid": 200001,
        "data": {"visits": Path("/srv/v"), "codes": Path("/srv/c")},
        "workspace": Path("/srv/w"), "gateway": Path("/srv/gw"), "root": root,
    }  # fmt: skip
    return SandboxSpec(**{**fields, **changes})


def argv(found: SandboxSpec) -> list[str]:
    return sandbox.argv(found, 7, 8, 9, ["/usr/bin/true"])


@pytest.fixture(autouse=True)
def bubblewrap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "bwrap", lambda: "/usr/bin/bwrap")


@pytest.mark.promise("P10")
@pytest.mark.parametrize("root", [True, False])
def test_every_namespace_is_its_own(root: bool) -> None:
    found = argv(spec(root))
    for kind in ("pid", "net", "ipc", "uts", "cgroup"):
        assert f"--unshare-{kind}" in found
    assert ("--unshare-user" in found) is not root
    assert {"--die-with-parent", "--new-session", "--seccomp"} <= set(found)


@pytest.mark.promise("P10")
@pytest.mark.parametrize("root", [True, False])
def test_only_the_workspace_of_the_host_is_writable(root: bool) -> None:
    found = argv(spec(root))
    binds = [found[i : i + 3] for i, part in enumerate(found) if part in ("--bind", "--dev-bind", "--bind-try")]
    assert binds == [["--bind", "/srv/w", "/home/researcher"]]
    assert found.index("--remount-ro") > found.index("--bind")


@pytest.mark.promise("P2")
def test_granted_folders_are_mounted_one_by_one_and_nothing_above_them() -> None:
    found = argv(spec())
    assert [found[i - 2 : i + 1] for i, part in enumerate(found) if part.startswith("/data/")] == [
        ["--ro-bind", "/srv/c", "/data/codes"],
        ["--ro-bind", "/srv/v", "/data/visits"],
    ]


def test_root_gives_up_everything_and_the_rest_cannot_make_namespaces() -> None:
    found = argv(spec())
    drop = found[found.index("/usr/bin/setpriv") :]
    assert drop[1:8] == [
        "--reuid=200001", "--regid=200001", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all",
        "--no-new-privs", "--",
    ]  # fmt: skip
    assert "--disable-userns" in argv(spec(root=False))
    assert "/usr/bin/setpriv" not in argv(spec(root=False))


def test_no_argument_names_the_products_source_but_the_client() -> None:
    mounted = [part for part in argv(spec()) if part.startswith(str(sandbox.PACKAGE))]
    allowed = (str(sandbox.INSIDE), str(sandbox.PACKAGE / "client"), str(sandbox.PACKAGE / "__init__.py"))
    assert {part for part in mounted if part not in allowed} == set()


def test_an_installed_products_source_is_covered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    packages = tmp_path / "lib/python3.11/site-packages"
    (packages / "enclave").mkdir(parents=True)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setattr(sandbox.site, "getsitepackages", lambda: [str(packages)])
    found = argv(spec())
    inside = f"{sandbox.VENV}/lib/python3.11/site-packages/enclave"
    assert found[found.index(inside) - 1] == "--tmpfs"


def test_an_interpreter_elsewhere_is_reachable_by_the_member(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "base_prefix", "/opt/own/python/3.11")
    found = argv(spec())
    parents = [found[i - 3 : i + 1] for i, part in enumerate(found) if part in ("/opt/own", "/opt/own/python")]
    assert [part[1] for part in parents] == ["0755", "0755"]
    assert found[found.index("/opt/own/python/3.11") - 1] == "--ro-bind"


@pytest.mark.promise("P10")
def test_no_variable_of_the_hub_passes_but_what_the_server_needs() -> None:
    hub = {"JUPYTERHUB_API_TOKEN": "own", "JPY_API_TOKEN": "own", "ENCLAVE_S3_SECRET_KEY": "s", "PATH": "/host/bin",
           "JUPYTERHUB_SERVICE_PREFIX": "/user/li/p-abc/", "DATABASE_URL": "postgresql://u:p@h/d"}  # fmt: skip
    found = sandbox.environment(spec(), hub, "en", 2)
    assert found["JUPYTERHUB_API_TOKEN"] == "own"
    assert not {"JPY_API_TOKEN", "ENCLAVE_S3_SECRET_KEY", "DATABASE_URL"} & set(found)
    assert found["PATH"] == "/opt/enclave/venv/bin:/usr/bin:/bin"
    assert found["JUPYTERHUB_API_URL"] == "http+unix://%2Frun%2Fenclave%2Fgateway.sock/hub/api"
    assert found["JUPYTERHUB_SERVICE_URL"].endswith(":8888/user/li/p-abc/")
    assert found["OMP_NUM_THREADS"] == "2"
    variables = probes.view.VARIABLES
    assert [name for name in found if not variables.fullmatch(name)] == []


def test_jupyterlab_speaks_the_platforms_language() -> None:
    assert sandbox.environment(spec(), {}, "zh", 1)["JUPYTER_CONFIG_PATH"] == "/opt/enclave/inside/zh"
    assert sandbox.environment(spec(), {}, "en", 1)["JUPYTER_CONFIG_PATH"] == ""
    chosen = json.loads((sandbox.INSIDE / "zh/labconfig/default_setting_overrides.json").read_text())
    assert chosen["@jupyterlab/translation-extension:plugin"]["locale"] == "zh_CN"


def test_a_missing_bubblewrap_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(sys, "prefix", "/nowhere")
    with pytest.raises(Unavailable, match="apt install bubblewrap"):
        sandbox.bwrap()


# -- control groups -----------------------------------------------------------------------------------
LIMITS = Limits(memory=2**30 + 1, pids=64, cpus=1.5)


class Files:
    """A cgroup file system of plain files: controllers appear in every new folder, as the kernel does it."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]) -> None:
        self.root, mkdir = root, Path.mkdir

        def making(path: Path, *arguments: Any, **options: Any) -> None:
            mkdir(path, *arguments, **options)
            for name in names if path.is_relative_to(root) else ():
                (path / name).touch()

        monkeypatch.setattr(Path, "mkdir", making)


def test_version_2_limits_in_one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu io memory pids")
    (tmp_path / "cgroup.subtree_control").touch()
    Files(
        tmp_path,
        monkeypatch,
        ("cgroup.subtree_control", "cgroup.procs", "memory.max", "memory.swap.max", "pids.max", "cpu.max"),
    )
    group = cgroups.make("li--p-abc", LIMITS, tmp_path)
    folder = tmp_path / "enclave" / "li--p-abc"
    assert (group.version, group.folders) == (2, (folder,))
    assert (folder / "memory.max").read_text() == str(2**30)
    assert (folder / "memory.swap.max").read_text() == "0"
    assert (folder / "pids.max").read_text() == "64"
    assert (folder / "cpu.max").read_text() == "150000 100000"
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+memory +pids +cpu"
    (folder / "cgroup.procs").write_text("41\n42\n")
    assert group.holds(42, LIMITS)
    assert not group.holds(43, LIMITS)
    (folder / "pids.max").write_text("max")
    assert not group.holds(42, LIMITS)


def test_version_1_limits_by_controller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("memory", "pids", "cpu"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cgroup.procs").touch()
    names = (
        "cgroup.procs",
        "memory.limit_in_bytes",
        "memory.memsw.limit_in_bytes",
        "pids.max",
        "cpu.cfs_quota_us",
        "cpu.cfs_period_us",
    )
    Files(tmp_path, monkeypatch, names)
    group = cgroups.make("li--p-abc", LIMITS, tmp_path)
    assert group.version == 1
    assert (tmp_path / "memory/enclave/li--p-abc/memory.limit_in_bytes").read_text() == str(2**30)
    assert (tmp_path / "cpu/enclave/li--p-abc/cpu.cfs_quota_us").read_text() == "150000"
    assert len(group.joiners) == 3


def test_without_controllers_there_is_no_group(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("hugetlb")
    group = cgroups.make("li--p-abc", LIMITS, tmp_path)
    assert (group.version, group.joiners, group.pids()) == (0, [], set())
    group.kill()
    group.remove()


def test_groups_of_a_killed_run_are_swept_and_others_stay(tmp_path: Path) -> None:
    for name in (
        "memory/enclave/enclave-1a-li--p-abc",
        "pids/enclave/enclave-1a-li--p-abc",
        "memory/enclave/enclave-2b-x",
    ):
        (tmp_path / name).mkdir(parents=True)
    assert cgroups.sweep("enclave-1a", tmp_path) == 2
    assert [path.name for path in (tmp_path / "memory/enclave").iterdir()] == ["enclave-2b-x"]
    assert cgroups.sweep("enclave-1a", tmp_path / "nothing") == 0


# -- folders, sockets, logs ---------------------------------------------------------------------------
def test_a_folder_appears_whole_and_sealed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENCLAVE_HOME", str(tmp_path))
    settings.cache_clear()
    target = places.data_folder("p-abc", "visits")
    with places.under_construction("p-abc", "ex-1") as folder:
        (folder / "data").mkdir()
        (folder / "data" / "t.parquet").write_bytes(b"x")
        assert not target.exists()
        places.put_in_place(folder / "data", target, sealed=True)
    assert sorted(path.name for path in target.iterdir()) == ["t.parquet"]
    assert (target.stat().st_mode & 0o777, (target / "t.parquet").stat().st_mode & 0o777) == (0o555, 0o444)
    assert not folder.exists()
    places.remove(target)
    assert not target.exists()
    places.remove(target)
    settings.cache_clear()


def test_an_enclaves_socket_is_the_hosts_alone(tmp_path: Path) -> None:
    path = tmp_path / "srv" / "li--p-abc.sock"
    with launch.listen(path), launch.listen(path):
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_long_log_is_kept_once_and_begun_again(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "enclave.log"
    with launch._open_log(path) as log:
        log.write(b"x" * (launch.LOG_BYTES + 1))
    with launch._open_log(path) as log:
        assert log.tell() == 0
    assert path.with_suffix(".old.log").stat().st_size == launch.LOG_BYTES + 1


@pytest.mark.promise("P12")
@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("GET /user/li/p-abc/api/contents/张三 出院.ipynb failed\n", "GET /user/li/p-abc/api/contents/…\n"),
        ('  File "/home/researcher/李四.py", line 3\n', '  File "/home/researcher/…", line 3\n'),
        ("Starting jupyterhub single-user server\n", "Starting jupyterhub single-user server\n"),
    ],
)
def test_the_servers_log_holds_no_name_of_a_members_file(tmp_path: Path, line: str, kept: str) -> None:
    with (tmp_path / "log").open("w") as file:
        boot.Nameless(file).write(line)
    assert (tmp_path / "log").read_text() == kept


def test_the_report_is_waited_for_but_not_for_ever() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"[]")
    assert launch._read_all(reader, 0.05) == b"[]"
    os.close(writer)
    assert launch._read_all(reader, 5) == b""
    os.close(reader)
