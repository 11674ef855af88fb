"""One answer: the same plan and prices whatever the method, the first basis or the order of rows; proved to be the only one."""

from __future__ import annotations

import random
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from planner.core.errors import InputFault
from planner.inputs.scenario import Solve
from planner.model.tie_break import COLUMNS, goals
from planner.proof.certificate import prove
from planner.proof.decimals import Record
from planner.proof.exact import certify, record_of
from planner.proof.sides import sides
from planner.results.shadow_prices import priced
from planner.run import pipeline
from planner.solver import solve
from tests.small import model, plan, scenario
from tests.test_oracle import BLOCKS
from tests.worlds import energy_world, world

TWINS = """
[[provider]]
id = "q"
[[site]]
id = "s2"
provider = "q"
country = "US"
grid = "g"
pue = 1.25
[[site_power]]
site = "s2"
from = 2020-01-01
power = "10 MW"
[[offer]]
id = "twin"
provider = "q"
accelerator = "a"
price = "2 USD/gpu/hour"
"""
SHORT = """
schema = 1
profiles = []
[[accelerator]]
id = "chip"
chips_per_rack = "1 gpu/rack"
rack_power = "1 kW/rack"
throughput_training = "1 h100e/gpu"
[[provider]]
id = "p"
[[grid]]
id = "g"
country = "US"
[[site]]
id = "s"
provider = "p"
country = "US"
grid = "g"
pue = 1
[[site_power]]
site = "s"
from = 2020-01-01
power = "1 MW"
[horizon]
start = 2026-01-01
end = 2026-12-31
step = "year"
[[offer]]
id = "o"
provider = "p"
accelerator = "chip"
price = "1 USD/gpu/hour"
"""


def workload(name: str, demand: str, more: str = 'unserved = "3 USD/h100e/hour"') -> str:
    return f'[[workload]]\nid = "{name}"\nkind = "training"\ndemand = "{demand}"\n{more}\n'


def solved(text: str, tmp_path: Path, *overrides: str) -> pipeline.Result:
    path = tmp_path / "w.toml"
    path.write_text(text, "utf-8")
    return pipeline.plan_scenario(str(path), overrides)


def unserved(result: pipeline.Result) -> dict[str, float]:
    assert result.plan is not None
    return {result.plan.instance.workloads[w]: amount for (w, _), amount in result.plan.unserved.items()}


# --- what decides among equal plans, by hand ------------------------------------------------------------------------------


def test_a_shortage_is_shared_in_equal_parts(tmp_path: Path) -> None:
    """1,000 kW for 2,000 h100e: both go short by half, (2,000 − 1,000) × 3 × 8,760 + 1,000 × 8,760 = 35.04 million USD."""
    found = solved(SHORT + workload("a", "1000 h100e") + workload("b", "1000 h100e"), tmp_path)
    assert unserved(found) == {"a": 500, "b": 500} and found.totals["cost_usd"] == pytest.approx(35.04e6)


def test_shares_of_a_shortage_are_relative(tmp_path: Path) -> None:
    """Three of one price, 1,000 + 500 + 500 h100e, half of them served: each goes short by half of its own demand."""
    text = SHORT + workload("a", "1000 h100e") + workload("b", "500 h100e") + workload("c", "500 h100e")
    assert unserved(solved(text, tmp_path)) == {"a": 500, "b": 250, "c": 250}


def test_another_price_takes_no_part(tmp_path: Path) -> None:
    text = SHORT + workload("a", "1000 h100e") + workload("b", "1000 h100e", 'unserved = "3.1 USD/h100e/hour"')
    assert unserved(solved(text, tmp_path)) == {"a": 1000, "b": 0}


def test_without_spread_the_order_of_no_meaning_decides(tmp_path: Path) -> None:
    text = SHORT + workload("a", "1000 h100e") + workload("b", "1000 h100e")
    missing = unserved(solved(text, tmp_path, "objective.then=[]"))
    assert sorted(missing.values()) == [0, 1000]


def test_unknown_goals_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputFault, match="`cheapest` is not possible here"):
        solved(SHORT + workload("a", "1 h100e"), tmp_path, 'objective.then=["cheapest"]')


def test_the_cleaner_of_two_equal_plans_is_taken(tmp_path: Path) -> None:
    """Two sites of one price, one of them on coal: the other is filled, 1 MW for a year at 1 g/kWh."""
    coal = SHORT.replace("[[site]]", '[[grid]]\nid = "coal"\ncountry = "US"\ncarbon = "900 g/kWh"\n[[site]]', 1)
    coal += '[[site]]\nid = "dirty"\nprovider = "p"\ncountry = "US"\ngrid = "coal"\npue = 1\n'
    coal += '[[site_power]]\nsite = "dirty"\nfrom = 2020-01-01\npower = "1 MW"\n' + workload("a", "1000 h100e")
    found = solved(coal.replace('id = "g"\ncountry', 'id = "g"\ncarbon = "1 g/kWh"\ncountry', 1), tmp_path)
    assert found.plan is not None and found.totals["carbon_t"] == pytest.approx(8.76)


# --- one answer ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("make", [world, energy_world])
def test_the_plan_does_not_depend_on_the_way_there(make: object, seed: int) -> None:
    """Another first basis, from interior point with crossover, ends at the same plan, bit for bit."""
    try:
        made = model(make(seed))  # type: ignore[operator]
    except InputFault:
        return
    if any(made.program.integer):
        return
    plain = solve.solve(made, Solve())
    if plain.status != "optimal":
        return
    claim = prove(made, plain, Solve(), lambda tight: priced(made, tight))
    assert claim.proved and claim.single, claim.what
    before = solve.LARGE
    solve.LARGE = 0  # interior point with crossover
    try:
        other = solve.solve(made, Solve())
    finally:
        solve.LARGE = before
    again = prove(made, other, Solve(), lambda tight: priced(made, tight))
    assert again.values == claim.values and again.sides == claim.sides


@pytest.mark.parametrize("seed", [1, 4, 9, 12, 23])
def test_the_order_of_rows_changes_nothing(seed: int, tmp_path: Path) -> None:
    text = world(seed)
    try:
        first = solved(text, tmp_path)
    except InputFault:
        return
    blocks = text.split("\n[[")
    head, rows = blocks[0], ["[[" + block.rstrip("\n") for block in blocks[1:]]
    sections = [row for row in rows if "\n[" in row[2:].replace("\n[[", "")]  # a table of the scenario follows: it stays last
    movable = [row for row in rows if row not in sections]
    random.Random(seed).shuffle(movable)
    mixed = "\n".join([head, *movable, *sections]) + "\n"
    tomllib.loads(mixed)
    second = solved(mixed, tmp_path)
    assert first.status == second.status
    lines = {"sources"}  # where a number stands moves with its row
    assert {k: v for k, v in first.texts.items() if k not in lines} == {k: v for k, v in second.texts.items() if k not in lines}


def test_an_offer_that_nobody_takes_changes_nothing(tmp_path: Path) -> None:
    """Two clouds alike: which of them is taken is settled by their names, not by what else stands in the table."""
    text = scenario(more=TWINS)
    first = solved(text, tmp_path)
    dear = "".join(
        f'[[offer]]\nid = "a-dear-{n}-{p}"\nprovider = "{p}"\naccelerator = "a"\nprice = "9 USD/gpu/hour"\n'
        for n in range(30)
        for p in "pq"
    )
    second = solved(text + dear, tmp_path)
    assert first.texts["mix"] == second.texts["mix"] and first.texts["fleet"] == second.texts["fleet"]


def test_every_kind_of_column_has_a_name() -> None:
    for name in ("openai-base", "behind-the-meter", "azure-loss", "export-diffusion"):
        made = pipeline.plan_scenario(name).model
        assert {key[0] for key in made.program.columns} <= set(COLUMNS)
        weights = goals(made)[-1].costs
        assert all(1 <= weight < 2 for weight in weights)


# --- prices of one side -----------------------------------------------------------------------------------------------


PRICED = BLOCKS["workload"] + '\nunserved = "4 USD/h100e/hour"'


def test_a_limit_written_twice_saves_nothing_by_one_copy() -> None:
    """1.25 MW are wanted; at 1 MW of fleet and of provider power neither alone helps, less of either costs what it served."""
    limits = '[limits]\nfleet_power = "1 MW"\nprovider_power = { p = "1 MW" }'
    found = {x.rule: x for x in plan(scenario(limits=limits, workload=PRICED)).limits}
    fleet, provider = found["fleet_power"], found["provider_power"]
    assert (fleet.worth, provider.worth) == (0, 0)
    assert fleet.worth_less is not None and fleet.worth_less > 0 and provider.worth_less == pytest.approx(fleet.worth_less)
    assert fleet.one_sided and provider.one_sided
    alone = {x.rule: x for x in plan(scenario(limits='[limits]\nfleet_power = "1 MW"', workload=PRICED)).limits}
    assert alone["fleet_power"].worth == pytest.approx(fleet.worth_less) and not alone["fleet_power"].one_sided


TINY = 10**30


def moved(record: Record, row: int, sign: int) -> Record:
    """The record with one right side moved by 1e-30, exactly: rounded decimals leave near ties of 1e-15."""
    span = range(record.starts[row], record.starts[row + 1])
    numbers = tuple(a * TINY if k in span else a for k, a in enumerate(record.coefficients))
    scales = tuple(scale * TINY if i == row else scale for i, scale in enumerate(record.scales))
    rhs = tuple(b * TINY + sign * record.scales[i] if i == row else b for i, b in enumerate(record.rhs))
    return replace(record, coefficients=numbers, scales=scales, rhs=rhs)


@pytest.mark.parametrize("seed", range(24))
@pytest.mark.parametrize("make", [world, energy_world])
def test_prices_are_what_solving_again_comes_to(make: object, seed: int) -> None:
    """Both sides of rows without room, to the last digit: the exact optimum with the right side moved by so little that no kink
    lies between."""
    try:
        made = model(make(seed))  # type: ignore[operator]
    except InputFault:
        return
    if any(made.program.integer):
        return
    found = solve.solve(made, Solve())
    if found.status != "optimal" or found.basis is None:
        return
    record = record_of(made.program, made.objective)
    base = certify(record, found.basis)
    assert base.simplex is not None and base.objective is not None
    dice, tight = random.Random(seed), base.simplex.tight()
    for i, told in sides(base.simplex, dice.sample(tight, min(12, len(tight)))).items():
        for derivative, sign in zip(told, (1, -1), strict=True):
            again = certify(moved(record, i, sign), base.basis, 1000)
            if derivative is None:
                assert again.what == "nothing fits", (made.program.rows[i], sign)
            else:
                assert again.objective is not None, (made.program.rows[i], sign, again.what)
                assert (again.objective - base.objective) * TINY == derivative, (made.program.rows[i], sign)


def test_a_wrong_letter_is_mended_to_the_same_plan() -> None:
    """Whoever proves it from another optimal basis, or from none, comes to the same values."""
    made = model(scenario(more=TWINS))
    found = solve.solve(made, Solve())
    claim = prove(made, found, Solve())
    assert found.basis is not None
    slack = replace(found.basis, columns="L" * len(found.basis.columns), rows="B" * len(found.basis.rows))
    again = prove(made, replace(found, basis=slack), Solve())
    assert again.values == claim.values and again.single and again.pivots > 0
