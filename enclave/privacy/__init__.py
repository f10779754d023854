"""Differential privacy: exact budgets, bounded contributions, and the engines that draw the noise."""
