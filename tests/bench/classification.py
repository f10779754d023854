"""How well columns are classified, against an expert's reading of sets kept beside the checkout, if they are there."""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from enclave.deidentify.classify import classify_all
from enclave.deidentify.names import expected_values
from enclave.deidentify.reading import Limits, ReadOptions, read_tables
from tests.verification.source import ROOT

DATA = ROOT.parent / "shared" / "data"
# The expert's seven classes in the product's four: a key is removed or re-keyed like a direct identifier.
ROLE = {
    "direct_identifier": "direct",
    "pseudonym": "direct",
    "quasi_identifier": "quasi",
    "sensitive": "sensitive",
    "free_text": "sensitive",
    "non_sensitive": "other",
    "weight_or_design": "other",
}
LIMITS = Limits(1 << 31, 1 << 32)


def main() -> None:
    """Print the rates as JSON, with `--wrong` every disagreement first."""
    if not (DATA / "datasets.json").exists():
        print(json.dumps({"there": False}))
        return
    counted: Counter[tuple[str, str]] = Counter()
    for dataset, table, column, expected, said, kind in _compared(set(sys.argv[1:]) - {"--wrong"}):
        counted[expected, said] += 1
        if expected != said and "--wrong" in sys.argv:
            print(f"{expected:9} -> {said:9} {dataset} {table}.{column} ({kind})")
    print(json.dumps({"there": True, "columns": counted.total(), **_rates(counted)}))


def _rates(counted: Counter[tuple[str, str]]) -> dict[str, float]:
    rates = {}
    for role in ("direct", "quasi", "sensitive"):
        wanted = sum(count for (expected, _), count in counted.items() if expected == role)
        given = sum(count for (_, said), count in counted.items() if said == role)
        rates[f"{role}_recall"] = 100 * counted[role, role] / max(wanted, 1)
        rates[f"{role}_precision"] = 100 * counted[role, role] / max(given, 1)
    return rates


def _compared(chosen: set[str]) -> Iterator[tuple[str, str, str, str, str, str]]:
    """Yield data set, table, column, the expert's role, ours, and the kind we found."""
    for dataset in json.loads((DATA / "datasets.json").read_text("utf-8"))["datasets"]:
        if not chosen or dataset["id"] in chosen:
            yield from _of_dataset(dataset)


def _of_dataset(dataset: dict[str, Any]) -> Iterator[tuple[str, str, str, str, str, str]]:
    """Compare one data set; its tables are read together, as a steward brings them."""
    by_folder = defaultdict(list)
    for table in (table for table in dataset["tables"] if table.get("columns")):
        by_folder[str(Path(table["file"]).parent)].append(table)
    for tables in by_folder.values():
        with tempfile.TemporaryDirectory() as name:
            read = [
                one
                for place, table in enumerate(tables)
                for one in read_tables(
                    DATA / table["file"], _made(Path(name) / str(place)), LIMITS, ReadOptions(expect=expected_values)
                )
            ]
            for table, finding in zip(tables, classify_all(read), strict=True):
                expected = {column["name"]: ROLE[column["role"]] for column in table["columns"]}
                for column in finding.columns:
                    if column.name in expected:
                        yield (
                            dataset["id"],
                            finding.name,
                            column.name,
                            expected[column.name],
                            column.role,
                            column.kind,
                        )


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    main()
