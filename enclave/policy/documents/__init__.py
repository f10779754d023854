"""The reference pages of the standard, generated from the rule book in both languages."""

from __future__ import annotations

from enclave.policy.documents.reference import pages

__all__ = ["pages"]
