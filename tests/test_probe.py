"""Further questions to a solved programme: they change nothing in it, and what they give is what a fresh solve gives."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from planner.core.errors import InputFault
from planner.model import measures
from planner.results.plan import interpret
from planner.results.tables import provider_sums
from planner.solver.solve import Solution
from planner.solver.warm import Linear, Probe, carry
from tests.small import least, model, scenario
from tests.test_oracle import BLOCKS, OTHER, QUARTERS, RACK_YEAR, UNSERVED
from tests.worlds import energy_world, world

OFFER_MAX = '[[offer]]\nid = "o"\nprovider = "p"\naccelerator = "a"\nprice = "2 USD/gpu/hour"\nmax = "80 gpu"'


def probe(measures_: tuple[str, ...] = (), **blocks: str) -> Probe:
    return Probe(model(scenario(**blocks), measures_))


def test_moved_rows_are_moved_back_whatever_happens() -> None:
    """8 racks of 10 gpu may be had; each gpu more is a tenth of a rack of 2 h100e that need not stay unserved."""
    asked = probe(offer=OFFER_MAX, workload=UNSERVED)
    row = [rule for rule, *_ in asked.program.rows].index("offer_max")
    before = asked.minimize().objective
    with pytest.raises(RuntimeError), asked.moved({row: 10.0}):
        assert asked.minimize().objective == pytest.approx(before + (RACK_YEAR - 20 * 43_800) / 1e6)
        raise RuntimeError
    assert asked.minimize().objective == pytest.approx(before)
    with asked.without([row]):
        assert asked.minimize().objective == pytest.approx(10 * RACK_YEAR / 1e6)
    assert asked.minimize().objective == pytest.approx(before)


def test_an_added_limit_holds_and_moves() -> None:
    asked = probe(("cost", "largest_share"), more=OTHER)
    largest = asked.linear(measures.MEASURES["largest_share"](asked.model.instance, asked.model.variables))
    row = asked.add_limit(largest, 0.75)
    assert asked.minimize().objective == pytest.approx((7.5 + 2.5 * 1.5) * RACK_YEAR / 1e6)  # the other costs half as much again
    asked.at_most(row, largest, 0.5)
    assert asked.minimize().objective == pytest.approx((5 + 5 * 1.5) * RACK_YEAR / 1e6)
    asked.at_most(row, largest, 0.4)
    found = asked.minimize()
    assert found.status == "infeasible" and not found.optimal


def test_a_goal_may_be_anything_and_the_objective_comes_back() -> None:
    asked = probe(workload=UNSERVED)
    first = asked.minimize()
    power = asked.linear(measures.over_horizon(asked.model.instance, asked.model.variables, "power", None))
    assert asked.minimize(power).objective == pytest.approx(0)  # everything stays unserved
    assert asked.minimize(start=first.basis).objective == pytest.approx(first.objective)
    assert asked.minimize(power * -1.0).objective == pytest.approx(-10 * 8760 / 1e3)  # the site's 10 MW all year, in GWh


def test_unbounded_is_told_from_infeasible() -> None:
    asked = probe()
    taken = [kind for kind, *_ in asked.program.columns].index("taken")
    goal = np.zeros(len(asked.program.columns))
    goal[taken] = -1.0
    assert asked.minimize(Linear(goal, 0.0)).status == "unbounded"
    assert asked.minimize().optimal


def test_least_ratio_is_the_least_of_a_dense_sweep() -> None:
    """Share of power of the dear provider at a cost of at most 10 % more: by hand, and by fixing the whole and minimising."""
    asked = probe(("cost", "largest_share"), more=OTHER, workload=UNSERVED)
    data, v = asked.model.instance, asked.model.variables
    mine, whole = (asked.linear(measures.over_horizon(data, v, "power", name)) for name in ("q", None))
    best = asked.minimize()
    row = asked.add_limit(asked.objective, best.objective * 1.1)
    found = asked.least_ratio(mine * -1.0, whole, asked.minimize())
    # 10 racks cost 10 at the cheap one; x of them at the dear one cost x / 2 more: x = 2 of 10
    assert found.objective == pytest.approx(-0.2)
    swept = []
    total = asked.add_limit(whole * -1.0)
    for power in np.linspace(0.5, 1.0, 26) * 1.25 * 8.76:
        asked.at_most(total, whole * -1.0, -power)
        top = asked.minimize(mine * -1.0)
        swept += [top.objective / whole.at(top.values)] if top.optimal else []
    assert found.objective <= min(swept) + 1e-9
    asked.at_most(row, asked.objective, float("inf"))


@pytest.mark.parametrize("seed", range(12))
def test_a_carried_basis_is_a_start_and_no_more(seed: int) -> None:
    """From the programme with classes by provider to the plain one and back: other columns and rows, the same optimum."""
    new = model(world(seed), ("cost", "largest_share"))
    plain = model(world(seed), ("cost",))
    cold = Probe(plain).minimize()
    first = Probe(new).minimize()
    assert first.status == cold.status
    if first.optimal:
        warm = Probe(plain, carry(first.basis, new.program, plain.program)).minimize()
        assert warm.objective == pytest.approx(cold.objective, rel=1e-9, abs=1e-9)
        assert warm.objective == pytest.approx(least(plain), rel=1e-9, abs=1e-9)


def test_whole_racks_are_relaxed() -> None:
    """201 h100e need 10.05 racks: eleven whole ones, but the probe takes no more than it needs."""
    asked = probe(policy="[solve]\nwhole_racks = true", workload=BLOCKS["workload"].replace("200", "201"))
    assert any(asked.program.integer)
    assert asked.minimize().objective == pytest.approx(10.05 * RACK_YEAR / 1e6)
    assert asked.minimize(start=None).duals.size == len(asked.program.rows)


def test_periods_add_up() -> None:
    """Shares in the block `total` of mix.csv are ratios of these sums."""
    asked = probe(horizon=QUARTERS)
    data, v = asked.model.instance, asked.model.variables
    values = asked.minimize().values
    for of, amount in (("compute", 200 * 8760 / 1e6), ("power", 1.25 * 8760 / 1e3), ("spend", 10 * RACK_YEAR / 1e6)):
        assert asked.linear(measures.over_horizon(data, v, of, None)).at(values) == pytest.approx(amount)
        assert asked.linear(measures.over_horizon(data, v, of, "p")).at(values) == pytest.approx(amount)


@pytest.mark.parametrize("make", [world, energy_world])
@pytest.mark.parametrize("seed", range(16))
def test_sums_of_providers_are_those_of_the_mix(make: Callable[[int], str], seed: int) -> None:
    """What shares are made of in the programme is what mix.csv adds up from the plan."""
    try:
        made = model(make(seed), ("cost", "largest_share"))
    except InputFault:
        return
    asked = Probe(made)
    found = asked.minimize()
    if not found.optimal:
        return
    data, v = made.instance, made.variables
    told = provider_sums(interpret(made, Solution("optimal", list(found.values))))
    for of, weight in (("compute", 1e6), ("power", 1e3), ("spend", 1e6)):
        for name in {provider for _, provider in told}:
            hours = [1.0 if of == "spend" else t.hours for t in data.periods]
            whole = sum(getattr(told[t.index, name], of) * hours[t.index] for t in data.periods) / weight
            linear = asked.linear(measures.over_horizon(data, v, of, name))
            assert linear.at(found.values) == pytest.approx(whole, rel=1e-6, abs=1e-6), (of, name)
