"""Small worlds for tests, made of blocks of TOML that a case replaces, and ways to ask about their model.

The plain world is that of tests/test_oracle.py: one year (2027: 365 days, 8760 h) at 0 %, one site of 10 MW with a PUE of 1.25,
racks of 10 gpu and 100 kW (0.125 MW at the facility) that do 20 h100e, at 2 USD per gpu and hour (175,200 USD a rack and year),
and a demand of 200 h100e, so 10 racks. An h100e that is missing all year costs 43,800 USD where the case has the block UNSERVED.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from planner.data import instance
from planner.model import formulation
from planner.model.formulation import Model
from planner.model.measures import objective_unit
from planner.run import pipeline
from planner.solver.highs import INF, INFEASIBLE, OPTIMAL, UNBOUNDED
from planner.solver.solve import load
from tests.test_oracle import BLOCKS

Fixing = Mapping[tuple[Any, ...], float]


def scenario(**blocks: str) -> str:
    """The plain world with some blocks replaced."""
    assert not set(blocks) - set(BLOCKS), f"no such block: {set(blocks) - set(BLOCKS)}"
    return "schema = 1\nprofiles = []\n" + "\n".join({**BLOCKS, **blocks}.values()) + "\n"


def plan(text: str, overrides: Sequence[str] = ()) -> pipeline.Result:
    """What a scenario given as text comes to."""
    return pipeline.plan_scenario(written_file(text), overrides)


@cache
def _folder() -> TemporaryDirectory[str]:
    """One folder for all scenarios, as tables name the file that a number stands in."""
    return TemporaryDirectory(prefix="planner-tests-")


def written_file(text: str) -> str:
    """The path of a scenario given as text."""
    path = Path(_folder().name) / "world.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def model(text: str, measures: tuple[str, ...] = ()) -> Model:
    """The model of a scenario given as text."""
    inputs, _ = pipeline.prepare(written_file(text))
    return formulation.build(instance.build(inputs, measures))


def value(result: pipeline.Result) -> float:
    """The objective in the unit of the tables (USD, MW, MWh, t, h100e·h, a plain scale); infinite where nothing fits."""
    if result.status == "infeasible":
        return float("inf")
    assert result.status == "optimal", result.status
    return worth(result.model, result.solution.objective)


def worth(made: Model, objective: float) -> float:
    """The objective of a programme in the unit of the tables."""
    sign = -1 if made.instance.objective == "demand_scale" else 1
    return sign * objective * objective_unit(made.instance)[1]


def least(made: Model, fixed: Fixing | None = None, without: Collection[str] = ()) -> float:
    """The objective of a model with some columns fixed and the rows of some rules left out.

    Infinite where nothing fits, minus infinity where it is unbounded. In million USD, or the unit of the objective's column.
    """
    costs, constant = made.program.terms(made.objective)
    engine = load(made.program, costs, constant)
    for key, amount in (fixed or {}).items():
        engine.bound_column(made.program.columns.index(key), amount, amount)
    for i, (rule, *_) in enumerate(made.program.rows):
        if rule in without:
            engine.bound_row(i, -INF, INF)
    engine.set("presolve", "off")  # so that infeasible and unbounded are told apart
    status = engine.run()
    if status == OPTIMAL:
        return engine.objective
    assert status in (INFEASIBLE, UNBOUNDED), status
    return INF if status == INFEASIBLE else -INF


def written(made: Model) -> str:
    """The linear programme as text that does not depend on PuLP: objective, rows in order, bounds, integers."""
    program = made.program
    names = [_name(key) for key in program.columns]
    costs, constant = program.terms(made.objective)
    lines = ["minimize", "  " + _sum(enumerate(costs), names) + (f" {constant:+.12g}" if constant else ""), "subject to"]
    for i, key in enumerate(program.rows):
        span = range(program.starts[i], program.starts[i + 1])
        terms = ((program.indices[j], program.coefficients[j]) for j in span)
        sense = {-1: "<=", 0: "=", 1: ">="}[program.senses[i]]
        lines.append(f"  {_name(key)}: {_sum(terms, names)} {sense} {program.rhs[i] + 0.0:.12g}")
    bounds = [f"  {name} <= {up:.12g}" for name, up in zip(names, program.upper, strict=True) if up != float("inf")]
    whole = [f"  {name}" for name, integer in zip(names, program.integer, strict=True) if integer]
    return "\n".join([*lines, *(["bounds", *bounds] if bounds else []), *(["integer", *whole] if whole else []), "end"]) + "\n"


def _name(key: tuple[Any, ...]) -> str:
    return f"{key[0]}({','.join(str(part).replace(' ', '_') for part in key[1:])})"


def _sum(terms: Iterable[tuple[int, float]], names: Sequence[str]) -> str:
    return " ".join(f"{'-' if c < 0 else '+'} {abs(c):.12g} {names[j]}" for j, c in sorted(terms) if c) or "0"
