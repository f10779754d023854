"""Finds out how a text file is encoded and gives it back as UTF-8; a broken byte is named by offset and line."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

from enclave.deidentify.reading.limits import CHUNK
from enclave.kernel.errors import Invalid

_BOMS = (  # the UTF-32 mark begins like the UTF-16 one, so it is asked first
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# GB 2312 characters and Chinese punctuation: what real GBK or GB18030 text is almost wholly made of.
_COMMON = re.compile(rb"[\xa1-\xa9\xb0-\xf7][\xa1-\xfe]")
_PAIR = re.compile(rb"[\x81-\xfe][\x40-\x7e\x80-\xfe]")
_UTF8_SEQUENCE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x7f\ue000-\uf8ff\ufffe\uffff]")  # in no table anybody writes
_SHARE = 0.7


class _Broken(Exception):
    def __init__(self, offset: int) -> None:
        super().__init__(offset)
        self.offset = offset


def as_utf8(path: Path, file: str, target: Path, encoding: str = "") -> Path:
    """Return a UTF-8 form of a text file: the file itself, or `target` written from another encoding.

    `encoding` is a steward's own word and is then the only one tried. Raises Invalid
    `ingest_broken_encoding` with byte offset and line, `ingest_unknown_format` for what is no text.
    """
    with path.open("rb") as source:
        head = source.read(CHUNK)
    mark, marked = next(((bom, name) for bom, name in _BOMS if head.startswith(bom)), (b"", ""))
    chosen = _named(encoding, file) if encoding else marked or _guess(path, head, file)
    if not chosen.startswith(("utf-16", "utf-32")) and b"\0" in head:
        raise Invalid("ingest_unknown_format", file=file)
    try:
        return _rewritten(path, target, chosen, len(mark))
    except _Broken as broken:
        line = _line_of(path, broken.offset, chosen)
        raise Invalid("ingest_broken_encoding", file=file, encoding=chosen, offset=broken.offset, row=line) from None


def _named(encoding: str, file: str) -> str:
    try:
        return codecs.lookup(encoding).name
    except LookupError:
        raise Invalid("ingest_unknown_encoding", file=file, encoding=encoding) from None


def _guess(path: Path, head: bytes, file: str) -> str:
    if b"\0" in head:
        return _guess_utf16(head, file)
    try:
        for _ in _decoded(path, "utf-8", 0):
            pass
    except _Broken as broken:
        return _guess_beyond_utf8(_around(path, broken.offset))
    return "utf-8"


def _guess_utf16(head: bytes, file: str) -> str:
    """Guess UTF-16 without a mark: the side of the zero byte of its line ends, if the rest then reads as text."""
    whole = head[: len(head) // 2 * 2]
    guess = "utf-16-le" if whole.count(b"\n\0") > whole.count(b"\0\n") else "utf-16-be"
    if _CONTROL.search(whole.decode(guess, "replace")):
        raise Invalid("ingest_unknown_format", file=file)
    return guess


def _guess_beyond_utf8(around: bytes) -> str:
    """Choose between broken UTF-8 and GB18030 by what the bytes around the first failure look like."""
    beyond = len(_BEYOND_ASCII.findall(around))
    if sum(map(len, _UTF8_SEQUENCE.findall(around))) >= _SHARE * beyond:
        return "utf-8"
    pairs = _PAIR.findall(around)
    common = sum(bool(_COMMON.fullmatch(pair)) for pair in pairs)
    return "gb18030" if pairs and common >= _SHARE * len(pairs) else "utf-8"


def _around(path: Path, offset: int) -> bytes:
    with path.open("rb") as source:
        source.seek(max(0, offset - CHUNK // 2))
        return source.read(CHUNK)


def _decoded(path: Path, encoding: str, skip: int) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)()
    with path.open("rb") as source:
        source.seek(skip)
        while True:
            offset = source.tell() - len(decoder.getstate()[0])
            chunk = source.read(CHUNK)
            try:
                yield decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                raise _Broken(offset + error.start) from error
            if not chunk:
                return


def _rewritten(path: Path, target: Path, encoding: str, skip: int) -> Path:
    if encoding == "utf-8":
        for _ in _decoded(path, encoding, skip):
            pass
        return path
    with target.open("w", encoding="utf-8", newline="") as sink:
        for text in _decoded(path, encoding, skip):
            sink.write(text)
    return target


def _line_of(path: Path, offset: int, encoding: str) -> int:
    """Return the physical line, from 1, that holds the byte at `offset`."""
    newline, line, left = "\n".encode(encoding), 1, offset
    with path.open("rb") as source:
        while left > 0 and (chunk := source.read(min(CHUNK, left))):
            line += chunk.count(newline)
            left -= len(chunk)
    return line
