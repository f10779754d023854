"""The notebook server's way to files: text to look at, nothing to carry away."""

from __future__ import annotations

from typing import Any

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from tornado.web import HTTPError

VIEW_BYTES = 512 * 1024


class NoFiles(JupyterHandler):  # type: ignore[misc]  # untyped base class
    """Refuses every download, should the files service ever be on."""

    def initialize(self, **_options: Any) -> None:
        """Take no options."""

    def check_xsrf_cookie(self) -> None:
        """Refuse all alike, also without a cookie."""

    async def prepare(self) -> None:
        """Refuse."""
        await super().prepare()
        raise HTTPError(403, "下载已关闭，请提交导出申请 / Downloads are closed: use an export request")

    async def get(self, *_arguments: str) -> None:
        """Never reached."""

    head = get


class EnclaveContents(AsyncLargeFileManager):  # type: ignore[misc]  # untyped base class
    """Shows notebooks and small text files; never bytes."""

    async def get(
        self, path: str, content: bool = True, type: str | None = None, format: str | None = None, **options: Any
    ) -> Any:
        """Return a model as the base class does, or refuse with 403 (binary, large) or 400 (not UTF-8)."""
        if content and type != "directory" and format == "base64":
            raise HTTPError(403, "不能以二进制方式查看 / Binary contents cannot leave the enclave")
        if content and type != "notebook":
            found = await super().get(path, content=False, type=type)
            if found["type"] == "file":
                if (found.get("size") or 0) > VIEW_BYTES:
                    raise HTTPError(403, "文件过大，无法在浏览器中查看 / File too large to view in the browser")
                format = "text"  # bytes that are not UTF-8 are refused, never turned into base64
        return await super().get(path, content=content, type=type, format=format, **options)
