"""Verified tables: counts computed by the gateway, released only if all released tables together stay safe (P11)."""
