"""The platform as processes: it comes up, survives the death of any part, ends whole, and the main job runs on it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest

from enclave.cli.demonstration.journey import free_ports
from enclave.gateway import supervisor
from enclave.kernel import accounts
from enclave.kernel.errors import Refused
from enclave.kernel.identity import Role, system
from enclave.kernel.settings import Settings
from tests.factories.accounts import verify_institution

PARTS = {"store", "hub", "door", "catalogue", "workbench", "gateway", "worker"}
ENCLAVE = [sys.executable, "-m", "enclave.cli.main"]
pytestmark = pytest.mark.timeout(600)


def running(config: Settings) -> dict[str, psutil.Process]:
    """Return the platform's processes of this home by part; one that ends while it is looked at is none."""
    found = {}
    for process in supervisor.leftovers(config):
        with suppress(psutil.NoSuchProcess):
            found[process.environ()["ENCLAVE_PART"]] = process
    return found


def wait_for(fact, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A platform that is up, in a home of its own."""
    home, port = tmp_path_factory.mktemp("platform") / "home", free_ports()
    made = Settings(home=home, port=port, mode="demo", _env_file=None)
    try:
        up(made)
        yield made
    finally:
        subprocess.run([*ENCLAVE, "down"], env=environment(made), check=False, timeout=90)


def environment(config: Settings) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ENCLAVE_")}
    return {**kept, "ENCLAVE_HOME": str(config.home), "ENCLAVE_PORT": str(config.port), "ENCLAVE_MODE": "demo"}


def up(config: Settings) -> None:
    done = subprocess.run([*ENCLAVE, "up", "--detach"], env=environment(config), check=False, timeout=180)
    assert done.returncode == 0, (config.home / "logs" / "supervisor.log").read_text()


def test_every_part_answers_and_status_says_so(config):
    assert running(config).keys() == PARTS
    done = subprocess.run([*ENCLAVE, "status"], env=environment(config), check=False, timeout=60)
    assert done.returncode == 0


def test_a_second_platform_of_the_same_home_is_refused(config):
    done = subprocess.run([*ENCLAVE, "up"], env=environment(config), capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "already running" in done.stderr


@pytest.mark.parametrize("part", ["worker", "gateway", "store", "door"])
def test_a_killed_part_comes_back(config, part):
    old = running(config)[part]
    old.kill()
    wait_for(lambda: part in (found := running(config)) and found[part] != old)
    wait_for(lambda: all(state.answers for state in supervisor.parts(config)) or store_unknown(config))


def store_unknown(config: Settings) -> bool:
    """The store's answer is asked with the test's own settings; the doors are what people use."""
    return all(state.answers for state in supervisor.parts(config) if state.name != "store")


def test_a_killed_supervisor_leaves_no_orphan_and_the_platform_starts_again(config):
    supervised = supervisor.running(config)
    assert supervised is not None
    os.kill(supervised.pid, signal.SIGKILL)
    wait_for(lambda: not running(config), 90)
    up(config)
    assert running(config).keys() == PARTS
    done = subprocess.run([*ENCLAVE, "ledger", "verify"], env=environment(config), check=False, timeout=60)
    assert done.returncode == 0


def test_down_ends_everything(config):
    subprocess.run([*ENCLAVE, "down"], env=environment(config), check=True, timeout=90)
    assert not running(config)
    assert supervisor.running(config) is None


def test_demonstration_accounts_stop_a_start_in_earnest(home):
    accounts.check_mode("production")
    verify_institution("UNI")
    command = accounts.OpenAccount("li", "李", "UNI", (Role.RESEARCHER,), demonstration=True)
    accounts.open_account(system("test"), command)
    accounts.check_mode("demo")
    with pytest.raises(Refused) as refused:
        accounts.check_mode("production")
    assert refused.value.code == "demonstration_accounts"


def test_the_main_job_end_to_end():
    """`enclave demo --check`: every step of the loop through the services and doors people use."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ENCLAVE_")}
    done = subprocess.run([*ENCLAVE, "demo", "--check"], env=kept, capture_output=True, text=True, timeout=540)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("✓") == 11
