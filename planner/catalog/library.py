"""The bundled data shown to a user, and the start of an own project."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from planner.core.errors import InputFault, Location, did_you_mean
from planner.core.table import Table
from planner.inputs.load import bundled_collections, bundled_scenarios, read_tables
from planner.inputs.tables import TABLES
from planner.results.folder import write_file

SCENARIO = """\
# A company of its own: two campuses that it builds, a hall that it leases, and AWS by the hour at its list price.
# Every number here and in profiles/ is made up to start with (`assumed`): replace it by yours.
# Solve it with: planner solve scenario.toml
#
# Chips, grids, regions, list prices and export rules come from the collection `reference`, which every scenario reads;
# rows in the folder profiles/ beside this file win over it by id. profiles = ["reference", "openai"] would add the
# campuses, contracts and fleet of one known customer, which are not yours.
schema = 1
name = "My first plan"

[horizon]
start = 2026-01-01
end = 2028-12-31
step = "quarter"

[money]
discount_rate = "8 %/year"

[select]                        # what takes part; without a line, every row of that table
providers = ["mine", "lessor", "aws"]
accelerators = ["hgx_h200_8", "gb200_nvl72", "gb300_nvl72"]

[[workload]]
id = "training"
kind = "training"
demand = [
  { from = 2026-01-01, value = "30000 h100e" },
  { from = 2027-01-01, value = "60000 h100e" },
  { from = 2028-01-01, value = "100000 h100e" },
]
unserved = "6 USD/h100e/hour"   # what a missing unit costs; without it the demand must be met

[limits]
fleet_power = "80 MW"           # facility power, all sites together

[export_control]
tenant = "mine"                 # the party that export rules may name

[[assumption]]
key = "workload.training"
why = "Made up to start with: demand as a yearly step, and 6 USD, about the price of an hour by the day."

[[assumption]]
key = "limits"
why = "Made up to start with: a little below the sum of the three sites, so that it binds."
"""
MADE_UP = "made up to start with,assumed"
TABLES_OF_ONES_OWN = {
    "providers": (
        "who owns or leases out the sites",
        "id,name,headquarters,source,confidence,note",
        f"mine,My company,US,{MADE_UP},builds campuses of its own",
        f"lessor,A lessor of halls,US,{MADE_UP},a cloud like any other; AWS is in the reference",
    ),
    "grids": (
        "an own tariff; the other grids are in the reference",
        "id,name,country,from,price [USD/MWh],carbon [g/kWh],source,confidence,note",
        f"MY-GRID,Own tariff,US,2025-01-01,60,350,{MADE_UP},rows here win over the reference by their id",
    ),
    "sites": (
        "two campuses and a leased hall",
        "id,name,provider,country,grid,pue,source,confidence,note",
        f"prairie,Own campus,mine,US,MY-GRID,1.25,{MADE_UP},",
        f"lakes,Own campus abroad,mine,SE,SE,1.15,{MADE_UP},its grid is one of the reference",
        f"hall,Leased hall,lessor,US,PJM,1.3,{MADE_UP},",
    ),
    "site_power": (
        "the power that they have, from which day on",
        "site,from,power [MW],source,confidence,note",
        f"prairie,2026-01-01,20,{MADE_UP},",
        f"prairie,2027-04-01,40,{MADE_UP},second building",
        f"lakes,2027-01-01,20,{MADE_UP},",
        f"hall,2026-01-01,30,{MADE_UP},",
    ),
    "offers": (
        "what a rack costs, bought and leased",
        "id,provider,accelerator,price [USD/gpu/hour],energy,capex [USD/rack],lifetime [year],term [year],source,confidence,note",
        f"mine-gb300,mine,gb300_nvl72,0.6,metered,4000000,5,5,{MADE_UP},bought; the price is hall and staff; energy by the meter",
        f"lessor-gb200,lessor,gb200_nvl72,3.4,included,,,3,{MADE_UP},leased for three years; energy included",
    ),
    "contracts": (
        "what is promised to the lessor",
        "id,provider,start,end,value [million USD],take_or_pay,settle,max_power [MW],source,confidence,note",
        f"lessor-lease,lessor,2026-01-01,2028-12-31,600,0.7,term,25,{MADE_UP},70 % is due whether used or not; at most 25 MW",
    ),
    "export_rules": (
        "a rule of one's own beside those of the reference",
        "id,status,rank,class,destination,party,effect,amount,effective_from,effective_to,source,confidence,note",
        f"MY-SE-CAP,in_force,5,any,SE,,cap,5000 gpu,2026-01-01,,{MADE_UP},class `any` is one of the reference",
    ),
}


def overview() -> Table:
    """The tables with their number of rows in each collection, and the bundled scenarios."""
    collections = bundled_collections()
    of = {name: read_tables([folder])[0] for name, folder in collections.items()}
    found = []
    for name, table in TABLES.items():
        sizes = {collection: len(rows[name]) for collection, rows in of.items()}
        where = ", ".join(f"{collection} {size:,}" for collection, size in sizes.items() if size)
        found.append((name, sum(sizes.values()), where, (table.record.__doc__ or "").strip().splitlines()[0]))
    found.append(("scenarios", len(bundled_scenarios()), "", ", ".join(bundled_scenarios())))
    return Table("tables", ("table", "rows", "collections", "what"), tuple(found))


def rows(name: str, row: str | None) -> Table:
    """A table as written, or every cell of one row with unit, confidence and source. InputFault for an unknown name."""
    from planner.inputs.provenance import collection, grade

    if name not in TABLES:
        raise InputFault.one(f"there is no table `{name}`", did_you_mean(name, TABLES))
    table = TABLES[name]
    records = read_tables(bundled_collections().values())[0][name]
    written = [{column: f"{value} {unit}".strip() for column, value, unit, _ in r.origin.written} for r in records]
    if row is None:
        columns = [c for c in table.columns() if any(c in cells for cells in written)]
        columns += sorted({c for cells in written for c in cells if c.startswith("throughput_")})
        body: list[tuple[Any, ...]] = [
            (*(cells.get(c, "") for c in columns), collection(r), r.origin.confidence, f"{r.where.file}:{r.where.line}")
            for cells, r in zip(written, records, strict=True)
        ]
        return Table(name, (*columns, "collection", "confidence", "line"), tuple(body))
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
    """Writes a company of its own to edit, and says what each file is; InputFault if the folder holds something already."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputFault.one("is not empty", "give a new folder; nothing was overwritten", Location(str(folder)))
    write_file(folder / "scenario.toml", SCENARIO)
    told = {f"{folder}/scenario.toml": f"a scenario to edit (planner solve {folder}/scenario.toml -o plan)"}
    for name, (what, *lines) in TABLES_OF_ONES_OWN.items():
        write_file(folder / "profiles" / f"{name}.csv", "\n".join(lines) + "\n")
        told[f"{folder}/profiles/{name}.csv"] = what
    return told
