"""Objects in S3 through the `minio` client: sealed, checksummed, never changed once written."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import urllib3
from minio import Minio
from minio.error import S3Error
from sqlmodel import Field, Session, col, select

from enclave.kernel import clock, crypto
from enclave.kernel.db import Record, UtcDateTime, engine, new_id, reading
from enclave.kernel.errors import NotFound, Unavailable
from enclave.kernel.settings import settings
from enclave.kernel.unit import UnitOfWork, in_progress

ABANDONED = timedelta(hours=1)


class StoredObject(Record, table=True):
    """What is known of an object. `waiting` until a unit of work keeps it, then `kept`.

    Erasing the wrapped key destroys the object for good, wherever copies of its bytes lie.
    """

    __tablename__ = "stored_object"
    ledger_exempt: ClassVar[bool] = True  # whoever keeps or erases an object records it
    key: str = Field(primary_key=True)
    sha256: str
    size: int
    wrapped_key: str
    state: str = Field(default="waiting", index=True)  # waiting | kept | erased
    created_at: datetime = Field(sa_type=UtcDateTime)


@lru_cache(maxsize=1)
def client() -> Minio:
    """Return the S3 client; the embedded store's certificate is trusted by its own file."""
    config = settings()
    authority = config.home / "secrets" / "store-cert.pem"
    pool = urllib3.PoolManager(
        cert_reqs="CERT_REQUIRED",
        ca_certs=str(authority) if not config.s3_endpoint else None,
        timeout=urllib3.Timeout(connect=3, read=120),
        retries=urllib3.Retry(total=3, backoff_factor=0.3, status_forcelist=[500, 502, 503, 504]),
    )
    return Minio(
        config.s3_endpoint or f"127.0.0.1:{config.port_base + 9}",
        access_key=config.s3_access_key,
        secret_key=config.s3_secret_key or config.secret("s3-secret").hex(),
        secure=config.s3_secure,
        http_client=pool,
    )


@contextmanager
def _s3() -> Iterator[Minio]:
    try:
        yield client()
    except (S3Error, urllib3.exceptions.HTTPError, OSError) as error:
        raise Unavailable("store_unavailable") from error


def prepare() -> None:
    """Make the bucket when it is missing."""
    with _s3() as s3:
        if not s3.bucket_exists(settings().s3_bucket):
            s3.make_bucket(settings().s3_bucket)


def probe() -> None:
    """Write, read and remove a small object: a store that names its buckets may not serve contents yet."""
    key = f"probe/{new_id('obj', 16)}"
    with _s3() as s3:
        s3.put_object(settings().s3_bucket, key, io.BytesIO(b"ready"), 5)
        answer = s3.get_object(settings().s3_bucket, key)
        try:
            answer.read()
        finally:
            answer.close()
            answer.release_conn()
        s3.remove_object(settings().s3_bucket, key)


def put(source: Path, kind: str) -> StoredObject:
    """Seal and store a file. Until `keep` is called in a unit of work it counts as abandoned.

    Call it before opening the unit of work: an upload must not hold the write lock.
    """
    assert not in_progress(), "store objects before opening the unit of work"
    key, data_key = f"{kind}/{new_id('obj', 16)}", crypto.new_key()
    with tempfile.TemporaryFile(dir=settings().folder("spool")) as sealed:
        with source.open("rb") as plain:
            sha256, size = crypto.seal(plain, data_key, key, sealed.write)
        entry = StoredObject(
            key=key,
            sha256=sha256,
            size=size,
            wrapped_key=crypto.wrap(settings().secret("master"), data_key),
            created_at=clock.now(),
        )
        with Session(engine().execution_options(sqlite_begin="IMMEDIATE"), expire_on_commit=False) as session:
            session.add(entry)
            session.commit()
        length = sealed.seek(0, os.SEEK_END)
        sealed.seek(0)
        with _s3() as s3:
            s3.put_object(settings().s3_bucket, key, sealed, length)
    return entry


def put_bytes(content: bytes, kind: str) -> StoredObject:
    """Seal and store bytes."""
    with tempfile.NamedTemporaryFile(dir=settings().folder("spool")) as spooled:
        spooled.write(content)
        spooled.flush()
        return put(Path(spooled.name), kind)


def keep(unit: UnitOfWork, *keys: str) -> None:
    """Make stored objects part of the unit's transaction."""
    for key in keys:
        unit.get(StoredObject, key).state = "kept"


def fetch(key: str, target: Path) -> StoredObject:
    """Write an object's plain bytes to `target`, whole and verified, or leave nothing there."""
    entry = describe(key)
    partial = target.with_name(f".{target.name}.{new_id('part', 6)}")
    try:
        with tempfile.TemporaryFile(dir=settings().folder("spool")) as sealed, partial.open("wb") as plain:
            with _s3() as s3:
                answer = s3.get_object(settings().s3_bucket, key)
                try:
                    for chunk in answer.stream(crypto.CHUNK):
                        sealed.write(chunk)
                finally:
                    answer.close()
                    answer.release_conn()
            sealed.seek(0)
            data_key = crypto.unwrap(settings().secret("master"), entry.wrapped_key)
            found = crypto.unseal(sealed, data_key, key, plain.write)
        if found != (entry.sha256, entry.size):
            raise crypto.Tampered("object_tampered")
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return entry


def fetch_bytes(key: str) -> bytes:
    """Return an object's plain bytes, verified."""
    with tempfile.TemporaryDirectory(dir=settings().folder("spool")) as folder:
        target = Path(folder) / "object"
        fetch(key, target)
        return target.read_bytes()


def describe(key: str) -> StoredObject:
    """Return what is known of an object that can still be opened."""
    with reading() as session:
        entry = session.get(StoredObject, key)
    if entry is None or entry.state == "erased":
        raise NotFound("not_found", kind="object", id=key)
    return entry


def erase(unit: UnitOfWork, key: str) -> None:
    """Destroy an object's key in the unit's transaction; its bytes go through the outbox."""
    entry = unit.get(StoredObject, key)
    entry.state, entry.wrapped_key = "erased", ""
    unit.send("store.remove", key=key)


def remove(payload: dict[str, str]) -> None:
    """Outbox handler of `store.remove`."""
    with _s3() as s3:
        s3.remove_object(settings().s3_bucket, payload["key"])


def sweep() -> int:
    """Remove objects no unit of work ever kept; return how many."""
    with reading() as session:
        query = select(StoredObject.key).where(
            StoredObject.state == "waiting", col(StoredObject.created_at) < clock.now() - ABANDONED
        )
        abandoned = list(session.exec(query))
    for key in abandoned:
        remove({"key": key})
        with Session(engine().execution_options(sqlite_begin="IMMEDIATE")) as session:
            session.delete(session.get_one(StoredObject, key))
            session.commit()
    return len(abandoned)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file on disk."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
