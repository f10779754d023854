"""PDF: nothing that runs, hides or carries files. The words on its pages only people read."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from enclave.outputs.files.report import Context, Report

_FORBIDDEN = {
    "/JavaScript": "script",
    "/JS": "script",
    "/Launch": "launch action",
    "/EmbeddedFile": "embedded file",
    "/EmbeddedFiles": "embedded file",
    "/RichMedia": "media",
    "/XFA": "form",
    "/AcroForm": "form",
    "/OpenAction": "open action",
    "/AA": "automatic action",
    "/SubmitForm": "form",
    "/OCProperties": "hidden layers",
}
MOST_OBJECTS = 200_000


def check_pdf(content: bytes, report: Report, context: Context) -> None:
    """Check a PDF."""
    import pikepdf

    if b"%%EOF" not in content[-1024:]:
        report.add("export_unreadable", reason="pdf")
        return
    try:
        with pikepdf.open(io.BytesIO(content)) as document:
            for part in set(_parts(document)):
                report.add("export_pdf_part", part=part)
            pages = len(document.pages)
    except Exception as error:  # noqa: BLE001  whatever the reader stumbles over, the file was not checked (P6)
        report.add("export_unreadable", reason=type(error).__name__)
        return
    report.add("export_pdf", pages=pages)
    report.preview.append({"type": "pages", "count": pages})


def _parts(document: Any) -> Iterator[str]:
    if document.is_encrypted:
        yield "encryption"
    for number, entry in enumerate(document.objects):
        if number > MOST_OBJECTS:
            yield "too many objects"
            return
        keys = entry.keys() if hasattr(entry, "keys") and str(entry._type_name) in ("dictionary", "stream") else ()
        for key in keys:
            value = entry[key]
            if key in _FORBIDDEN:
                yield _FORBIDDEN[key]
            if key in ("/S", "/Type", "/Subtype") and str(value) in _FORBIDDEN:
                yield _FORBIDDEN[str(value)]
