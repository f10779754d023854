"""What is asked and what is answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

KINDS = ("count", "mean", "histogram")


@dataclass(frozen=True)
class Ask:
    """A question about a granted table.

    `where` holds `{"column", "op", "value"}`, joined by AND. `bounds` (mean) clamps the values; `bins` (edges,
    ascending) or `categories` name a histogram's cells, by default those of the dictionary. All of these come
    from the asker or the dictionary, never from the data. At most `per_person` rows of a person are used.
    """

    project_id: str
    table: str
    kind: str
    epsilon: object
    column: str | None = None
    where: tuple[Mapping[str, Any], ...] = ()
    bounds: tuple[float, float] | None = None
    bins: tuple[float, ...] | None = None
    categories: tuple[str, ...] | None = None
    per_person: int = 1


@dataclass(frozen=True)
class AnswerView:
    """A noisy answer. Epsilons are decimal strings; `charged` is "0" when the answer had been paid for before.

    `value` is a count, a mean (None when so few persons match that noise says nothing), or a list of
    `{"bin", "count"}`; `accuracy` is the half-width of the 95 % interval of the noise, for each bin alone.
    """

    id: str
    kind: str
    table: str
    column: str | None
    where: list[dict[str, Any]]
    value: Any
    accuracy: float | None
    detail: dict[str, Any]
    epsilon: str
    charged: str
    remaining: str
    per_person: int
    mechanism: str
    engine: str
    asked_by: str
    asked_at: datetime
    confidence: float = 0.95
    unit: str = "person"
    notes_zh: tuple[str, ...] = field(default=())
    notes_en: tuple[str, ...] = field(default=())
