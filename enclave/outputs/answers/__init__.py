"""Differentially private answers, paid from a project's budget."""
