"""Which clauses tests prove: the marks `@pytest.mark.clause(id)` found in the source, and what passed where it ran."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from enclave.policy.clauses import clauses, components, waivers

CHECKS = ("assert_", "check_", "expect")  # helpers whose name says that they assert


@dataclass(frozen=True)
class Proof:
    """One mark: the clause it names, the test that carries it, and whether that test asserts anything."""

    clause: str
    test: str
    asserts: bool


@dataclass(frozen=True)
class Coverage:
    """The clauses of one component, by what stands behind them."""

    component: str
    proven: tuple[str, ...]
    waived: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def total(self) -> int:
        """Return how many clauses the component has."""
        return len(self.proven) + len(self.waived) + len(self.missing)

    @property
    def percent(self) -> float:
        """Return the share that is proven, in percent."""
        return 100 * len(self.proven) / self.total if self.total else 100.0


def proofs(tests: Path) -> list[Proof]:
    """Return every clause mark of a folder of tests, without running anything."""
    found = []
    for path in sorted(tests.rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        whole = [mark for node in tree.body if isinstance(node, ast.Assign) for mark in _marks(node)]
        for test in _tests(tree):
            named = [*whole, *(mark for decorator in test.decorator_list for mark in _marks(decorator))]
            where = f"{path.relative_to(tests.parent).as_posix()}::{test.name}"
            found += [Proof(clause, where, _asserts(test)) for clause in dict.fromkeys(named)]
    return found


def coverage(proven: Collection[str]) -> list[Coverage]:
    """Return the coverage of every component, given the clauses that are proven; a waiver yields to a proof."""
    made = []
    for component in components():
        own = [clause.id for clause in clauses().values() if clause.component == component]
        waived = [one for one in own if one not in proven and one in waivers()]
        made.append(
            Coverage(
                component,
                tuple(one for one in own if one in proven),
                tuple(waived),
                tuple(one for one in own if one not in proven and one not in waivers()),
            )
        )
    return made


def unknown(found: Collection[Proof]) -> list[Proof]:
    """Return marks that name a clause the list does not have."""
    return [proof for proof in found if proof.clause not in clauses()]


def behind(found: Collection[Proof]) -> Mapping[str, list[str]]:
    """Return the tests behind each clause; a test that asserts nothing stands behind none."""
    tests: dict[str, list[str]] = {}
    for proof in found:
        if proof.asserts:
            tests.setdefault(proof.clause, []).append(proof.test)
    return tests


def _tests(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name.startswith("test"):
            yield node


def _marks(node: ast.AST) -> Iterator[str]:
    """Yield the ids in `pytest.mark.clause("…", …)` calls anywhere below a node."""
    for call in ast.walk(node):
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or call.func.attr != "clause":
            continue
        if isinstance(call.func.value, ast.Attribute) and call.func.value.attr == "mark":
            yield from (str(one.value) for one in call.args if isinstance(one, ast.Constant))


def _asserts(test: ast.AST) -> bool:
    for node in ast.walk(test):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name == "raises" or name.startswith(CHECKS):
                return True
    return False
