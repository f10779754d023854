"""The workbench portal's script: applications, review, release and administration, for those signed in."""

from enclave.gateway.navigation import WORKBENCH
from enclave.ui import shell

shell.run(WORKBENCH)
