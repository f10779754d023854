"""Contents are sealed by us before they leave the process: AES-256-GCM in chunks, one key per object."""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap

from enclave.kernel.errors import EnclaveError

CHUNK = 1 << 20
TAG = 16


class Tampered(EnclaveError):
    """Sealed bytes that do not open: altered, cut short, reordered or under another name."""


def new_key() -> bytes:
    """Return a fresh 256-bit data key."""
    return os.urandom(32)


def wrap(master: bytes, key: bytes) -> str:
    """Return `key` wrapped under `master` (RFC 3394), as hex."""
    return aes_key_wrap(master, key).hex()


def unwrap(master: bytes, wrapped: str) -> bytes:
    """Return the data key."""
    return aes_key_unwrap(master, bytes.fromhex(wrapped))


def _nonce(index: int, last: bool) -> bytes:
    # The STREAM construction (Hoang et al. 2015): a counter and a last-chunk flag in the nonce make
    # truncation and reordering fail to open. Each object has its own key, so the prefix may be fixed.
    return b"\0" * 7 + struct.pack(">I", index) + bytes([last])


def _chunks(source: BinaryIO, size: int) -> Iterator[tuple[bytes, bool]]:
    chunk = source.read(size)
    while True:
        following = source.read(size)
        yield chunk, not following
        if not following:
            return
        chunk = following


def seal(source: BinaryIO, key: bytes, name: str, write: Callable[[bytes], object]) -> tuple[str, int]:
    """Seal `source` under `key`, bound to `name`; return SHA-256 and size of the plain bytes."""
    cipher, sha, size = AESGCM(key), hashlib.sha256(), 0
    for index, (chunk, last) in enumerate(_chunks(source, CHUNK)):
        sha.update(chunk)
        size += len(chunk)
        write(cipher.encrypt(_nonce(index, last), chunk, name.encode()))
    return sha.hexdigest(), size


def unseal(source: BinaryIO, key: bytes, name: str, write: Callable[[bytes], object]) -> tuple[str, int]:
    """Open sealed bytes; return SHA-256 and size of the plain bytes, or raise `Tampered`."""
    cipher, sha, size = AESGCM(key), hashlib.sha256(), 0
    for index, (chunk, last) in enumerate(_chunks(source, CHUNK + TAG)):
        try:
            plain = cipher.decrypt(_nonce(index, last), chunk, name.encode())
        except InvalidTag as error:
            raise Tampered("object_tampered") from error
        sha.update(plain)
        size += len(plain)
        write(plain)
    return sha.hexdigest(), size
