"""Names for bytes: the digest reviewers decide on, and the manifest of what left (P5)."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from enclave.kernel import crypto, storage
from enclave.kernel.settings import settings
from enclave.outputs.models import Export, ExportFile, ExportReview

NAME = "manifest.json"


def digest(files: Iterable[tuple[str, int, str]]) -> str:
    """Return one SHA-256 over (name, size, sha256) of all files, in the order of their names."""
    body = json.dumps(sorted(files), ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(body.encode()).hexdigest()


def fetched(object_key: str, sha256: str) -> bytes:
    """Return the stored bytes, or raise Tampered when they are not those of `sha256`."""
    content = storage.fetch_bytes(object_key)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise crypto.Tampered("object_tampered")
    return content


def verified_digest(files: Sequence[ExportFile]) -> str:
    """Return the digest of the bytes as they lie in the store now, every file fetched and hashed."""
    return digest((file.name, len(fetched(file.object_key, file.sha256)), file.sha256) for file in files)


def build(
    release_id: str, export: Export, files: Sequence[ExportFile], reviews: Sequence[ExportReview], moment: str
) -> dict[str, Any]:
    """Return the manifest: what, by which rules, submitted and approved by whom."""
    found = Counter(finding["code"] for file in files for finding in file.findings)
    return {
        "format": "enclave-release/1",
        "release": release_id,
        "export": export.id,
        "project": export.project_id,
        "datasets": export.dataset_ids,
        "digest": export.digest,
        "rules": export.rules_version,
        "threshold": settings().cell_threshold,
        "files": [{"name": f.name, "size": f.size, "sha256": f.sha256, "kind": f.kind} for f in files],
        "findings": dict(sorted(found.items())),
        "submitted": {"by": export.submitted_by, "at": export.submitted_at.isoformat()},
        "approved_by": sorted(review.reviewer for review in reviews),
        "released_at": moment,
    }


def as_bytes(manifest: Mapping[str, Any]) -> bytes:
    """Return the one form of a manifest whose hash is on the ledger."""
    return json.dumps(manifest, ensure_ascii=False, sort_keys=True, indent=1).encode()


def sha256(manifest: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a manifest."""
    return hashlib.sha256(as_bytes(manifest)).hexdigest()
