"""The door: the only open port, and the only way from a browser to an enclave."""
