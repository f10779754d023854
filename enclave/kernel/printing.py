"""Sets PDFs with typst in Chinese fonts; what people wrote goes in as data and never becomes markup."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import typst

from enclave.kernel.errors import Unavailable

SHIPPED_FONTS = Path(__file__).resolve().parents[2] / "deploy" / "fonts"
FONTS = {"song": ("Noto Serif CJK SC", "Source Han Serif SC"), "hei": ("Noto Sans CJK SC", "Source Han Sans SC")}


def pdf(template: Path, data: Mapping[str, Any], at: datetime) -> bytes:
    """Return a PDF by a typst template; equal input gives equal bytes."""
    whole = {**data, "fonts": {role: _font(role) for role in FONTS}}
    inputs = {"data": json.dumps(whole, ensure_ascii=False, sort_keys=True)}
    return bytes(
        typst.compile(str(template), sys_inputs=inputs, timestamp=int(at.timestamp()), font_paths=_font_paths())
    )


def _font_paths() -> list[str]:
    return [str(SHIPPED_FONTS)] if SHIPPED_FONTS.is_dir() else []


@lru_cache(maxsize=1)
def families() -> frozenset[str]:
    """Return the font families of this machine."""
    return frozenset(typst.Fonts(font_paths=_font_paths()).families())


def _font(role: str) -> str:
    for family in FONTS[role]:
        if family in families():
            return family
    raise Unavailable("request_fonts_missing", fonts=" / ".join(FONTS[role]))
