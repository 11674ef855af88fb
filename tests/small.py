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
from planner.model.measures import told
from planner.model.rules import Rule
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
    return told(made.instance, objective)


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


def loose(**keys: tuple[str, ...]) -> Mapping[str, Rule]:
    """Records of rules that are none of the planner's, by the names of their keys, for a programme of a test's own."""
    return {name: Rule(name, (), key, "limit", "", name) for name, key in keys.items()}


def written(made: Model, rules: Collection[str]) -> str:
    """The rows of some rules as text that does not depend on PuLP, in their order, with their columns' bounds and integers."""
    program = made.program
    names = [_name(key) for key in program.columns]
    lines, there = [], set()
    for i, key in enumerate(program.rows):
        if key[0] in rules:
            span = range(program.starts[i], program.starts[i + 1])
            there |= {program.indices[j] for j in span}
            terms = ((program.indices[j], program.coefficients[j]) for j in span)
            sense = {-1: "<=", 0: "=", 1: ">="}[program.senses[i]]
            lines.append(f"{_name(key)}: {_sum(terms, names)} {sense} {program.rhs[i] + 0.0:.12g}")
    lines += [f"bound: {names[j]} <= {program.upper[j]:.12g}" for j in sorted(there) if program.upper[j] != float("inf")]
    return "\n".join([*lines, *(f"integer: {names[j]}" for j in sorted(there) if program.integer[j])]) + "\n"


def _name(key: tuple[Any, ...]) -> str:
    return f"{key[0]}({','.join(str(part).replace(' ', '_') for part in key[1:])})"


def _sum(terms: Iterable[tuple[int, float]], names: Sequence[str]) -> str:
    return " ".join(f"{'-' if c < 0 else '+'} {abs(c):.12g} {names[j]}" for j, c in sorted(terms) if c) or "0"
