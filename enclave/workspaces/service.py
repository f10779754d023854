"""Everything other features ask of workspaces, in one place."""

from __future__ import annotations

from enclave.workspaces.ending import close, look_around, stop, watch
from enclave.workspaces.extracts import destroy_ended, prepare, trusted_tables
from enclave.workspaces.extracts import find as extracts
from enclave.workspaces.extracts import get as extract
from enclave.workspaces.mounting import may_run, mount_plan
from enclave.workspaces.sessions import find as sessions
from enclave.workspaces.sessions import is_running, running
from enclave.workspaces.views import ExtractTable, ExtractView, MountPlan, SessionView, TrustedTable

__all__ = [
    "ExtractTable", "ExtractView", "MountPlan", "SessionView", "TrustedTable", "close", "destroy_ended", "extract",
    "extracts", "is_running", "look_around", "may_run", "mount_plan", "prepare", "running", "sessions", "stop",
    "trusted_tables", "watch",
]  # fmt: skip
