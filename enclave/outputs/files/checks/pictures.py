"""Pictures: whole, nothing behind the last chunk, no words in the metadata. What they show only people can judge."""

from __future__ import annotations

import io
import struct
import zlib

from enclave.outputs.files.report import Context, Report
from enclave.outputs.files.rules import rules

# Chunks that say how to draw; all others can carry text or files.
_DRAWING = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"pHYs", b"bKGD", b"sBIT", b"cICP"}
# What plotting libraries write by themselves.
_SOFTWARE = (b"Software\0Matplotlib", b"Software\0matplotlib", b"Software\0gnuplot", b"Software\0R ")


def check_png(content: bytes, report: Report, context: Context) -> None:
    """Check a PNG."""
    inspect(content, report)
    report.preview.append({"type": "image"})


def inspect(content: bytes, report: Report, **place: object) -> None:
    """Check the bytes of a PNG, in a file of its own or in a notebook."""
    chunks = _chunks(content)
    if chunks is None or not _draws(content):
        report.add("export_unreadable", reason="picture", **place)
        return
    names, end = chunks
    if end != len(content):
        report.add("export_picture_trailing", bytes=len(content) - end, **place)
    if names:
        report.add("export_picture_metadata", **place)
    report.add("export_picture", **place)


def _chunks(content: bytes) -> tuple[set[bytes], int] | None:
    """Return the chunks that do not draw and where the picture ends; None when it is broken."""
    if not content.startswith(b"\x89PNG\r\n\x1a\n"):
        return None
    position, others = 8, set()
    while position + 12 <= len(content):
        size, name = struct.unpack(">I4s", content[position : position + 8])
        body = content[position + 8 : position + 8 + size]
        check = content[position + 8 + size : position + 12 + size]
        if len(check) != 4 or zlib.crc32(name + body) != struct.unpack(">I", check)[0]:
            return None
        if name not in _DRAWING and not (name == b"tEXt" and body.startswith(_SOFTWARE) and len(body) < 120):
            others.add(name)
        position += 12 + size
        if name == b"IEND":
            return others, position
    return None


def _draws(content: bytes) -> bool:
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = rules().limits["pixels"]
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as picture:
            if picture.width * picture.height > rules().limits["pixels"]:
                return False
            picture.load()
            return getattr(picture, "n_frames", 1) == 1
    except Exception:  # noqa: BLE001  whatever the decoder stumbles over, the picture is not whole (P6)
        return False
