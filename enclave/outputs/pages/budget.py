"""The privacy budget of a project: what is left of it, and what it went on."""

from __future__ import annotations

from catalog_browser import service as catalogue
from enclave.grants.views import ProjectView
from enclave.kernel import clock
from enclave.kernel.errors import NotFound
from enclave.kernel.i18n import text
from enclave.kernel.identity import Actor
from enclave.outputs.answers import service as answers
from enclave.ui import charts, session
from enclave.ui import components as ui


def show(actor: Actor, project: ProjectView) -> None:
    """Show how much of the privacy budget is left, and what it went on."""
    for held in answers.budgets(actor, project.id):
        ui.section(dataset_title(actor, held.dataset_id))
        ui.stats(
            [
                (text("budget_left"), f"ε {held.remaining.normalize():f}"),
                (text("budget_spent"), f"ε {held.spent.normalize():f}"),
                (text("budget_total"), f"ε {held.total.normalize():f}"),
                (text("budget_charges"), held.charges),
            ]
        )
        said = text("budget_alt", spent=f"{held.spent.normalize():f}", total=f"{held.total.normalize():f}")
        charts.share(float(held.spent), float(held.total), alt_text=said)
        ui.small(said)
    asked = answers.history(actor, project.id)
    if not asked:
        ui.empty(text("answers_none"), text("answers_none_hint"))
        return
    ui.table(
        [text(f"answer_{name}") for name in ("what", "epsilon", "who", "at")],
        [
            (
                f"{text(f'answer_kind_{each.kind}')} · {each.table}{'.' + each.column if each.column else ''}",
                each.charged,
                session.named(each.asked_by),
                clock.local(each.asked_at),
            )
            for each in asked
        ],
        numeric=(1,),
    )


def dataset_title(actor: Actor, dataset_id: str) -> str:
    """Return a data set's title, or its id when the visitor may not see its entry."""
    try:
        return session.pick(catalogue.get(actor, dataset_id), "title")
    except NotFound:
        return dataset_id
