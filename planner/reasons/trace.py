"""Which numbers a result moves with: the way from one cell of a table back to the lines it rests on.

At an optimal basis every result is a function of the binding rows alone. Its derivative by each right side and each coefficient
follows from one solve with the transposed basis; told as elasticities: how many per cent the result moves when a number moves by
one per cent, prices and all else the same. Prices move quantities only where another basis becomes optimal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner import measures
from planner.errors import InputFault, did_you_mean
from planner.formulation import Model
from planner.horizon import Period
from planner.inputs import Inputs
from planner.plan import interpret
from planner.power import metered_bill
from planner.probe import Linear, Probe
from planner.program import total
from planner.reasons.behind import (
    Numbers,
    Written,
    behind_bound,
    behind_term,
    energy_numbers,
    period_of,
    power_numbers,
    throughput_numbers,
)
from planner.solve import Solution
from planner.variables import Expression

SMALL = 5e-4  # elasticities below it are left out
COLUMNS = {"compute_h100e": "compute", "power_mw": "power", "spend_usd": "spend"}
SIZES = {"compute": (1.0, "h100e"), "power": (1.0, "MW"), "spend": (1e6, "USD"), "cost": (1e6, "USD")}


@dataclass(frozen=True)
class Moves:
    """A number and the elasticity of the result by it."""

    number: Written
    elasticity: float


@dataclass(frozen=True)
class Trace:
    """A result with the numbers it moves with, strongest first; `left_out` is the sum of sizes of the small ones."""

    what: str
    value: float
    unit: str
    moves: tuple[Moves, ...]
    rests: str  # where nothing moves it


@dataclass(frozen=True)
class Cell:
    """A cell of a table: of what, whose, when."""

    of: str  # compute, power, spend, cost
    whose: str | None
    period: Period | None

    def __str__(self) -> str:
        when = self.period.label if self.period else "the whole horizon"
        return f"{self.of} of {self.whose or 'the whole plan'} in {when}"


def cell_of(inputs: Inputs, text: str) -> Cell:
    """The cell that `mix.csv:azure:2028-Q3` or `mix.csv:azure:total:spend_usd` names; InputFault with what could be meant."""
    example = "write e.g. mix.csv:azure:2028-Q3 (its compute), mix.csv:azure:total:spend_usd, or plan.json:cost_usd"
    file, *rest = text.split(":")
    if file == "plan.json" and rest == ["cost_usd"]:
        return Cell("cost", None, None)
    if file != "mix.csv" or len(rest) not in (2, 3):
        raise InputFault.one(f"`{text}` names no result that can be traced", example)
    whose, when, *column = rest
    if whose not in inputs.providers:
        raise InputFault.one(f"`{text}`: no provider `{whose}` in this plan", did_you_mean(whose, inputs.providers))
    labels = {t.label: t for t in inputs.horizon}
    if when != "total" and when not in labels:
        raise InputFault.one(f"`{text}`: no period `{when}`", did_you_mean(when, [*labels, "total"]))
    name = column[0] if column else "compute_h100e"
    if name not in COLUMNS:
        raise InputFault.one(f"`{text}`: `{name}` cannot be traced", f"take one of {', '.join(COLUMNS)}")
    return Cell(COLUMNS[name], whose, labels.get(when))


def trace(inputs: Inputs, model: Model, cell: Cell) -> Trace:
    """The numbers that a cell moves with. `model` is built with classes by provider (measure `largest_share`)."""
    probe = Probe(model)
    base = probe.minimize()
    if not base.optimal:
        raise InputFault.one("there is no optimal plan to trace", "`planner explain` says why nothing fits")
    goal = probe.linear(model.cost if cell.of == "cost" else _sum(model, cell))
    value = goal.at(base.values)
    size, unit = SIZES[cell.of]
    if abs(value) < 1e-9:
        return Trace(str(cell), value * size, unit, (), "it is zero: nothing of it is in the plan, and small changes keep it so")
    parts: dict[tuple[str, Period | None], float] = {}
    for name, period, part in chain(_parts(inputs, model, probe, goal, base.values), _own(inputs, model, cell, base.values)):
        parts[name, period] = parts.get((name, period), 0.0) + part
    sums: dict[str, tuple[Written, float]] = {}
    numbers = Numbers(inputs)
    for (name, period), part in parts.items():
        lines = numbers.find(name, period) if part else []
        for line in lines:
            before = sums.get(line.what, (line, 0.0))[1]
            sums[line.what] = (line, before + part / value / len(lines))
    ranked = sorted(sums.values(), key=lambda item: (-abs(item[1]), item[0].what))
    found = tuple(Moves(line, e) for line, e in ranked if abs(e) > SMALL)
    return Trace(str(cell), value * size, unit, found, "" if found else "no written number moves it while the basis holds")


def _sum(model: Model, cell: Cell) -> Expression:
    """What the cell adds up: spend over the periods, compute and power as means over their hours."""
    data, v = model.instance, model.variables
    periods = [cell.period] if cell.period else list(data.periods)
    hours = sum(t.hours for t in periods)
    of = measures.PROVIDER_SUMS[cell.of]
    return total((1.0 if cell.of == "spend" else t.hours / hours, of(data, v, t.index, cell.whose)) for t in periods)


def _parts(
    inputs: Inputs, model: Model, probe: Probe, goal: Linear, values: NDArray[np.float64]
) -> Iterator[tuple[str, Period | None, float]]:
    """(number, period, what of the result is proportional to it): from right sides, coefficients, bounds and the cell itself."""
    data, program = model.instance, model.program
    worth = _worth(probe.engine, goal)
    for i in np.flatnonzero(np.abs(worth) > 1e-12):
        row = program.rows[i]
        period = period_of(data, row)
        if program.rhs[i]:
            for name in behind_bound(data, row):
                yield name, period, worth[i] * program.rhs[i]
        for j in range(program.starts[i], program.starts[i + 1]):
            column = program.indices[j]
            part = -worth[i] * program.coefficients[j] * values[column]
            if part:
                for name in behind_term(inputs, data, row, program.columns[column]):
                    yield name, period, part
    yield from _bounds(model, probe.engine, goal, worth, values)


def _worth(engine: Any, goal: Linear) -> NDArray[np.float64]:
    """Change of the goal per unit of each right side, while the basis holds: Bᵀ worth = goal of the basic columns."""
    basic = np.array(engine.getBasicVariables()[1])
    inner = np.where(basic >= 0, goal.coefficients[np.maximum(basic, 0)], 0.0)
    return np.array(engine.getBasisTransposeSolve(inner)[1])


def _bounds(
    model: Model, engine: Any, goal: Linear, worth: NDArray[np.float64], values: NDArray[np.float64]
) -> Iterator[tuple[str, Period | None, float]]:
    """Columns that stand at their upper bound: demand that is not served at all."""
    program, data = model.program, model.instance
    missing = [j for j, key in enumerate(program.columns) if key[0] == "unserved" and values[j]]
    at = [j for j in missing if values[j] >= program.upper[j] * (1 - 1e-9)]
    if not at:
        return
    reduced = goal.coefficients.copy()
    for i in np.flatnonzero(worth):
        for j in range(program.starts[i], program.starts[i + 1]):
            reduced[program.indices[j]] -= worth[i] * program.coefficients[j]
    basic = {int(j) for j in np.array(engine.getBasicVariables()[1]) if j >= 0}
    for j in at:
        if j not in basic:
            _, w, t, _ = program.columns[j]
            yield f"workload.{data.workloads[w]}.demand", data.periods[t], reduced[j] * values[j]


def _own(inputs: Inputs, model: Model, cell: Cell, values: NDArray[np.float64]) -> Iterator[tuple[str, Period | None, float]]:
    """The numbers that the cell itself is made of: throughput of racks at work, power of those online, prices of those held."""
    data = model.instance
    plan = interpret(model, Solution("optimal", list(values)))
    mine = {p.index for p in data.positions if cell.whose in (None, p.site.provider)}
    periods = [cell.period] if cell.period else list(data.periods)
    hours = sum(t.hours for t in periods)
    for t in periods:
        for p in sorted(mine):
            position = data.positions[p]
            if cell.of == "compute":
                for w, _ in enumerate(data.workloads):
                    if part := plan.delivered(w, p, t.index) * t.hours / hours:
                        yield from ((name, t, part) for name in throughput_numbers(inputs, w, position.accelerator.id))
            elif cell.of == "power":
                if part := plan.online[p, t.index] * data.power[p] * t.hours / hours:
                    yield from ((name, t, part) for name in power_numbers(position.accelerator.id, position.site.id))
            else:
                worth = data.discount[t.index] if cell.of == "cost" else 1.0
                offer, held = position.offer.id, plan.held[p, t.index]
                rent = held * data.rent[p][t.index] * worth
                yield f"offer.{offer}.*price", t, rent
                yield f"accelerator.{position.accelerator.id}.*chips_per_rack", t, rent
                yield f"offer.{offer}.*capex", t, held * data.capital[p][t.index] * worth
                bill = metered_bill(plan, p, t.index) * worth
                yield from ((name, t, bill) for name in (f"grid.{position.site.grid}.*price", *energy_numbers(data, p)))
    if cell.of == "cost":
        for (w, e), missing in plan.unserved.items():
            part = missing * (data.unserved_price[w] or 0.0) * data.periods[e].hours / 1e6 * data.discount[e]
            yield f"workload.{data.workloads[w]}.unserved", None, part
