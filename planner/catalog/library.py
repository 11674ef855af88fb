"""The bundled data shown to a user, and the start of an own project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from planner.core.errors import InputFault, Location, did_you_mean
from planner.core.table import Table
from planner.inputs.load import bundled, bundled_scenarios, read_tables
from planner.inputs.tables import TABLES
from planner.results.folder import write_file

SCENARIO = """\
# A first scenario: one cloud, one workload, one power cap. Solve it with: planner solve scenario.toml -o plan
schema = 1
name = "My first plan"

[horizon]
start = 2026-01-01
end = 2028-12-31
step = "quarter"

[money]
discount_rate = "8 %/year"

[select]
providers = ["azure", "oracle"]
accelerators = ["gb200_nvl72", "gb300_nvl72"]
contracts = ["oracle-4500mw"] # without this line every contract of the two takes part, minimum payments included

[[workload]]
id = "training"
kind = "training"
demand = [ { from = 2026-01-01, value = "300000 h100e" }, { from = 2027-01-01, value = "1 million h100e" } ]
unserved = "10 USD/h100e/hour" # what a missing unit costs; without it the demand must be met

[limits]
fleet_power = "3 GW"

[[assumption]]
key = "workload.training.demand"
why = "made up to start with: replace it by your own"
"""
GRIDS = """\
id,name,country,from,price [USD/MWh],carbon [g/kWh],source,confidence,note
MY-GRID,An own grid,US,2025-01-01,60,350,my own assumption,assumed,rows here win over the bundled ones by their id
"""


def overview() -> Table:
    """The tables with their number of rows, and the bundled scenarios."""
    rows, _ = read_tables([(bundled("profiles"), "profiles")])
    found = [(name, len(rows[name]), (table.record.__doc__ or "").strip().splitlines()[0]) for name, table in TABLES.items()]
    found.append(("scenarios", len(bundled_scenarios()), ", ".join(bundled_scenarios())))
    return Table("tables", ("table", "rows", "what"), tuple(found))


def rows(name: str, row: str | None) -> Table:
    """A table as written, or every cell of one row with unit, confidence and source. InputFault for an unknown name."""
    from planner.inputs.provenance import grade

    if name not in TABLES:
        raise InputFault.one(f"there is no table `{name}`", did_you_mean(name, TABLES))
    table = TABLES[name]
    records = read_tables([(bundled("profiles"), "profiles")])[0][name]
    written = [{column: f"{value} {unit}".strip() for column, value, unit, _ in r.origin.written} for r in records]
    if row is None:
        columns = [c for c in table.columns() if any(c in cells for cells in written)]
        columns += sorted({c for cells in written for c in cells if c.startswith("throughput_")})
        body: list[tuple[Any, ...]] = [
            (*(cells.get(c, "") for c in columns), r.origin.confidence, f"{r.where.file}:{r.where.line}")
            for cells, r in zip(written, records, strict=True)
        ]
        return Table(name, (*columns, "confidence", "line"), tuple(body))
    ids = {cells.get(table.key[0], "") for cells in written}
    if row not in ids:
        raise InputFault.one(f"there is no row `{row}` in {name}", did_you_mean(row, ids))
    found = [
        (column, f"{value} {unit}".strip(), grade(r.origin, column), f"{where.file}:{where.line}", r.origin.source, r.origin.note)
        for r in records
        if any(column == table.key[0] and value == row for column, value, _, _ in r.origin.written)
        for column, value, unit, where in r.origin.written
    ]
    return Table(name, ("column", "value", "confidence", "line", "source", "note"), tuple(found))


def start_project(folder: Path) -> dict[str, str]:
    """Writes scenario.toml and profiles/grids.csv, and says what each is; InputFault if the folder holds something already."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputFault.one("is not empty", "give a new folder; nothing was overwritten", Location(str(folder)))
    write_file(folder / "scenario.toml", SCENARIO)
    write_file(folder / "profiles" / "grids.csv", GRIDS)
    return {
        f"{folder}/scenario.toml": f"a scenario to edit (planner solve {folder}/scenario.toml -o plan)",
        f"{folder}/profiles/grids.csv": "own rows, which win over the bundled ones by id",
    }
