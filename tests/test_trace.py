"""Which numbers a result moves with: elasticities against solving again with the number changed."""

from __future__ import annotations

from functools import cache

import pytest

from planner.core.errors import InputFault
from planner.data import instance
from planner.inputs.assembly import Inputs
from planner.model import formulation
from planner.run import pipeline
from planner.sensitivity.answers import Wanted, reasons
from planner.sensitivity.trace import Trace, cell_of, trace
from tests.small import scenario
from tests.small import written_file as file_of
from tests.test_oracle import UNSERVED
from tests.worlds import energy_world, world

H = 1e-4  # relative change of a number


@cache
def inputs_of(name: str) -> Inputs:
    return pipeline.prepare(name)[0]


def traced(name: str, text: str) -> Trace:
    inputs = inputs_of(name)
    model = formulation.build(instance.build(inputs, ("cost", "largest_share")))
    return trace(inputs, model, cell_of(inputs, text))


def elasticity(found: Trace, what: str) -> float:
    return sum(m.elasticity for m in found.moves if m.number.what == what)


def value(name: str, provider: str, period: str, column: str, overrides: list[str]) -> float:
    result = pipeline.plan_scenario(name, overrides)
    when, table = ("span", "summary") if period == "total" else ("period", "mix")
    rows = result.table(table).records()
    return next(float(row[column]) for row in rows if (row[when], row["provider"]) == (period, provider))


CLASSROOM = [
    ("north", "2026", "compute_h100e", "limits.fleet_power", "limits.fleet_power={} MW", 100),
    ("north", "2026", "compute_h100e", "site.north-hall.pue", "site.north-hall.pue={}", 2),
    ("north", "2026", "compute_h100e", "accelerator.chip.rack_power", "accelerator.chip.rack_power={} kW/rack", 10),
    ("south", "2026", "power_mw", "accelerator.chip.rack_power", "accelerator.chip.rack_power={} kW/rack", 10),
    ("south", "2027", "power_mw", "site.north-hall.pue", "site.north-hall.pue={}", 2),
    ("south", "total", "spend_usd", "limits.fleet_power", "limits.fleet_power={} MW", 100),
    ("south", "total", "spend_usd", "offer.south-lease.price", "offer.south-lease.price={} USD/gpu/hour", 2),
    ("south", "total", "spend_usd", "accelerator.chip.chips_per_rack", "accelerator.chip.chips_per_rack={} gpu/rack", 10),
    ("north", "2025", "compute_h100e", "limits.fleet_power", "limits.fleet_power={} MW", 100),  # 0: it does not bind
]


@pytest.mark.parametrize(("provider", "period", "name", "what", "override", "number"), CLASSROOM)
def test_elasticities_are_derivatives(provider: str, period: str, name: str, what: str, override: str, number: float) -> None:
    file = "summary" if period == "total" else "mix"
    found = traced("classroom", f"{file}.csv:{provider}:{period}:{name}")
    up, down = (value("classroom", provider, period, name, [override.format(number * (1 + h))]) for h in (H, -H))
    assert found.value == pytest.approx(value("classroom", provider, period, name, []))
    assert elasticity(found, what) == pytest.approx((up - down) / (2 * H) / found.value, rel=1e-3, abs=1e-6)


OPENAI = [
    ("offer.oracle-vr200-reserved.price", "offer.oracle-vr200-reserved.price={} USD/gpu/hour", 7.2627),
    ("contract.oracle-4500mw.max_power", "contract.oracle-4500mw.max_power={} GW", 4.5),
    ("workload.free-inference.unserved", "workload.free-inference.unserved={} USD/h100e/hour", 1),
    ("accelerator.vr200_nvl72.rack_power", "accelerator.vr200_nvl72.rack_power={} kW/rack", 262.2),
]


@pytest.mark.parametrize(("what", "override", "number"), OPENAI)
def test_the_cost_of_the_real_case(what: str, override: str, number: float) -> None:
    """One-sided where the optimum is degenerate: the elasticity lies between what a little more and a little less do."""
    found = _cost()
    ends = sorted(
        (pipeline.plan_scenario("openai-base", [override.format(number * (1 + h))]).totals["cost_usd"] / found.value - 1) / h
        for h in (H, -H)
    )
    near = 1e-3 * max(map(abs, ends))
    assert ends[0] - near <= elasticity(found, what) <= ends[1] + near


@cache
def _cost() -> Trace:
    return traced("openai-base", "plan.json:cost_usd")


def test_every_number_has_a_place_and_a_grade() -> None:
    found = _cost()
    assert len(found.moves) > 30
    assert all(m.number.line and m.number.file and m.number.confidence for m in found.moves)
    sizes = [abs(m.elasticity) for m in found.moves]
    assert sizes == sorted(sizes, reverse=True)


def test_demand_that_is_not_served_at_all(tmp_path: object) -> None:
    """0.5 MW power four racks of the ten; what is unserved grows with the demand, what is served does not."""
    name = file_of(scenario(workload=UNSERVED, power='[[site_power]]\nsite = "s"\nfrom = 2026-01-01\npower = "0.5 MW"'))
    inputs = pipeline.prepare(name)[0]
    model = formulation.build(instance.build(inputs, ("cost", "largest_share")))
    compute = trace(inputs, model, cell_of(inputs, "mix.csv:p:2027"))
    assert elasticity(compute, "site_power.s.2026-01-01.power") == pytest.approx(1)
    assert elasticity(compute, "site.s.pue") == pytest.approx(-1)
    assert elasticity(compute, "workload.w.demand") == 0
    cost = trace(inputs, model, cell_of(inputs, "plan.json:cost_usd"))
    whole = 4 * 175_200 + 120 * 43_800
    assert cost.value == pytest.approx(whole)
    assert elasticity(cost, "workload.w.demand") == pytest.approx(200 * 43_800 / whole)
    assert elasticity(cost, "workload.w.unserved") == pytest.approx(120 * 43_800 / whole)


WORLDS = [
    (0, "fleet.s1.o0.racks", "4 rack"),  # racks that run already: their cost, and what they spare
    (0, "offer.o0.capex", "1.24 million USD/rack"),  # a part of what a rack takes of a budget
    (0, "offer.o0.price", "2.5 USD/gpu/hour"),  # the other part; its later tranche has another price
    (0, "limits.budget_total", "34 million USD"),  # the limit, without the constants on its side
    (0, "accelerator.a0.2027-04-01.throughput_training", "2.85 h100e/gpu"),  # the row before it holds no more
    (9, "limits.carbon.2028.at", "227 USD/t"),
    (9, "limits.carbon.2028.max", "0.8 kt"),
    (14, "route.0.cost", "0.32 USD/h100e/hour"),
    (10, "accelerator.a0.throughput_inference", "2.2 h100e/gpu"),  # a route is paid by what is served over it
    (0, "offer.o3.max", "100 gpu"),  # one number, though a later tranche repeats it
]


@pytest.mark.parametrize(("seed", "what", "text"), WORLDS)
def test_the_cost_of_worlds_with_every_rule(seed: int, what: str, text: str) -> None:
    name = file_of(world(seed))
    result = pipeline.plan_scenario(name)
    found = trace(result.inputs, result.model, cell_of(result.inputs, "plan.json:cost_usd"))
    number, unit = text.split(" ", 1)
    up, down = (
        pipeline.plan_scenario(name, [f"{what}={float(number) * (1 + h):.12g} {unit}"]).totals["cost_usd"] for h in (H, -H)
    )
    slope = (up - down) / (2 * H) / found.value
    assert abs(slope) > 1e-2 and elasticity(found, what) == pytest.approx(slope, rel=1e-3)


def test_what_is_traced_is_what_the_plan_has() -> None:
    """Ties between providers are many here: the trace is of the plan in the files, not of another that is as good."""
    result = pipeline.plan_scenario("openai-base")
    told = {(r["period"], r["provider"]): r["compute_h100e"] for r in result.table("mix").records()}
    cells = [("2028-Q3", "azure"), ("2029-Q1", "oracle"), ("2030-Q4", "stargate")]
    found = reasons(result, Wanted(tuple(f"mix.csv:{provider}:{period}" for period, provider in cells)))
    assert [t.value for t in found.traces] == pytest.approx([told[cell] for cell in cells])
    assert all(t.another is None for t in found.traces)


def test_a_plan_that_is_another_optimum_is_said() -> None:
    """Whole racks: the trace is of the relaxation, where four racks and a half would do."""
    site = '[[site_power]]\nsite = "s"\nfrom = 2026-01-01\npower = "0.57 MW"'
    result = pipeline.plan_scenario(file_of(scenario(workload=UNSERVED, power=site)), ["solve.whole_racks=true"])
    (found,) = reasons(result, Wanted(("mix.csv:p:2027:spend_usd",))).traces
    assert found.value == pytest.approx(0.57 / 0.125 * 175_200) and found.another == pytest.approx(5 * 175_200)


@pytest.mark.parametrize("seed", [2, 4, 8, 9])
def test_worlds_with_slices_can_be_traced(seed: int) -> None:
    """Rows of a second dispatch and of slices have their period elsewhere; not every workload runs on every accelerator."""
    result = pipeline.plan_scenario(file_of(energy_world(seed)))
    cells = [f"mix.csv:{row['provider']}:{row['period']}" for row in result.table("mix").records()]
    assert len(reasons(result, Wanted((*cells, "plan.json:cost_usd"))).traces) == len(cells) + 1


def test_nothing_there_is_said() -> None:
    found = traced("classroom", "mix.csv:south:2025")
    assert found.value == 0 and not found.moves and "it is zero" in found.rests


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("mix.csv", "names no result"),
        ("allocation.csv:north:2026", "names no result"),
        ("mix.csv:norht:2026", "did you mean `north`"),
        ("mix.csv:north:2062", "no period `2062`"),
        ("mix.csv:north:2026:racks", "cannot be traced"),
    ],
)
def test_what_cannot_be_traced(text: str, what: str) -> None:
    with pytest.raises(InputFault, match=what):
        cell_of(inputs_of("classroom"), text)
