"""What calls return: plain attributes, a line in a terminal, a small table in a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

STYLE = "border-collapse:collapse;font-size:13px"
CELL = "padding:3px 12px 3px 0;text-align:left;border-bottom:1px solid #d9dee5"


def html_table(header: Sequence[object], rows: Iterable[Sequence[object]], caption: str = "") -> str:
    """Return an HTML table with every text escaped."""
    head = "".join(f'<th style="{CELL}">{escape(str(cell))}</th>' for cell in header)
    body = "".join(
        "<tr>" + "".join(f'<td style="{CELL}">{escape(_shown(cell))}</td>' for cell in row) + "</tr>" for row in rows
    )
    title = f'<caption style="caption-side:top;text-align:left">{escape(caption)}</caption>' if caption else ""
    return f'<table style="{STYLE}">{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def _shown(value: object) -> str:
    if value is None:
        return "—"
    return f"{value:,.6g}" if isinstance(value, float) else f"{value:,}" if type(value) is int else str(value)


class _Result:
    """The gateway's answer with its fields as attributes."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self.content = dict(content)

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["content"][name]
        except KeyError:
            raise AttributeError(name) from None

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.content]


class DataTable(_Result):
    """One table: `name`, `path`, `rows`, `columns` and the data set it belongs to."""

    def __repr__(self) -> str:
        names = ", ".join(column["name"] for column in self.columns)
        return f"{self.name} ({self.rows:,} × {len(self.columns)}): {names}"

    def _repr_html_(self) -> str:
        rows = ((c["name"], c["dtype"], c["label_zh"], c["label_en"]) for c in self.columns)
        caption = f"{self.name} — {self.dataset['title_zh']} / {self.dataset['title_en']} — {self.rows:,} 行 rows"
        return html_table(("列 column", "类型 type", "含义", "meaning"), rows, caption)


class DataTables(list[DataTable]):
    """The tables of a project."""

    def __repr__(self) -> str:
        return "\n".join(map(repr, self)) or "(无数据表 no tables)"

    def _repr_html_(self) -> str:
        return "<br>".join(table._repr_html_() for table in self) or "无数据表 no tables"


class Budgets(list[Mapping[str, Any]]):
    """What is left of epsilon, by data set; `remaining` of the first is what one project usually asks for."""

    @property
    def remaining(self) -> str:
        """Return what is left on the first data set, exact, as text."""
        return str(self[0]["remaining"]) if self else "0"

    def __repr__(self) -> str:
        return "\n".join(f"{b['title_zh']} / {b['title_en']}: ε {b['remaining']} / {b['total']}" for b in self)

    def _repr_html_(self) -> str:
        rows = ((f"{b['title_zh']} / {b['title_en']}", b["total"], b["spent"], b["remaining"]) for b in self)
        return html_table(("数据集 data set", "总额 total ε", "已用 spent", "剩余 left"), rows)


class Answer(_Result):
    """A private answer. `value` is a number or a list of bins; `accuracy` the half-width of its 95 % interval."""

    def frame(self) -> pd.DataFrame:
        """Return a histogram as a pandas frame with columns bin and count."""
        import pandas as pd

        return pd.DataFrame(self.value if isinstance(self.value, list) else [{"value": self.value}])

    def _paid(self) -> str:
        return f"ε {self.charged}, 剩余 left {self.remaining}"

    def __float__(self) -> float:
        return float(self.value)

    def __repr__(self) -> str:
        if isinstance(self.value, list):
            bins = "\n".join(f"  {entry['bin']}: {entry['count']:,}" for entry in self.value)
            return f"{bins}\n  ± {_shown(self.accuracy)} (95 %), {self._paid()}"
        return f"{_shown(self.value)} ± {_shown(self.accuracy)} (95 %), {self._paid()}"

    def _repr_html_(self) -> str:
        entries = (
            self.value if isinstance(self.value, list) else [{"bin": self.column or self.table, "count": self.value}]
        )
        rows = [(entry["bin"], entry["count"], f"± {_shown(self.accuracy)}") for entry in entries]
        notes = "".join(
            f"<li>{escape(zh)}<br>{escape(en)}</li>" for zh, en in zip(self.notes_zh, self.notes_en, strict=False)
        )
        table = html_table((self.kind, "值 value", "95 %"), rows, self._paid())
        return f'{table}<ul style="font-size:12px;color:#5a6472">{notes}</ul>'


class Table(_Result):
    """A verified table, released: exact counts of persons."""

    def frame(self) -> pd.DataFrame:
        """Return the cells as a pandas frame: the columns counted by, and persons."""
        import pandas as pd

        rows = [[*cell["values"], cell["persons"]] for cell in self.cells]
        return pd.DataFrame(rows, columns=[*self.by, "persons"])

    def _caption(self) -> str:
        return (
            f"{self.id} — 少于 {self.threshold} 人的单元格不显示 / cells under {self.threshold} persons are not shown"
        )

    def __repr__(self) -> str:
        return f"{self.frame().to_string(index=False)}\n{self._caption()}"

    def _repr_html_(self) -> str:
        rows = ([*cell["values"], cell["persons"]] for cell in self.cells)
        return html_table([*self.by, "人数 persons"], rows, self._caption())


STATES = {
    "blocked": "机器核查未通过 stopped by the machine checks",
    "in_review": "待审核 in review",
    "released": "已放行 released",
    "refused": "未放行 refused",
    "withdrawn": "已撤回 withdrawn",
}


class Export(_Result):
    """Files submitted: `state`, `digest`, and the findings of every file."""

    def _rows(self) -> list[tuple[str, str, str]]:
        rows = []
        for file in self.files:
            found = file["findings"] or [{"severity": "", "zh": "—", "en": ""}]
            rows += [(file["name"], _mark(each["severity"]), f"{each['zh']} {each['en']}".strip()) for each in found]
        return rows

    def __repr__(self) -> str:
        lines = [f"{self.id}: {STATES.get(self.state, self.state)}"]
        return "\n".join([*lines, *(f"  {name} {mark} {words}" for name, mark, words in self._rows())])

    def _repr_html_(self) -> str:
        caption = f"{self.id} — {STATES.get(self.state, self.state)}"
        return html_table(("文件 file", "", "核查 findings"), self._rows(), caption)


def _mark(severity: str) -> str:
    return {"block": "✗", "look": "!"}.get(severity, "✓")


class Exports(list[Mapping[str, Any]]):
    """The project's exports, newest first."""

    def _rows(self) -> list[tuple[Any, ...]]:
        return [(e["id"], e["submitted_at"][:16], STATES.get(e["state"], e["state"]), e["files"]) for e in self]

    def __repr__(self) -> str:
        return "\n".join("  ".join(map(str, row)) for row in self._rows())

    def _repr_html_(self) -> str:
        return html_table(("编号 id", "时间 time", "状态 state", "文件数 files"), self._rows())
