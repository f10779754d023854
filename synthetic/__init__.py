"""Synthetic samples: made from the dictionary and a shareable version, tested, and marked as what they are."""
