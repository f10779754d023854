"""What the documentation says is so: links lead somewhere, commands exist, settings are complete, examples run."""

from __future__ import annotations

import json
import re
import shlex
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from enclave.kernel.settings import Settings
from tests.verification.source import ROOT, tracked

PAGES = [path for path in tracked() if path.suffix == ".md"]
BLOCK = re.compile(r"^```(?P<kind>[^\n]*)\n(?P<text>.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def blocks(kind: str) -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for found in BLOCK.finditer(page.read_text("utf-8")):
            if found["kind"].strip() == kind:
                yield named(page), found["text"]


def commands() -> Iterator[tuple[str, list[str]]]:
    """Yield the words of every command in a console block."""
    for page, block in blocks("console"):
        for line in block.splitlines():
            if words := shlex.split(line, comments=True):
                yield page, words


def slug(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def test_there_is_documentation() -> None:
    assert len(PAGES) > 15


def test_links_lead_somewhere() -> None:
    broken = []
    for page in PAGES:
        for link in LINK.findall(page.read_text("utf-8")):
            if re.match(r"[a-z]+:", link):
                continue
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            headings = (
                re.findall(r"^#+ (.+)$", target.read_text("utf-8"), re.MULTILINE) if target.suffix == ".md" else []
            )
            if not target.exists() or (anchor and anchor not in map(slug, headings)):
                broken.append(f"{named(page)}: {link}")
    assert broken == []


def test_every_page_is_reached_from_the_index_or_the_readme() -> None:
    seen: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md" or not page.is_file():
            continue
        seen.add(page)
        waiting += [(page.parent / link.split("#")[0]).resolve() for link in LINK.findall(page.read_text("utf-8"))]
    pages = {page for page in PAGES if "docs" in page.relative_to(ROOT).parts and "decisions" not in page.parts}
    assert sorted(map(named, pages - seen)) == []


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"demo", "test", "setup", "check", "bench"} <= targets
    text = "\n".join(page.read_text("utf-8") for page in PAGES)
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE)) - targets == set()


def test_commands_of_the_product_exist_with_their_options() -> None:
    from enclave.cli.main import app

    wrong = []
    for page, words in commands():
        program = next((word for word in words if "=" not in word), "")
        given = words[words.index(program) + 1 :] if Path(program).name == "enclave" else ["--help"]
        if problem := misuse(typer.main.get_command(app), given):
            wrong.append(f"{page}: {' '.join(words)}: {problem}")
    assert wrong == []


def misuse(command: object, words: list[str]) -> str:
    """Say what is wrong with the words after a command, or nothing."""
    while words and words[0] in getattr(command, "commands", {}):
        command = command.commands[words.pop(0)]
    if hasattr(command, "commands") and words != ["--help"]:
        return "no such command"
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    unknown = [word for word in words if word.startswith("-") and word.split("=")[0] not in known | {"--help"}]
    return f"no such option: {unknown}" if unknown else ""


def test_every_command_is_in_the_reference() -> None:
    from enclave.cli.main import app

    page = (ROOT / "docs/reference/commands.md").read_text("utf-8")

    def names(command: object, prefix: str) -> Iterator[str]:
        for name, inner in command.commands.items():
            yield from names(inner, f"{prefix} {name}") if hasattr(inner, "commands") else [f"{prefix} {name}"]

    assert [name for name in names(typer.main.get_command(app), "enclave") if f"`{name}`" not in page] == []


def test_every_setting_is_in_the_reference_and_no_other() -> None:
    page = (ROOT / "docs/reference/settings.md").read_text("utf-8")
    listed = set(re.findall(r"^\| `ENCLAVE_(\w+)`", page, re.MULTILINE))
    assert {name.lower() for name in listed} == set(Settings.model_fields)
    text = "\n".join(path.read_text("utf-8") for path in PAGES)
    unknown = {name.lower() for name in re.findall(r"ENCLAVE_([A-Z0-9_]+)", text)} - set(Settings.model_fields)
    assert unknown <= {"whole_suite", "part"}


def test_stated_defaults_are_the_defaults() -> None:
    page = (ROOT / "docs/reference/settings.md").read_text("utf-8")
    wrong = []
    for name, stated in re.findall(r"^\| `ENCLAVE_(\w+)` \| `([^`]+)` \|", page, re.MULTILINE):
        default = Settings.model_fields[name.lower()].default
        if stated.lower() != str(default).lower():
            wrong.append(f"{name}: {stated}, really {default}")
    assert wrong == []


def test_what_the_client_offers_is_in_the_reference() -> None:
    import enclave.client as client

    page = (ROOT / "docs/reference/client.md").read_text("utf-8")
    offered = [name for name in client.__all__ if callable(getattr(client, name)) and name.islower()]
    assert offered
    assert [name for name in offered if f"`enclave.{name}(" not in page] == []
    used = {call for page, block in blocks("python") for call in re.findall(r"enclave\.([a-z]\w*)\(", block)}
    assert used <= set(client.__all__)


def test_chinese_pages_have_the_parts_of_the_english_ones() -> None:
    uneven = []
    for chinese in [page for page in PAGES if page.name.endswith(".zh-CN.md")]:
        english = chinese.with_name(chinese.name.replace(".zh-CN", ""))
        shapes = [re.findall(r"^(#+) |^```(\w*)", page.read_text("utf-8"), re.MULTILINE) for page in (english, chinese)]
        if shapes[0] != shapes[1]:
            uneven.append(named(chinese))
    assert uneven == []


def test_python_examples_compile() -> None:
    for page, block in [*blocks("python"), *blocks("python run")]:
        compile(block, page, "exec")
    assert list(blocks("python"))


@pytest.mark.promise("P1")
def test_the_verifier_an_auditor_is_given_works(home, people) -> None:
    from enclave.kernel import ledger
    from enclave.kernel.db import reading

    (_, program), *_ = [block for block in blocks("python run") if block[0].endswith("verify-the-ledger.md")]
    namespace: dict[str, object] = {}
    exec(program, namespace)  # noqa: S102 - running it is the test
    verify = namespace["verify"]
    with reading() as session:
        lines = list(ledger.export_lines(session))
        head = ledger.verify(ledger.stored(session)).head
    assert verify(lines) == head
    with pytest.raises(AssertionError, match="event 3 was altered"):
        verify([*lines[:2], json.dumps(json.loads(lines[2]) | {"actor": "x"}), *lines[3:]])


def test_the_picture_of_the_loop_is_sound() -> None:
    picture = ElementTree.parse(ROOT / "docs/loop.svg").getroot()
    words = " ".join(picture.itertext())
    assert all(word in words for word in ("主线", "The loop", "分析空间 Enclave", "Ledger"))
    assert picture.get("role") == "img"


def test_decisions_are_numbered_without_gaps_and_say_what_they_must() -> None:
    decisions = sorted((ROOT / "docs/decisions").glob("*.md"))
    assert [path.name[:4] for path in decisions] == [f"{number:04d}" for number in range(1, len(decisions) + 1)]
    for path in decisions:
        text = path.read_text("utf-8")
        assert text.startswith(f"# {path.name[:4]}. ")
        assert all(f"\n## {part}\n" in text for part in ("Context", "Decision", "Consequences")), path.name


def test_the_licence_and_the_notice_are_there() -> None:
    assert "Apache License" in (ROOT / "LICENSE").read_text()
    notice = (ROOT / "NOTICE").read_text()
    for word in ("SDV", "Business Source License", "Diabetes 130-US", "CC BY 4.0", "GiBleed", "CC0"):
        assert word in notice
