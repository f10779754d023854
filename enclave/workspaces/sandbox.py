"""What one enclave looks like from inside, as the arguments and the environment of bubblewrap."""

from __future__ import annotations

import os
import shutil
import site
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from enclave.kernel.errors import Unavailable

INSIDE = Path(__file__).resolve().parent / "inside"
PACKAGE = Path(__file__).resolve().parents[1]
HOME = "/home/researcher"
VENV = "/opt/enclave/venv"
CLIENT = "/opt/enclave/lib"
CODE = "/opt/enclave/inside"
SCRATCH = "/tmp"  # a private tmpfs, gone with the sandbox
GATEWAY_SOCKET = "/run/enclave/gateway.sock"
SCRATCH_BYTES, SHM_BYTES = 256 * 2**20, 64 * 2**20
# The host's programs and libraries that notebooks need; not /usr/local, /usr/src, /usr/sbin.
SYSTEM = ("/usr/bin", "/usr/lib", "/usr/lib64", "/usr/share")
SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/alternatives", "/etc/mime.types", "/etc/fonts")
PRODUCT = ("enclave", "catalog_browser", "request_review", "synthetic", "deploy")


@dataclass(frozen=True)
class SandboxSpec:
    """One enclave of one member: `data` maps a name under /data to a verified folder of the host.

    `gateway` is the *folder* of the member's gateway socket, so that a restarted gateway is found again.
    `root`: the host process may take an own uid for the sandbox; otherwise all share the host's.
    """

    project: str
    username: str
    uid: int
    data: Mapping[str, Path]
    workspace: Path
    gateway: Path
    root: bool

    @property
    def name(self) -> str:
        """Return the name that sockets, logs and control groups carry."""
        return f"{self.username}--{self.project}"


def argv(spec: SandboxSpec, seccomp_fd: int, passwd_fd: int, group_fd: int, command: list[str]) -> list[str]:
    """Return the whole command line: bubblewrap, the drop to the member's uid, `command`."""
    return [
        bwrap(),
        *_namespaces(spec),
        *_system(),
        *_python(),
        *_own(spec),
        *_accounts(passwd_fd, group_fd),
        *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/"),
        *("--seccomp", str(seccomp_fd), "--"),
        *_drop(spec),
        *command,
    ]


def bwrap() -> str:
    """Return bubblewrap's program: the machine's, else the wheel's beside our interpreter."""
    found = shutil.which("bwrap") or str(Path(sys.prefix) / "bin" / "bwrap")
    if not os.access(found, os.X_OK):
        raise Unavailable("enclave_no_bubblewrap")
    return found


def boot_command(spec_fd: int) -> list[str]:
    """Return what runs inside. `-I`: nothing in the member's home can run before the probes did."""
    return [f"{VENV}/bin/python", "-I", f"{CODE}/boot.py", str(spec_fd)]


def _namespaces(spec: SandboxSpec) -> list[str]:
    shared = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup"]
    shared += ["--hostname", f"enclave-{spec.project}", "--new-session", "--die-with-parent"]
    if not spec.root:
        return [*shared, "--unshare-user", "--disable-userns", "--uid", str(spec.uid), "--gid", str(spec.uid)]
    # Root needs these three to become the member's uid; setpriv then drops them too.
    kept = [part for name in ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP") for part in ("--cap-add", name)]
    return [*shared, "--cap-drop", "ALL", *kept]


def _system() -> list[str]:
    parts = _folders("/usr", "/etc", "/home", "/run", "/opt", "/opt/enclave", CLIENT, f"{CLIENT}/enclave", "/data")
    for path in SYSTEM:
        parts += ["--ro-bind-try", path, path]
    for link in ("bin", "lib", "lib64"):
        parts += ["--symlink", f"usr/{link}", f"/{link}"]
    for file in SYSTEM_FILES:
        parts += ["--ro-bind-try", file, file]
    parts += ["--proc", "/proc", "--dev", "/dev", "--size", str(SHM_BYTES), "--perms", "1777", "--tmpfs", "/dev/shm"]
    return [*parts, "--size", str(SCRATCH_BYTES), "--perms", "1777", "--tmpfs", SCRATCH]


def _python() -> list[str]:
    parts: list[str] = []
    if not any(Path(sys.base_prefix) == Path(path).parent for path in SYSTEM):
        # bubblewrap makes missing parents 0700: without 0755 the member could not reach the interpreter.
        parents = [str(path) for path in reversed(Path(sys.base_prefix).parents)]
        parts += _folders(*(path for path in parents if path not in ("/", "/usr", "/opt")))
        parts += ["--ro-bind", sys.base_prefix, sys.base_prefix]
    parts += ["--ro-bind", sys.prefix, VENV]
    for folder in site.getsitepackages():
        for name in PRODUCT:  # an installed product lies beside the libraries: the sandbox sees none of it
            if (Path(folder) / name).is_dir():
                inside = f"{VENV}/{Path(folder).relative_to(sys.prefix) / name}"
                parts += ["--perms", "0755", "--tmpfs", inside, "--remount-ro", inside]
    return parts


def _own(spec: SandboxSpec) -> list[str]:
    parts = ["--ro-bind", str(INSIDE), CODE]
    parts += ["--ro-bind", str(PACKAGE / "__init__.py"), f"{CLIENT}/enclave/__init__.py"]
    parts += ["--ro-bind", str(PACKAGE / "client"), f"{CLIENT}/enclave/client"]
    for name, folder in sorted(spec.data.items()):
        parts += ["--ro-bind", str(folder), f"/data/{name}"]
    parts += ["--bind", str(spec.workspace), HOME]
    return [*parts, "--ro-bind", str(spec.gateway), str(Path(GATEWAY_SOCKET).parent)]


def _accounts(passwd_fd: int, group_fd: int) -> list[str]:
    files = ((passwd_fd, "/etc/passwd"), (group_fd, "/etc/group"))
    return [part for fd, path in files for part in ("--perms", "0644", "--file", str(fd), path)]


def _drop(spec: SandboxSpec) -> list[str]:
    if not spec.root:
        return []
    identity = [f"--reuid={spec.uid}", f"--regid={spec.uid}", "--clear-groups"]
    return ["/usr/bin/setpriv", *identity, "--inh-caps=-all", "--bounding-set=-all", "--no-new-privs", "--"]


def _folders(*paths: str) -> list[str]:
    return [part for path in paths for part in ("--perms", "0755", "--dir", path)]


def accounts(spec: SandboxSpec) -> tuple[bytes, bytes]:
    """Return the contents of /etc/passwd and /etc/group inside."""
    passwd = f"researcher:x:{spec.uid}:{spec.uid}::{HOME}:/bin/bash\n"
    return passwd.encode(), f"researcher:x:{spec.uid}:\n".encode()


# What of the hub's variables the server needs; everything else of the hub stays outside.
FROM_HUB = frozenset(
    """JUPYTERHUB_API_TOKEN JUPYTERHUB_CLIENT_ID JUPYTERHUB_COOKIE_OPTIONS JUPYTERHUB_COOKIE_HOST_PREFIX_ENABLED
    JUPYTERHUB_HOST JUPYTERHUB_OAUTH_CALLBACK_URL JUPYTERHUB_OAUTH_SCOPES JUPYTERHUB_OAUTH_ACCESS_SCOPES
    JUPYTERHUB_OAUTH_CLIENT_ALLOWED_SCOPES JUPYTERHUB_USER JUPYTERHUB_SERVER_NAME JUPYTERHUB_BASE_URL
    JUPYTERHUB_SERVICE_PREFIX JUPYTERHUB_PUBLIC_URL JUPYTERHUB_PUBLIC_HUB_URL JUPYTERHUB_DEFAULT_URL""".split()
)


def environment(spec: SandboxSpec, hub: Mapping[str, str], language: str, threads: int) -> dict[str, str]:
    """Return every variable the sandbox has: made here, none inherited."""
    api = "http+unix://" + quote(GATEWAY_SOCKET, safe="") + "/hub/api"
    prefix = hub.get("JUPYTERHUB_SERVICE_PREFIX", "/")
    config = [f"{CODE}/{language}"] if (INSIDE / language).is_dir() else []
    return {
        **{name: value for name, value in hub.items() if name in FROM_HUB},
        "JUPYTERHUB_API_URL": api,
        "JUPYTERHUB_ACTIVITY_URL": f"{api}/users/{spec.username}/activity",
        # Names the port of a socket that is handed in ready-made; nothing ever listens there.
        "JUPYTERHUB_SERVICE_URL": f"http://127.0.0.1:8888{prefix}",
        "JUPYTERHUB_DISABLE_USER_CONFIG": "1",
        "HOME": HOME,
        "USER": spec.username,
        "LOGNAME": spec.username,
        "SHELL": "/bin/bash",
        "LANG": "C.UTF-8",
        "TZ": "Asia/Shanghai",
        "PATH": f"{VENV}/bin:/usr/bin:/bin",
        "PYTHONPATH": CLIENT,
        "JUPYTER_CONFIG_DIR": f"{CODE}/config",
        "JUPYTER_CONFIG_PATH": os.pathsep.join(config),
        "JUPYTER_RUNTIME_DIR": f"{SCRATCH}/jupyter-runtime",
        "JUPYTER_DATA_DIR": f"{SCRATCH}/jupyter-data",
        "JUPYTERLAB_WORKSPACES_DIR": f"{SCRATCH}/lab-workspaces",
        "JUPYTERLAB_SETTINGS_DIR": f"{HOME}/.lab-settings",
        "IPYTHONDIR": f"{SCRATCH}/ipython",
        "MPLCONFIGDIR": f"{SCRATCH}/matplotlib",
        "XDG_CACHE_HOME": f"{SCRATCH}/cache",
        "ENCLAVE_PROJECT": spec.project,
        "OPENBLAS_NUM_THREADS": str(threads),
        "OMP_NUM_THREADS": str(threads),
    }
