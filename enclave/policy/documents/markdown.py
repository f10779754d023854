"""Markdown as the reference pages use it: headings, tables, diagrams; nothing that depends on the day."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from enclave.kernel.i18n import text


def word(key: str, language: str) -> str:
    """Return a word of the pages in `zh` or `en`."""
    return text(f"policydoc_{key}", language)


def cell(value: object, language: str) -> str:
    """Return what stands in one cell: words joined, line breaks and bars made harmless."""
    if isinstance(value, bool):
        return "✓" if value else ""
    if isinstance(value, (list, tuple, set, frozenset)):
        return ("、" if language == "zh" else ", ").join(cell(item, language) for item in value)
    return str(value if value is not None else "").replace("|", "\\|").replace("\n", " ").strip()


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], language: str) -> str:
    """Return a table; `heads` are keys of words, or words themselves where there is no key."""
    named = [_head(head, language) for head in heads]
    lines = [named, ["---"] * len(named), *[[cell(value, language) for value in row] for row in rows]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _head(head: str, language: str) -> str:
    """Return a column's name: its own word, the word of that key, or the head itself where it is a name already."""
    for key in (f"policydoc_col_{head}", f"policydoc_{head}"):
        if (found := text(key, language)) != key:
            return found
    return head


def page(title: str, language: str, *parts: str) -> str:
    """Return a page: its title, the note that it is generated, and its parts."""
    blocks = [f"# {title}", f"*{word('generated', language)}*", *[part for part in parts if part]]
    return "\n\n".join(blocks) + "\n"


def section(title: str, *parts: str, level: int = 2) -> str:
    """Return a section."""
    return "\n\n".join([f"{'#' * level} {title}", *[part for part in parts if part]])


def codes(values: Iterable[str]) -> str:
    """Return clause ids or codes as code, in one cell."""
    return " ".join(f"`{value}`" for value in values)


def flowchart(edges: Iterable[tuple[str, str]], labels: dict[str, str]) -> str:
    """Return a diagram of boxes and arrows (Mermaid)."""
    names = {code: f"n{number}" for number, code in enumerate(labels)}
    boxes = [f'    {names[code]}["{label}"]' for code, label in labels.items()]
    arrows = [f"    {names[one]} --> {names[two]}" for one, two in edges]
    return "\n".join(["```mermaid", "flowchart LR", *boxes, *arrows, "```"])
