"""Machine checks of one file: bytes in, report out. They run in a process of their own (`isolated`)."""

from __future__ import annotations

from collections.abc import Callable

from enclave.outputs.files.checks import documents, notebooks, pictures, sheets, text
from enclave.outputs.files.checks.kinds import claimed, content_fault
from enclave.outputs.files.report import Context, Report

CHECKS: dict[str, Callable[[bytes, Report, Context], None]] = {
    "csv": text.check_delimited,
    "text": text.check_text,
    "xlsx": sheets.check_workbook,
    "notebook": notebooks.check_notebook,
    "png": pictures.check_png,
    "pdf": documents.check_pdf,
}


def check(name: str, content: bytes, context: Context) -> Report:
    """Check one file. What cannot be read is a blocking finding, never a silent pass (P6)."""
    report = Report(claimed(name))
    fault = "export_empty" if not content else content_fault(report.kind, content)
    if fault or not report.kind:
        report.add(fault or "export_type_not_allowed")
        return report
    CHECKS[report.kind](content, report, context)
    return report
