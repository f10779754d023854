"""What must not be in the tree: hosts of registries, paths of a machine, silent suppressions, unfinished work."""

from __future__ import annotations

import ast
import re
import subprocess

import pytest

from tests.verification.source import ROOT, product, suite, text_files, tracked

# Written in pieces, so that this file does not name what it looks for.
HOSTS = re.compile(
    "|".join(
        re.escape(host)
        for host in (
            "py" + "pi.org", "python" + "hosted.org", "registry.n" + "pmjs", "deb." + "debian.org",
            "tuna." + "tsinghua", "mirrors." + "aliyun", "mirrors." + "ustc", "pypi." + "douban", "npm" + "mirror.com",
        )
    )
)  # fmt: skip
MACHINE_PATHS = re.compile(
    r"(?<![\w.}])/(?:work|home/[a-z]\w*|root|Users)/(?!\.\.\.)[\w.]|/tmp/w/|/opt/(?:wheels|pypi)"
)
OWN = "tests/verification/test_tree.py"
# Paths inside the sandbox are the product's own, the same on every machine.
IN_THE_SANDBOX = re.compile(r"/home/researcher")


def hits(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path}:{number}: {line.strip()[:120]}"
        for path, text in text_files()
        if path != OWN
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(IN_THE_SANDBOX.sub("", line))
    ]


def test_no_registry_is_named() -> None:
    assert hits(HOSTS) == []


def test_no_path_of_a_machine_is_named() -> None:
    assert hits(MACHINE_PATHS) == []


def test_nothing_is_too_big_for_a_checkout() -> None:
    assert [f"{path.name}: {path.stat().st_size}" for path in tracked() if path.stat().st_size > 10_000_000] == []


def test_no_secret_is_committed() -> None:
    keys = re.compile(
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----|(?i:password|secret)\s*[:=]\s*[\"'][A-Za-z0-9+/_-]{16,}[\"']"
    )
    assert hits(keys) == []


def test_suppressions_say_why() -> None:
    ignore = re.compile(r"#\s*type:\s*ignore(?!\[[\w\-, ]+\]\s*#\s*\S)")
    noqa = re.compile(r"#\s*noqa(?!:\s*[A-Z]+[0-9]+(?:,\s*[A-Z]+[0-9]+)*\s+\S)", re.IGNORECASE)
    lines = [
        f"{module.path}:{number}: {line.strip()}"
        for module in (*product(), *suite())
        if module.path != OWN
        for number, line in enumerate(module.text.splitlines(), 1)
        if ignore.search(line) or noqa.search(line)
    ]
    assert lines == []


def test_skipped_tests_say_why() -> None:
    bare = []
    for module in suite():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Attribute) and node.attr in ("skip", "skipif", "xfail") and is_mark(node):
                called = [c for c in ast.walk(module.tree) if isinstance(c, ast.Call) and c.func is node]
                if not called or not any(keyword.arg == "reason" for keyword in called[0].keywords):
                    bare.append(f"{module.path}:{node.lineno}")
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "skip":
                bare += [f"{module.path}:{node.lineno}"] * (not is_mark(node.func) and not (node.args or node.keywords))
    assert bare == []


def is_mark(node: ast.Attribute) -> bool:
    return isinstance(node.value, ast.Attribute) and node.value.attr == "mark"


def test_nothing_is_left_unfinished() -> None:
    # Written in pieces for the same reason as the hosts.
    assert hits(re.compile(r"(?:#|//|<!--)\s*(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")) == []
    stubs = [
        f"{module.path}:{function.lineno}: {function.name}"
        for module in product()
        for function in module.functions()
        if any(isinstance(n, ast.Raise) and n.exc and "NotImplemented" in ast.dump(n.exc) for n in ast.walk(function))
    ]
    assert stubs == []


def test_a_test_that_asserts_nothing_is_no_test() -> None:
    hollow = []
    shared = {
        function.name
        for module in suite()
        if module.path.startswith(("tests/factories/", "tests/fixtures/"))
        for function in module.functions()
        if proves(function, set())
    }
    for module in suite():
        helpers = shared | {f.name for f in module.functions() if proves(f, set())}
        hollow += [
            f"{module.path}:{function.lineno}: {function.name}"
            for function in module.functions()
            if function.name.startswith("test_") and not proves(function, helpers)
        ]
    assert hollow == []


# A call of these proves something by itself: it raises when what it looks for is not so.
PROVING_CALLS = re.compile(r"raises|warns|fail|expect|assert\w*|check\w*|wait_for\w*|to_\w+|walk\w*|upgrade|verify\w*")


def proves(function: ast.AST, helpers: set[str]) -> bool:
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in helpers or PROVING_CALLS.fullmatch(called):
                return True
    return False


@pytest.mark.parametrize("script", ["scripts/setup.sh", "scripts/check.sh", "scripts/lock.sh", ".ci/run"])
def test_scripts_are_sound_shell_and_may_be_run(script) -> None:
    path = ROOT / script
    assert path.stat().st_mode & 0o111
    assert subprocess.run(["bash", "-n", path], check=False).returncode == 0
    assert "set -euo pipefail" in path.read_text()


def test_locks_pin_and_hash_everything_and_name_no_index() -> None:
    for lock in sorted((ROOT / "requirements").glob("*.lock")):
        entries = re.split(r"\n(?=\S)", lock.read_text().strip())
        assert [
            e for e in entries if not re.match(r"[\w.\-]+(\[[\w,\-]+\])?==\S+", e) or "--hash=sha256:" not in e
        ] == []


def test_the_test_environment_runs_what_the_demonstration_runs() -> None:
    runtime, dev = (set(pins(name)) for name in ("runtime", "dev"))
    assert runtime - dev == set()


def pins(name: str) -> list[str]:
    return re.findall(r"^[\w.\-]+==\S+", (ROOT / f"requirements/{name}.lock").read_text(), re.MULTILINE)
