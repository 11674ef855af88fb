"""Where every number comes from: `sources` lists each number that entered the model with file, line, source and confidence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date

from planner.core.table import Row, Table
from planner.inputs.assembly import Inputs
from planner.inputs.document import Node
from planner.inputs.fields import Number, Origin, Quantity, Record
from planner.inputs.load import SINGULAR, column_kinds
from planner.inputs.tables import CONFIDENCE, TABLES

COLUMNS = ("what", "value", "unit", "file", "line", "source", "confidence", "note")
BUNDLED, OWN = "profiles/", "scenario"  # how bundled tables are shown (own folders never are), and what is none of them
_WITH_UNIT = re.compile(r"\s*([+-]?[\d.][\d._eE+-]*)\s*(.*?)\s*")


def grade(origin: Origin, column: str = "") -> str:
    """The confidence of a column of a row: `reported; pue=assumed` grades pue as assumed and the rest as reported."""
    general, *exceptions = (part.strip() for part in (origin.confidence or "assumed").split(";"))
    for exception in exceptions:
        name, _, level = exception.partition("=")
        if name.strip() == column:
            return level.strip()
    return general


def collection(record: Record, column: str = "") -> str:
    """The bundled collection that a row came from, or a column of it; `scenario` if it is of the scenario or of own tables.

    A row of a collection in which the scenario changed a cell is of the collection, and the cell is not.
    """
    cells = {name: where.file for name, _, _, where in record.origin.written}
    files = [cells[column]] if column in cells else [file for file in cells.values() if file.endswith(".csv")]
    if not files or not files[0].startswith(BUNDLED):
        return OWN
    return files[0].removeprefix(BUNDLED).split("/")[0]


def weakest(levels: Iterable[str]) -> str:
    """The least trustworthy of some grades."""
    return max(levels, key=CONFIDENCE.index, default="disclosed")


def sources(inputs: Inputs) -> Table:
    """sources.csv: every number of the selected rows, and of the scenario itself."""
    rows = [row for name, records in used(inputs).items() for record in records for row in _row_sources(name, record)]
    why = {a.key: a.why for a in inputs.scenario.assumption}
    apart = (*SINGULAR, "schema", "assumption")
    sections = {key: node for key, node in inputs.root.value.items() if key not in apart}
    rows += list(_scenario_sources(Node(sections, inputs.root.where), (), why))
    return Table("sources", COLUMNS, tuple(rows))


def used(inputs: Inputs) -> Mapping[str, tuple[Record, ...]]:
    """The rows of every table that take part in the plan."""
    series = {"accelerators": inputs.accelerators, "site_power": inputs.site_power}
    grids = {site.grid for site in inputs.sites.values()}
    countries = {site.country for site in inputs.sites.values()}
    classes = {rule.class_ for rule in inputs.export_rules}
    found: dict[str, tuple[Record, ...]]
    found = {name: tuple(r for rows in table.values() for r in rows) for name, table in series.items()}
    return found | {
        "sites": tuple(inputs.sites.values()),
        "grids": tuple(row for key, rows in inputs.grids.items() if key in grids for row in rows),
        "countries": tuple(row for key, rows in inputs.countries.items() if key in countries for row in rows),
        "offers": inputs.offers,
        "contracts": inputs.contracts,
        "fleet": inputs.fleet,
        "supply": inputs.supply,
        "export_classes": tuple(row for key, rows in inputs.export_classes.items() if key in classes for row in rows),
        "export_rules": inputs.export_rules,
        "licences": inputs.licences,
        "power_sources": inputs.power_sources,
        "shapes": tuple(row for rows in inputs.shapes.values() for row in rows) if inputs.scenario.energy else (),
    }


def _row_sources(name: str, record: Record) -> Iterator[Row]:
    table, origin = TABLES[name], record.origin
    kinds = column_kinds(table.record)
    cells = {column: value for column, value, _, _ in origin.written}
    key = ".".join(cells[k] for k in table.key if k in cells)
    tabled = any(where.file.endswith(".csv") for _, _, _, where in origin.written)
    for column, value, unit, where in origin.written:
        kind = kinds.get("throughput_*" if column.startswith("throughput_") else column)
        if isinstance(kind, (Quantity, Number)) or column == "amount":
            number, spelled = (value, unit) if unit else _parts(value)
            here = tabled and not where.file.endswith(".csv")  # a cell that the scenario changed in a row of a table
            source = "this scenario" if here else origin.source or ("this scenario" if origin.inline else "")
            place = (where.file, where.line or None)
            yield (f"{table.singular}.{key}.{column}", number, spelled, *place, source, grade(origin, column), origin.note)


def _parts(text: str) -> tuple[str, str]:
    """Number and unit of a quantity as written."""
    match = _WITH_UNIT.fullmatch(text)
    return (match[1], match[2]) if match else (text, "")


def _scenario_sources(node: Node, path: tuple[str, ...], why: Mapping[str, str]) -> Iterator[Row]:
    """Numbers and days of the scenario's own sections; a matching [[assumption]] is their source."""
    if isinstance(node.value, dict):
        for key, item in node.value.items():
            yield from _scenario_sources(item, (*path, key), why)
    elif isinstance(node.value, list):
        for i, item in enumerate(node.value):
            name = str(item.value["id"].value) if isinstance(item.value, dict) and "id" in item.value else str(i)
            yield from _scenario_sources(item, (*path, name), why)
    elif not isinstance(node.value, bool) and (
        isinstance(node.value, (int, float, date)) or (isinstance(node.value, str) and _WITH_UNIT.fullmatch(node.value))
    ):
        key = ".".join(path)
        near = [name for name in why if key == name or key.startswith(name + ".")]
        reason = why[max(near, key=len)] if near else "this scenario"
        yield (key, *_parts(str(node.value)), node.where.file, node.where.line or None, reason, "assumed", "")


def overlaps(inputs: Inputs) -> dict[str, list[str]]:
    """Announcements that may be the same gigawatt: group -> the rows that take part."""
    groups: dict[str, list[str]] = {}
    named = [(row.overlaps, row.id) for row in inputs.contracts]
    named += [(row.overlaps, row.vendor or row.accelerator or "") for row in inputs.supply]
    for group, name in named:
        if group:
            groups.setdefault(group, []).append(name)
    return {name: sorted(set(rows)) for name, rows in groups.items() if len(set(rows)) > 1}
