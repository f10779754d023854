"""Pages that look across features: home, ledger, operations, accounts."""
