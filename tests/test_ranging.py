"""Over which values of a limit its price holds: by hand, by solving again inside and outside, and for limits moving together."""

from __future__ import annotations

import math

import pytest

from planner.model.program import Program
from planner.run import pipeline
from planner.solver.ranging import direction, written_twice
from planner.solver.warm import Probe
from tests.small import loose, model, scenario


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
    program = Program(rules=loose(rule=("n",)))
    x, y = program.variable("x"), program.variable("y")
    for n, row in enumerate((x + y <= 1, 2 * x + 2 * y <= 2, x + 2 * y <= 1, x + y <= 5)):
        program.add(row, "rule", n)
    assert written_twice(program, [0, 1, 2]) == [(0, 1)]
    assert written_twice(program, [0, 2]) == []
