"""How long an enclave takes from click to JupyterLab answering, against a plain server of the same hub."""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path

from tests.factories.accounts import PASSWORD
from tests.fixtures.databases import Databases
from tests.fixtures.runtime import Person, filled_home, running_hub

PROJECTS = [f"p-ready{number}" for number in range(6)]
PORT = 18450
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
    with tempfile.TemporaryDirectory() as name:
        folder, projects = Path(name), dict.fromkeys(PROJECTS, ("li",))
        with Databases(folder) as databases, filled_home(folder / "home", databases, projects, PORT):
            plain = _open_all(folder, PLAIN.format(home=str(folder)))
            enclave = _open_all(folder, "")
    return {"plain": plain, "enclave": enclave, "ratio": enclave / plain}


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
