"""`python -m enclave.gateway.door`."""

from enclave.gateway.door.server import main

main()
