"""How long an enclave takes from click to JupyterLab answering, against a plain server of the same hub."""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from pathlib import Path

import pytest

from enclave.kernel import storage
from enclave.kernel.db import engine
from enclave.kernel.identity import Role
from enclave.kernel.settings import settings
from tests.conftest import forget_process_state
from tests.factories.accounts import PASSWORD, make_account
from tests.factories.projects import make_project
from tests.fixtures.databases import Databases
from tests.fixtures.objectstore import MemoryStore
from tests.fixtures.runtime import Person, make_extract, make_version, running_hub

PROJECTS = [f"p-ready{number}" for number in range(6)]
PORT, PORT_BASE = "18450", "18460"
# The same notebook server as anybody's own process on this host: no sandbox, no probes, no verified files.
PLAIN = """
from jupyterhub.spawner import SimpleLocalProcessSpawner
c.JupyterHub.spawner_class = SimpleLocalProcessSpawner
c.SimpleLocalProcessSpawner.home_dir_template = {home!r} + "/{{username}}"
c.Spawner.env_keep = ["PATH"]
c.Spawner.cmd = [sys.executable, "-m", "jupyterhub.singleuser"]
c.Spawner.args = ["--allow-root"]
"""


def measure() -> dict[str, float]:
    """Return median seconds of each kind and their ratio, over as many openings as there are projects."""
    with tempfile.TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        folder = Path(name)
        with Databases(folder) as databases, databases.fresh("sqlite", folder / "home") as url:
            _surroundings(patch, folder / "home", url)
            plain = _open_all(folder, PLAIN.format(home=str(folder)))
            enclave = _open_all(folder, "")
            engine().dispose()
    forget_process_state()
    return {"plain": plain, "enclave": enclave, "ratio": enclave / plain}


def _surroundings(patch: pytest.MonkeyPatch, home: Path, url: str) -> None:
    for name in [name for name in os.environ if name.startswith("ENCLAVE_")]:
        patch.delenv(name)
    for name, value in {
        "HOME": home,
        "PORT": PORT,
        "PORT_BASE": PORT_BASE,
        "DATABASE_URL": url,
        "MODE": "demo",
    }.items():
        patch.setenv(f"ENCLAVE_{name}", str(value))
    forget_process_state()
    patch.setattr(storage, "client", MemoryStore().as_client_factory())
    settings().run_dir.mkdir(mode=0o711, exist_ok=True)
    make_account("li", Role.RESEARCHER)
    make_version()
    for number, project in enumerate(PROJECTS):
        make_project(project, ("li",), first_uid=200001 + number)
        make_extract(project)


def _open_all(folder: Path, extra: str) -> float:
    taken = []
    with running_hub(folder, extra) as hub:
        li = Person(hub, "li")
        li.sign_in(PASSWORD)
        for project in PROJECTS:
            started = time.monotonic()
            page = li.open_enclave(project)
            taken.append(time.monotonic() - started)
            assert page.status_code == 200, page.text[-500:]
            li.client.delete(f"/hub/api/users/li/servers/{project}", headers={"Referer": hub.url})
    return statistics.median(taken[1:])  # the first one reads everything from disk


if __name__ == "__main__":
    print(json.dumps(measure()))
