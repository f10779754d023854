"""What the checks know of a project's data: column names and the pseudonyms of persons and records."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import ibis.expr.types as ir

from catalog_browser import service as catalog
from enclave.kernel.settings import settings
from enclave.outputs import extracts
from enclave.outputs.files.report import Context
from enclave.workspaces import service as workspaces
from enclave.workspaces.service import TrustedTable

LEAST_LENGTH = 6  # shorter values are ordinary words and numbers
LEAST_ROWS = 20  # in a shorter table every column tells rows apart


def of_project(project_id: str) -> Context:
    """Return the context of a project's extracts in force now."""
    columns, pseudonyms = set[str](), set[str]()
    for source in workspaces.trusted_tables(project_id):
        with extracts.opened(source.path) as table:
            names = [name for name in table.columns if name != extracts.PERSON]
            columns |= {unicodedata.normalize("NFKC", name).strip().lower() for name in names}
            for name in _declared_keys(source).intersection(names) | _telling_apart(table, names):
                pseudonyms |= _values(table, name)
    return Context(settings().cell_threshold, frozenset(columns), frozenset(pseudonyms))


def _declared_keys(source: TrustedTable) -> set[str]:
    """Return the columns the dictionary calls direct identifiers: in an extract they hold pseudonyms."""
    return {
        variable.name
        for variable in catalog.variables(source.dataset_id)
        if variable.table == source.name and (variable.role == "direct" or variable.person_key)
    }


def _telling_apart(table: ir.Table, names: Sequence[str]) -> set[str]:
    """Return the columns of text with hardly a value twice, whatever the dictionary calls them."""
    texts = [name for name in names if table[name].type().is_string()]
    if not texts:
        return set()
    # Positions, not names: a column may be called anything, also "rows".
    distinct = {f"d{position}": table[name].approx_nunique() for position, name in enumerate(texts)}
    found = table.aggregate(rows=table.count(), **distinct).to_pyarrow().to_pylist()[0]
    enough = found["rows"] >= LEAST_ROWS
    return {name for position, name in enumerate(texts) if enough and found[f"d{position}"] > 0.5 * found["rows"]}


def _values(table: ir.Table, name: str) -> set[str]:
    text = table[name].cast("string")
    found = table.filter(text.length() >= LEAST_LENGTH).select(value=text).distinct().to_pyarrow()
    return set(found["value"].to_pylist())
