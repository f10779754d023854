"""Opens files of a workspace from outside: beneath it, through no link, and nothing but plain files."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from enclave.kernel.errors import Invalid

# openat2(2), Linux 5.6: the kernel itself refuses to leave the folder or to follow a link.
_OPENAT2 = 437
_RESOLVE_NO_XDEV, _RESOLVE_NO_MAGICLINKS, _RESOLVE_NO_SYMLINKS, _RESOLVE_BENEATH = 0x01, 0x02, 0x04, 0x08
_RESOLVE = _RESOLVE_NO_XDEV | _RESOLVE_NO_MAGICLINKS | _RESOLVE_NO_SYMLINKS | _RESOLVE_BENEATH
# Non-blocking, so that a named pipe put in a file's place cannot hold us.
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
_FOLDER = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_DIRECTORY
_CHUNK = 1 << 20
_libc = ctypes.CDLL(None, use_errno=True)


def checked_name(name: object, most_bytes: int) -> str:
    """Return a relative path of plain parts, or raise Invalid("export_bad_path")."""
    parts = PurePosixPath(name).parts if isinstance(name, str) else ()
    plain = parts and all(part not in ("..", "/", ".") and part.isprintable() for part in parts)
    if not isinstance(name, str) or not plain or str(PurePosixPath(*parts)) != name or len(name.encode()) > most_bytes:
        raise Invalid("export_bad_path", most=most_bytes)
    return name


@contextmanager
def opened(folder: Path, name: str) -> Iterator[BinaryIO]:
    """Open the plain file `name` beneath `folder`; raise Invalid for links, devices, pipes and hard links."""
    top = os.open(folder, _FOLDER)
    try:
        try:
            descriptor = _open_beneath(top, name)
        except OSError as error:
            code = "export_link" if error.errno in (errno.ELOOP, errno.EXDEV) else "export_no_file"
            raise Invalid(code, name=name) from error
    finally:
        os.close(top)
    found = os.fstat(descriptor)
    # A file with a second name may be somebody else's.
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        os.close(descriptor)
        raise Invalid("export_not_plain", name=name)
    with os.fdopen(descriptor, "rb") as file:
        yield file


def _open_beneath(top: int, name: str) -> int:
    how = struct.pack("QQQ", _FLAGS, 0, _RESOLVE)
    found = int(_libc.syscall(_OPENAT2, top, os.fsencode(name), how, len(how)))
    if found >= 0:
        return found
    number = ctypes.get_errno()
    if number not in (errno.ENOSYS, errno.EPERM, errno.EINVAL):
        raise OSError(number, os.strerror(number))
    return _walk(top, name)


def _walk(top: int, name: str) -> int:
    """Do the same part by part where the kernel or a filter lacks the call."""
    *folders, last = PurePosixPath(name).parts
    here, device = os.dup(top), os.fstat(top).st_dev
    try:
        for part in folders:
            following = os.open(part, _FOLDER, dir_fd=here)
            os.close(here)
            here = following
            if os.fstat(here).st_dev != device:
                raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        return os.open(last, _FLAGS, dir_fd=here)
    except NotADirectoryError as error:
        # A link in a folder's place: O_DIRECTORY and O_NOFOLLOW say so in this way.
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from error
    finally:
        with suppress(OSError):
            os.close(here)


def copied(folder: Path, name: str, target: Path, most: int) -> tuple[str, int]:
    """Copy a file out; return SHA-256 and size of the copy. What is counted is what arrives, not what is claimed."""
    sha, size = hashlib.sha256(), 0
    with opened(folder, name) as source, target.open("xb") as sink:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > most:
                raise Invalid("export_too_large", name=name, most=most)
            sha.update(chunk)
            sink.write(chunk)
    return sha.hexdigest(), size
