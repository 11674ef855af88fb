"""Who may import whom: a room knows only rooms below it, and only the strangers that it names."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command import ROOT

# room: third-party packages that its modules may know, from the bottom of the house upwards
ROOMS = {
    "core": {"pint"},
    "inputs": {"pydantic", "pydantic_core"},
    "data": set(),
    "checks": set(),
    "model": {"pulp"},
    "solver": {"highspy", "numpy", "pulp"},
    "results": {"pandas", "xlsxwriter"},
    "catalog": set(),
    "proof": {"gmpy2"},
    "audit": set(),
    "infeasible": {"numpy"},
    "run": {"numpy", "pandas"},
    "sensitivity": {"numpy"},
    "alternatives": {"numpy"},
    "tradeoff": {"numpy"},
    "terminal": {"rich", "vl_convert"},
    "cli": {"rich", "typer"},
    "face": {"pandas"},  # the planner from Python: one module beside the package's own
}
# rooms that stand on one floor: neither knows the other, nor do those below know them
BESIDE = [{"sensitivity", "alternatives", "tradeoff"}, {"checks", "model"}, {"catalog", "proof"}]
# the audit shares nothing with what it judges but the records of the inputs, the calendar and errors
AUDIT_KNOWS = {"core.calendar", "inputs.fields", "inputs.tables", "inputs.scenario", "inputs.assembly"}
TOUCH_FILES = {
    "solver.highs",  # the descriptor that HiGHS prints to, nothing else
    "inputs.document", "inputs.load", "results.folder", "results.onefile", "catalog.library", "run.pipeline", "run.verification",
    "catalog.skypilot", "run.compare", "cli.shell", "cli.app", "cli.reasons", "face",
}  # fmt: skip
KNOW_THE_TIME = {"cli.shell", "cli.app", "run.pipeline", "solver.solve"}
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


def room(module: str) -> str:
    return module.partition(".")[0]


def reached(module: str) -> set[str]:
    """Every module that a module needs, through others too."""
    found: set[str] = set()
    left = {module}
    while left:
        left = {other for one in left for other in own(one) if other in FILES} - found
        found |= left
    return found


MODULES = [name for name in FILES if name not in ("planner", "__main__")]


def test_every_module_stands_in_a_room() -> None:
    assert {room(module) for module in MODULES} == set(ROOMS)


@pytest.mark.parametrize("module", MODULES)
def test_a_room_knows_only_rooms_below_it(module: str) -> None:
    order = list(ROOMS)
    below = set(order[: order.index(room(module)) + 1])
    for floor in BESIDE:
        if room(module) in floor:
            below -= floor - {room(module)}
    assert {room(name) for name in own(module)} - {"planner"} <= below


@pytest.mark.parametrize("module", MODULES)
def test_no_module_needs_itself(module: str) -> None:
    assert module not in reached(module)


@pytest.mark.parametrize("module", MODULES)
def test_a_room_knows_only_the_strangers_it_names(module: str) -> None:
    strangers = {name.partition(".")[0] for name in imports(module)} - set(sys.stdlib_module_names) - {"planner"}
    assert strangers <= ROOMS[room(module)]


@pytest.mark.parametrize("module", [name for name in MODULES if room(name) == "audit"])
def test_the_audit_shares_nothing_with_what_it_judges(module: str) -> None:
    assert {name for name in own(module) if not name.startswith("audit")} <= AUDIT_KNOWS


@pytest.mark.parametrize("module", MODULES)
def test_only_some_touch_files_the_screen_or_the_clock(module: str) -> None:
    calls = [node.func for node in nodes(module) if isinstance(node, ast.Call)]
    names = {f.attr for f in calls if isinstance(f, ast.Attribute)} | {f.id for f in calls if isinstance(f, ast.Name)}
    uses = {ast.unparse(node) for node in nodes(module) if isinstance(node, ast.Attribute)}
    if module not in TOUCH_FILES:
        assert not names & FILE_CALLS
    if room(module) not in ("cli", "terminal") and module != "solver.highs":  # it flushes what it keeps HiGHS from
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
