"""The standard as data and a pure engine over it: no database, no store, no HTTP."""

from __future__ import annotations

from enclave.policy.book import check_rules
from enclave.policy.catalogue import Degrees
from enclave.policy.decision import Decision, Outcome
from enclave.policy.engine import decide
from enclave.policy.faults import InvalidRules
from enclave.policy.request import Column, DecisionRequest

__all__ = ["Column", "Decision", "DecisionRequest", "Degrees", "InvalidRules", "Outcome", "check_rules", "decide"]
