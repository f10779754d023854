"""`enclave policy` and `enclave standard` as an operator types them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from enclave.cli import policy, standard
from enclave.kernel.errors import Invalid
from enclave.policy import InvalidRules
from enclave.policy.book import FOLDER, current
from enclave.policy.request import as_plain
from tests.factories.policy import fulfilled, research

RUN = CliRunner()
WHO = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
MOUNT = ["action=mount", "scenario=10.4.2", "level=5", "identifiability=limited"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FOLDER, tmp_path / "policy", ignore=shutil.ignore_patterns("*.py", "__pycache__")))


@pytest.mark.promise("P8")
def test_decide_answers_with_clauses_version_and_exit_code(home) -> None:
    denied = RUN.invoke(policy.app, ["decide", *MOUNT, "--json"])
    told = json.loads(denied.stdout)
    assert denied.exit_code == 4 and told["outcome"] == "deny" and told["rule_version"] == current().version
    level = next(one for one in told["reasons"] if one["rule"] == "level-5-not-shared")
    assert level["clauses"] == ["4.1-L5", "6.4"] and level["zh"] and level["en"]
    assert RUN.invoke(policy.app, ["decide", "action=apply", "columns=age,sex", "met=a,b"]).exit_code == 4


def test_decide_reads_a_request_from_a_file(home, tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    file.write_text(json.dumps(as_plain(fulfilled(research("grant")))), encoding="utf-8")
    allowed = RUN.invoke(policy.app, ["decide", "--request", str(file), "--json"])
    assert allowed.exit_code == 0 and json.loads(allowed.stdout)["outcome"] == "allow"
    asked = RUN.invoke(policy.app, ["decide", "--request", str(file), "met=registration"])
    assert asked.exit_code == 4 and "授权" in asked.stdout
    piped = RUN.invoke(policy.app, ["decide", "--request", "-", "--json"], input='{"action": "register"}')
    assert json.loads(piped.stdout)["outcome"] == "deny"
    for wrong in ('{"action": ', '{"colour": "red"}'):
        assert isinstance(RUN.invoke(policy.app, ["decide", "--request", "-"], input=wrong).exception, Invalid)


@pytest.mark.promise("P8")
def test_explain_speaks_both_languages_and_knows_rules_and_clauses(home) -> None:
    both = RUN.invoke(policy.app, ["explain", *MOUNT]).stdout
    assert "第5级数据不对外共享" in both and "level 5 is not shared" in both and "4.1-L5" in both
    assert "level 5" not in RUN.invoke(policy.app, ["explain", *MOUNT, "--language", "zh"]).stdout
    assert "mount-labels" in RUN.invoke(policy.app, ["explain", "10.4.2-e-1j"]).stdout
    assert isinstance(RUN.invoke(policy.app, ["explain", "nothing"]).exception, Invalid)


def test_check_says_where_the_fault_is(home, folder: Path) -> None:
    good = RUN.invoke(policy.app, ["check", str(folder)])
    assert good.exit_code == 0 and current().version[:12] in good.stdout
    rules = folder / "rules" / "modes.yaml"
    rules.write_text(rules.read_text("utf-8").replace("clauses: [9.3-1]", "clauses: [9.3-99]"), encoding="utf-8")
    bad = RUN.invoke(policy.app, ["check", str(folder)]).exception
    assert isinstance(bad, InvalidRules) and "modes.yaml:" in bad.message("en") and "9.3-99" in bad.message("zh")


def test_diff_says_which_decisions_change(home, folder: Path) -> None:
    same = RUN.invoke(policy.app, ["diff", str(folder)])
    assert same.exit_code == 0 and "19800" in same.stdout
    rules = folder / "rules" / "research.yaml"
    text = rules.read_text("utf-8")
    rules.write_text(
        text.replace("needs: [relevance_minimum, history_check]", "needs: [relevance_minimum]"), encoding="utf-8"
    )
    changed = RUN.invoke(policy.app, ["diff", str(FOLDER), str(folder)])
    assert changed.exit_code == 1 and "history_check" in changed.stdout
    assert isinstance(RUN.invoke(policy.app, ["diff", "no-such-revision-or-folder"]).exception, Invalid)


def test_diff_reads_a_revision(home, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(folder, checkout / "enclave" / "policy")
    for arguments in (["init", "-q"], ["add", "-A"], [*WHO, "commit", "-qm", "rules"]):
        subprocess.run(["git", "-C", str(checkout), *arguments], check=True)
    monkeypatch.setattr(policy, "ROOT", checkout)
    same = RUN.invoke(policy.app, ["diff", "HEAD"])
    assert same.exit_code == 0, same.output
    cells = folder / "vocab" / "catalogue.csv"
    cells.write_text(cells.read_text("utf-8").replace("none,deidentified,agreement", "none,none,agreement"), "utf-8")
    changed = RUN.invoke(policy.app, ["diff", "HEAD", str(folder)])
    assert changed.exit_code == 1 and "enterprise" in changed.stdout and "deny" in changed.stdout


def test_doc_writes_checks_and_removes(home, tmp_path: Path) -> None:
    (tmp_path / "enclave" / "locale").mkdir(parents=True)
    assert RUN.invoke(policy.app, ["doc", "--to", str(tmp_path), "--check"]).exit_code == 1
    assert RUN.invoke(policy.app, ["doc", "--to", str(tmp_path)]).exit_code == 0
    assert RUN.invoke(policy.app, ["doc", "--to", str(tmp_path), "--check"]).exit_code == 0
    gone = tmp_path / "docs" / "reference" / "standard" / "zh" / "99-old.md"
    gone.write_text("old", encoding="utf-8")
    assert RUN.invoke(policy.app, ["doc", "--to", str(tmp_path), "--check"]).exit_code == 1
    assert RUN.invoke(policy.app, ["doc", "--to", str(tmp_path)]).exit_code == 0 and not gone.exists()


def test_coverage_prints_every_component(home) -> None:
    whole = RUN.invoke(standard.app, ["coverage"])
    assert (
        whole.exit_code == 0 and "461" in whole.stdout and "policy" in whole.stdout and "patient_access" in whole.stdout
    )
    one = RUN.invoke(standard.app, ["coverage", "--component", "patient_access"])
    assert one.exit_code == 1 and "10.3.1-e-1a" in one.stdout
    assert isinstance(RUN.invoke(standard.app, ["coverage", "--component", "weather"]).exception, Invalid)
