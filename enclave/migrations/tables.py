"""Every table of every feature, so that one metadata describes the whole database."""

from __future__ import annotations

import importlib

from sqlmodel import SQLModel

MODULES = (
    "enclave.kernel.identity",
    "enclave.kernel.institutions",
    "enclave.kernel.ledger",
    "enclave.kernel.outbox",
    "enclave.kernel.storage",
    "catalog_browser.models",
    "enclave.privacy.models",
    "enclave.grants.models",
    "request_review.models",
    "enclave.workspaces.models",
    "enclave.outputs.models",
)

for _name in MODULES:
    importlib.import_module(_name)

metadata = SQLModel.metadata
