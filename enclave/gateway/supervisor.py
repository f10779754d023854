"""Starts the platform, watches it, and ends everything it started."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import psutil

from enclave.gateway import objectstore
from enclave.kernel import accounts
from enclave.kernel.errors import Conflict, Unavailable
from enclave.kernel.log import logger
from enclave.kernel.process import adopt_orphans, dying_with_parent
from enclave.kernel.settings import Settings, settings
from enclave.migrations import upgrade
from enclave.policy import check_rules

CONFIG = Path(__file__).resolve().parents[2] / "deploy" / "jupyterhub" / "jupyterhub_config.py"
READY_SECONDS = 90
Report = Callable[[str], None]


@dataclass(frozen=True)
class Part:
    """One part of the platform and whether it answers."""

    name: str
    answers: bool
    detail: str = ""


@contextmanager
def only_one(config: Settings) -> Iterator[None]:
    """Hold the lock of this home: two platforms never share one."""
    path = config.folder("run") / "lock"
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Conflict("platform_already_up") from error
        yield


def leftovers(config: Settings) -> list[psutil.Process]:
    """Return processes of an earlier run of this home that outlived it."""
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter():
        try:
            environment = process.environ() if process.pid not in own else {}
        except psutil.Error:
            continue
        if environment.get("ENCLAVE_HOME") == str(config.home) and environment.get("ENCLAVE_PART"):
            found.append(process)
    return found


def end(processes: list[psutil.Process], patience: float = 5) -> None:
    """End processes: ask, wait, then kill."""
    for ask in (psutil.Process.terminate, psutil.Process.kill):
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                ask(process)
        _, processes = psutil.wait_procs(processes, patience)


def _environment(config: Settings, part: str) -> dict[str, str]:
    # Also what stands in `enclave.env`: a part runs in another folder and would not find that file.
    stated = {f"ENCLAVE_{name.upper()}": str(value) for name, value in config.model_dump(exclude_unset=True).items()}
    return {**os.environ, **stated, "ENCLAVE_PART": part, "PYTHONUNBUFFERED": "1"}


def start_hub(config: Settings) -> subprocess.Popen[bytes]:
    """Start JupyterHub, which starts everything else; it ends with this process."""
    with (config.folder("logs") / "hub.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "jupyterhub", "-f", str(CONFIG)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=_environment(config, "hub"),
            cwd=config.folder("hub"),
            preexec_fn=dying_with_parent,
            start_new_session=True,
        )


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=3, follow_redirects=False, trust_env=False).status_code < 500
    except httpx.HTTPError:
        return False


def parts(config: Settings) -> list[Part]:
    """Return what answers now, through the doors people use."""
    door = config.public_url
    checks = {
        "hub": f"{door}/hub/login",
        "catalogue": f"{door}/services/catalogue/",
        "workbench": f"{door}/services/workbench/",
    }
    return [Part("store", _store_answers())] + [Part(name, _answers(url), url) for name, url in checks.items()]


def _store_answers() -> bool:
    from enclave.kernel import storage

    try:
        storage.prepare()
    except Unavailable:
        return False
    return True


def wait_until_ready(config: Settings, hub: subprocess.Popen[bytes], report: Report) -> None:
    """Wait for every part, reporting each as it answers."""
    deadline, seen = time.monotonic() + READY_SECONDS, set[str]()
    while True:
        state = parts(config)
        for part in state:
            if part.answers and part.name not in seen:
                seen.add(part.name)
                report(part.name)
        if len(seen) == len(state):
            return
        if hub.poll() is not None or time.monotonic() > deadline:
            raise Unavailable("platform_not_ready", missing=", ".join(p.name for p in state if not p.answers))
        time.sleep(0.3)


class Platform:
    """The store and the hub of one home, kept running until stopped."""

    def __init__(self, config: Settings) -> None:
        self.config = config
        self.store: subprocess.Popen[bytes] | None = None
        self.hub: subprocess.Popen[bytes] | None = None

    def start(self, report: Report) -> None:
        """Start everything from whatever an earlier run left behind; nothing starts on rules that do not hold."""
        check_rules()
        adopt_orphans()
        end(leftovers(self.config))
        self.config.run_dir.mkdir(mode=0o711, exist_ok=True)
        self.config.folder("db")
        upgrade(self.config.database_url)
        accounts.check_mode(self.config.mode)
        report("database")
        if not self.config.s3_endpoint:
            self.store = objectstore.start()
        self.hub = start_hub(self.config)
        objectstore.wait_until_ready(self.store)
        wait_until_ready(self.config, self.hub, report)
        self._write_state()

    def _write_state(self) -> None:
        path = self.config.folder("run") / "supervisor.json"
        path.write_text(json.dumps({"pid": os.getpid(), "created": psutil.Process().create_time()}))

    def watch(self) -> None:
        """Restart what ends by itself, for ever."""
        pause = 1.0
        while True:
            time.sleep(pause)
            pause = 1.0
            if self.store and self.store.poll() is not None:
                logger().error("part-ended", process="store", code=self.store.returncode)
                self.store, pause = objectstore.start(), 3.0
            if self.hub and self.hub.poll() is not None:
                logger().error("part-ended", process="hub", code=self.hub.returncode)
                end([p for p in leftovers(self.config) if not self.store or p.pid != self.store.pid])
                self.hub, pause = start_hub(self.config), 3.0

    def stop(self) -> None:
        """End everything this platform started, sandboxes and orphans included."""
        if self.hub and self.hub.poll() is None:  # the hub first: it would start its parts again
            end([psutil.Process(self.hub.pid)], patience=10)
        end(psutil.Process().children(recursive=True))
        (self.config.folder("run") / "supervisor.json").unlink(missing_ok=True)


def run(report: Report, ready: Callable[[], object] = lambda: None) -> None:
    """Keep the platform up in the foreground until SIGINT or SIGTERM."""
    config = settings()
    with only_one(config):
        platform = Platform(config)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            platform.start(report)
            ready()
            platform.watch()
        except KeyboardInterrupt:
            report("stopping")
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            platform.stop()


def running(config: Settings) -> psutil.Process | None:
    """Return the supervisor of this home when it is alive."""
    try:
        state = json.loads((config.home / "run" / "supervisor.json").read_text())
        process = psutil.Process(state["pid"])
        return process if process.create_time() == state["created"] else None
    except (OSError, ValueError, psutil.NoSuchProcess):
        return None


def down(config: Settings) -> bool:
    """End the platform of this home and whatever outlived it; tell whether there was anything."""
    supervisor = running(config)
    if supervisor:
        end([supervisor], patience=30)
    remaining = leftovers(config)
    end(remaining)
    return bool(supervisor or remaining)


def as_json(state: list[Part]) -> str:
    """Return parts as JSON."""
    return json.dumps([asdict(part) for part in state])
