"""Makes docs/architecture.md from the code: the rooms of planner/, floor by floor, what each module is for, and who knows whom.

    python docs/make_architecture.py

Imports inside of functions count too; those that only type checkers see do not.
"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "architecture.md"
HEAD = """# Architecture

Made from the code by `python docs/make_architecture.py`; `tests/test_layout.py` keeps it true.

Data walks one way: text is read and checked, becomes plain numbers in canonical units, a linear programme, a plan, tables. A room
(a package in `planner/`) imports only rooms below it; rooms on one floor do not know each other. The audit knows nothing of the
formulation, and nothing but `solver/highs.py` knows HiGHS.

    inputs/*.toml + profiles/  ->  inputs  ->  checks
                                     |
                                    data  ->  model  ->  solver  ->  results  ->  audit
                                                            |            |
                                                          proof        run  ->  cli, face

`planner/face.py` is the planner from Python (`import planner`), `planner/cli/` the command line.
"""


def modules() -> dict[str, Path]:
    """Module name (`inputs.load`) -> file."""
    return {
        ".".join(path.relative_to(ROOT / "planner").with_suffix("").parts): path
        for path in sorted((ROOT / "planner").rglob("*.py"))
        if "bundled" not in path.parts and path.stem not in ("__init__", "__main__")
    }


def imports(path: Path, known: dict[str, Path]) -> set[str]:
    """The modules of the planner that a module imports."""
    found = set()

    def walk(node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
                continue
            if isinstance(child, ast.ImportFrom) and (child.module or "").startswith("planner."):
                base = str(child.module).removeprefix("planner.")
                for name in child.names:
                    whole = f"{base}.{name.name}"
                    found.add(whole if whole in known else base)
            walk(child)

    walk(ast.parse(path.read_text("utf-8")))
    return {name for name in found if name in known or name in {m.partition(".")[0] for m in known}}


def first_line(path: Path) -> str:
    return (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").splitlines()[0]


def page() -> str:
    """The whole page."""
    known = modules()
    rooms = sorted({name.partition(".")[0] for name in known if "." in name})
    knows = {
        room: {i.partition(".")[0] for name, path in known.items() if name.startswith(f"{room}.") for i in imports(path, known)}
        - {room}
        for room in rooms
    }
    floors: dict[str, int] = {}

    def floor(room: str) -> int:
        if room not in floors:
            floors[room] = 1 + max((floor(other) for other in knows[room] if other in knows), default=0)
        return floors[room]

    for room in rooms:
        floor(room)
    arrows = sum(len(others) for others in knows.values())
    lines = [HEAD, f"{len(rooms)} rooms on {max(floors.values())} floors, {arrows} arrows, none upwards.", ""]
    lines += ["```mermaid", "graph BT"]
    for level in range(1, max(floors.values()) + 1):
        lines.append(f"  subgraph floor{level} [floor {level}]")
        lines += [f"    {room}" for room in rooms if floors[room] == level]
        lines.append("  end")
    shown = {(a, b) for a in rooms for b in knows[a] if not any(b in knows[c] for c in knows[a] if c != b)}
    lines += [f"  {b} --> {a}" for a, b in sorted(shown)]
    lines += ["```", "", "The picture leaves out arrows that follow from others. From the top floor down:", ""]
    for level in range(max(floors.values()), 0, -1):
        for room in (r for r in rooms if floors[r] == level):
            about = first_line(ROOT / "planner" / room / "__init__.py")
            lines += [f"## {room} (floor {level})", "", about, "", f"Knows {', '.join(sorted(knows[room])) or 'nobody'}.", ""]
            lines += ["| module | what it is for |", "|---|---|"]
            for name, path in known.items():
                if name.startswith(f"{room}."):
                    lines.append(f"| [{name.partition('.')[2]}](../planner/{name.replace('.', '/')}.py) | {first_line(path)} |")
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
