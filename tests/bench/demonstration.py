"""How long the demonstration takes to be ready, the first time and the second, and to end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.bench.places import report, seconds

PORT = "18740"
PATIENCE = 600


def until_ready(home: Path) -> tuple[subprocess.Popen[str], float]:
    """Start the demonstration; return it and the seconds until it says where it is."""
    command = [Path(sys.executable).with_name("enclave"), "demo", "--home", home, "--port", PORT]
    started = time.perf_counter()
    running = subprocess.Popen(
        command,
        env=os.environ | {"ENCLAVE_LANGUAGE": "en"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    watchdog = threading.Timer(PATIENCE, running.kill)
    watchdog.start()
    assert running.stdout
    heard = []
    for line in running.stdout:
        heard.append(line)
        if "Ctrl-C" in line:
            watchdog.cancel()
            return running, time.perf_counter() - started
    raise SystemExit("".join(heard[-30:]))


def end(running: subprocess.Popen[str]) -> None:
    """Press Ctrl-C and wait for the end."""
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=PATIENCE)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        platform, first = until_ready(home)
        stop = seconds(lambda: end(platform))
        platform, second = until_ready(home)
        end(platform)
        report(first=first, second=second, stop=stop)
