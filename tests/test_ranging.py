"""Over which values of a limit its price holds: by hand, by solving again inside and outside, and for limits moving together."""

from __future__ import annotations

import math

import pytest

from planner.core.errors import InputFault
from planner.model.program import Program
from planner.results.shadow_prices import FAMILIES
from planner.run import pipeline
from planner.solver.ranging import direction, row_ranges, written_twice
from planner.solver.warm import Probe
from tests.small import model, plan, scenario
from tests.worlds import energy_world, world


def test_classroom_by_hand() -> None:
    """Below 60 MW the demand of 2026 cannot be met even in the south, above 120 all of it is in the north; in 2027 80 and 160."""
    found = {(x.rule, x.period): x for x in pipeline.plan_scenario("classroom").limits}
    assert found["fleet_power", "2026"].holds == pytest.approx((60, 120))
    assert found["fleet_power", "2027"].holds == pytest.approx((80, 160))
    free = found["fleet_power", "2025"]
    assert free.worth == 0 and free.holds == (pytest.approx(80), math.inf)  # 80 MW are drawn: the rest is worth nothing
    assert found["demand", "2026"].holds == pytest.approx((50_000, 100_000))


@pytest.mark.parametrize("seed", range(16))
@pytest.mark.parametrize("make", [world, energy_world])
def test_prices_hold_within_their_range_and_not_beyond(make: object, seed: int) -> None:
    """Inside the objective follows the price; outside it is never better than the price says, as it is convex in every limit."""
    try:
        made = model(make(seed))  # type: ignore[operator]
    except InputFault:
        return
    asked = Probe(made)
    base = asked.minimize()
    if not base.optimal:
        return
    program = made.program
    ranges = row_ranges(program, asked.engine)
    if any(program.integer):
        assert ranges == []
        return
    rows = [i for i, (rule, *_) in enumerate(program.rows) if rule in FAMILIES and base.duals[i]][:6]
    room = {
        (i, sign): direction(asked.engine, {i: sign}).room for i in rows for sign in (1.0, -1.0)
    }  # while the engine still holds the basis of the optimum
    for i in rows:
        for end, sign in zip(ranges[i], (-1.0, 1.0), strict=True):
            reach = (end - program.rhs[i]) * sign
            size = max(1.0, abs(program.rhs[i]))
            assert room[i, sign] == pytest.approx(reach, rel=1e-6, abs=1e-6 * size)
            if not math.isfinite(end):
                continue
            for part, inside in ((0.9, True), (1.3, False)):
                by = sign * (reach * part if reach else 0.0 if inside else 0.1 * size)
                with asked.moved({i: by}):
                    found = asked.minimize(start=base.basis)
                told = base.objective + base.duals[i] * by
                near = 1e-6 * max(1.0, abs(base.objective), abs(told))
                assert found.objective >= told - near
                assert not inside or found.objective <= told + near


def test_limits_that_move_together() -> None:
    """Both years of the classroom's cap: 20 MW more is where 2026 has enough; each MW saves 8.76 million USD in either year."""
    made = pipeline.plan_scenario("classroom").model
    asked = Probe(made)
    asked.minimize()
    rows = {i: 1.0 for i, row in enumerate(made.program.rows) if row[0] == "fleet_power" and row[2]}
    along = direction(asked.engine, rows)
    assert along.slope == pytest.approx(-17.52) and along.room == pytest.approx(20)
    less = direction(asked.engine, dict.fromkeys(rows, -1.0))
    assert less.slope == pytest.approx(17.52) and less.room == pytest.approx(20)  # 80 MW are needed in 2027


def test_a_limit_that_does_not_bind_keeps_its_slack_while_it_moves() -> None:
    asked = Probe(model(scenario()))
    asked.minimize()
    row = [rule for rule, *_ in asked.program.rows].index("site_power")
    assert direction(asked.engine, {row: -1.0}).room == pytest.approx(10 - 1.25)  # until it binds
    assert direction(asked.engine, {row: 1.0}).room == math.inf


def test_rules_written_twice() -> None:
    """The same terms, also in other proportions, are one rule; other terms are not."""
    program = Program()
    x, y = program.variable("x"), program.variable("y")
    for n, row in enumerate((x + y <= 1, 2 * x + 2 * y <= 2, x + 2 * y <= 1, x + y <= 5)):
        program.add(row, "rule", n)
    assert written_twice(program, [0, 1, 2]) == [(0, 1)]
    assert written_twice(program, [0, 2]) == []


def test_columns_of_the_file() -> None:
    result = plan(scenario())
    columns, row = result.table("constraints").columns, result.table("constraints").rows[-1]
    assert columns[-2:] == ("holds_from", "holds_to")
    assert row[columns.index("holds_from")] == pytest.approx(1.25) and row[columns.index("holds_to")] is None
