"""What the checks know of a project's data: column names and the pseudonyms of persons and records."""

from __future__ import annotations

import unicodedata

import ibis.expr.types as ir

from catalog_browser import service as catalog
from enclave.kernel.settings import settings
from enclave.outputs import extracts
from enclave.outputs.files.report import Context
from enclave.workspaces import service as workspaces
from enclave.workspaces.service import TrustedTable

LEAST_LENGTH = 6  # shorter values are ordinary words and numbers


def of_project(project_id: str) -> Context:
    """Return the context of a project's extracts in force now."""
    columns, pseudonyms = set[str](), set[str]()
    for source in workspaces.trusted_tables(project_id):
        keys = _declared_keys(source)
        with extracts.opened(source.path) as table:
            for name in table.columns:
                if name == extracts.PERSON:
                    continue
                columns.add(unicodedata.normalize("NFKC", name).strip().lower())
                if name in keys or _tells_rows_apart(table, name):
                    pseudonyms |= _values(table, name)
    return Context(settings().cell_threshold, frozenset(columns), frozenset(pseudonyms))


def _declared_keys(source: TrustedTable) -> set[str]:
    """Return the columns the dictionary calls direct identifiers: in an extract they hold pseudonyms."""
    return {
        variable.name
        for variable in catalog.variables(source.dataset_id)
        if variable.table == source.name and (variable.role == "direct" or variable.person_key)
    }


def _tells_rows_apart(table: ir.Table, name: str) -> bool:
    """Tell whether a column of text has hardly a value twice, whatever the dictionary calls it."""
    value = table[name]
    if not value.type().is_string():
        return False
    found = table.aggregate(distinct=value.nunique(), rows=table.count()).to_pyarrow().to_pylist()[0]
    return bool(found["rows"] >= 20 and found["distinct"] > 0.5 * found["rows"])


def _values(table: ir.Table, name: str) -> set[str]:
    text = table[name].cast("string")
    found = table.filter(text.length() >= LEAST_LENGTH).select(value=text).distinct().to_pyarrow()
    return set(found["value"].to_pylist())
