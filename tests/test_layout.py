"""Who may import whom. A module imports only modules above it in the table, and only the strangers it names."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command import ROOT

# module: third-party packages it knows, one line each, from the bottom of the house upwards
LAYERS = {
    "planner": "",
    "proof": "",
    "conflict": "",
    "reasons": "",
    "alternatives": "",
    "answer": "",
    "errors": "",
    "basis": "",
    "units": "pint",
    "horizon": "",
    "document": "",
    "table": "",
    "fields": "pydantic pydantic_core",
    "profiles": "pydantic",
    "scenario": "pydantic",
    "reading": "pydantic",
    "inputs": "",
    "export": "",
    "menu": "",
    "costs": "",
    "slices": "",
    "sources": "",
    "caps": "",
    "shipping": "",
    "commitments": "",
    "instance": "",
    "program": "pulp",
    "variables": "",
    "energy": "",
    "measures": "",
    "formulation": "",
    "solve": "highspy numpy pulp",
    "probe": "highspy numpy",
    "plan": "",
    "power": "",
    "report": "pandas",
    "ranging": "numpy",
    "limits": "",
    "proof.elimination": "",
    "proof.decimals": "",
    "proof.pivots": "",
    "proof.exact": "",
    "proof.certificate": "",
    "conflict.elastic": "highspy numpy",
    "conflict.locks": "",
    "conflict.ways_out": "highspy",
    "conflict.minimal": "highspy",
    "conflict.clash": "",
    "provenance": "",
    "words": "",
    "reasons.behind": "",
    "reasons.binding": "",
    "reasons.trace": "numpy",
    "reasons.entry": "numpy",
    "reasons.rules": "",
    "reasons.losses": "highspy numpy",
    "checks_energy": "",
    "checks": "",
    "audit.slots": "",
    "audit.premises": "",
    "audit.evidence": "",
    "audit.case": "",
    "audit.customs": "",
    "audit.sources": "",
    "audit.hours": "",
    "audit.ledger": "",
    "audit.totals": "",
    "audit.losses": "",
    "audit.verdict": "",
    "audit": "",
    "skypilot": "",
    "folder": "",
    "library": "",
    "planning": "highspy numpy",
    "verification": "",
    "alternatives.intervals": "highspy numpy",
    "alternatives.whole": "numpy",
    "alternatives.candidates": "numpy",
    "alternatives.mixes": "",
    "alternatives.curve": "",
    "alternatives.turning": "numpy",
    "alternatives.frontier": "numpy",
    "charts": "vl_convert",
    "compare": "pandas",
    "answer.screen": "rich",
    "answer.plan": "rich",
    "answer.mixes": "rich",
    "answer.frontier": "rich",
    "answer.rules": "rich",
    "answer.conflict": "rich",
    "reasons.answers": "",
    "answer.reasons": "rich",
    "shell": "rich typer",
    "cli_reasons": "typer",
    "cli": "typer",
    "__main__": "",
}
# the audit shares nothing with what it judges but the records of the inputs and the calendar
AUDIT_KNOWS = {"horizon", "fields", "profiles", "scenario", "inputs"}
TOUCH_FILES = {
    "document", "reading", "folder", "library", "planning", "verification", "skypilot",
    "compare", "shell", "cli", "cli_reasons",
}  # fmt: skip
TOUCH_SCREEN = {"shell", "cli", "cli_reasons", *(name for name in LAYERS if name.startswith("answer."))}
KNOW_THE_TIME = {"shell", "cli", "planning", "solve"}
FILE_CALLS = {
    "open", "read_text", "read_bytes", "write_text", "write_bytes", "mkdir", "unlink", "rename", "is_file", "is_dir", "exists",
    "iterdir", "glob", "rglob", "rmtree",
}  # fmt: skip

FILES = {
    ".".join(path.relative_to(ROOT / "planner").with_suffix("").parts).removesuffix("__init__").rstrip(".") or "planner": path
    for path in (ROOT / "planner").rglob("*.py")
    if "bundled" not in path.parts
}


def nodes(module: str) -> Iterator[ast.AST]:
    """Everything in a module but what stands under `if TYPE_CHECKING`."""

    def walk(node: ast.AST) -> Iterator[ast.AST]:
        for child in ast.iter_child_nodes(node):
            if not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
                yield child
                yield from walk(child)

    return walk(ast.parse(FILES[module].read_text("utf-8")))


def imports(module: str) -> set[str]:
    """Full names of what a module imports, also inside of functions."""
    found: set[str] = set()
    for node in nodes(module):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            within = [f"{node.module}.{name.name}" for name in node.names]  # a module of a package, or a name of a module
            whole = [name if name.removeprefix("planner.") in FILES else str(node.module) for name in within]
            found |= {
                name if name.removeprefix("planner.") in FILES or not name.startswith("planner.") else "planner" for name in whole
            }
    return found


def own(module: str) -> set[str]:
    return {name.removeprefix("planner.") for name in imports(module) if name.partition(".")[0] == "planner"}


def test_the_table_names_every_module() -> None:
    assert set(FILES) == set(LAYERS)


@pytest.mark.parametrize("module", LAYERS)
def test_a_module_imports_only_modules_above_it(module: str) -> None:
    """So there are no circles either."""
    above = list(LAYERS)[: list(LAYERS).index(module)]
    assert own(module) <= set(above), f"{module} imports {sorted(own(module) - set(above))}, which stand below it in the table"


@pytest.mark.parametrize("module", LAYERS)
def test_a_module_knows_only_the_strangers_it_names(module: str) -> None:
    strangers = {name.partition(".")[0] for name in imports(module)} - set(sys.stdlib_module_names) - {"planner"}
    assert strangers == set(LAYERS[module].split())


@pytest.mark.parametrize("module", [name for name in LAYERS if name.startswith("audit")])
def test_the_audit_shares_nothing_with_what_it_judges(module: str) -> None:
    assert {name for name in own(module) if not name.startswith("audit")} <= AUDIT_KNOWS


@pytest.mark.parametrize("module", LAYERS)
def test_only_some_touch_files_the_screen_or_the_clock(module: str) -> None:
    calls = [node.func for node in nodes(module) if isinstance(node, ast.Call)]
    names = {f.attr for f in calls if isinstance(f, ast.Attribute)} | {f.id for f in calls if isinstance(f, ast.Name)}
    uses = {ast.unparse(node) for node in nodes(module) if isinstance(node, ast.Attribute)}
    if module not in TOUCH_FILES:
        assert not names & FILE_CALLS
    if module not in TOUCH_SCREEN:
        assert "print" not in names and not {
            use for use in uses if use.startswith("sys.std") and use != "sys.stdlib_module_names"
        }
    if module not in KNOW_THE_TIME:
        assert "time" not in imports(module) and not uses & {"date.today", "datetime.now", "os.environ"}
    assert "random" not in imports(module)


def test_every_module_says_why_it_exists() -> None:
    for path in FILES.values():
        if path != Path(ROOT / "planner" / "__main__.py"):
            assert ast.get_docstring(ast.parse(path.read_text("utf-8"))), path.name
