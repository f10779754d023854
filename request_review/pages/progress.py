"""Where a request stands: what was done and when, what happens now, what comes next."""

from __future__ import annotations

from datetime import datetime

from enclave.kernel import clock
from enclave.kernel.i18n import text
from enclave.ui import components as ui
from enclave.ui import links
from request_review.pages import parts
from request_review.views import RequestView

ORDER = ("draft", "submitted", "in_review", "decided", "agreement", "granted")


def show(view: RequestView) -> None:
    """Show the timeline of a request and what comes of it."""
    ui.timeline(_steps(view))
    if view.project_id:
        links.link("project", text("request_open_project"), icon=":material/science:", id=view.project_id)
    ui.facts(
        [
            (text("request_id"), view.id),
            (text("request_members"), "、".join(f"{m.display_name}（{m.username}）" for m in view.members)),
            (text("request_registration"), view.registration),
            (text("request_filing"), view.filing),
            (text("request_closing"), view.closing_reason),
        ]
    )


def _steps(view: RequestView) -> list[ui.Step]:
    stopped, reached = view.state in ("refused", "withdrawn"), _reached(view)
    last = reached if stopped else len(ORDER) - 1
    steps = [_step(view, index, name, reached, stopped) for index, name in enumerate(ORDER[: last + 1])]
    if stopped:
        steps.append(ui.Step(parts.state_name(view.state), "stopped", note=view.closing_reason))
    return steps


def _step(view: RequestView, index: int, name: str, reached: int, stopped: bool) -> ui.Step:
    if index < reached or stopped or view.state == "granted":
        return ui.Step(parts.state_name(name), "done", _when(view, name))
    if index == reached:
        return ui.Step(parts.state_name(name), "now", _when(view, name), text(f"progress_{name}"))
    return ui.Step(parts.state_name(name), "next")


def _reached(view: RequestView) -> int:
    if view.state in ORDER:
        return ORDER.index(view.state)
    known = [name for name in ORDER if _when(view, name)]
    return ORDER.index(known[-1]) if known else 0


def _when(view: RequestView, name: str) -> str:
    moments: dict[str, datetime | None] = {
        "draft": view.created_at,
        "submitted": view.submitted_at,
        "in_review": datetime.fromisoformat(view.evaluation.at) if view.evaluation and view.panel else None,
        "decided": datetime.fromisoformat(view.decision.at) if view.decision and view.decision.approve else None,
        "agreement": datetime.fromisoformat(view.agreement.drawn_up_at) if view.agreement else None,
    }
    moment = moments.get(name)
    return clock.local(moment) if moment else ""
