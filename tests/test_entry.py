"""Entry prices by hand, and against the plan with the offer's price set just below and just above them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from planner.core.errors import InputFault
from planner.data import instance
from planner.inputs.scenario import Objective
from planner.model import formulation
from planner.run import pipeline
from planner.run.pipeline import Result
from planner.sensitivity.entry_prices import Entry, entry_prices, table
from planner.solver.solve import solve
from tests.small import plan, scenario
from tests.test_oracle import CONTRACT, OFFER, OTHER, RULE, UNSERVED
from tests.worlds import inputs_of, world

STEP = 1e-4  # USD per GPU-hour to either side of an entry price


def entries(result: Result) -> dict[str, Entry]:
    found = entry_prices(result.inputs, result.model, result.solution.basis)
    assert len(table(found).rows) == len(found)
    return {e.offer: e for e in found}


def rented(result: Result, offer: str) -> float:
    assert result.plan is not None
    return sum(racks for (p, _), racks in result.plan.held.items() if result.plan.instance.positions[p].offer.id == offer)


def holds(text: str, entry: Entry) -> None:
    """The offer stays out just above its entry price and comes in just below."""
    assert entry.entry is not None
    sides = [plan(text, [f'offer.{entry.offer}.price="{entry.entry + step:.9f} USD/gpu/hour"']) for step in (STEP, -STEP)]
    assert rented(sides[0], entry.offer) < 1e-6 < rented(sides[1], entry.offer)


def test_it_enters_at_the_price_of_what_it_replaces() -> None:
    # the same rack at 3 USD for the one at 2 USD
    text = scenario(more=OTHER)
    found = entries(plan(text))["dear"]
    assert (found.state, found.period, found.site) == ("enters", "2027", "z")
    assert found.rebate == pytest.approx(1.0, abs=1e-6) and found.entry == pytest.approx(2.0, abs=1e-6)
    holds(text, found)


def test_power_that_is_short_is_part_of_the_price() -> None:
    # 1 MW for all: 8 racks at 1.25. At PUE 2.5 the rack of q takes the power of two: 20 h100e for the 40 that then go unserved.
    # A rack of q for two of p: saves 2 x 175,200 of rent, loses 20 h100e x 43,800, so it is not worth it at any price.
    text = scenario(more=OTHER.replace("pue = 1.25", "pue = 2.5"), limits='[limits]\nfleet_power = "1 MW"', workload=UNSERVED)
    assert entries(plan(text))["dear"].state == "never"
    # at PUE 1.3 it takes 1.04 racks of p: pays 1.04 x 175,200 less and serves 0.8 h100e less
    text = text.replace("pue = 2.5", "pue = 1.3")
    found = entries(plan(text))["dear"]
    assert found.entry == pytest.approx((1.04 * 175_200 - 0.8 * 43_800) / 87_600, abs=1e-6)
    holds(text, found)


def test_an_equal_offer_ties() -> None:
    found = entries(plan(scenario(more=OTHER.replace("3 USD", "2 USD"))))
    assert len(found) == 1 and next(iter(found.values())).state == "ties"


def test_rent_that_is_paid_anyway_leaves_no_entry_price() -> None:
    # 3 million are owed to p whatever is bought: the racks of q would have to come for nothing
    text = scenario(more=OTHER + CONTRACT + 'value = "3 million USD"\ntake_or_pay = 1\n')
    assert entries(plan(text))["dear"].state == "never"


def test_a_lower_price_counts_for_less_in_a_contract() -> None:
    # p must be paid 1 million, q is cheaper (1.5 USD). A rack of `big` does 40 h100e at 5 USD: per dollar counted it must do what
    # `o` does, 20 h100e for 175,200 USD, so it enters at 4 USD. Were its list price to count, 4.25 USD would do.
    big = """
[[accelerator]]
id = "b"
chips_per_rack = "10 gpu/rack"
rack_power = "100 kW/rack"
throughput_training = "4 h100e/gpu"
[[offer]]
id = "big"
provider = "p"
accelerator = "b"
price = "5 USD/gpu/hour"
"""
    owed = CONTRACT + 'value = "1 million USD"\ntake_or_pay = 1\n'
    text = scenario(more=OTHER.replace("3 USD", "1.5 USD") + big + owed)
    found = entries(plan(text))["big"]
    assert found.entry == pytest.approx(4.0, abs=1e-5)
    holds(text, found)


def test_what_cannot_be_used_says_why() -> None:
    late = '\n[[offer]]\nid = "late"\nprovider = "p"\naccelerator = "a"\nprice = "1 USD/gpu/hour"\nfrom = 2031-01-01\n'
    full = '\n[[offer]]\nid = "none"\nprovider = "p"\naccelerator = "a"\nprice = "1 USD/gpu/hour"\nmax = "0 gpu"\n'
    barred = RULE.format("DE", "prohibit", "2020-01-01")
    found = entries(plan(scenario(more=OTHER + late + full, policy=barred)))
    assert {name: e.why for name, e in found.items()} == {
        "late": "no period begins while it can be had",
        "none": "a limit leaves it no room",
        "dear": "export rules leave nothing to add",
    }
    assert all(e.state == "unusable" and e.entry is None for e in found.values())


def test_tranches_with_prices_of_their_own() -> None:
    # 3 USD, and 2.5 from July on: with leases of half a year the second tranche enters at a rebate of 0.5, on its own price
    term = '\nterm = "0.5 year"\n'
    later = OTHER[OTHER.index("[[offer]]") :].replace("3 USD", "2.5 USD") + "from = 2027-07-01" + term
    halves = '[horizon]\nstart = 2027-01-01\nend = 2027-12-31\nstep = "half"'
    found = entries(plan(scenario(horizon=halves, offer=OFFER + term, more=OTHER + term + later)))["dear"]
    assert found.rebate == pytest.approx(0.5, abs=1e-6)
    assert (found.price, found.period) == (pytest.approx(2.5), "2027-H2")


def test_only_of_a_cost() -> None:
    with pytest.raises(InputFault, match="entry prices are rebates on a cost"):
        entries(plan(scenario(more=OTHER, objective='[objective]\nminimize = "peak_power"')))


def test_the_real_one() -> None:
    """An offer of openai-base whose rent counts in a contract that binds, against the plans at prices around its entry."""
    inputs, _ = pipeline.prepare("openai-base")
    model = formulation.build(instance.build(inputs))
    first = solve(model, inputs.scenario.solve)
    found = {e.offer: e for e in entry_prices(inputs, model, first.basis)}
    assert len(found) >= 20
    entry = found["oracle-b200-reserved"].entry
    assert entry is not None
    for step, enters in ((STEP, False), (-STEP, True)):
        moved, _ = pipeline.prepare("openai-base", [f'offer.oracle-b200-reserved.price="{entry + step:.9f} USD/gpu/hour"'])
        objective = solve(formulation.build(instance.build(moved)), inputs.scenario.solve).objective
        assert (objective < first.objective - 1e-6) is enters, step


@pytest.mark.parametrize("seed", [9, 32, 41, 60, 79, 96, 128, 143, 150])  # 143: the lower rent leaves more of a budget
def test_random_worlds_against_the_scenario_with_the_price(seed: int) -> None:
    inputs = inputs_of(world(seed))
    inputs = replace(inputs, scenario=inputs.scenario.model_copy(update={"objective": Objective()}))
    model = formulation.build(instance.build(inputs))
    first = solve(model, inputs.scenario.solve)
    found = entry_prices(inputs, model)
    assert any(e.state == "enters" for e in found)
    for e in found:
        for step in (1e-3, -1e-3) if e.state == "enters" and e.entry and e.entry > 1e-3 else ():
            rebate = (e.rebate or 0.0) - step
            offers = tuple(o.model_copy(update={"price": o.price - rebate}) if o.id == e.offer else o for o in inputs.offers)
            moved = solve(formulation.build(instance.build(replace(inputs, offers=offers))), inputs.scenario.solve)
            assert (moved.objective < first.objective - 1e-9 * abs(first.objective)) is (step < 0), e
