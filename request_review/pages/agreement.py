"""The decision with its reasons, and the agreement with its signatures."""

from __future__ import annotations

from enclave.kernel import clock
from enclave.kernel.i18n import text
from enclave.kernel.identity import Actor
from enclave.ui import components as ui
from request_review import service
from request_review.pages import parts
from request_review.views import AgreementView, RequestView


def show(actor: Actor, view: RequestView) -> None:
    """Show decision and agreement."""
    if view.decision:
        ui.section(text("decision_title"))
        parts.decision(view.decision)
    if view.agreement:
        ui.section(text("agreement_title"))
        _agreement(actor, view, view.agreement)


def _agreement(actor: Actor, view: RequestView, found: AgreementView) -> None:
    download(actor, view, found, "tab")
    ui.facts(
        [
            (text("agreement_number"), found.number),
            (text("agreement_sha256"), found.sha256),
            (text("agreement_template"), found.template),
        ]
    )
    ui.table(
        [text(f"signature_{name}") for name in ("who", "party", "at", "seal")],
        [
            (
                f"{each.display_name}（{each.username}）",
                text(f"party_{each.party}"),
                clock.local(each.signed_at),
                ui.Cell(text("signature_holds" if each.valid else "signature_broken"), "good" if each.valid else "bad"),
            )
            for each in found.signatures
        ],
    )
    if found.waiting:
        names = "、".join(name or text("party_party_a") for name in found.waiting)
        ui.small(text("agreement_waiting", names=names))


def download(actor: Actor, view: RequestView, found: AgreementView, key: str) -> None:
    """Offer the agreement's PDF, byte for byte the one that is signed."""
    ui.download(
        text("agreement_download"),
        lambda: service.agreement_pdf(actor, view.id),
        f"{found.number}.pdf",
        "application/pdf",
        f"agreement-{key}-{view.id}",
    )
