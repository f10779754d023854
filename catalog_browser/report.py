"""The risk report of a version as a PDF: what was done to each column, and what risk it leaves (4.1-T1-L2b, 2-5)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from catalog_browser import service
from catalog_browser.views import DataSetDetail, VersionView
from enclave.kernel import clock
from enclave.kernel.errors import NotFound, Refused
from enclave.kernel.i18n import text
from enclave.kernel.identity import Actor, Role
from enclave.kernel.printing import pdf
from enclave.policy.book import current

TEMPLATE = Path(__file__).with_name("report.typ")
READERS = (Role.STEWARD, Role.AUTHORITY, Role.AUDITOR, Role.COMMITTEE)


def render(actor: Actor, version_id: str, language: str) -> bytes:
    """Return the report of a version in `zh` or `en`, to those who judge the data; the same each time it is asked for.

    Counts of the source are in it, so applicants and the public do not get it.
    """
    if not actor.has(*READERS):
        raise Refused("forbidden", roles=", ".join(READERS))
    version = service.version(version_id)
    entry = service.get(actor, version.dataset_id)
    if "k" not in version.risk or version_id not in [seen.id for seen in entry.versions]:
        raise NotFound("not_found", kind="risk report", id=version_id)
    return pdf(TEMPLATE, _content(entry, version, language), version.created_at)


def _content(entry: DataSetDetail, version: VersionView, language: str) -> dict[str, Any]:
    def said(key: str, **facts: object) -> str:
        return text(key, language, **facts)

    title = entry.title_zh if language == "zh" else entry.title_en
    names = ("risk", "small_classes", "before", "after", "treatment")
    return {
        "language": language,
        "title": said("report_title"),
        "lead": f"{title} · {said(f'kind_{version.kind}')}",
        "footer": f"{version.id} · {version.profile_hash[:16]}",
        "about": _about(entry, version, language),
        "verdict": said(
            "risk_passed" if version.risk["passed"] else "risk_not_passed",
            k=version.risk["k"], wanted=version.risk["k_wanted"],
        ),
        "overall": [
            [said("risk_k"), f"{version.risk['k']} (≥ {version.risk['k_wanted']})"],
            [said("risk_unique_persons"), f"{version.risk['uniques']:,}"],
            [said("report_suppressed"), f"{version.risk['suppressed_rows']:,} / {version.risk['suppressed_cells']:,}"],
        ],
        "model": said("report_model"),
        "words": {name: said(f"report_{name}") for name in names}
        | {"columns": [said(f"report_column_{name}") for name in ("name", "technique", "method", "clause")]},
        "tables": [
            _table(name, found, version.profile.get("tables", {}).get(name, {}), language)
            for name, found in version.risk.get("tables", {}).items()
            if "after" in found
        ],
    }  # fmt: skip


def _about(entry: DataSetDetail, version: VersionView, language: str) -> list[list[str]]:
    identifiability = current().words("identifiability")[version.identifiability].name(language)
    stages = current().words("stages")
    said = [stages[code].name(language) for code in version.profile.get("stages", ())]
    rows = {
        "dataset": f"{entry.slug} ({entry.id})",
        "controller": entry.controller,
        "labels": f"{text(f'level_{version.level}', language)} · {identifiability}",
        "made": f"{clock.local(version.created_at)} · {version.created_by}",
        "profile": f"{version.profile.get('name', '—')} {version.profile.get('version', '')}".strip(),
        "stages": ", ".join(said) or "—",
    }
    return [[text(f"report_{name}", language), value] for name, value in rows.items()]


def _table(name: str, found: Mapping[str, Any], treated: Mapping[str, Any], language: str) -> dict[str, Any]:
    before, after = found["before"], found["after"]
    pairs = {
        "risk_rows": (f"{found['rows_before']:,}", f"{found['rows']:,}"),
        "risk_k": (before["k"], after["k"]),
        "risk_unique_persons": (f"{before['uniques']:,}", f"{after['uniques']:,}"),
        "report_prosecutor": (f"{before['prosecutor_max']:.4f}", f"{after['prosecutor_max']:.4f}"),
        "risk_mean": (f"{before['prosecutor_mean']:.4f}", f"{after['prosecutor_mean']:.4f}"),
    }
    return {
        "title": text("dictionary_table", language, name=name, count=len(treated)),
        "numbers": [[text(key, language), f"{old} → {new}"] for key, (old, new) in pairs.items()],
        "bars": [
            {"label": f"< {size}", "before": _share(before, size), "after": _share(after, size)}
            for size in after["below_k"]
        ],
        "over": text("risk_over", language, columns=", ".join(after["quasi_identifiers"]) or "—"),
        "columns": [[column, *_done(done, language)] for column, done in treated.items()],
    }


def _share(measured: Mapping[str, Any], size: str) -> float:
    return float(100 * measured["below_k"].get(size, 0) / max(measured["units"], 1))


def _done(done: Mapping[str, str], language: str) -> tuple[str, str, str]:
    words = {**current().words("techniques"), **current().words("identifier_treatments")}
    technique = "generalisation" if done["technique"] == "none" and done.get("then") else done["technique"]
    named = words[technique].name(language) if technique in words else text("report_untouched", language)
    method = text(f"method_{done['method']}", language)
    further = text("report_then_ladder", language) if done.get("then") else ""
    return named, f"{method}{further}", done["clause"]
