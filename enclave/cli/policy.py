"""`enclave policy`: ask for a decision, explain it, check the rules, write their pages, compare two rule books."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from enclave.kernel.errors import Invalid
from enclave.kernel.i18n import LOCALE, text
from enclave.kernel.settings import settings
from enclave.policy import Decision, decide
from enclave.policy.book import FOLDER, Book, current, read_book
from enclave.policy.difference import asked, differences
from enclave.policy.documents import pages
from enclave.policy.explaining import as_json, explain_rule
from enclave.policy.explaining import explain as told
from enclave.policy.glossary import as_locale
from enclave.policy.request import from_plain

app = typer.Typer(no_args_is_help=True, help="The rules of T/SHIA 8-2020.")
ROOT = Path(__file__).resolve().parents[2]
MACHINES = {"request": ROOT / "request_review" / "rules" / "workflow.yaml"}
SHOWN = 200  # changes a comparison prints before it only counts

Facts = Annotated[list[str] | None, typer.Argument(help="Facts as name=value; a list as name=a,b.")]
File = Annotated[Path | None, typer.Option("--request", help="A JSON file with the request; - reads standard input.")]


@app.command("decide")
def decide_command(
    facts: Facts = None, request: File = None, as_json_: Annotated[bool, typer.Option("--json")] = False
) -> None:
    """Decide on one request; exit 0 for allow, 3 for ask, 4 for deny."""
    decision = _decision(facts or [], request)
    if as_json_:
        typer.echo(json.dumps(as_json(decision), ensure_ascii=False, indent=2))
    else:
        typer.echo(told(decision, settings().language))
    raise typer.Exit({"allow": 0, "ask": 3, "deny": 4}[decision.outcome.code])


@app.command()
def explain(
    facts: Facts = None, request: File = None, language: Annotated[str, typer.Option(help="zh, en or both.")] = "both"
) -> None:
    """Explain a decision, or a rule or clause named alone, in Chinese and English."""
    languages = ("zh", "en") if language == "both" else (language,)
    if facts and len(facts) == 1 and "=" not in facts[0] and request is None:
        parts = [explain_rule(facts[0], one) for one in languages]
        if not any(parts):
            raise Invalid("policy_explain_unknown", name=facts[0])
    else:
        decision = _decision(facts or [], request)
        parts = [told(decision, one) for one in languages]
    typer.echo("\n\n".join(parts))


@app.command()
def check(folder: Annotated[Path, typer.Argument(help="A folder of rules.")] = FOLDER) -> None:
    """Check rule files; every fault is printed with file, line and reason."""
    book = read_book(folder)
    facts = {"rules": len(book.rules), "clauses": len(book.clauses), "items": len(book.catalogue.items)}
    typer.echo(text("policy_rules_hold", settings().language, version=book.version[:12], **facts))


@app.command()
def doc(
    to: Annotated[Path, typer.Option(help="Root of a checkout.")] = ROOT,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail if a page is stale.")] = False,
) -> None:
    """Write the reference pages of the standard and the locale file of the glossary."""
    made = generated(to)
    stale = [path for path, content in made.items() if not path.exists() or path.read_text("utf-8") != content]
    gone = [path for path in (to / "docs/reference/standard").rglob("*.md") if path not in made]
    if check:
        if stale or gone:
            names = ", ".join(str(path.relative_to(to)) for path in [*stale, *gone])
            typer.echo(text("policy_docs_stale", settings().language, paths=names), err=True)
            raise typer.Exit(1)
        return
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(made[path], encoding="utf-8")
    for path in gone:
        path.unlink()
    typer.echo(text("policy_docs_written", settings().language, count=len(made), changed=len(stale) + len(gone)))


@app.command()
def diff(
    old: Annotated[str, typer.Argument(help="A folder of rules, or a git revision.")],
    new: Annotated[str, typer.Argument(help="A folder of rules, or a git revision.")] = str(FOLDER),
) -> None:
    """Say which decisions over the whole catalogue a change of the rules would change; exit 1 if any."""
    language = settings().language
    with _book(old) as before, _book(new) as after:
        changes = list(differences(before, after, language))
        count = max(asked(before), asked(after))
    if not changes:
        typer.echo(text("policy_diff_none", language, count=count))
        return
    typer.echo(text("policy_diff_some", language, count=count, changed=len(changes)))
    for change in changes[:SHOWN]:
        was, now = (f"{one[0]} {one[1] or '—'} {','.join(one[2])}".strip() for one in (change.old, change.new))
        typer.echo(f"  {change.item} · {change.audience} · {change.case}\n    - {was}\n    + {now}")
    raise typer.Exit(1)


def generated(root: Path) -> dict[Path, str]:
    """Return every generated file of a checkout and what it should hold."""
    machines = {name: yaml.safe_load(path.read_text("utf-8")) for name, path in MACHINES.items() if path.exists()}
    folder = root / "docs" / "reference" / "standard"
    made = {folder / name: content for name, content in pages(machines).items()}
    return made | {root / LOCALE.relative_to(ROOT) / "glossary.yaml": as_locale()}


def _decision(facts: list[str], request: Path | None) -> Decision:
    stated: dict[str, Any] = {}
    if request is not None:
        raw = sys.stdin.read() if str(request) == "-" else request.read_text("utf-8")
        try:
            stated = json.loads(raw)
        except json.JSONDecodeError as error:
            raise Invalid("policy_request_value", field="--request", problem=error) from None
    for fact in facts:
        name, _, value = fact.partition("=")
        stated[name.replace("-", "_")] = _value(name, value)
    return decide(from_plain(stated))


def _value(name: str, value: str) -> Any:
    """Read what was typed: numbers and truth as such, lists where the field holds several."""
    if name in ("met", "categories", "topics", "documents", "omics_types", "columns"):
        return [part for part in value.split(",") if part]
    if name == "parents":
        return [int(part) for part in value.split(",") if part.isdigit()]
    if name == "degrees":
        public, enterprise, government = (*value.split(","), "none", "none", "none")[:3]
        return {"public": public, "enterprise": enterprise, "government": government, "source": "assigned"}
    if value in ("true", "false"):
        return value == "true"
    return int(value) if value.isdigit() and name in ("level", "claimed", "months") else value


@contextmanager
def _book(where: str) -> Iterator[Book]:
    folder = Path(where)
    if (folder / "rules").is_dir():
        yield current() if folder.resolve() == FOLDER.resolve() else read_book(folder)
        return
    asked_for = ["git", "-C", str(ROOT), "archive", "--format=tar", where, "--", "enclave/policy"]
    done = subprocess.run(asked_for, capture_output=True, check=False)
    if done.returncode:
        raise Invalid("policy_diff_revision", revision=where, problem=done.stderr.decode(errors="replace").strip())
    with tempfile.TemporaryDirectory() as made:
        _unpack(done.stdout, Path(made))
        yield read_book(Path(made) / "enclave" / "policy")


def _unpack(archive: bytes, target: Path) -> None:
    """Write the regular files of a tar; Python 3.11.2 has no extraction filter yet, so paths are checked here."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as opened:
        for member in opened:
            path = (target / member.name).resolve()
            content = opened.extractfile(member) if member.isfile() else None
            if content is not None and path.is_relative_to(target.resolve()):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.read())
