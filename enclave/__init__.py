"""The research health-data enclave: trusted side, sandbox and the client that analysts import."""
