"""What is known of the risk of a version: in words for everybody, with charts for stewards."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catalog_browser.views import VersionView
from enclave.kernel.i18n import text
from enclave.ui import charts
from enclave.ui import components as ui


def words(version: VersionView) -> str:
    """Say in words what was measured."""
    risk = version.risk
    if version.kind == "synthetic":
        return text("risk_synthetic", equal=risk.get("equal_rows", 0))
    if "k" not in risk:
        return text("risk_not_measured")
    key = "risk_passed" if risk.get("passed") else "risk_not_passed"
    said = [text(key, k=risk["k"], wanted=risk["k_wanted"]), text("risk_uniques", uniques=f"{risk['uniques']:,}")]
    if risk.get("suppressed_rows") or risk.get("suppressed_cells"):
        said.append(text("risk_suppressed", rows=risk["suppressed_rows"], cells=risk["suppressed_cells"]))
    return "".join(said)


def report(version: VersionView) -> None:
    """Show the numbers of every table with persons, before and after."""
    for name, found in version.risk.get("tables", {}).items():
        if "after" not in found:
            continue
        before, after = found["before"], found["after"]
        ui.section(name)
        ui.stats(
            [
                (text("risk_k"), f"{before['k']} → {after['k']}"),
                (text("risk_unique_persons"), f"{before['uniques']:,} → {after['uniques']:,}"),
                (text("risk_mean"), f"{before['prosecutor_mean']:.1%} → {after['prosecutor_mean']:.1%}"),
                (text("risk_rows"), f"{found['rows_before']:,} → {found['rows']:,}"),
            ]
        )
        _chart(before, after)
        ui.small(text("risk_over", columns=", ".join(after["quasi_identifiers"]) or "—"))


def _chart(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    groups = {
        text("risk_before"): _shares(before),
        text("risk_after"): _shares(after),
    }
    said = text("risk_alt", before=before["k"], after=after["k"])
    charts.compare(groups, value=text("risk_share"), label=text("risk_class_size"), alt_text=said)


def _shares(measured: Mapping[str, Any]) -> list[tuple[str, float]]:
    units = max(measured["units"], 1)
    return [(f"< {size}", 100 * number / units) for size, number in measured["below_k"].items()]
