"""Runs the checks of a file in a process without rights: hostile bytes meet parsers there and nowhere else."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

from enclave.outputs.files.report import Context, Report

SECONDS = 60
MEMORY = 2 << 30
NOBODY = 65534


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def check(name: str, path: Path, context: Context) -> Report:
    """Check one file. A check that ends in any other way than a report is a blocking finding (P6)."""
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-m", "enclave.outputs.files.checks"],
            input=_request(name, path, context),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS + 30,
            cwd="/",
            env={"LANG": "C.UTF-8"},  # no settings, no secrets
            preexec_fn=_limit,
            start_new_session=True,
            **_nobody(),
        )
        if done.returncode == 0:
            return Report.from_dict(json.loads(done.stdout))
    except (subprocess.TimeoutExpired, ValueError, KeyError, TypeError):
        pass
    failed = Report("")
    failed.add("export_check_failed")
    return failed


def _request(name: str, path: Path, context: Context) -> bytes:
    content = path.read_bytes()
    head = {
        "name": name,
        "size": len(content),
        "threshold": context.threshold,
        "columns": sorted(context.columns),
        "pseudonyms": sorted(context.pseudonyms),
    }
    return json.dumps(head).encode() + b"\n" + content


def _nobody() -> dict[str, Any]:
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}
