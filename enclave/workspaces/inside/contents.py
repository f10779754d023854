"""The notebook server's way to files: text to look at, nothing to carry away."""

from __future__ import annotations

from typing import Any

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager
from tornado.web import HTTPError

VIEW_BYTES = 512 * 1024


class NoFiles(JupyterHandler):
    """Refuses every download, should the files service ever be on."""

    def initialize(self, **_options: Any) -> None:
        """Take no options."""

    def check_xsrf_cookie(self) -> None:
        """Refuse all alike, also without a cookie."""

    async def prepare(self, **_options: Any) -> None:
        """Refuse."""
        raise HTTPError(403, "下载已关闭，请提交导出申请 / Downloads are closed: use an export request")

    async def get(self, *_arguments: str) -> None:
        """Never reached."""

    head = get


class EnclaveContents(AsyncLargeFileManager):
    """Shows notebooks and small text files; never bytes."""

    async def get(
        self,
        path: Any,
        content: Any = True,
        type: Any = None,  # noqa: A002 - Jupyter's own names
        format: Any = None,  # noqa: A002 - the same
        require_hash: Any = False,
    ) -> Any:
        """Return a model as the base class does, or refuse with 403 (binary, large) or 400 (not UTF-8)."""
        inherited: Any = super().get
        if content and type != "directory" and format == "base64":
            raise HTTPError(403, "不能以二进制方式查看 / Binary contents cannot leave the enclave")
        shown = format
        if content and type != "notebook":
            found = await inherited(path, content=False, type=type)
            if found["type"] == "file":
                if (found.get("size") or 0) > VIEW_BYTES:
                    raise HTTPError(403, "文件过大，无法在浏览器中查看 / File too large to view in the browser")
                shown = "text"  # bytes that are not UTF-8 are refused, never turned into base64
        return await inherited(path, content=content, type=type, format=shown, require_hash=require_hash)
