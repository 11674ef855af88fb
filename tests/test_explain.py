"""What binds and what it is worth: limits moved and the plan solved again, against numbers by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from planner.model import formulation
from planner.model.measures import objective_unit
from planner.model.rules import rule_name
from planner.results.shadow_prices import bearing
from planner.run import pipeline
from planner.sensitivity.binding import Binding, Explanation, explain, step_of
from planner.terminal import reasons as answer_explain
from planner.terminal.plan import show
from tests.small import least, plan, scenario, written_file
from tests.test_formulation import MANAGED, PPA
from tests.test_oracle import MISSING_YEAR, OFFER, OTHER, POWER, QUARTERS, RACK_YEAR, SITE, UNSERVED, WORKLOAD
from tests.worlds import energy_world, world


def told(result: pipeline.Result, most: int = 8) -> Explanation:
    return explain(result.inputs, result.model, result.limits, most)


def only(**blocks: str) -> Binding:
    (found,) = told(plan(scenario(**blocks))).found
    return found


def text(found: Explanation) -> str:
    out = StringIO()
    answer_explain.show_binding(found, Console(file=out, width=1000))
    return out.getvalue()


def test_classroom_by_hand() -> None:
    """A MW more moves 1,000 gpu from south to north: 8.76 million USD in 2026 and again in 2027, until 2026 has 120 MW."""
    (found,) = told(pipeline.plan_scenario("classroom")).found
    assert (found.rule, found.first, found.last, found.periods, found.unit) == ("fleet_power", "2026", "2027", 2, "MW")
    assert found.step == 10 and found.saves == pytest.approx(175.2e6) and found.loses == pytest.approx(175.2e6)
    assert found.more == pytest.approx(17.52e6) == found.less and found.holds == pytest.approx(20)
    assert [(w.number.what, w.number.place, w.more, w.less) for w in found.written] == [
        ("limits.fleet_power", "inputs/classroom.toml:91", "110 MW", "90 MW")
    ]
    assert found.per_cent == pytest.approx(17.52e6)  # a MW of 100
    shown = text(told(pipeline.plan_scenario("classroom")))
    assert "write 110 MW instead of 100 MW in inputs/classroom.toml:91, and it saves 175.2 million USD; " in shown
    assert "at the margin 17.52 million USD per MW, up to 20.00 MW more" in shown


def test_a_step_beyond_the_range_saves_less_than_the_margin_says() -> None:
    """80 of 100 gpu may be had: a tenth of the limit is 10 gpu, 20 of them serve all; the price falls to 0 there."""
    found = only(offer=OFFER + '\nmax = "80 gpu"', workload=UNSERVED)
    saving = (20 * MISSING_YEAR - RACK_YEAR) / 10  # a gpu
    assert (found.unit, found.step, found.holds) == ("gpu", 10, pytest.approx(20))
    assert found.more == pytest.approx(saving) == found.less
    wide = only(offer=OFFER + '\nmax = "95 gpu"', workload=UNSERVED)
    assert wide.step == 10 and wide.saves == pytest.approx(5 * saving) and wide.holds == pytest.approx(5)


def test_less_of_it_may_leave_no_plan() -> None:
    """Ten racks need 1 MW at least, all of them in the hall of PUE 1: a step of 0.1 MW below 1.05 MW is too much."""
    blocks = {"limits": '[limits]\nfleet_power = "1.05 MW"', "more": OTHER.replace("pue = 1.25", "pue = 1.0")}
    found = only(**blocks)
    assert found.step == pytest.approx(0.1) and found.loses is None and found.less == pytest.approx(3.504e6)
    assert "0.95 MW instead leaves no plan" in text(told(plan(scenario(**blocks))))


def test_a_kink_has_two_prices() -> None:
    """1.25 MW serve all in the cheap hall of PUE 1.25. Less of it: the other hall, PUE 1 and dear; more of it: nothing gained.

    A rack moved to the other hall saves 0.025 MW and costs 87,600 USD a year more: 3.504 million USD per MW less.
    """
    result = plan(scenario(limits='[limits]\nfleet_power = "1.25 MW"', more=OTHER.replace("pue = 1.25", "pue = 1.0")))
    for found in told(result).found:  # whether the kink has a price is up to the basis; what it says must hold
        assert found.more == pytest.approx(0, abs=1) and found.less == pytest.approx(3.504e6, rel=1e-4)
        assert "a kink stands here" in text(told(result))
    tight = only(limits='[limits]\nfleet_power = "1.2 MW"', more=OTHER.replace("pue = 1.25", "pue = 1.0"))
    assert tight.more == pytest.approx(3.504e6) == tight.less and tight.holds == pytest.approx(0.05)


def test_a_rule_written_twice_is_said() -> None:
    """The fleet is one provider: its cap and the fleet's are one rule. More of one saves nothing, of both what a MW serves."""
    result = plan(scenario(limits='[limits]\nfleet_power = "1 MW"\nprovider_power = { p = "1000 kW" }', workload=UNSERVED))
    (found,) = told(result).found
    assert found.twice == ("power cap of p",) and found.subject == "fleet"
    saving = 8 * (20 * MISSING_YEAR - RACK_YEAR)  # of a MW, which is 8 racks
    assert found.saves == pytest.approx(0.1 * saving) and found.more == pytest.approx(saving)
    assert [(name, round(x)) for name, x in found.alone] == [("power of the whole fleet", 0), ("power cap of p", 0)]
    assert [w.more for w in found.written] == ["1.1 MW", "1100 kW"]
    shown = text(told(result))
    assert "more of one alone saves (power of the whole fleet 0 USD, power cap of p 0 USD)" in shown
    assert "1.1 MW instead of 1 MW in " in shown and " and 1100 kW instead of 1000 kW in " in shown
    out = StringIO()
    show(result, None, Console(file=out, width=200))
    assert "power of the whole fleet and power cap of p (written twice)" in out.getvalue()


def test_a_cap_that_is_met_without_a_price_is_said() -> None:
    """1.25 MW are all that the demand needs: the cap is met, and more of it saves nothing."""
    result = plan(scenario(limits='[limits]\nfleet_power = "1.25 MW"'))
    assert not told(result).found
    out = StringIO()
    show(result, None, Console(file=out, width=200))
    assert "no limit binds" not in text(told(result)) + out.getvalue()
    assert "met, and a little more of it saves nothing: power of the whole fleet" in text(told(result))
    assert "no limit has a price: power of the whole fleet is met, and a little more of one saves nothing" in out.getvalue()


def test_what_must_survive_is_no_plan_without_limits() -> None:
    """The second provider is there for the loss of the first: no number can be moved, and it is not said that nothing binds."""
    critical = WORKLOAD + "\ncritical = 0.8"
    result = plan(scenario(workload=critical, policy='[resilience]\nlose = "site"', more=OTHER))
    out = StringIO()
    show(result, None, Console(file=out, width=200))
    assert "no limit binds" not in text(told(result)) + out.getvalue()
    assert "what must survive the loss of s w" in text(told(result)) + out.getvalue()
    assert "costs something: --losses says what" in text(told(result))


def test_solve_and_explain_rank_alike() -> None:
    result = pipeline.plan_scenario("openai-base")
    ranked = bearing(result.model.program, result.limits)
    assert [b.per_cent for b in ranked] == sorted((b.per_cent for b in ranked), reverse=True)
    found = told(result, most=5).found
    assert [(x.rule, x.subject) for x in found] == [b.numbers[0] for b in ranked[:5]]
    assert [x.per_cent for x in found] == [b.per_cent for b in ranked[:5]]


def test_what_is_moved_is_what_one_would_write() -> None:
    """0.5 MW, 0.9 MW from May on, in GW and kW: both rows in proportion, and the saving is that of the file so changed."""
    late = POWER.replace("2026-01-01", "2027-05-15").replace("10 MW", "900 kW")

    def world(first: str, then: str) -> str:
        power = POWER.replace("10 MW", first) + "\n" + late.replace("900 kW", then)
        site = SITE + "\navailable = 0.8"
        return scenario(horizon=QUARTERS, workload=UNSERVED, power=power, site=site)

    result = plan(world("0.0005 GW", "900 kW"))
    (found,) = told(result).found
    (written,) = found.written
    assert (written.more, written.less) == ("0.0006 GW", "0.0004 GW") and found.varies
    assert [(w.value, w.unit) for w in written.others] == [("900", "kW")]
    more, less = plan(world("0.0006 GW", "1080 kW")), plan(world("0.0004 GW", "720 kW"))
    assert found.saves == pytest.approx(result.totals["cost_usd"] - more.totals["cost_usd"], rel=1e-6)
    assert found.loses == pytest.approx(less.totals["cost_usd"] - result.totals["cost_usd"], rel=1e-6)
    assert 0 < found.per_cent <= found.saves / 20 * (1 + 1e-6)  # of a fifth: rows moved together save more than one by one
    shown = text(told(result))
    assert "write 0.0006 GW instead of 0.0005 GW in " in shown and "and in proportion 1 more row" in shown
    assert "per 1 %" in shown and "0.0004 GW instead costs " in shown


def test_a_limit_of_nothing_is_moved_by_a_unit() -> None:
    """No MW at all: a fifth more of it is nothing, so one MW is written in its place."""
    (found,) = told(plan(scenario(limits='[limits]\nfleet_power = "0 MW"', workload=UNSERVED))).found
    assert found.step == 1.0 and found.saves == pytest.approx(8 * (20 * MISSING_YEAR - RACK_YEAR))
    assert found.loses is None or found.less is None or found.less >= 0


def test_a_share_is_not_moved() -> None:
    share = '[limits]\nprovider_share = [{ provider = "p", of = "compute", max = "60 %" }]'
    found = only(limits=share, more=OTHER)
    assert found.unit == "share" and found.holds == 0
    # a percentage point is a tenth of a rack of the ten: half a rack-year's price dearer elsewhere
    assert found.saves == pytest.approx(0.1 * RACK_YEAR / 2)
    assert "one percentage point more saves about 8,760 USD" in text(told(plan(scenario(limits=share, more=OTHER))))


def test_floors_are_moved_down() -> None:
    """A contract that wants 2 MW drawn where 1.25 would do: a MW less of it saves eight rack-years."""
    deal = '[[contract]]\nid = "k"\nprovider = "p"\nstart = 2027-01-01\nmin_power = "2 MW"\n'
    found = only(more=deal)
    assert found.rule == "contract_min_power" and found.more == pytest.approx(8 * RACK_YEAR)
    assert found.holds == pytest.approx(0.75)
    shown = text(told(plan(scenario(more=deal))))
    assert "write 1.9 MW instead of 2 MW in " in shown and "2.1 MW instead costs 140,160 USD" in shown


def test_a_number_is_moved_in_all_its_periods() -> None:
    """80 gpu at most in each of four quarters; where the price lies in some of them only, more there alone saves less."""
    blocks = {"horizon": QUARTERS, "workload": UNSERVED}
    for most in (80, 60):
        result = plan(scenario(offer=OFFER + f'\nmax = "{most} gpu"', **blocks))
        (found,) = told(result).found
        more = plan(scenario(offer=OFFER + f'\nmax = "{most + found.step:g} gpu"', **blocks))
        assert found.step == 10 and found.saves == pytest.approx(result.totals["cost_usd"] - more.totals["cost_usd"])
        assert found.saves > 5e5


@pytest.mark.parametrize(("make", "seed"), [(world, 7), (world, 22), (energy_world, 48), (energy_world, 59), (energy_world, 69)])
def test_what_a_step_saves_is_what_it_saves(make: Callable[[int], str], seed: int) -> None:
    """Against the limit written anew in the scenario."""
    name = written_file(make(seed))
    result = pipeline.plan_scenario(name)
    numbers = {"offer_max": "offer.{}.max={:g} gpu", "fleet_power": "limits.fleet_power={:g} MW"}
    tried = [x for x in told(result).found if x.rule in numbers]
    assert tried
    for x in tried:
        override = numbers[x.rule].format(*([x.subject] if x.rule == "offer_max" else []), x.limit + x.step)
        gained = result.solution.objective - pipeline.plan_scenario(name, [override]).solution.objective
        unit = objective_unit(result.model.instance)[1]
        assert x.saves == pytest.approx(gained * unit, rel=1e-4, abs=1e-6)


def _more(x: Binding, mw: float) -> float:
    """A limit moved by the step: in proportion, and where it binds at nothing by a unit."""
    return mw * (1 + x.step / x.whole) if x.limit or x.last_limit or x.varies else mw + (x.step if not mw else 0.0)


@pytest.mark.parametrize("seed", [8, 36, 67])
def test_the_power_of_a_site_is_one_number(seed: int) -> None:
    """It stands in rows of several rules (racks, grid connection, slices): all are moved, and the site is named once."""
    result = plan(energy_world(seed))
    data = result.model.instance
    found = [x for x in told(result).found if "power of site" in rule_name(x.rule, x.subject)]
    assert found and len({x.subject for x in found}) == len(found)
    for x in found:
        wider = tuple(
            replace(limit, limit=tuple(_more(x, mw) for mw in limit.limit)) if limit.subject == x.subject else limit
            for limit in data.site_power
        )
        gained = result.solution.objective - least(formulation.build(replace(data, site_power=wider)))
        assert x.saves == pytest.approx(gained * objective_unit(data)[1], rel=1e-4, abs=1e-6)


def test_money_limits_speak_of_millions() -> None:
    """A budget of a million buys 5.7 racks; each dollar more saves what it serves."""
    found = only(limits='[limits]\nbudget_total = "1 million USD"', workload=UNSERVED)
    assert found.unit == "USD" and found.more == pytest.approx(20 * MISSING_YEAR / RACK_YEAR - 1)
    assert "per million USD" in text(told(plan(scenario(limits='[limits]\nbudget_total = "1 million USD"', workload=UNSERVED))))


def test_power_sources_pass_on_what_their_capacity_is_worth() -> None:
    """Nobody can give rows of purchase and generation room: they have no prices of their own and are not ranked."""
    blocks: dict[str, Any] = {**MANAGED, "more": PPA.format(0.5, 20)}
    result = plan(scenario(**blocks))
    assert {x.worth for x in result.limits if x.rule in ("purchase", "generation")} == {None}
    ranked = bearing(result.model.program, result.limits)
    assert not {rule for b in ranked for rule, _ in b.numbers} & {"purchase", "generation"}


def test_the_most_that_is_tried_and_what_is_left() -> None:
    found = told(pipeline.plan_scenario("openai-base"), most=2)
    assert len(found.found) == 2 and found.others > 5 and 0 < found.one_sided < found.priced
    assert found.optimum == pytest.approx(pipeline.plan_scenario("openai-base").totals["cost_usd"], rel=1e-9)
    assert "more limits that have a price" in text(found)


def test_another_objective_has_its_own_unit() -> None:
    found = told(plan(scenario(objective='[objective]\nmaximize = "demand_scale"')))
    assert found.unit == "scale" and found.optimum == pytest.approx(-8.0)  # 10 MW where 1.25 are needed
    assert all(limit.more >= 0 for limit in found.found)
    shown = text(found)
    assert "and it adds 0.8 scale" in shown and "9 MW instead takes off 0.8 scale" in shown
    assert "saves" not in shown.partition("\n")[2]


def test_a_least_share_gives_room_as_it_falls() -> None:
    """A tenth of a rack-year, half a rack's price dearer at the other provider, for each percentage point that it must have."""
    share = '[limits]\nprovider_share = [{ provider = "q", of = "compute", min = "60 %" }]'
    shown = text(told(plan(scenario(limits=share, more=OTHER))))
    assert "one percentage point less saves about 8,760 USD" in shown


def test_nothing_binds() -> None:
    assert text(told(plan(scenario()))).startswith("no limit binds")


@pytest.mark.parametrize(("limit", "step"), [(1.0, 0.1), (4.9, 0.1), (5.0, 1.0), (1200, 100), (30_000, 1000), (0, 1.0)])
def test_steps_are_round(limit: float, step: float) -> None:
    assert step_of(limit) == pytest.approx(step)
