"""What of a plan comes from which collection of tables, and what `[select]` leaves out of each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from planner.core.errors import InputFault
from planner.inputs.assembly import assemble, called, left_out
from planner.inputs.load import ENERGY, bundled_collections, read
from planner.inputs.provenance import collection
from planner.inputs.scenario import Select
from planner.inputs.tables import TABLES
from planner.run.pipeline import outline, plan_scenario, prepare
from tests.command import planner


def test_a_row_is_of_its_collection_and_a_changed_cell_is_the_scenarios() -> None:
    found = assemble(read("openai-base", ["offer.oracle-gb200-reserved.price=9 USD/gpu/hour"]))
    (changed,) = found.offers_of("oracle-gb200-reserved")
    assert (collection(changed), collection(changed, "price"), collection(changed, "term")) == ("openai", "scenario", "openai")
    assert collection(found.accelerators["gb200_nvl72"][0], "rack_power") == "reference"
    assert collection(assemble(read("classroom")).offers[0], "price") == "scenario"


def test_no_collection_bears_the_name_of_what_is_none() -> None:
    assert "scenario" not in bundled_collections() and list(bundled_collections())[0] == "reference"


@pytest.fixture(scope="module")
def base() -> Any:
    return plan_scenario("openai-base", ["horizon.end=2026-12-31"])


def test_counts_and_shares(base: Any) -> None:
    found = base.collections
    assert list(found) == ["openai", "reference", "scenario"]
    assert sum(part["cost"] for part in found.values()) == pytest.approx(1)
    assert found["openai"]["contracts"] == len(base.inputs.contracts)
    assert found["openai"]["fleet_racks"] == sum(row.racks for row in base.inputs.fleet)
    assert sum(part["offers"] for part in found.values()) == len({p.offer.id for p in base.model.instance.positions})
    unserved = sum(r["discounted_usd"] for r in base.table("cost").records() if r["item"] == "unserved")
    assert found["scenario"]["cost"] == pytest.approx(unserved / base.totals["cost_usd"], rel=1e-6)
    outlined, _ = outline("openai-base", ["horizon.end=2026-12-31"])
    assert {name: {k: v for k, v in part.items() if k != "cost"} for name, part in found.items()} == outlined["from"]


def test_it_is_written_and_told(tmp_path: Path) -> None:
    done = planner("solve", "classroom", "-q", "-o", tmp_path / "plan")
    assert "from      scenario 2 offers, 100% of the cost" in done.out
    manifest = json.loads((tmp_path / "plan" / "plan.json").read_text("utf-8"))
    assert manifest["collections"] == {"scenario": {"offers": 2.0, "contracts": 0.0, "fleet_racks": 0.0, "cost": 1.0}}
    assert planner("verify", tmp_path / "plan").code == 0
    told = json.loads(planner("check", "classroom", "--json").out)
    assert told["from"] == {"scenario": {"offers": 2.0, "contracts": 0.0, "fleet_racks": 0.0}} and told["left_out"] == {}


# --- [select] ---------------------------------------------------------------------------------------------------------


def test_select_knows_every_table() -> None:
    assert set(Select.model_fields) == set(TABLES) - {"ranges"}  # which follow the rows that they are of


@pytest.mark.parametrize("table", [name for name in TABLES if name not in (*ENERGY, "ranges")])
def test_a_selected_name_is_all_that_stays(table: str) -> None:
    whole = assemble(read("openai-base"))
    parts = {*called(table, getattr(whole, table)[0])} if table in ("fleet", "supply", "licences") else None
    name = sorted(parts)[0] if parts else sorted(n for row in whole.everything[table] for n in called(table, row))[0]
    found = assemble(read("openai-base", [f'select.{table}=["{name}"]']))
    kept = getattr(found, table)
    rows = (
        [row for group in kept.values() for row in (group if isinstance(group, tuple) else [group])]
        if isinstance(kept, dict)
        else kept
    )
    assert all(name in called(table, row) for row in rows)
    assert table in left_out(found)


def test_without_a_fleet() -> None:
    inputs, _ = prepare("openai-base", ["select.fleet=[]"])
    assert not inputs.fleet and left_out(inputs)["fleet"][0] == sorted(
        f"{r.site}.{r.offer}" for r in assemble(read("openai-base")).fleet
    )
    told = planner("check", "openai-base", "--set", "select.fleet=[]").out
    assert "14 of 14 fleet" in told and " contracts: cerebras-20bn" in told


def test_unknown_names_are_found_in_every_table() -> None:
    with pytest.raises(InputFault, match=r"select.fleet: fleet `abilen` is not known\n  fix: did you mean `abilene`"):
        prepare("openai-base", ['select.fleet=["abilen"]'])
    with pytest.raises(InputFault, match="select.licences: licence `x` is not known"):
        prepare("openai-base", ['select.licences=["x"]'])
