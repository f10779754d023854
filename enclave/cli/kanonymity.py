"""`enclave kanonymity`: the least loss at which a file is k-anonymous under its hierarchies, with a proof or a gap."""

from __future__ import annotations

import json as notation
import math
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc
import typer

from enclave.cli.risk import names_of
from enclave.deidentify.files import Wording, check_quasi_identifiers, opened
from enclave.deidentify.hierarchies import Hierarchy, read_hierarchies
from enclave.deidentify.reading import ReadTable
from enclave.disclosure.generalisation import Axis, NotNested, Space, axis
from enclave.disclosure.optimal import Found, least_loss
from enclave.kernel.errors import Invalid, Refused
from enclave.kernel.i18n import text
from enclave.kernel.settings import settings


def kanonymity(
    file: Annotated[Path, typer.Argument(help="CSV, Parquet or XLSX of one table.")],
    qi: Annotated[str, typer.Option(help="Quasi-identifiers, joined by commas.")],
    hierarchies: Annotated[Path, typer.Option(help="Folder of *_hierarchy_<column>.csv in ARX's form.")],
    k: Annotated[int, typer.Option(min=1)] = 5,
    suppress: Annotated[float, typer.Option(min=0, max=1, help="Share of rows that may be suppressed.")] = 0.0,
    seconds: Annotated[float, typer.Option(min=0, help="Longest search; 0: until the optimum is proved.")] = 0.0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Find the levels of least loss that make a file k-anonymous, and say how far from the optimum they may be."""
    columns = names_of(qi)
    known = read_hierarchies(hierarchies, columns, file.name)
    with opened(file, Wording(text_columns=columns)) as tables:
        table = _one(tables, columns)
        space = Space([_axis(table, name, known[name]) for name in columns])
    found = least_loss(space, k, suppress, seconds=seconds or math.inf)
    if found is None:
        raise Refused("kanonymity_impossible", k=k, rows=space.total, suppress=f"{suppress:g}")
    result = _plain(found, columns)
    typer.echo(notation.dumps(result, ensure_ascii=False) if json else _told(result, space.total))


def _one(tables: list[ReadTable], columns: tuple[str, ...]) -> ReadTable:
    """Return the one table of a file, once it has all the columns."""
    if len(tables) != 1:
        names = ", ".join(table.name for table in tables)
        raise Invalid("kanonymity_one_table", file=tables[0].file, tables=names)
    check_quasi_identifiers(tables, columns)
    return tables[0]


def _axis(table: ReadTable, name: str, hierarchy: Hierarchy) -> Axis:
    """Return a column with its hierarchy; a missing value is the value "" of it."""
    values = pc.fill_null(table.column(name).cast(pa.string()), "")
    lacking = pc.invert(pc.is_in(values, value_set=pa.array(list(hierarchy))))
    if pc.any(lacking).as_py():
        row = lacking.index(pa.scalar(True)).as_py()
        value = values[row].as_py()[:60]
        raise Invalid("hierarchy_lacks", file=table.file, row=table.row_number(row), column=name, value=value)
    try:
        return axis(name, values.to_numpy(zero_copy_only=False), hierarchy)
    except NotNested as error:
        raise Invalid("hierarchy_not_nested", column=name, level=str(error).rsplit(" ", 1)[-1]) from error


def _plain(found: Found, columns: tuple[str, ...]) -> dict[str, Any]:
    return {
        "loss": found.loss,
        "lower_bound": found.lower_bound,
        "levels": dict(zip(columns, found.node, strict=True)),
        "suppressed": found.suppressed,
        "classes": found.classes,
        "seconds": round(found.seconds, 3),
    }


def _told(result: dict[str, Any], rows: int) -> str:
    language = settings().language
    levels = ", ".join(f"{name} {level}" for name, level in result["levels"].items())
    proved = result["lower_bound"] >= result["loss"] - 1e-9
    how = text("kanonymity_proved" if proved else "kanonymity_open", language, bound=f"{result['lower_bound']:.6f}")
    facts = {"loss": f"{result['loss']:.9f}", "levels": levels, "rows": f"{rows:,}", "how": how}
    return text("kanonymity_told", language, **facts, **{name: result[name] for name in ("suppressed", "classes")})
