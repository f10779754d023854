"""Where a field of the form stands, and what its widget takes from that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from catalog_browser.views import DataSetDetail
from enclave.kernel.i18n import text
from enclave.ui import session
from request_review.forms import Field


@dataclass(frozen=True)
class Place:
    """The draft a field belongs to, the answers as they stood when its step was opened, the data set chosen now.
    `opened` counts how often a step was opened.

    Widgets start from the answers of that moment and keep their own state until the step is left.
    """

    draft: str
    answers: Mapping[str, Any]
    entry: DataSetDetail | None
    version_kind: str = ""
    opened: int = 0

    def key(self, code: str) -> str:
        """Return the widget key of a field."""
        return place_key(self.draft, code)


def place_key(draft: str, code: str) -> str:
    """Return the widget key of a field of a draft."""
    return f"apply-{draft}-{code}"


def label(field: Field) -> str:
    """Return a field's label; optional ones say so."""
    words = field.label(session.language())
    return f"{words}{text('apply_optional')}" if field.optional else words


def common(field: Field, place: Place) -> dict[str, Any]:
    """Return what every widget of a field takes."""
    return {"label": label(field), "key": place.key(field.code), "help": field.help(session.language()) or None}
