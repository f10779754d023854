"""The scope of a request: columns and rows, read against the dictionary and evaluated on the data themselves."""

from __future__ import annotations

import operator
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
from pyroaring import BitMap

import catalog_browser.service as catalogue
from catalog_browser.views import VariableView, VersionView
from enclave.kernel.errors import Invalid, Refused
from enclave.kernel.settings import settings

PERSON = "_person"
OPS: dict[str, Callable[[Any, Any], duckdb.Expression]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda column, values: column.isin(*values),
}
Scalar = str | int | float | bool


@dataclass(frozen=True)
class Condition:
    """One comparison of a column with a value, or with a list for `in`."""

    column: str
    op: str
    value: Scalar | tuple[Scalar, ...]


@dataclass(frozen=True)
class Scope:
    """Columns and conditions by table. A person is in it who has a row meeting each table's conditions."""

    columns: Mapping[str, tuple[str, ...]]
    conditions: Mapping[str, tuple[Condition, ...]]

    @property
    def names(self) -> frozenset[tuple[str, str]]:
        """Return the columns as pairs of table and column."""
        return frozenset((table, name) for table, names in self.columns.items() for name in names)


def qualified(table: str, column: str) -> str:
    """Return the name of a column in a data set of several tables."""
    return f"{table}.{column}"


def read(
    columns: Sequence[str], row_filter: Sequence[Mapping[str, Any]], version: VersionView, known: Sequence[VariableView]
) -> Scope:
    """Read a scope against a version and its dictionary, or raise `Invalid` naming what does not fit.

    A column is `table.column`, or a bare name that then means that column of every table having it.
    """
    places = _places(version)
    if not columns:
        raise Invalid("request_no_columns", clauses=("9.1.4-1",))
    chosen: dict[str, list[str]] = {}
    for name in columns:
        for table, column in _find(name, places, known):
            if column not in chosen.setdefault(table, []):
                chosen[table].append(column)
    conditions: dict[str, list[Condition]] = {}
    for part in row_filter:
        condition = _condition(part)
        found = _find(condition.column, places, known)
        if len(found) > 1:
            raise Invalid("request_filter_ambiguous", column=condition.column)
        table, column = found[0]
        conditions.setdefault(table, []).append(Condition(column, condition.op, condition.value))
    return Scope(
        {table: tuple(names) for table, names in chosen.items()},
        {table: tuple(parts) for table, parts in conditions.items()},
    )


def _places(version: VersionView) -> dict[str, list[tuple[str, str]]]:
    places: dict[str, list[tuple[str, str]]] = {}
    for table, names in version.columns.items():
        for name in names:
            places.setdefault(name, []).append((table, name))
    exact = {qualified(table, name): [(table, name)] for table, names in version.columns.items() for name in names}
    return places | exact


def _find(
    name: str, places: Mapping[str, list[tuple[str, str]]], known: Sequence[VariableView]
) -> list[tuple[str, str]]:
    if name in places:
        return places[name]
    # Columns the version lacks because they identify: say so, and what to ask for instead (D8).
    direct = {each for part in known if part.role == "direct" for each in (part.name, qualified(part.table, part.name))}
    if name in direct:
        raise Refused("request_column_identifying", clauses=("10.4.2-e-1m", "10.4.2-e-3e"), column=name)
    raise Invalid("request_column_unknown", column=name)


def _condition(part: Mapping[str, Any]) -> Condition:
    if set(part) != {"column", "op", "value"} or not isinstance(part["column"], str):
        raise Invalid("request_filter_form")
    column, op, value = part["column"], part["op"], part["value"]
    if op not in OPS:
        raise Invalid("request_filter_op", column=column, op=str(op), allowed=" ".join(OPS))
    if op == "in":
        if not isinstance(value, list | tuple) or not value or not all(map(_is_scalar, value)):
            raise Invalid("request_filter_value", column=column)
        return Condition(column, op, tuple(value))
    if not _is_scalar(value):
        raise Invalid("request_filter_value", column=column)
    return Condition(column, op, value)


def _is_scalar(value: object) -> bool:
    return isinstance(value, str | bool | int) or (isinstance(value, float) and value == value)  # not NaN


class Data:
    """The tables of one version, opened for looking at persons; values never leave the process."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, paths: Mapping[str, Path]) -> None:
        self._connection, self._paths = connection, paths

    def table(self, name: str) -> duckdb.DuckDBPyRelation:
        """Return one table."""
        return self._connection.read_parquet(str(self._paths[name]))

    def has_persons(self, table: str) -> bool:
        """Tell whether a table's rows belong to persons; lists of places or drugs do not."""
        return PERSON in self.table(table).columns

    def persons(self, scope: Scope) -> BitMap:
        """Return the persons of a scope: in one of its tables, and meeting the conditions of each table.

        Tables without persons neither add nor narrow: the same reading as when the extract is built.
        """
        asked = [table for table in scope.columns if self.has_persons(table)]
        everybody = [self._met(table, scope.conditions.get(table, ())) for table in asked]
        inside = BitMap.union(*everybody) if everybody else BitMap()
        for table, conditions in scope.conditions.items():
            if self.has_persons(table):
                inside &= self._met(table, conditions)
            else:
                _filtered(self.table(table), conditions)  # only to refuse values that do not fit
        return inside

    def _met(self, table: str, conditions: Sequence[Condition]) -> BitMap:
        rows = _filtered(self.table(table), conditions) if conditions else self.table(table)
        try:
            found = rows.select(duckdb.ColumnExpression(PERSON)).distinct().fetchnumpy()[PERSON]
        except duckdb.ConversionException as error:  # a text that is no date shows only when rows are read
            raise Invalid("request_filter_type", column=conditions[0].column) from error
        return BitMap(np.asarray(found, dtype=np.uint32))

    def frame(self, table: str, columns: Sequence[str]) -> pd.DataFrame:
        """Return columns of a table with `_person`, all rows."""
        wanted = [duckdb.ColumnExpression(name) for name in (*columns, PERSON)]
        found: pd.DataFrame = self.table(table).select(*wanted).df()
        return found


def _filtered(rows: duckdb.DuckDBPyRelation, conditions: Sequence[Condition]) -> duckdb.DuckDBPyRelation:
    """Filter by expressions built from objects: no text of a request ever becomes part of a statement."""
    kinds = dict(zip(rows.columns, rows.types, strict=True))
    parts = [_expression(condition, str(kinds[condition.column])) for condition in conditions]
    try:
        return rows.filter(reduce(operator.and_, parts))
    except duckdb.BinderException as error:
        raise Invalid("request_filter_type", column=conditions[0].column) from error


def _expression(condition: Condition, kind: str) -> duckdb.Expression:
    column = duckdb.ColumnExpression(condition.column)
    values = condition.value if isinstance(condition.value, tuple) else (condition.value,)
    if not all(_fits(value, kind) for value in values):
        raise Invalid("request_filter_type", column=condition.column)
    bound = [duckdb.ConstantExpression(value) for value in values]
    return OPS[condition.op](column, bound if condition.op == "in" else bound[0])


def _fits(value: Scalar, kind: str) -> bool:
    if kind == "BOOLEAN":
        return isinstance(value, bool)
    if "INT" in kind or kind.startswith(("DOUBLE", "FLOAT", "DECIMAL")):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, str)  # texts, and dates as ISO texts


@contextmanager
def opened(version: VersionView) -> Iterator[Data]:
    """Fetch a version's tables, verified, for the length of one look; nothing of them stays on disk."""
    with tempfile.TemporaryDirectory(dir=settings().folder("spool")) as folder:
        paths = catalogue.fetch_tables(version, Path(folder))
        with duckdb.connect(config={"memory_limit": settings().table_memory, "temp_directory": folder}) as connection:
            yield Data(connection, paths)
