"""One export: its files with findings and previews, the blinded decision, what became of it."""

from __future__ import annotations

import streamlit as st

from enclave.grants import service as grants
from enclave.kernel import clock
from enclave.kernel.i18n import text
from enclave.kernel.identity import Actor, Role
from enclave.outputs.files import service as files
from enclave.outputs.files.views import ExportDetail, FileView, ReviewExport
from enclave.outputs.pages import preview
from enclave.outputs.pages.results import EXPORT_TONES, card
from enclave.ui import components as ui
from enclave.ui import links, session

SEVERITY: dict[str, ui.Tone] = {"block": "bad", "look": "warn"}


def page() -> None:
    """Show the export named in the address."""
    actor = session.actor()
    found = files.view(actor, links.asked("id"))
    summary = found.summary
    steward = actor.has(Role.STEWARD, Role.AUDITOR, Role.AUTHORITY)
    if steward:
        ui.back("egress", text("egress_title"))
    else:
        ui.back("project", text("projects_title"), id=summary.project_id)
    ui.heading(text("export_title"), summary.note, f"{summary.id} · {grants.get_project(summary.project_id).title}")
    ui.badges(
        (text(f"export_state_{summary.state}"), EXPORT_TONES[summary.state]),
        (text("exports_files", count=summary.files), "plain"),
        (clock.local(summary.submitted_at), "plain"),
    )
    for file in found.files:
        _file(actor, found, file)
    _decision(actor, found)
    if found.earlier and steward:
        with st.expander(text("export_earlier", count=len(found.earlier))):
            for other in found.earlier:
                card(other)


def _file(actor: Actor, found: ExportDetail, file: FileView) -> None:
    with st.container(border=True):
        st.markdown(f"**{ui.md(file.name)}**")
        ui.small(f"{file.kind} · {file.size:,} B · SHA-256 {file.sha256}")
        if not file.findings:
            ui.badges((text("export_clean"), "good"))
        for finding in sorted(file.findings, key=lambda each: each.severity):
            said = finding.zh if session.language() == "zh" else finding.en
            ui.finding(said, text(f"severity_{finding.severity}"), SEVERITY[finding.severity], finding.clauses)
        with st.expander(text("export_look"), expanded=found.summary.may_review):
            preview.show(actor, file)


def _decision(actor: Actor, found: ExportDetail) -> None:
    if found.summary.state == "blocked":
        return ui.notice(text("export_blocked_next"), "warn")
    ui.section(text("export_verdict"))
    if found.summary.may_review:
        ui.notice(text("export_blinded"))
        _review(actor, found)
    elif actor.has(Role.STEWARD) and not found.reviews:
        ui.notice(text(found.summary.barred), "warn")
    for number, review in enumerate(found.reviews, 1):
        with st.container(border=True, gap="small"):
            approves = review.decision == "approve"
            ui.badges(
                (
                    session.named(review.reviewer) if review.reviewer else text("export_reviewer", number=number),
                    "plain",
                ),
                (text(f"decide_{'approve' if approves else 'refuse'}"), "good" if approves else "bad"),
                (clock.local(review.reviewed_at), "plain"),
            )
            ui.prose(review.comment)
    if found.release:
        ui.notice(text("export_released", id=found.release.id), "good")
        ui.small(f"manifest SHA-256 {found.release.manifest_sha256}")
    if actor.username == found.summary.submitted_by and found.summary.state == "in_review":
        ui.small(text("export_waits"))
        _withdraw(actor, found)
    return None


def _review(actor: Actor, found: ExportDetail) -> None:
    options = {"approve": text("decide_approve"), "refuse": text("decide_refuse")}
    with st.form(f"review-{found.summary.id}", border=False):
        decision = st.radio(
            text("decide_choice"), list(options), index=None, format_func=options.__getitem__, horizontal=True
        )
        comment = st.text_area(text("export_comment"), max_chars=1000, help=text("export_comment_help")) or ""
        ui.small(text("export_digest", digest=found.digest))
        if st.form_submit_button(text("review_give"), type="primary"):
            with ui.guarded():
                files.review(actor, ReviewExport(found.summary.id, decision or "", found.digest, comment))
                ui.flash(text("review_done"))
                st.rerun()


def _withdraw(actor: Actor, found: ExportDetail) -> None:
    with st.popover(text("export_withdraw")):
        ui.small(text("export_withdraw_warning"))
        if st.button(text("export_withdraw_now"), type="primary"):
            with ui.guarded():
                files.withdraw(actor, found.summary.id)
                ui.flash(text("export_withdrawn"))
                st.rerun()
