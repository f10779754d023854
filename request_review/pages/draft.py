"""The draft on the applicant's page: what is saved, what is being written, which step is open."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from enclave.kernel.identity import Actor
from enclave.ui import links
from request_review import service
from request_review.forms import sections
from request_review.views import RequestView, SaveDraft

STEPS: dict[str, tuple[str, ...]] = {
    "data": ("data",),
    "purpose": ("purpose", "cooperation"),
    "qualification": ("project", "applicant"),
    "unit": ("unit", "team", "agreement"),
    "papers": ("declarations",),
    "check": (),
}
_KEY = "apply_draft"


@dataclass
class Draft:
    """Lives in the browser's session. `saved` is what the database holds, `base` what the open step began with."""

    request_id: str = ""
    version: int | None = None
    saved: dict[str, Any] = field(default_factory=dict)
    base: dict[str, Any] = field(default_factory=dict)
    working: dict[str, Any] = field(default_factory=dict)
    step: str = "data"
    goto: str = ""
    checked: bool = False
    opened: int = 0

    @property
    def key(self) -> str:
        """Return what the keys of its inputs begin with."""
        return self.request_id or "new"

    @property
    def dirty(self) -> bool:
        """Tell whether something is written that the database does not hold; an untouched box or a 0 is nothing."""
        return {k: v for k, v in self.working.items() if v} != {k: v for k, v in self.saved.items() if v}

    @property
    def following(self) -> str:
        """Return the step after the open one."""
        names = list(STEPS)
        return names[min(names.index(self.step) + 1, len(names) - 1)]

    @property
    def previous(self) -> str:
        """Return the step before the open one."""
        names = list(STEPS)
        return names[max(names.index(self.step) - 1, 0)]

    def open(self, step: str) -> None:
        """Open a step; its inputs begin with what is written now."""
        self.step, self.goto, self.base = step, "", dict(self.working)
        self.opened += 1
        self.checked = self.checked or step == "check"

    def save(self, actor: Actor) -> None:
        """Save what is written, if anything is new; a first save opens the draft in the database."""
        if not self.dirty and self.request_id:
            return
        self.take(service.save_draft(actor, SaveDraft(self.working, self.request_id, self.version)))
        self.base = dict(self.working)
        st.query_params["id"] = self.request_id

    def take(self, view: RequestView) -> None:
        """Take over what the database holds."""
        self.request_id, self.version = view.id, view.version
        self.saved, self.working = dict(view.answers), dict(view.answers)


def current(actor: Actor) -> Draft:
    """Return the draft the address names: one under way in this browser, one of the database, or a new one."""
    wanted, kept = links.asked("id"), st.session_state.get(_KEY)
    if isinstance(kept, Draft) and kept.request_id == wanted and not (not wanted and links.asked("dataset")):
        return kept
    draft = Draft()
    if wanted:
        draft.take(service.view(actor, wanted))
    elif links.asked("dataset"):
        draft.working = {"dataset_id": links.asked("dataset")}
        del st.query_params["dataset"]
    draft.open("data")
    st.session_state[_KEY] = draft
    return draft


def forget() -> None:
    """Let the page begin anew."""
    st.session_state.pop(_KEY, None)


def start() -> None:
    """Open the page on a new draft."""
    forget()
    links.go("apply")


def sections_of(step: str) -> list[str]:
    """Return the form's sections of a step; one the steps do not name is asked with the papers."""
    named = {name for names in STEPS.values() for name in names}
    strays = [name for name in sections() if name not in named] if step == "papers" else []
    return [*STEPS[step], *strays]
