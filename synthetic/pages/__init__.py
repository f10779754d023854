"""The steward makes the synthetic sample here."""
