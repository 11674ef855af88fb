"""Makes docs/reference.md from the records: every table and column that a plan is written with, every profile column and key.

python docs/make_reference.py
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from planner.inputs.scenario import whole_schema  # noqa: E402
from planner.results.columns import EVERYWHERE, TABLES  # noqa: E402

PAGE = ROOT / "docs" / "reference.md"
HEAD = """# Reference

Made from the records in the code by `python docs/make_reference.py`.

## Tables of a plan folder

Every table that has a period or span has `start` and `end`, its first and last day. Blank cells mean what the column says.
"""


def tables() -> Iterator[str]:
    for name, table in TABLES.items():
        yield f"\n### {name}.csv\n\n{table.text} Key: {', '.join(f'`{part}`' for part in table.key)}.\n"
        yield "\n| column | unit | meaning | blank | example |\n|---|---|---|---|---|\n"
        for column, record in table.columns.items():
            yield row(column, record)
    yield "\n### Columns that mean the same in every table\n"
    yield "\n| column | unit | meaning | blank | example |\n|---|---|---|---|---|\n"
    for column, record in EVERYWHERE.items():
        yield row(column, record)


def row(name: str, record: Any) -> str:
    return f"| `{name}` | {record.unit} | {record.text} | {record.blank} | {record.example} |\n"


def keys() -> Iterator[str]:
    """The sections and rows of a scenario, from its JSON Schema: what editors show."""
    schema = whole_schema()
    definitions = schema.get("$defs", {})
    yield "\n## Scenario files and profile tables\n\n"
    yield "The same as `planner schema` prints. Rows of a profile table have the same columns, units in the header.\n"
    yield from section("the file itself", schema)
    for name in sorted(definitions):
        if definitions[name].get("properties"):
            yield from section(name, definitions[name])


def section(name: str, schema: dict[str, Any]) -> Iterator[str]:
    about = str(schema.get("description", "")).split("\n\n")[0].replace("\n", " ")
    yield f"\n### {name}\n\n{about}\n\n| key | required | default | meaning and example |\n|---|---|---|---|\n"
    needed = set(schema.get("required", ()))
    for key, field in schema.get("properties", {}).items():
        default = "" if field.get("default") in (None, [], {}) else f"`{field['default']}`"
        said = [str(field[part]) for part in ("description",) if field.get(part)]
        said += [f"e.g. {', '.join(f'`{e}`' for e in field['examples'][:2])}"] if field.get("examples") else []
        said += [f"one of {', '.join(f'`{e}`' for e in field['enum'])}"] if field.get("enum") else []
        yield f"| `{key}` | {'yes' if key in needed else ''} | {default} | {'; '.join(said).replace('|', '/')} |\n"


def page() -> str:
    return "".join((HEAD, *tables(), *keys())).rstrip() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
