"""From grant to enclave: extracts on disk, the sandbox, its proof at every start, and its end."""
