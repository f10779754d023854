"""Foundations every feature stands on; no business lives here."""
