"""One check in a process of its own: a request on standard input, a report on standard output."""

from __future__ import annotations

import json
import sys

from enclave.outputs.files.checks import check
from enclave.outputs.files.report import Context


def main() -> None:
    """Read one line of JSON and the file's bytes after it; write the report as JSON."""
    request = json.loads(sys.stdin.buffer.readline())
    content = sys.stdin.buffer.read(request["size"])
    if len(content) != request["size"]:
        raise EOFError
    context = Context(request["threshold"], frozenset(request["columns"]), frozenset(request["pseudonyms"]))
    report = check(request["name"], content, context)
    json.dump(report.as_dict(), sys.stdout)


main()
