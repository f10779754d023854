"""The calls of the notebook client: JSON in, one service function, JSON out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NoReturn

from catalog_browser import service as catalog
from catalog_browser.views import VariableView
from enclave.grants import service as grants
from enclave.kernel.errors import Invalid
from enclave.kernel.identity import Actor, system
from enclave.outputs.answers import service as answers
from enclave.outputs.answers.service import Ask
from enclave.outputs.files import service as files
from enclave.outputs.files.service import ExportDetail, SubmitExport
from enclave.outputs.tables import service as tables
from enclave.outputs.tables.service import TableRequest
from enclave.privacy.service import BudgetView
from enclave.workspaces import service as workspaces
from enclave.workspaces.service import ExtractTable, ExtractView

GATEWAY = system("gateway")
Call = Callable[[Actor, str, dict[str, Any]], Any]


def parsed(content: bytes) -> dict[str, Any]:
    """Return a JSON object without NaN or infinities, or raise Invalid."""
    try:
        body = json.loads(content, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Invalid("gateway_json") from error
    if not isinstance(body, dict):
        raise Invalid("gateway_json")
    return body


def _no_number(_name: str) -> NoReturn:
    raise ValueError("not a number")


def plain(value: Any) -> Any:
    """Return a view as JSON takes it: moments as ISO text, decimals as text."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def _only(body: dict[str, Any], *allowed: str) -> dict[str, Any]:
    strange = sorted(set(body) - set(allowed))
    if strange:
        raise Invalid("gateway_field", field=strange[0][:40], known=", ".join(allowed))
    return body


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name, "")
    if not isinstance(value, str):
        raise Invalid("gateway_text", field=name)
    return value


def _list(body: Mapping[str, Any], name: str) -> tuple[Any, ...] | None:
    value = body.get(name)
    if value is not None and not isinstance(value, list):
        raise Invalid("gateway_list", field=name)
    return None if value is None else tuple(value)


def data(actor: Actor, project_id: str, _body: dict[str, Any]) -> Any:
    """List the tables mounted under /data, with the dictionary of their columns."""
    held = {grant.id for grant in grants.valid_now(project_id, actor.username).grants}
    found = [extract for extract in workspaces.extracts(project_id) if extract.grant_id in held]
    return {
        "tables": [_table(extract, table) for extract in found if extract.state == "ready" for table in extract.tables]
    }


def _table(extract: ExtractView, table: ExtractTable) -> dict[str, Any]:
    entry = catalog.get(GATEWAY, extract.dataset_id)
    known = {v.name: v for v in catalog.variables(extract.dataset_id) if v.table == table.name}
    return {
        "name": table.name,
        "path": f"/data/{extract.folder}/{table.path.name}",
        "dataset": {"id": entry.id, "slug": entry.slug, "title_zh": entry.title_zh, "title_en": entry.title_en},
        "rows": table.rows,
        "columns": [_column(name, known.get(name)) for name in table.columns],
    }


def _column(name: str, variable: VariableView | None) -> dict[str, Any]:
    if variable is None:
        return {"name": name, "dtype": "", "label_zh": name, "label_en": name, "codes": {}}
    return {
        "name": name,
        "dtype": variable.dtype,
        "label_zh": variable.label("zh"),
        "label_en": variable.label("en"),
        "codes": variable.codes,
    }


def budget(actor: Actor, project_id: str, _body: dict[str, Any]) -> Any:
    """Tell what is left of the privacy budgets."""
    return {"budgets": [_budget(held) for held in answers.budgets(actor, project_id)]}


def _budget(held: BudgetView) -> dict[str, Any]:
    entry = catalog.get(GATEWAY, held.dataset_id)
    return asdict(held) | {"title_zh": entry.title_zh, "title_en": entry.title_en}


def ask(actor: Actor, project_id: str, body: dict[str, Any]) -> Any:
    """Answer a private question."""
    _only(body, "table", "kind", "epsilon", "column", "where", "bounds", "bins", "categories", "per_person")
    bounds: Any = _list(body, "bounds")
    command = Ask(
        project_id=project_id,
        table=_text(body, "table"),
        kind=_text(body, "kind"),
        epsilon=body.get("epsilon"),
        column=body.get("column"),
        where=_list(body, "where") or (),
        bounds=bounds,
        bins=_list(body, "bins"),
        categories=_list(body, "categories"),
        per_person=body.get("per_person", 1),
    )
    return answers.ask(actor, command)


def table(actor: Actor, project_id: str, body: dict[str, Any]) -> Any:
    """Release a verified table."""
    _only(body, "table", "by", "where")
    command = TableRequest(project_id, _text(body, "table"), _list(body, "by") or (), _list(body, "where") or ())
    return tables.request(actor, command)


def export(actor: Actor, project_id: str, body: dict[str, Any]) -> Any:
    """Submit files for review."""
    _only(body, "paths", "note")
    command = SubmitExport(project_id, _list(body, "paths") or (), _text(body, "note"))
    return _shown(files.submit(actor, command))


def exports(actor: Actor, project_id: str, _body: dict[str, Any]) -> Any:
    """List the project's exports and how they stand."""
    return {"exports": files.exports(actor, project_id)}


def _shown(detail: ExportDetail) -> dict[str, Any]:
    """Return an export without previews: the submitter has the files."""
    return {
        **asdict(detail.summary),
        "digest": detail.digest,
        "files": [asdict(file) | {"preview": None} for file in detail.files],
    }


CALLS: dict[tuple[str, str], Call] = {
    ("GET", "/enclave/data"): data,
    ("GET", "/enclave/budget"): budget,
    ("POST", "/enclave/ask"): ask,
    ("POST", "/enclave/table"): table,
    ("POST", "/enclave/export"): export,
    ("GET", "/enclave/exports"): exports,
}
