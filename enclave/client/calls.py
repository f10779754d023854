"""The functions an analyst calls."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from enclave.client.errors import mistake
from enclave.client.results import Answer, Budgets, DataTable, DataTables, Export, Exports, Table
from enclave.client.transport import call

if TYPE_CHECKING:
    import pandas as pd

Where = Mapping[str, Any] | Iterable[Any] | None
DATA = "/data"


def data() -> DataTables:
    """List the tables of this project, with the dictionary of their columns."""
    return DataTables(DataTable(entry) for entry in call("GET", "/enclave/data")["tables"])


def load(name: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Return a table, or some of its columns, as a pandas frame. It reads /data and needs no gateway afterwards."""
    import pandas as pd

    tables = data()
    found = [entry for entry in tables if entry.name == name]
    if not found:
        known = ", ".join(entry.name for entry in tables)
        raise mistake(
            "table", f"没有名为“{name}”的数据表。可用：{known}。", f'There is no table "{name}". There are: {known}.'
        )
    path = found[0].path.replace(DATA, os.environ.get("ENCLAVE_DATA", DATA), 1)
    return pd.read_parquet(path, columns=list(columns) if columns is not None else None)


def budget() -> Budgets:
    """Tell what is left of the privacy budget."""
    return Budgets(call("GET", "/enclave/budget")["budgets"])


def count(table: str, where: Where = None, *, epsilon: float | str, per_person: int = 1) -> Answer:
    """Count persons (or up to `per_person` rows of each) that meet `where`, with noise. Charged `epsilon` once."""
    return _ask(table, "count", where, epsilon, per_person)


def mean(
    table: str,
    column: str,
    *,
    bounds: tuple[float, float],
    epsilon: float | str,
    where: Where = None,
    per_person: int = 1,
) -> Answer:
    """Average a column, with noise. Values are clamped to `bounds`, which you choose without looking at the data."""
    return _ask(table, "mean", where, epsilon, per_person, column=column, bounds=list(bounds))


def histogram(
    table: str,
    column: str,
    *,
    epsilon: float | str,
    bins: Iterable[float] | None = None,
    categories: Iterable[str] | None = None,
    where: Where = None,
    per_person: int = 1,
) -> Answer:
    """Count by `bins` (ascending edges) or `categories` (by default the dictionary's codes), with noise."""
    given = {"bins": bins, "categories": categories}
    keys = {name: list(value) for name, value in given.items() if value is not None}
    return _ask(table, "histogram", where, epsilon, per_person, column=column, **keys)


def table(table: str, by: str | Sequence[str] = (), where: Where = None) -> Table:
    """Count persons exactly by up to three columns and release the table, or be told why it may not leave."""
    columns = [by] if isinstance(by, str) else list(by)
    return Table(call("POST", "/enclave/table", _plain({"table": table, "by": columns, "where": _where(where)})))


def export(files: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], *, note: str) -> Export:
    """Submit files of your workspace. They are checked at once; what passes goes to two stewards."""
    chosen = [files] if isinstance(files, str | os.PathLike) else list(files)
    return Export(call("POST", "/enclave/export", {"paths": [_inside(file) for file in chosen], "note": note}))


def exports() -> Exports:
    """Tell how the project's exports stand."""
    return Exports(call("GET", "/enclave/exports")["exports"])


def _ask(table: str, kind: str, where: Where, epsilon: float | str, per_person: int, **more: Any) -> Answer:
    body = {"table": table, "kind": kind, "where": _where(where), "epsilon": epsilon, "per_person": per_person}
    return Answer(call("POST", "/enclave/ask", _plain(body | more)))


def _where(where: Where) -> list[dict[str, Any]]:
    if where is None:
        return []
    if isinstance(where, Mapping):
        return [{"column": name, "op": _operator(value), "value": value} for name, value in where.items()]
    return [_condition(each) for each in where]


def _condition(each: Any) -> dict[str, Any]:
    if isinstance(each, Mapping):
        return dict(each)
    if isinstance(each, tuple | list) and len(each) == 3:
        column, operator, value = each
        return {"column": column, "op": "=" if operator == "==" else operator, "value": value}
    raise mistake(
        "where",
        "条件应写成 {列: 值} 或 [(列, 运算符, 值)]。",
        "Conditions are {column: value} or [(column, operator, value)].",
    )


def _operator(value: Any) -> str:
    return "in" if isinstance(value, list | tuple | set | frozenset) else "="


def _plain(value: Any) -> Any:
    """Return numbers of numpy, moments and sets as what JSON has."""
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset | range):
        return [_plain(each) for each in value]
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    return value.item() if hasattr(value, "item") else value


def _inside(file: str | os.PathLike[str]) -> str:
    """Return a path relative to the workspace; links are not followed, here or there."""
    home = Path.home()
    path = Path(os.path.abspath(Path(file).expanduser()))  # noqa: PTH100  `resolve` would follow links
    try:
        return path.relative_to(home).as_posix()
    except ValueError as error:
        raise mistake(
            "outside", f"只能提交工作区 {home} 内的文件。", f"Only files of your workspace {home} can be submitted."
        ) from error
