"""The real portals behind a gate that believes a cookie: `python tests/browser/standin.py workbench 18600`.

For tests and for looking at pages. The object store is a folder; no hub takes part.
"""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

import streamlit as st
import uvicorn
from minio.error import S3Error
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.web import bootstrap

from enclave.gateway import portal
from enclave.kernel import storage
from enclave.kernel.settings import settings

COOKIE = "standin-user"


class Body(io.BytesIO):
    """What `get_object` returns."""

    def stream(self, amount: int) -> list[bytes]:
        """Return the whole body: stand-in objects are small."""
        return [self.read()]

    def release_conn(self) -> None:
        """Nothing to give back."""


class FolderStore:
    """The few calls of the `minio` client the product makes, on files that several processes see."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _path(self, key: str) -> Path:
        return self.folder / quote(key, safe="")

    def bucket_exists(self, bucket: str) -> bool:
        """Tell that there is a bucket."""
        return True

    def put_object(self, bucket: str, key: str, data: BinaryIO, length: int) -> None:
        """Keep an object."""
        self._path(key).write_bytes(data.read(length))

    def get_object(self, bucket: str, key: str) -> Body:
        """Open an object."""
        try:
            return Body(self._path(key).read_bytes())
        except FileNotFoundError:
            raise S3Error(None, "NoSuchKey", "NoSuchKey", key, "", "", bucket, key) from None  # type: ignore[arg-type] # no answer stands behind it

    def remove_object(self, bucket: str, key: str) -> None:
        """Drop an object."""
        self._path(key).unlink(missing_ok=True)


def use_folder_store() -> None:
    """Make this process keep its objects in a folder below home."""
    store = FolderStore(settings().folder("standin-store"))

    def client() -> FolderStore:
        return store

    client.cache_clear = lambda: None  # type: ignore[attr-defined] # like the lru_cache it replaces
    storage.client = client  # type: ignore[assignment] # the same calls, as in the tests' fixture


class BelievingGate:
    """Takes the signed-in name from a cookie; for tests only."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve with the identity the cookie names."""
        if scope["type"] in ("http", "websocket"):
            name = cookie_parser(Headers(scope=scope).get("cookie", "")).get(COOKIE, "")
            headers = [(k, v) for k, v in scope["headers"] if not k.startswith(b"x-enclave-")]
            if name:
                headers.append((b"x-enclave-ident", json.dumps({"name": name, "groups": []}).encode()))
            scope = {**scope, "headers": headers}
        await self.app(scope, receive, send)


def main() -> None:
    """Serve one portal."""
    name, port = sys.argv[1], int(sys.argv[2])
    prefix = os.environ.setdefault("JUPYTERHUB_SERVICE_PREFIX", f"/services/{name}/")
    use_folder_store()
    bootstrap.load_config_options(portal.options(prefix))
    if name == "catalogue":
        portal.read_only()
    gates = [*portal.dress(name), Middleware(BelievingGate)]
    app = st.App(portal.APPS / f"{name}.py", middleware=gates)
    uvicorn.run(app, host="127.0.0.1", port=port, access_log=False, log_level="warning")


if __name__ == "__main__":
    main()
