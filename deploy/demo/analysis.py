"""What the analyst of the demonstration runs in the enclave's kernel."""

import hashlib
import json
import os
from pathlib import Path

import enclave.client as enclave

table = next(iter(enclave.data()))
frame = enclave.load(table.name)
first = enclave.count(table.name, epsilon=0.1)
once = enclave.budget()
again = enclave.count(table.name, epsilon=0.1)
twice = enclave.budget()
mean = enclave.mean(table.name, "num_medications", bounds=(0, 80), epsilon=0.2)
bars = enclave.histogram(table.name, "readmitted", categories=["NO", "<30", ">30"], epsilon=0.2)

result = Path("result.csv")
shares = bars.frame()
shares[shares["count"] >= 10].to_csv(result, index=False)  # egress lets no smaller count out
table = enclave.table(table.name, by=["gender", "readmitted"])
export = enclave.export([result], note="30 天内再入院构成（差分隐私结果）")

print(
    json.dumps(
        {
            "rows": len(frame),
            "columns": list(frame.columns),
            "leaks": [name for name in frame.columns if name.startswith("_")]
            + [n for n in os.environ if "SECRET" in n],
            "count": first.value,
            "again": again.value,
            "spent_once": str(once[0]["spent"]),
            "spent_twice": str(twice[0]["spent"]),
            "mean": mean.value,
            "cells": len(table.cells),
            "export": export.id,
            "sha256": hashlib.sha256(result.read_bytes()).hexdigest(),
        }
    )
)
