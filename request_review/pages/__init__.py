"""Pages of applications: apply, follow, review, decide, sign."""
