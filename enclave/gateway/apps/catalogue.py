"""The catalogue portal's script: what the public may see, open to everybody."""

from enclave.gateway.navigation import CATALOGUE
from enclave.ui import shell

shell.run(CATALOGUE)
