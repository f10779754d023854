"""What may leave an enclave, in three lanes: private answers, verified tables, reviewed files."""
