"""Work the worker does for applications: drawing up agreements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from request_review.concluding import draw_up_job

HANDLERS: dict[str, Callable[[dict[str, Any]], None]] = {"request.agreement": draw_up_job}
