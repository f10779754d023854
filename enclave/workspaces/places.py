"""Where projects lie on this machine, and how files get there whole or not at all."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from enclave.kernel.settings import settings

PRIVATE, SEALED_FOLDER, SEALED_FILE = 0o700, 0o555, 0o444


def project_folder(project_id: str) -> Path:
    """Return the project's folder, made on first use; nobody but us may enter it from outside."""
    folder = settings().work_dir / project_id
    folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE)
    return folder


def data_folder(project_id: str, name: str) -> Path:
    """Return the folder mounted at `/data/<name>`."""
    return project_folder(project_id) / "data" / name


def trusted_folder(project_id: str, name: str) -> Path:
    """Return the folder of the same tables with `_person`, which is never mounted."""
    return project_folder(project_id) / "trusted" / name


def workspace(project_id: str, username: str, uid: int) -> Path:
    """Return the member's own folder, mounted at /home/researcher; made on first use."""
    folder = project_folder(project_id) / "workspaces" / username
    folder.mkdir(parents=True, exist_ok=True, mode=PRIVATE)
    if os.geteuid() == 0:
        os.chown(folder, uid, uid, follow_symlinks=False)
    folder.chmod(PRIVATE)
    return folder


@contextmanager
def alone(project_id: str) -> Iterator[None]:
    """Hold the project's lock: one process builds or destroys its files at a time."""
    with (project_folder(project_id) / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def under_construction(project_id: str, name: str) -> Iterator[Path]:
    """Give an empty folder that nobody sees; whatever an earlier, killed attempt left there is gone."""
    folder = project_folder(project_id) / ".building" / name
    remove(folder)
    folder.mkdir(parents=True, mode=PRIVATE)
    try:
        yield folder
    finally:
        remove(folder)


def put_in_place(built: Path, target: Path, *, sealed: bool) -> None:
    """Move a finished folder to its place in one step; `sealed` makes it readable to all, writable to none."""
    for path in built.iterdir():
        path.chmod(SEALED_FILE if sealed else 0o600)
        with path.open("rb") as file:
            os.fsync(file.fileno())
    target.parent.mkdir(exist_ok=True, mode=PRIVATE)
    remove(target)
    built.replace(target)
    target.chmod(SEALED_FOLDER if sealed else PRIVATE)  # only now: a sealed folder of one's own cannot be moved
    _sync(target.parent)


def remove(folder: Path) -> None:
    """Remove a folder with everything in it, sealed or not."""
    if not folder.exists():
        return
    for path in (folder, *(p for p in folder.rglob("*") if p.is_dir() and not p.is_symlink())):
        path.chmod(PRIVATE)
    shutil.rmtree(folder)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
