"""What leaves, on pages: projects with budgets and releases, exports and their review."""
