"""Every table and column that a plan is written with has a record; sums agree from file to file, to the cent."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from typing import Any

import pytest

from planner.results.columns import EVERYWHERE, TABLES, described
from planner.results.folder import csv_text
from planner.run import pipeline
from planner.run.pipeline import Result, tables
from tests.small import plan, scenario

NAMES = ["openai-base", "behind-the-meter", "azure-loss", "green-hours", "classroom"]


@pytest.fixture(scope="module", params=NAMES)
def result(request: pytest.FixtureRequest) -> Result:
    return pipeline.plan_scenario(request.param)


def rows(found: Result, name: str) -> list[dict[str, Any]]:
    return found.table(name).records()


def written(found: Result, name: str) -> list[dict[str, Any]]:
    """The rows as the CSV file has them: numbers are read from their text."""
    table = found.table(name)
    lines = csv.DictReader(io.StringIO(csv_text(table)))
    numbers = {c for c, about in described(name, table.columns).items() if about.kind == "number"}
    return [{c: (float(text) if text else None) if c in numbers else text for c, text in line.items()} for line in lines]


def test_every_column_has_a_text(result: Result) -> None:
    for table in result.tables:
        assert table.name in TABLES, f"{table.name} has no record in results/columns.py"
        assert set(described(table.name, table.columns)) == set(table.columns)
        assert set(TABLES[table.name].key) - {"slice"} <= set(table.columns)


def test_every_record_says_something() -> None:
    for table in TABLES.values():
        assert table.text.endswith(".") and table.key
        for column in (*table.columns.values(), *EVERYWHERE.values()):
            assert column.text and not column.text.endswith(".") and column.kind in ("number", "integer", "string", "date")


def test_the_datapackage_is_what_is_written(result: Result) -> None:
    """Columns, types and units; a primary key tells all rows apart, a foreign key names rows that are there."""
    told = json.loads(tables(result)["datapackage.json"])
    by_name = {resource["name"]: resource["schema"] for resource in told["resources"]}
    assert set(by_name) == {table.name for table in result.tables}
    for table in result.tables:
        schema = by_name[table.name]
        assert [field["name"] for field in schema["fields"]] == list(table.columns)
        for field in schema["fields"]:
            if "unit" in field and field["unit"] in ("USD", "MW"):
                assert field["name"].endswith(field["unit"].lower())
            if field["type"] in ("number", "integer"):
                assert all(isinstance(row[field["name"]], (int, float, type(None))) for row in table.records()), field
        for foreign in schema.get("foreignKeys", []):
            there = {
                tuple(row[c] for c in foreign["reference"]["fields"]) for row in rows(result, foreign["reference"]["resource"])
            }
            assert {tuple(row[c] for c in foreign["fields"]) for row in table.records()} <= there
    assert by_name["mix"]["primaryKey"] == ["period", "provider"]


def test_sums_agree_to_the_cent(result: Result) -> None:
    """Of the numbers as they are written, which are rounded."""
    totals, cost = result.totals, written(result, "cost")
    spent = [row for row in cost if row["item"] in ("rent", "dark_rent", "energy", "capex")]
    cent = 0.01
    assert sum(row["discounted_usd"] for row in cost) == pytest.approx(totals["cost_usd"], abs=cent, rel=0)
    assert sum(row["amount_usd"] for row in spent) == pytest.approx(totals["spend_usd"], abs=cent, rel=0)
    by_period: dict[tuple[str, str], float] = defaultdict(float)
    for row in spent:
        by_period[row["period"], row["provider"]] += row["amount_usd"]
    for row in written(result, "mix"):
        assert by_period[row["period"], row["provider"]] == pytest.approx(row["spend_usd"], abs=cent, rel=0)
    whole = {row["provider"]: row for row in written(result, "summary") if row["span"] == "total"}
    years: dict[str, float] = defaultdict(float)
    for row in written(result, "summary"):
        if row["span"] != "total":
            years[row["provider"]] += row["spend_usd"]
    for provider, row in whole.items():
        assert years[provider] == pytest.approx(row["spend_usd"], abs=cent, rel=0)
    held: dict[tuple[str, str], float] = defaultdict(float)
    for row in written(result, "fleet"):
        held[row["period"], row["provider"]] += row["racks_held"]
        assert row["racks_dark"] == pytest.approx(max(0.0, row["racks_held"] - row["racks_online"]), abs=1e-6)
    for row in written(result, "mix"):
        assert held[row["period"], row["provider"]] == pytest.approx(row["racks_held"], abs=1e-4, rel=1e-9)
    shortfall = sum(row["shortfall_usd"] or 0.0 for row in written(result, "contracts"))
    assert shortfall == pytest.approx(totals["shortfall_usd"], abs=cent, rel=0)
    served = {(r["period"], r["workload"]): r["served_h100e"] for r in written(result, "demand")}
    delivered: dict[tuple[str, str], float] = defaultdict(float)
    for row in written(result, "allocation"):
        delivered[row["period"], row["workload"]] += row["compute_h100e"]
    for key, amount in served.items():
        assert delivered[key] == pytest.approx(amount, rel=1e-9, abs=1e-6)


def test_dark_racks_have_a_rent_of_their_own() -> None:
    """Twenty racks run already and ten are wanted: 10 online and 10 dark, each 20 USD an hour; in 2027 nobody leaves."""
    fleet = '[[fleet]]\nsite = "s"\noffer = "o"\nracks = "20 rack"\n'
    found = plan(scenario(more=fleet))
    rent = {row["item"]: row["amount_usd"] for row in rows(found, "cost")}
    assert rent == {"rent": pytest.approx(10 * 20 * 8760), "dark_rent": pytest.approx(10 * 20 * 8760)}
    (row,) = rows(found, "fleet")
    assert (row["racks_held"], row["racks_online"], row["racks_dark"], row["racks_removed"]) == (20, 10, 10, 0)


def test_racks_that_leave_are_told() -> None:
    """A lease of a year renewed each year for ever less demand: what ran out is removed, what is taken on anew is added."""
    steps = '[ { from = 2027-01-01, value = "200 h100e" }, { from = 2028-01-01, value = "80 h100e" } ]'
    demand = f'[[workload]]\nid = "w"\nkind = "training"\ndemand = {steps}'
    horizon = '[horizon]\nstart = 2027-01-01\nend = 2028-12-31\nstep = "year"'
    offer = '[[offer]]\nid = "o"\nprovider = "p"\naccelerator = "a"\nprice = "2 USD/gpu/hour"\nterm = "1 year"'
    first, second = rows(plan(scenario(workload=demand, horizon=horizon, offer=offer)), "fleet")
    assert (first["racks_added"], first["racks_removed"], first["racks_held"]) == (10, 0, 10)
    assert (second["racks_added"], second["racks_removed"], second["racks_held"]) == (4, 10, 4)
    assert (first["start"], first["end"], second["end"]) == ("2027-01-01", "2027-12-31", "2028-12-31")
