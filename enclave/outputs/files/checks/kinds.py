"""What a file is, by its name and by its bytes; both must agree."""

from __future__ import annotations

import puremagic

from enclave.outputs.files.rules import rules

_ARCHIVES = (
    b"PK\x03\x04",
    b"PK\x05\x06",
    b"Rar!",
    b"7z\xbc\xaf",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ",
    b"\x28\xb5\x2f\xfd",
)
_MAGIC = {"png": b"\x89PNG\r\n\x1a\n", "pdf": b"%PDF-", "xlsx": b"PK\x03\x04"}
_TEXT_KINDS = ("csv", "text", "notebook")
# Text formats that puremagic recognises and that may leave as text.
_TEXTUAL = frozenset({".txt", ".csv", ".tsv", ".md", ".json", ".ipynb", ".py", ".log", ".sql", ".r", ".yaml", ""})
_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


def claimed(name: str) -> str:
    """Return the kind a name claims, empty for kinds that may not leave."""
    return rules().kind_of(name)


def content_fault(kind: str, content: bytes) -> str:
    """Return the finding when bytes are not of `kind`, empty when they are."""
    if kind in _MAGIC:
        return "" if content.startswith(_MAGIC[kind]) else _other(content)
    if content.startswith(_ARCHIVES) or b"ustar" in content[257:263]:
        return "export_archive"
    if kind in _TEXT_KINDS and not content.startswith(_BOMS) and (_known_binary(content) or b"\0" in content):
        return "export_type_mismatch"
    return ""


def _other(content: bytes) -> str:
    return "export_archive" if content.startswith(_ARCHIVES) else "export_type_mismatch"


def _known_binary(content: bytes) -> bool:
    """Tell whether the first bytes are the mark of a format that is no text."""
    try:
        found = puremagic.magic_string(content[:4096])
    except (puremagic.PureError, ValueError):
        return False
    # Only a mark at the very start is trusted; short marks also begin ordinary words.
    marks = (match.byte_match for match in found if match.extension not in _TEXTUAL)
    return any(len(mark) >= 5 and content.startswith(mark) for mark in marks)
