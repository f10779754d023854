"""The generated pages of the standard: up to date, whole, and in both languages."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from enclave.cli.policy import ROOT, generated
from enclave.policy.book import current
from enclave.policy.clauses import clauses

PAGES = ROOT / "docs" / "reference" / "standard"


def read(name: str, language: str) -> str:
    (path,) = (PAGES / language).glob(f"*-{name}.md")
    return path.read_text("utf-8")


def test_no_page_is_stale() -> None:
    stale = [
        path.relative_to(ROOT)
        for path, content in generated(ROOT).items()
        if not path.exists() or path.read_text("utf-8") != content
    ]
    assert stale == [], "run `enclave policy doc`"
    assert {path.relative_to(ROOT) for path in PAGES.rglob("*.md")} == {
        path.relative_to(ROOT) for path in generated(ROOT) if path.suffix == ".md"
    }


def test_a_page_that_was_edited_is_found(tmp_path: Path) -> None:
    shutil.copytree(PAGES, tmp_path / "docs" / "reference" / "standard")
    shutil.copytree(ROOT / "enclave" / "locale", tmp_path / "enclave" / "locale")
    made = generated(tmp_path)
    assert all(path.read_text("utf-8") == content for path, content in made.items())
    page = next(iter(made))
    page.write_text(page.read_text("utf-8") + "\n", encoding="utf-8")
    assert [path for path, content in made.items() if path.read_text("utf-8") != content] == [page]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_table_of_the_standard_is_there(language: str) -> None:
    """A person who knows the standard finds each table: 1 to 10 and Appendix C."""
    where = {
        "levels": ("4.1-T1-L1a", "4.1-T1-L5d"),
        "categories": ("4.2-T2-C1", "4.2-T2-C2-5", "4.2-T2-C6"),
        "purposes": ("5.1-P1", "5.1-P10"),
        "flows": ("5.3-T4-F1-1", "5.3-T4-F6-3b"),
        "scenarios": ("10.1.2-T5-1", "10.1.2-T5-8", "10.2.1-T6", "10.2.1-T7", "10.2.1-T8"),
        "catalogue": ("C-s1", "C-s11"),
        "roles": ("5.2-b-1", "9.1.1-4"),
        "degrees": ("7-1", "7-3"),
        "desensitisation": ("9.1-11a", "9.1.2-3"),
        "reviews": ("9-5", "10.4.2-e-2d1", "9.1.3-1b"),
        "references": ("2-1", "2-6"),
    }  # fmt: skip
    for name, wanted in where.items():
        page = read(name, language)
        assert all(clause in page for clause in wanted), name
    scenarios = read("scenarios", language)
    assert (
        ("表9" in scenarios and "表10" in scenarios)
        if language == "zh"
        else ("Table 9" in scenarios and "Table 10" in scenarios)
    )
    rows = [line for line in read("catalogue", language).splitlines() if line.startswith("| ")]
    assert sum(line.count("※") for line in rows) == 2


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_rule_clause_track_and_word_is_documented(language: str) -> None:
    rules, tracks, listed = read("rules", language), read("modes", language), read("clauses", language)
    assert all(f"`{rule.id.split('@')[0]}`" in rules for rule in current().rules)
    assert all(f"`{clause}`" in listed for clause in clauses())
    assert tracks.count("```mermaid") == len(current().tracks)
    assert "```mermaid" in read("request", language) and read("request", language).count("|") > 100
    obligations = read("obligations", language)
    assert all(f"`{code}`" in obligations for code in current().words("obligations"))
    assert all(
        not re.search(r"policydoc_|\| None \||\{\w+\}", path.read_text("utf-8"))
        for path in (PAGES / language).glob("*.md")
    )


def test_the_two_languages_have_the_same_tables() -> None:
    for path in (PAGES / "zh").glob("*.md"):
        zh, en = path.read_text("utf-8"), (PAGES / "en" / path.name).read_text("utf-8")
        assert zh.count("\n## ") == en.count("\n## ") and zh.count("\n| ") == en.count("\n| "), path.name


def test_the_pages_link_to_each_other() -> None:
    for language in ("zh", "en"):
        index = (PAGES / language / "README.md").read_text("utf-8")
        linked = set(re.findall(r"\]\(([\w.-]+\.md)\)", index))
        assert linked == {path.name for path in (PAGES / language).glob("*.md")} - {"README.md"}
