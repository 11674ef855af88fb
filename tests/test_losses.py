"""What a loss leaves and what surviving it costs, by hand."""

from __future__ import annotations

import pytest

from planner.run.pipeline import Result
from planner.sensitivity.outages import Left, Report, price_of_surviving, table, what_is_left
from tests.small import plan, scenario, value
from tests.test_oracle import OTHER, WORKLOAD

RACK, DEAR = 175_200.0, 262_800.0  # USD a year of a rack of p and of q
LOSE = '[resilience]\nlose = "provider"'


def report(result: Result, lose: str = "provider") -> Report:
    assert result.plan is not None
    found = what_is_left(result.inputs, result.model, result.plan, result.solution.values, lose)
    found = price_of_surviving(found, result.model, result.solution.basis)
    assert all(len(row) == len(table(found).columns) for row in table(found).rows)
    return found


def of(found: Report, loss: str) -> Left:
    return next(x for x in found.left if x.loss == loss)


def near(figure: float) -> object:
    return pytest.approx(figure, rel=1e-6, abs=1e-6)


def test_half_must_survive() -> None:
    # five racks in each cloud: each carries half; the second cloud costs five times 87,600 USD more
    result = plan(scenario(more=OTHER, policy=LOSE, workload=WORKLOAD + '\ncritical = "50 %"'))
    found = report(result)
    assert found.asked and found.cost == {"": near(5 * (DEAR - RACK)), "p": near(5 * (DEAR - RACK)), "q": 0.0}
    assert value(result) == near(5 * (RACK + DEAR))
    p = of(found, "p")
    assert (p.demand, p.needed, p.lost, p.still, p.left, p.spare) == tuple(map(near, (200, 100, 100, 100, 100, 0)))
    assert p.binds
    gone = next(g for g in found.gone if g.loss == "p")
    assert (gone.racks, gone.power, gone.times) == tuple(map(near, (5, 0.625, 1)))


def test_spare_racks_stand_idle_before() -> None:
    # 160 of 200 h100e must survive: eight racks in each cloud, of which ten in all are at work
    result = plan(scenario(more=OTHER, policy=LOSE, workload=WORKLOAD + '\ncritical = "80 %"'))
    found = report(result)
    assert value(result) == near(8 * (RACK + DEAR))
    assert found.cost == {
        "": near(8 * (RACK + DEAR) - 10 * RACK),
        "p": near(8 * DEAR - 2 * RACK),
        "q": near(6 * RACK),
    }
    p, q = of(found, "p"), of(found, "q")
    for x in (p, q):
        assert x.still + x.spare == pytest.approx(160, rel=1e-5) and x.left == near(160) and x.binds
    assert p.spare + q.spare == pytest.approx(6 * 20, rel=1e-5)
    assert (p.price, q.price) == (near(DEAR / 20), near(RACK / 20))  # a twentieth of a rack of the cloud that is left


def test_the_cost_is_that_of_the_scenario_without_it() -> None:
    world = {"more": OTHER, "workload": WORKLOAD + '\ncritical = "70 %"'}
    with_it, without = plan(scenario(policy=LOSE, **world)), plan(scenario(**world))
    assert report(with_it).cost[""] == near(value(with_it) - value(without))


def test_other_work_gives_way() -> None:
    # `later` is not critical: after the loss of p its racks in q carry `w`, and nothing stood idle
    later = '\n[[workload]]\nid = "later"\nkind = "training"\ndemand = "100 h100e"\nproviders = ["q"]\n'
    result = plan(scenario(more=OTHER + later, policy=LOSE, workload=WORKLOAD + '\ncritical = "50 %"'))
    x = of(report(result), "p")
    assert (x.lost, x.still, x.left, x.spare) == tuple(map(near, (200, 0, 100, 0)))


def test_not_asked_what_would_be_left() -> None:
    found = report(plan(scenario(more=OTHER, workload=WORKLOAD + '\ncritical = "50 %"')))
    assert not found.asked and found.cost == {}
    p, q = of(found, "p"), of(found, "q")
    assert (p.left, p.lost, p.price, q.left, q.lost) == (near(0), near(200), None, near(200), near(0))


def test_nothing_critical_asks_about_all_demand() -> None:
    found = report(plan(scenario(more=OTHER, limits='[limits]\nprovider_share = [{ provider = "q", min = "25 %" }]')), "country")
    assert found.kind == "country"
    assert {x.loss: (x.needed, x.left) for x in found.left} == {"US": (near(200), near(50)), "DE": (near(200), near(150))}
