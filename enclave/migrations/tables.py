"""Every table of every feature, so that one metadata describes the whole database."""

from __future__ import annotations

import catalog_browser.models
import enclave.grants.models
import enclave.kernel.identity
import enclave.kernel.ledger
import enclave.kernel.outbox
import enclave.kernel.storage
import enclave.outputs.models
import enclave.privacy.models
import enclave.workspaces.models
import request_review.models  # noqa: F401  imported for their tables

from sqlmodel import SQLModel

metadata = SQLModel.metadata
