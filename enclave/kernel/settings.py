"""Settings by environment and file; secrets are made on first use, readable by their owner alone."""

from __future__ import annotations

import hashlib
import os
import secrets
import tempfile
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Everything an operator may set. Names in the environment carry the prefix `ENCLAVE_`."""

    model_config = SettingsConfigDict(env_prefix="ENCLAVE_", env_file="enclave.env", extra="ignore")

    home: Path = Path(".enclave")
    mode: Literal["demo", "production"] = "production"
    language: Literal["zh", "en"] = "zh"
    database_url: str = ""
    bind: str = "127.0.0.1"
    port: int = 8000
    tls_in_front: bool = Field(default=False, description="a web server of yours ends TLS and says who asks")
    port_base: int = Field(default=0, description="first of the inner loopback ports; 0 means port + 80")
    s3_endpoint: str = Field(default="", description="host:port of an outside S3; empty means the embedded one")
    s3_access_key: str = "enclave"
    s3_secret_key: str = ""
    s3_bucket: str = "enclave"
    s3_secure: bool = True
    upload_limit_bytes: int = 2 * 1024**3
    table_memory: str = Field(default="1GB", description="most memory DuckDB takes before it spills to disk")
    k_limited: int = 5
    k_deidentified: int = 10
    cell_threshold: int = 10
    budget_epsilon: float = Field(default=4.0, description="epsilon of one project on one data set")
    noise_engine: Literal["opendp", "diffprivlib"] = "opendp"
    enclave_memory_bytes: int = 2 * 1024**3
    enclave_pids: int = 256
    enclave_cpus: float = 1.0
    pool_approval: str = Field(
        default="", description="number of the approval to serve others as a resource pool (9.1.3)"
    )
    revocation_poll_seconds: float = 0.5

    def model_post_init(self, _context: object) -> None:
        """Derive what follows from what was set."""
        self.home = self.home.absolute()
        self.database_url = self.database_url or f"sqlite:///{self.home}/db/enclave.sqlite"
        self.port_base = self.port_base or self.port + 80

    @property
    def public_url(self) -> str:
        """Address of the door, the only open port."""
        return f"http://{self.bind}:{self.port}"

    @property
    def run_dir(self) -> Path:
        """Short, lower-case folder for sockets: a Unix socket's path holds at most 107 bytes."""
        tag = hashlib.sha256(str(self.home).encode()).hexdigest()[:8]
        return Path(f"/run/enclave-{tag}" if os.geteuid() == 0 else f"/tmp/enclave-{os.geteuid()}-{tag}")

    @property
    def work_dir(self) -> Path:
        """Folder of extracts and workspaces of running projects."""
        return self.home / "projects"

    def folder(self, *parts: str, mode: int = 0o700) -> Path:
        """Return a folder below home, made on first use."""
        path = self.home.joinpath(*parts)
        path.mkdir(parents=True, exist_ok=True, mode=mode)
        return path

    def secret(self, name: str, size: int = 32) -> bytes:
        """Return the secret `name`, made at random on first use with mode 0600; never a default."""
        path = self.folder("secrets") / name
        if not path.exists():
            self._make_secret(path, size)
        return bytes.fromhex(path.read_text())

    @staticmethod
    def _make_secret(path: Path, size: int) -> None:
        # Written whole beside its place and linked there: another process never reads half of it.
        descriptor, made = tempfile.mkstemp(dir=path.parent)
        try:
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_hex(size))
                file.flush()
                os.fsync(descriptor)
            with suppress(FileExistsError):  # another process was first: its secret holds
                os.link(made, path)
        finally:
            Path(made).unlink()


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Return the settings of this process."""
    return Settings()
