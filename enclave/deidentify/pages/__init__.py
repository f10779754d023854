"""Stewards register data sets and de-identify them here."""
