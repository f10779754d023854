"""Reading an extract as persons and rows: columns are checked, conditions are typed, values never become SQL text."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

import ibis
import ibis.expr.types as ir

from enclave.kernel.errors import Invalid
from enclave.kernel.settings import settings

PERSON = "_person"
OPERATORS = ("=", "!=", "<", "<=", ">", ">=", "in")
MOST_CONDITIONS = 20
MOST_VALUES = 200


@contextmanager
def opened(path: Path) -> Iterator[ir.Table]:
    """Open a trusted Parquet file in a DuckDB of its own."""
    connection = ibis.duckdb.connect(memory_limit=settings().table_memory)
    try:
        yield connection.read_parquet(str(path))
    finally:
        connection.disconnect()


@contextmanager
def opened_persons(path: Path) -> Iterator[ir.Table]:
    """Open a table whose rows are about persons, or raise Invalid: a table of institutions has no privacy unit."""
    with opened(path) as table:
        if PERSON not in table.columns:
            raise Invalid("output_not_persons")
        yield table


def column(table: ir.Table, name: object) -> ir.Column:
    """Return a column of the extract; the person's index is not one that can be asked about."""
    if not isinstance(name, str) or name == PERSON or name not in table.columns:
        known = ", ".join(known for known in table.columns if known != PERSON)
        raise Invalid("output_no_column", column=str(name)[:60], known=known)
    return table[name]


def canonical(table: ir.Table, where: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return conditions in one form for all that mean the same: checked, typed, without doubles, in order."""
    conditions: list[Any] = list(where)
    if len(conditions) > MOST_CONDITIONS:
        raise Invalid("output_condition_many", most=MOST_CONDITIONS)
    found = {json.dumps(entry, sort_keys=True, ensure_ascii=False): entry for entry in _each(table, conditions)}
    return [found[key] for key in sorted(found)]


def _each(table: ir.Table, conditions: list[Any]) -> Iterator[dict[str, Any]]:
    for condition in conditions:
        if not isinstance(condition, Mapping) or set(condition) != {"column", "op", "value"}:
            raise Invalid("output_condition_form")
        operator, value = condition["op"], condition["value"]
        if operator not in OPERATORS:
            raise Invalid("output_condition_operator", op=str(operator)[:10], known=" ".join(OPERATORS))
        chosen = column(table, condition["column"])
        if operator == "in":
            if not isinstance(value, list | tuple) or not 1 <= len(value) <= MOST_VALUES:
                raise Invalid("output_condition_list", column=chosen.get_name(), most=MOST_VALUES)
            values = {json.dumps(typed): typed for typed in (_typed(chosen, each) for each in value)}
            value = [values[key] for key in sorted(values)]
            if len(value) == 1:
                operator, value = "=", value[0]
        else:
            value = _typed(chosen, value)
        yield {"column": chosen.get_name(), "op": operator, "value": value}


def _typed(chosen: ir.Column, value: object) -> Any:
    """Return a value as the column's type understands it, in the form JSON keeps, or refuse."""
    kind = chosen.type()
    fits = False
    if kind.is_boolean():
        fits = isinstance(value, bool)
    elif kind.is_numeric():
        fits = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if fits and isinstance(value, float) and value.is_integer():
            value = int(value)
    elif kind.is_temporal():
        fits = isinstance(value, str) and _is_moment(value)
    elif kind.is_string():
        fits = isinstance(value, str) and len(value) <= MOST_VALUES
    if not fits:
        raise Invalid("output_condition_value", column=chosen.get_name(), type=str(kind), value=str(value)[:40])
    return value


def _is_moment(value: str) -> bool:
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def chosen_rows(table: ir.Table, where: Iterable[Mapping[str, Any]]) -> ir.Table:
    """Return the rows that meet every one of the canonical conditions; a missing value meets none."""
    predicates = [_predicate(table, **condition) for condition in where]
    return table.filter(predicates) if predicates else table


def _predicate(table: ir.Table, column: str, op: str, value: Any) -> ir.BooleanValue:
    left = table[column]
    literal = _literals(left, value)
    match op:
        case "=":
            return left == literal
        case "!=":
            return left != literal
        case "<":
            return left < literal
        case "<=":
            return left <= literal
        case ">":
            return left > literal
        case ">=":
            return left >= literal
    return left.isin(literal)


def _literals(left: ir.Column, value: Any) -> Any:
    if isinstance(value, list):
        return [_literals(left, each) for each in value]
    if left.type().is_date():
        return ibis.literal(date.fromisoformat(value[:10]))
    if left.type().is_temporal():
        return ibis.literal(datetime.fromisoformat(value))
    return value


def bounded(rows: ir.Table, name: str, per_person: int) -> ir.Table:
    """Return column `name` of at most `per_person` rows of each person, beside his index.

    Which ones depends on the rows of that person alone (a keyed hash of their contents), never on the order of
    the file: else one person's absence would change which rows of others are counted, and sensitivity with it.
    """
    key = settings().secret("bounding").hex()
    contents = [rows[each].cast("string").fill_null("\0") for each in rows.columns if each != PERSON]
    order = ibis.literal("\x1f").join([ibis.literal(key), *contents]).hexdigest("sha256")
    ordered = rows.select(rows[PERSON], rows[name], _order=order)
    window = ibis.window(group_by=ordered[PERSON], order_by=ordered["_order"])
    ranked = ordered.mutate(_rank=ibis.row_number().over(window))
    return ranked.filter(ranked["_rank"] < per_person).drop("_rank", "_order")
