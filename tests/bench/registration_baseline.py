"""The least anyone would do by hand with pandas: read, drop identifiers, coarsen, class sizes, write."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pandas as pd

from tests.bench.places import peak_mb, processor_seconds, report, seconds
from tests.verification.source import ROOT

SOURCE = ROOT / "deploy/demo/diabetes-130/diabetic_data.parquet"
QUASI = ["race", "gender", "age", "admission_type_id", "discharge_disposition_id"]


def work() -> None:
    """Do it, twice, as there are two versions."""
    frame = pd.read_parquet(SOURCE)
    with tempfile.TemporaryDirectory() as folder:
        for name in ("limited", "deidentified"):
            kept = frame.drop(columns=["encounter_id", "patient_nbr"])
            sizes = kept.groupby(QUASI, dropna=False)["age"].transform("size")
            kept[sizes >= 5].to_parquet(Path(folder) / f"{name}.parquet")


if __name__ == "__main__":
    report(seconds=seconds(work), cpu=processor_seconds(), peak_mb=peak_mb())
