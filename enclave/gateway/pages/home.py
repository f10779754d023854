"""The workbench's first page: what needs the person now, by role, with counts."""

from __future__ import annotations

from enclave.kernel.i18n import text
from enclave.ui import components as ui
from enclave.ui import session


def page() -> None:
    """Show what needs this person."""
    actor = session.actor()
    ui.heading(text("home_title", name=actor.display_name), text("home_lead"))
