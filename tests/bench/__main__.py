"""`make bench`: speed and memory as a table, each beside its limit and a baseline of the same run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.verification.source import ROOT


@dataclass(frozen=True)
class Row:
    """One figure. `limit` is an upper bound, or a lower one when `more_is_better`."""

    what: str
    value: float
    unit: str
    limit: float | None
    baseline: str
    more_is_better: bool = False

    @property
    def holds(self) -> bool:
        if self.limit is None:
            return True
        return self.value >= self.limit if self.more_is_better else self.value <= self.limit


def run(module: str, *arguments: str) -> dict[str, Any]:
    """Run a measurement in a process of its own and return the figures of its last line."""
    done = subprocess.run(
        [sys.executable, "-m", f"tests.bench.{module}", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{module} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])  # type: ignore[no-any-return]  # each prints an object


def registration() -> list[Row]:
    own, plain = run("registration"), run("registration_baseline")
    what = "register and de-identify diabetes-130 (101,766 x 50)"
    baseline = "plain pandas: read, drop, class sizes, write"
    return [
        Row(f"{what}: time", own["seconds"], "s", 15, f"{plain['seconds']:.1f} s, {baseline}"),
        Row(f"{what}: processor time", own["cpu"], "s", None, f"{plain['cpu']:.1f} s, the same"),
        Row(f"{what}: peak memory", own["peak_mb"], "MB", 1536, f"{plain['peak_mb']:.0f} MB, the same"),
    ]


def enclave_ready() -> list[Row]:
    took = run("enclave_ready")
    baseline = f"{took['plain']:.2f} s, a plain local server of the same hub"
    return [
        Row("enclave ready, click to JupyterLab", took["enclave"], "s", None, baseline),
        Row("the same, as a multiple of the plain server", took["ratio"], "x", 1.5, baseline),
    ]


def demonstration() -> list[Row]:
    took = run("demonstration")
    return [
        Row("first demonstration, environment made, to ready", took["first"], "s", 240, "-"),
        Row("second demonstration, to ready", took["second"], "s", 20, f"{took['first']:.1f} s, the first"),
        Row("Ctrl-C, to the end of every process", took["stop"], "s", 20, "-"),
    ]


def kernel() -> list[Row]:
    took = run("kernel")
    bare = f"{took['bare']:,.0f} /s, bare inserts into the same SQLite"
    return [
        Row("units of work with a ledger event", took["units"], "/s", 100, bare, more_is_better=True),
        Row("sealing", took["seal"], "MB/s", 100, f"{took['sha256']:.0f} MB/s, SHA-256 alone", more_is_better=True),
    ]


def policy() -> list[Row]:
    took = run("policy_decisions")
    baseline = f"{took['parse']:.2f} s, reading the same requests from JSON"
    return [Row("10,000 decisions, processor time", took["decide"], "s", 1, baseline)]


def policy_mutation() -> list[Row]:
    took = run("policy_mutation")
    what = f"flips of a rule that a test catches ({took['flips']} flips)"
    return [Row(what, took["percent"], "%", 95, ", ".join(took["survivors"]) or "-", more_is_better=True)]


def optimal() -> list[Row]:
    adult, large = run("optimal", "adult"), run("optimal", "large")
    every = f"{adult['every_node']:.1f} s, a look at every node"
    arx = "0.635543847 and 0.292815876, ARX 3.9.2"
    return [
        Row("Adult, 9 columns, k = 5: least loss x 10^6", adult["none_loss"] * 1e6, "", 635543.847 + 1, arx),
        Row("the same: time", adult["none_seconds"], "s", 1, every),
        Row("with 4 % suppressed: least loss x 10^6", adult["four_loss"] * 1e6, "", 292815.876 + 1, arx),
        Row("the same: time", adult["four_seconds"], "s", 1, every),
        Row("1.19 million rows x 9 columns: first answer", large["first"], "s", 5, "-"),
        Row("5 % suppressed, after 30 s: loss to the best known", large["ratio"], "x", 1.1, f"{large['loss']:.6f}"),
        Row("the same: peak memory", large["peak_mb"], "MB", 2048, "-"),
    ]


def uniqueness() -> list[Row]:
    took = run("uniqueness")
    return [
        Row("class sizes, 9 columns x 1.19 M rows", took["one"], "s", 0.2, f"{took['one_plain']:.2f} s, plain pandas"),
        Row(
            f"all {took['subsets']} subsets of them",
            took["every"],
            "s",
            5,
            f"{took['every_plain']:.1f} s, plain pandas",
        ),
        Row("class sizes, 10 columns x 9.5 M rows", took["many"], "s", 3, f"{took['many_plain']:.2f} s, plain pandas"),
    ]


def classification() -> list[Row]:
    took = run("classification")
    if not took["there"]:
        return [Row("classification of columns: the expert's reading is not there", 0, "", None, "-")]
    bounds = {"direct_recall": 100, "direct_precision": 95, "quasi_recall": 95}
    rates = ("direct_recall", "direct_precision", "quasi_recall", "quasi_precision", "sensitive_recall")
    what = f"of {took['columns']} columns"
    return [
        Row(f"{rate.replace('_', ', ')} {what}", took[rate], "%", bounds.get(rate), "an expert's reading", True)
        for rate in rates
    ]


MEASURES = {
    "kernel": kernel,
    "registration": registration,
    "demonstration": demonstration,
    "enclave": enclave_ready,
    "optimal": optimal,
    "policy": policy,
    "policy_mutation": policy_mutation,
    "uniqueness": uniqueness,
    "classification": classification,
}


def main() -> int:
    """Run the measurements named, or all; return 1 when a limit does not hold."""
    console = Console(width=140)
    rows: list[Row] = []
    for name in sys.argv[1:] or MEASURES:
        with console.status(name):
            rows += MEASURES[name]()
    table = Table("what", "measured", "limit", "baseline of the same run", "")
    for row in rows:
        bound = "at least" if row.more_is_better else "at most"
        limit = f"{bound} {row.limit:,g} {row.unit}" if row.limit is not None else ""
        mark = "" if row.limit is None else ("[green]holds[/]" if row.holds else "[red]BROKEN[/]")
        table.add_row(row.what, f"{row.value:,.2f} {row.unit}", limit, row.baseline, mark)
    console.print(table)
    busy, cores = os.getloadavg()[0], os.cpu_count() or 1
    if busy > cores / 2 + 1:
        console.print(
            f"[yellow]The machine is busy (load {busy:.1f}, {cores} cores): times tell little, ratios some.[/]"
        )
    return 0 if all(row.holds for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
