"""What an analyst imports in a notebook: `import enclave.client as enclave`. It knows nothing but the gateway.

    enclave.data()                                             tables and columns of the project
    enclave.load("visits")                                     a table as a pandas frame
    enclave.budget()                                           what is left of epsilon
    enclave.count("visits", {"sex": "F"}, epsilon=0.1)         private answers: they may leave as they are
    enclave.mean("visits", "age", bounds=(0, 110), epsilon=0.2)
    enclave.histogram("visits", "age", bins=range(0, 111, 10), epsilon=0.2)
    enclave.table("visits", by=["sex", "age_group"])           exact counts: released at once, or refused
    enclave.export(["figure.png"], note="Figure 1 of ...")     files: checked, then reviewed by two stewards
    enclave.exports()                                          how they stand

Conditions are a mapping of column to value, or a list of (column, operator, value); all hold together.
"""

from __future__ import annotations

from enclave.client.calls import budget, count, data, export, exports, histogram, load, mean, table
from enclave.client.errors import EnclaveError
from enclave.client.results import Answer, Budgets, DataTable, DataTables, Export, Exports, Table

__all__ = [
    "Answer", "Budgets", "DataTable", "DataTables", "EnclaveError", "Export", "Exports", "Table",
    "budget", "count", "data", "export", "exports", "histogram", "load", "mean", "table",
]  # fmt: skip
