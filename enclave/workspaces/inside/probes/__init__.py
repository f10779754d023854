"""Isolation probes, run inside every enclave before its server starts (P10): each says held or not.

They only look, or try what must fail; they connect to ports this host itself listens on, never elsewhere.
"""

from . import network, rights, view
from .registry import PROBES, Result, faults, run

__all__ = ["PROBES", "Result", "faults", "network", "rights", "run", "view"]
