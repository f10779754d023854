"""HTTP to the gateway over its Unix socket, with the standard library alone."""

from __future__ import annotations

import http.client
import json
import os
import socket
from typing import Any

from enclave.client.errors import EnclaveError, mistake

SOCKET = "/run/enclave/gateway.sock"
SECONDS = 330  # longer than the gateway's own limit: it says what happened


class _Connection(http.client.HTTPConnection):
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(os.environ.get("ENCLAVE_GATEWAY", SOCKET))


def call(method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Send one call and return the JSON it answers, or raise EnclaveError."""
    connection = _Connection("enclave", timeout=SECONDS)
    try:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        connection.request(method, path, None if body is None else _encoded(body), headers)
        answer = connection.getresponse()
        return _decoded(answer.status, answer.read())
    except (OSError, http.client.HTTPException) as error:
        raise mistake(
            "unreachable",
            "网关没有响应：授权可能已结束，或平台正在重启。",
            "The gateway does not answer: the grant may have ended, or the platform is restarting.",
        ) from error
    finally:
        connection.close()


def _encoded(body: dict[str, Any]) -> bytes:
    try:
        return json.dumps(body, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:
        raise mistake(
            "values",
            "参数只能是有限数值、文字、真假值及其列表。",
            "Values are finite numbers, texts, truth values and lists of them.",
        ) from error


def _decoded(status: int, content: bytes) -> Any:
    try:
        answer = json.loads(content)
    except ValueError:
        answer = {}
    if status < 400:
        return answer
    if isinstance(answer, dict) and "code" in answer:
        raise EnclaveError(
            answer["code"], answer["message_zh"], answer["message_en"], answer.get("facts"), answer.get("clauses", ())
        )
    raise mistake("answer", f"网关返回状态 {status}。", f"The gateway answered with status {status}.")
