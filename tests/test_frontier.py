"""The trade-off curve: worked by hand, against fresh solves with the limit in place, and for every pair of measures.

The world by hand: the plain one of tests/small.py, with its cheap site s (PUE 1.25: a rack draws 0.125 MW and costs 175,200 USD
a year) and a dear site z (PUE 1: 0.1 MW and 262,800 USD) that has power for 4 racks. Demand is 10 racks; a rack that is missing
costs 20 x 43,800 = 876,000 USD. From all 10 at s (1.25 MW, 1,752,000 USD) downwards:
  racks move to z        87,600 USD for 0.025 MW:   3,504,000 USD/MW, until z is full at 1.15 MW
  racks at s are left   700,800 USD for 0.125 MW:   5,606,400 USD/MW, until s is empty at 0.4 MW
  racks at z are left   613,200 USD for 0.1 MW:     6,132,000 USD/MW, until nothing is served
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise, permutations

import numpy as np
import pytest

from planner.core.errors import InputFault, VerificationFailed
from planner.data import instance
from planner.inputs.assembly import Inputs
from planner.model import formulation, naming
from planner.model.measures import MEASURES, measure_unit
from planner.model.rules import decode, rule_name
from planner.results.folder import csv_text
from planner.run import pipeline
from planner.solver.solve import solve
from planner.solver.warm import Linear
from planner.terminal.frontier import show
from planner.terminal.screen import console
from planner.tradeoff.breakpoints import Side, what_binds
from planner.tradeoff.curve import Curve, Sample
from planner.tradeoff.frontier import COLUMNS, Desk, Frontier, Point, frontier, plan_of
from tests import small
from tests.test_formulation import CAPEX
from tests.test_oracle import BLOCKS, OTHER, UNSERVED

NEAR = 1e-7
DEAR = OTHER.replace("pue = 1.25", "pue = 1").replace("10 MW", "0.4 MW")
CARBON = """
[[grid]]
id = "h"
country = "DE"
price = "40 USD/MWh"
carbon = "50 g/kWh"
"""
BY_HAND = [(0.0, 8_760_000.0), (0.4, 6_307_200.0), (1.15, 2_102_400.0), (1.25, 1_752_000.0)]
REFUSED = {frozenset(pair) for pair in (("demand_scale", "largest_share"), ("demand_scale", "unserved"))}
PAIRS = [pair for pair in permutations(COLUMNS, 2) if frozenset(pair) not in REFUSED]


def inputs_of(text: str) -> Inputs:
    return pipeline.prepare(small.written_file(text))[0]


def by_hand(workload: str = UNSERVED) -> Inputs:
    return inputs_of(small.scenario(workload=workload, more=DEAR))


def rich_world() -> Inputs:
    """Two sites and two years, in which every measure can be traded for every other."""
    horizon = '[horizon]\nstart = 2027-01-01\nend = 2028-12-31\nstep = "year"'
    workload = UNSERVED.replace('demand = "200 h100e"', 'demand = [ { from = 2027-01-01, value = "200 h100e" }, '
                                '{ from = 2028-01-01, value = "260 h100e" } ]')  # fmt: skip
    other = DEAR.replace('grid = "g"', 'grid = "h"').replace("0.4 MW", "0.9 MW") + CARBON
    power = BLOCKS["power"].replace("10 MW", "1 MW")
    return inputs_of(small.scenario(horizon=horizon, workload=workload, more=other, power=power))


def held(inputs: Inputs, x: str, y: str, at: float) -> float:
    """The least y with x at most `at` by a programme of its own with a row for it; units of the tables."""
    model = formulation.build(instance.build(inputs, (y, x)))
    size = measure_unit(model.instance, x)[1]
    of_x = MEASURES[x](model.instance, model.variables)
    bound = -at / size if x == "demand_scale" else at / size
    model.program.rules = small.loose(held=())
    model.program.add(of_x <= bound + 1e-9 * max(1.0, abs(bound)), "held")
    return small.worth(model, small.least(model))


def kinks_of(found: Frontier) -> list[tuple[float, float]]:
    return [(p.x, p.y) for p in found.kinks]


def near(a: float, b: float, within: float = NEAR) -> bool:
    return abs(a - b) <= within * max(1.0, abs(a), abs(b))


def height(found: Frontier, x: float) -> float:
    """The curve at x, from its kinks alone."""
    for p, q in pairwise(found.kinks):
        if p.x <= x <= q.x:
            return p.y + (q.y - p.y) * (x - p.x) / (q.x - p.x)
    raise AssertionError(f"{x} is outside of the curve")


# --- worked by hand ---------------------------------------------------------------------------------------------------


def test_kinks_slopes_and_limits_by_hand() -> None:
    found = frontier(by_hand(), "peak_power", "cost", points=6)
    assert found.exact and found.gap == 0
    for (x, y), (at, cost) in zip(kinks_of(found), BY_HAND, strict=True):
        assert near(x, at) and near(y, cost)
    assert [p.slope and round(p.slope) for p in found.kinks] == [-6_132_000, -5_606_400, -3_504_000, None]
    empty, few, full, free = (p.limit for p in found.kinks)
    assert empty == "least peak power" and free == "least cost"
    assert full == "power of site z, 2027"
    assert few == "power of site z, 2027, ceases to bind"


def test_points_are_evenly_spaced_and_lie_on_the_curve() -> None:
    found = frontier(by_hand(), "peak_power", "cost", points=6)
    spaced = [p for p in found.points if not p.kink]
    assert [round(p.x, 6) for p in spaced] == [0.25, 0.5, 0.75, 1.0]
    assert all(near(p.y, height(found, p.x)) for p in spaced)
    assert [round(p.slope or 0) for p in spaced] == [-6_132_000, *[-5_606_400] * 3]


def test_the_other_way_round_has_the_same_kinks() -> None:
    found = frontier(by_hand(), "cost", "peak_power", points=3)
    for (x, y), (power, cost) in zip(kinks_of(found), reversed(BY_HAND), strict=True):
        assert near(x, cost) and near(y, power)
    assert found.slope_unit == "MW/USD"


def test_all_measures_of_a_point_are_those_of_its_plan() -> None:
    full = frontier(by_hand(), "peak_power", "cost", points=2).kinks[2]
    told = full.measures
    assert near(told["spend_usd"], 2_102_400) and near(told["unserved_h100e_h"], 0) and near(told["largest_share"], 0.6)
    assert near(told["energy_mwh"], 1.15 * 8760) and near(told["carbon_t"], 1.15 * 8760 * 0.4) and told["demand_scale"] == 1
    share = {(year, name): part for year, name, part, _, _ in full.mix}
    assert near(share["2027", "p"], 0.6) and near(share["2027", "q"], 0.4) and share["total", "p"] == share["2027", "p"]
    power = {(year, name): mw for year, name, _, mw, _ in full.mix}
    assert near(power["2027", "p"], 0.75) and near(power["total", "q"], 0.4)


def test_demand_scale_is_held_from_below_and_costs_more() -> None:
    """80 racks fit at s, then 4 at z: 84 racks are 8.4 times the demand."""
    found = frontier(by_hand(BLOCKS["workload"]), "demand_scale", "cost", points=2)
    expected = [(0.0, 0.0), (8.0, 80 * 175_200.0), (8.4, 80 * 175_200 + 4 * 262_800.0)]
    for (x, y), (scale, cost) in zip(kinks_of(found), expected, strict=True):
        assert near(x, scale) and near(y, cost)
    assert found.kinks[1].limit == "power of site s, 2027"
    assert [p.limit for p in (found.kinks[0], found.kinks[-1])] == ["least cost", "largest demand scale"]
    assert [p.slope and round(p.slope) for p in found.kinks] == [1_752_000, 2_628_000, None]


def test_demand_scale_as_y_bends_the_other_way() -> None:
    """Under a cap on power the site with the lower PUE is filled first: 4 racks of 0.1 MW, then 0.125 MW each."""
    found = frontier(by_hand(BLOCKS["workload"]), "peak_power", "demand_scale", points=2)
    for (x, y), (power, scale) in zip(kinks_of(found), [(0, 0), (0.4, 0.4), (10.4, 8.4)], strict=True):
        assert near(x, power) and near(y, scale)
    assert [p.slope and round(p.slope, 6) for p in found.kinks] == [1.0, 0.8, None]


def test_a_limit_that_is_full_on_both_sides_does_not_start_to_bind() -> None:
    """A price on one side only may be an accident of the basis; room to spare on the other side is none."""
    inputs = by_hand()
    model = formulation.build(instance.build(inputs, ("cost", "peak_power")))
    at = model.program.rows.index(next(key for key in model.program.rows if key[:2] == ("site_power", "z")))
    prices, free = np.zeros(len(model.program.rows)), np.zeros(len(model.program.rows))
    prices[at] = -3.0
    empty, full = np.zeros(len(model.program.columns)), np.zeros(len(model.program.columns))
    span = slice(model.program.starts[at], model.program.starts[at + 1])
    full[model.program.indices[span]] = model.program.rhs[at] / sum(model.program.coefficients[span])
    assert what_binds(model, Side(prices, (full,)), Side(free, (full, full))) == ([], [])
    assert what_binds(model, Side(prices, (full,)), Side(free, (full, empty))) == (["power of site z, 2027"], [])
    assert what_binds(model, Side(free, (full, empty)), Side(prices, (full,))) == ([], ["power of site z, 2027"])


def test_a_named_limit_binds_on_one_side_only() -> None:
    """Half-way along the looser piece some best plan leaves room in what starts to bind at the kink, by a solve of its own."""
    inputs, _ = pipeline.prepare("seed-2025")
    found = frontier(inputs, "peak_power", "cost", points=2, plans=0)
    model = formulation.build(instance.build(inputs, ("cost", "peak_power")))
    names = {}
    for i, row in enumerate(map(decode, model.program.rows)):
        if row.rule.shown and model.program.senses[i]:
            name = rule_name(row.rule.name, naming.subject(model.instance, row))
            names[f"{name}, {naming.when(model.instance, row)}"] = i
    tried = 0
    for q, after in pairwise(found.kinks):
        name = q.limit.partition(" (and ")[0]
        if name in names:
            desk = Desk(model, found.x, found.y)
            assert desk.ends() is not None
            here = desk.at((q.x + after.x) / 2 / found.x.size)
            probe, at = desk.probe, names[name]
            probe.add_limit(probe.objective, here.y + 1e-9 * abs(here.y))
            span = slice(model.program.starts[at], model.program.starts[at + 1])
            sense, rhs = model.program.senses[at], model.program.rhs[at]
            goal = np.zeros(len(model.program.columns))
            goal[model.program.indices[span]] = np.array(model.program.coefficients[span]) * -sense
            assert -sense * rhs - probe.minimize(Linear(goal, 0.0)).objective > 1e-3, name
            tried += 1
    assert tried >= 3


def test_capex_paid_in_cash_is_no_power_source() -> None:
    """Unlike `bought` power it has no source and no site: what comes in where less may stay unserved is the racks."""
    dear = DEAR.replace('price = "3 USD/gpu/hour"', 'capex = "2000000 USD/rack"\nlifetime = "5 year"')
    budget = '[limits]\nbudget_total = "4 million USD"\nbudget_basis = "cash"'
    found = frontier(inputs_of(small.scenario(offer=CAPEX, more=dear + budget, workload=UNSERVED)), "unserved", "peak_power", 2)
    assert [p.limit for p in found.kinks] == ["least unserved demand", "a at s (o), 2027, comes in", "least peak power"]


def test_measures_that_do_not_conflict_are_one_point() -> None:
    """All racks are at one site: what costs least also draws least."""
    found = frontier(inputs_of(small.scenario()), "peak_power", "cost")
    assert len(found.points) == 1 and found.exact
    assert near(found.points[0].x, 1.25) and near(found.points[0].y, 1_752_000)
    assert found.points[0].slope is None and found.points[0].limit == "least peak power and least cost in one plan"


def test_a_column_of_the_tables_for_every_measure() -> None:
    curve, mix = frontier(by_hand(), "peak_power", "cost", points=2).tables()
    assert curve.name == "frontier" and mix.name == "frontier_mix"
    assert curve.columns[:2] == ("peak_power_mw", "cost_usd")
    assert set(curve.columns) == {*COLUMNS.values(), "kink", "limit", "slope", "slope_unit"}
    assert mix.columns == ("peak_power_mw", "year", "provider", "share_compute", "power_mw", "spend_usd")
    records = curve.records()
    assert [r["kink"] for r in records] == ["yes"] * 4 and [r["slope_unit"] for r in records] == ["USD/MW"] * 3 + [""]


# --- what cannot be asked ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "y", "says"),
    [
        ("cost", "cost", "cannot be traded for itself"),
        ("peak_pwer", "cost", "there is no measure `peak_pwer`"),
        ("demand_scale", "largest_share", "the base of the share"),
        ("largest_share", "demand_scale", "the base of the share"),
        ("demand_scale", "unserved", "all of it is served"),
        ("cost", "unserved", "no workload has a price"),
    ],
)
def test_refused(x: str, y: str, says: str) -> None:
    with pytest.raises(InputFault, match=says):
        frontier(inputs_of(small.scenario()), x, y)


def test_one_point_is_no_curve() -> None:
    with pytest.raises(InputFault, match="at least 2"):
        frontier(by_hand(), "peak_power", "cost", points=1)


def test_what_nothing_limits_is_said() -> None:
    text = small.scenario(workload=BLOCKS["workload"].replace("200", "0"))
    with pytest.raises(InputFault, match="nothing limits demand scale"):
        frontier(inputs_of(text), "demand_scale", "cost")


def test_nothing_fits() -> None:
    """Without a price the 10 racks must be there; 0.5 MW has room for 4."""
    found = frontier(inputs_of(small.scenario(power=BLOCKS["power"].replace("10 MW", "0.5 MW"))), "peak_power", "cost")
    assert not found.points and found.conflict is not None and found.conflict.short


def test_whole_racks_are_relaxed_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    whole = inputs_of(small.scenario(workload=UNSERVED, more=DEAR + "[solve]\nwhole_racks = true"))
    found = frontier(whole, "peak_power", "cost", points=2)
    assert found.relaxed and len(found.kinks) == 4
    show(found, console())
    assert "whole racks" in capsys.readouterr().out


def test_a_plan_that_fails_its_audit_is_no_point() -> None:
    inputs = by_hand()
    model = formulation.build(instance.build(inputs, ("cost", "peak_power")))
    values = solve(model, inputs.scenario.solve).values
    values[next(i for i, key in enumerate(model.program.columns) if key[0] == "online")] += 200.0
    with pytest.raises(VerificationFailed, match="audit"):
        plan_of(model, inputs, values)


# --- against fresh solves ---------------------------------------------------------------------------------------------


def under_caps(inputs: Inputs, caps: list[float]) -> Iterator[float]:
    """The least cost [USD] under caps of the fleet's power [MW], each a programme and a solve of its own."""
    data = instance.build(inputs)
    cap = next(limit for limit in data.power_limits if limit.family == "fleet_power")
    others = tuple(limit for limit in data.power_limits if limit is not cap)
    for value in caps:
        limits = (*others, replace(cap, limit=(value,) * len(data.periods)))
        answer = solve(formulation.build(replace(data, power_limits=limits)), inputs.scenario.solve)
        assert answer.status == "optimal"
        yield answer.objective * 1e6


@pytest.mark.parametrize(("name", "solves"), [("classroom", 100), ("seed-2025", 100), ("power-cap", 12)])
def test_a_dense_sweep_finds_the_curve_and_no_other_kink(name: str, solves: int) -> None:
    inputs, _ = pipeline.prepare(name, ["limits.fleet_power='90 GW'"])
    found = frontier(inputs, "peak_power", "cost", points=3, plans=0)
    assert found.exact
    low, high = found.points[0].x, found.points[-1].x
    step = (high - low) / (solves + 1)
    caps = [low + step * (i + 1) for i in range(solves)]
    costs = list(under_caps(inputs, caps))
    assert all(near(cost, height(found, cap)) for cap, cost in zip(caps, costs, strict=True))
    for i in range(1, solves - 1):  # between two of its kinks the fresh solves lie on a line
        if not any(caps[i - 1] < p.x < caps[i + 1] for p in found.kinks):
            assert abs(costs[i - 1] - 2 * costs[i] + costs[i + 1]) <= 4 * NEAR * costs[i]
    for p in found.kinks[1:-1]:  # and a kink is one: the curve is above the lines on both sides
        before = found.points[found.points.index(p) - 1].slope
        assert before is not None and p.slope is not None and before < p.slope < 0


def test_classroom_by_hand() -> None:
    """The numbers of inputs/classroom.toml: 17.52 million USD per MW while two years are short of power, then 8.76."""
    inputs, _ = pipeline.prepare("classroom", ["limits.fleet_power='300 MW'"])
    found = frontier(inputs, "peak_power", "cost", points=2)
    assert [(round(p.x, 6), round(p.y / 1e6, 3)) for p in found.kinks] == [(80, 2628.0), (120, 1927.2), (160, 1576.8)]
    assert [p.slope and round(p.slope / 1e6, 6) for p in found.kinks] == [-17.52, -8.76, None]
    assert found.kinks[1].limit == "chip at south-hall (south-lease), 2026, comes in"


# --- every pair -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("x", "y"), PAIRS)
def test_every_pair_is_convex_and_monotone_with_the_right_ends(x: str, y: str) -> None:
    inputs = rich_world()
    found = frontier(inputs, x, y, points=5)
    assert found.exact and found.points
    slopes = [p.slope for p in found.points if p.slope is not None]
    sign = -1 if {x, y} & {"demand_scale"} else 1
    assert all(sign * slope < 0 for slope in slopes)
    bend = -1 if y == "demand_scale" else 1
    for before, after in pairwise(slopes):
        assert bend * (after - before) >= -1e-6 * max(abs(before), abs(after))
    for p, q in pairwise(found.points):
        assert p.slope is not None and near(q.y - p.y, p.slope * (q.x - p.x), 1e-6)
    best_x, best_y = (held(inputs, other, one, math.copysign(1e12, 1 if other != "demand_scale" else -1))
                      for one, other in ((x, y), (y, x)))  # fmt: skip
    tight, loose = (found.points[-1], found.points[0]) if x == "demand_scale" else (found.points[0], found.points[-1])
    assert near(tight.x, best_x) and near(loose.y, best_y)
    assert near(tight.y, held(inputs, x, y, tight.x), 1e-6)
    for p in found.points:
        if p not in (tight, loose):
            assert near(p.y, held(inputs, x, y, p.x))
        assert abs(p.measures[COLUMNS[x]] - p.x) <= 1e-6 * max(abs(q.x) for q in found.points)
        assert abs(p.measures[COLUMNS[y]] - p.y) <= 1e-6 * max(abs(q.y) for q in found.points)


def test_where_cost_is_no_axis_ties_are_broken_by_it() -> None:
    """Nothing is held that is not used: the plan at the least energy is that of `planner solve` with that objective."""
    inputs = inputs_of(small.scenario(workload=BLOCKS["workload"], more=DEAR))
    found = frontier(inputs, "energy", "largest_share", points=3)
    assert all(near(p.measures["cost_usd"], p.measures["spend_usd"]) for p in found.points)
    solved = small.plan(small.scenario(more=DEAR, objective='[objective]\nminimize = "energy"'))
    assert near(found.points[0].measures["cost_usd"], solved.totals["cost_usd"], 1e-6)


# --- few questions ----------------------------------------------------------------------------------------------------


def test_capped_it_says_how_far_it_can_be_off() -> None:
    inputs, _ = pipeline.prepare("seed-2025")
    exact = frontier(inputs, "peak_power", "cost", points=3, plans=0)
    few = frontier(inputs, "peak_power", "cost", points=3, kinks=4, plans=0)
    assert not few.exact and few.asked == 3 + 4 and few.gap > 0
    chords = [p.y + (q.y - p.y) * (k.x - p.x) / (q.x - p.x) - k.y for k in exact.kinks
              for p, q in pairwise(few.points) if p.x <= k.x <= q.x]  # fmt: skip
    assert NEAR * few.points[0].y < max(chords) <= few.gap * (1 + NEAR)
    assert {round(p.x, 3) for p in few.kinks} <= {round(p.x, 3) for p in exact.kinks}


def test_progress_is_told() -> None:
    told: list[tuple[int, float]] = []
    inputs, _ = pipeline.prepare("seed-2025")
    found = frontier(inputs, "peak_power", "cost", points=3, plans=0, progress=lambda asked, gap: told.append((asked, gap)))
    assert [asked for asked, _ in told] == list(range(4, found.asked + 1))
    assert 0 < told[-1][1] <= told[0][1] < 1


def test_the_same_twice() -> None:
    texts = [[csv_text(t) for t in frontier(rich_world(), "carbon", "cost", points=4).tables()] for _ in range(2)]
    assert texts[0] == texts[1]


def curve_of(lines: list[tuple[float, float]]) -> Curve[None]:
    """A curve that is the highest of some lines (slope, height at 0), which tells one of the slopes that are right at a place."""

    def ask(x: float) -> Sample[None]:
        height, slope = max((a * x + b, a) for a, b in lines)
        return Sample(x, height, slope, None)

    return Curve(ask, 1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_a_curve_of_lines_is_found_again(seed: int) -> None:
    """Tangents to a parabola at odd places: every line has a piece, and neighbours meet half-way between their places."""
    rng = random.Random(seed)
    places = sorted(rng.uniform(-10, 0) for _ in range(rng.randint(1, 30)))
    curve = curve_of([(2 * t, -t * t) for t in places])
    curve.sweep([0.0, -10.0, -5.0][: rng.randint(2, 3)])
    curve.refine(1000)
    pieces = curve.pieces()
    assert curve.gap() == 0 and all(piece.line for piece in pieces)
    wide = [(a + b) / 2 for a, b in pairwise(places)]
    assert [p.end.x for p in pieces[:-1]] == pytest.approx(wide, abs=1e-6)
    assert curve.asked <= 3 + 3 * len(places)


def test_a_place_that_is_a_kink_by_chance_is_found() -> None:
    curve = curve_of([(-3.0, 0.0), (-1.0, 2.0), (0.0, 2.0)])
    curve.sweep([0.0, -1.0, -3.0])
    curve.refine(10)
    assert [(p.start.x, p.end.x, p.slope) for p in curve.pieces()] == [(-3.0, -1.0, -3.0), (-1.0, 0.0, -1.0)]


# --- on the screen ----------------------------------------------------------------------------------------------------


def test_show(capsys: pytest.CaptureFixture[str]) -> None:
    show(frontier(by_hand(), "peak_power", "cost", points=2), console())
    text = capsys.readouterr().out
    assert "4 kinks; exact over the whole range of 0 MW to 1.250 MW of peak power" in text
    assert "-5.606 million USD per MW" in text and "power of site z, 2027" in text
    assert "at the left end one more MW of peak power means 6.132 million USD less of cost" in text


def test_show_of_a_capped_curve_and_of_one_point(capsys: pytest.CaptureFixture[str]) -> None:
    inputs, _ = pipeline.prepare("seed-2025")
    show(frontier(inputs, "peak_power", "cost", points=3, kinks=4, plans=0), console())
    assert "may still lie" in capsys.readouterr().out
    show(frontier(inputs_of(small.scenario()), "peak_power", "cost"), console())
    assert "do not conflict" in capsys.readouterr().out


def test_show_of_many_kinks_shows_the_sharpest(capsys: pytest.CaptureFixture[str]) -> None:
    found = frontier(by_hand(), "peak_power", "cost", points=2)
    bends = [Point(float(i), -math.sqrt(i), True, f"limit {i}", -1.0 / (i + 1)) for i in range(60)]
    many = replace(found, points=(*bends, Point(60.0, -8.0, True, "least cost", None)))
    show(many, console())
    text = capsys.readouterr().out
    assert text.count("limit ") == 24 and "limit 0" in text and "limit 1\n" in text and "limit 50" not in text
    assert "frontier.csv has all 61" in text
