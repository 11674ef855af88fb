"""Which numbers a result moves with: the way from one cell of a table back to the lines it rests on.

At an optimal basis every result is a function of the binding rows alone. Its derivative by each right side and each coefficient
follows from one solve with the transposed basis; told as elasticities: how many per cent the result moves when a number moves by
one per cent, prices and all else the same. Prices move quantities only where another basis becomes optimal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.core.calendar import Period
from planner.core.errors import InputFault, did_you_mean
from planner.data.instance import Instance
from planner.data.options import Class
from planner.inputs.assembly import Inputs
from planner.model import measures
from planner.model.formulation import Model
from planner.model.naming import period as period_of
from planner.model.program import Term, total
from planner.model.rules import decode
from planner.model.variables import Expression
from planner.results.plan import DUST, Plan, interpret
from planner.results.power import metered_bill
from planner.sensitivity.behind import (
    Numbers,
    Written,
    behind_term,
    bound_parts,
    energy_numbers,
    fleet_number,
    offer_number,
    power_numbers,
    shares,
    throughput_numbers,
)
from planner.solver.highs import Engine
from planner.solver.solve import Solution
from planner.solver.warm import Linear, Probe

SMALL = 5e-4  # elasticities below it are left out
COLUMNS = {"compute_h100e": "compute", "power_mw": "power", "spend_usd": "spend"}
SAME = 1e-6  # relative difference below which two values of a cell are one
Ends = list[tuple[float, list[Term]]]  # sums of racks: their value, and what they are sums of
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
    rests: str = ""  # where nothing moves it
    another: float | None = None  # what it is in the plan itself, where that is not the optimum whose basis is at hand


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
    """The cell that `mix.csv:azure:2028-Q3` or `summary.csv:azure:total:spend_usd` names; InputFault with what could be meant."""
    example = "write e.g. mix.csv:azure:2028-Q3 (its compute), summary.csv:azure:total:spend_usd, or plan.json:cost_usd"
    file, *rest = text.split(":")
    if file == "plan.json" and rest == ["cost_usd"]:
        return Cell("cost", None, None)
    if file not in ("mix.csv", "summary.csv") or len(rest) not in (2, 3):
        raise InputFault.one(f"`{text}` names no result that can be traced", example)
    whose, when, *column = rest
    if whose not in inputs.providers:
        raise InputFault.one(f"`{text}`: no provider `{whose}` in this plan", did_you_mean(whose, inputs.providers))
    labels = {t.label: t for t in inputs.horizon}
    known = list(labels) if file == "mix.csv" else ["total"]
    if when not in known:
        what = f"`{text}`: no {'period' if file == 'mix.csv' else 'span to be traced'} `{when}`"
        fix = "the whole horizon is summary.csv:PROVIDER:total" if when == "total" else did_you_mean(when, known)
        raise InputFault.one(what, fix)
    name = column[0] if column else "compute_h100e"
    if name not in COLUMNS:
        raise InputFault.one(f"`{text}`: `{name}` cannot be traced", f"take one of {', '.join(COLUMNS)}")
    return Cell(COLUMNS[name], whose, labels.get(when))


def trace(inputs: Inputs, model: Model, cell: Cell, start: Any = None, told: float | None = None) -> Trace:
    """The numbers that a cell moves with, at the optimum with the basis `start`; `told` is what the plan has in the cell."""
    probe = Probe(model, start)
    base = probe.minimize()
    if not base.optimal:
        raise InputFault.one("there is no optimal plan to trace", "`planner explain` says why nothing fits")
    goal = probe.linear(_goal(model, cell, list(base.values)))
    value = goal.at(base.values)
    size, unit = SIZES[cell.of]
    another = None if told is None or abs(told / size - value) <= SAME * max(1.0, abs(value)) else told
    if abs(value) < 1e-9:
        nothing = "it is zero: nothing of it is in the plan, and small changes keep it so"
        return Trace(str(cell), value * size, unit, (), nothing, another)
    parts: dict[tuple[str, Period | None], float] = {}
    for name, period, part in chain(_parts(inputs, model, probe, goal, base.values), _own(inputs, model, cell, base.values)):
        parts[name, period] = parts.get((name, period), 0.0) + part
    sums: dict[str, tuple[Written, float]] = {}
    numbers = Numbers(inputs)
    for (name, period), part in parts.items():
        lines = numbers.find(name, period) if part else []
        for line, share in zip(lines, shares(lines, period), strict=True) if lines else ():
            before = sums.get(line.what, (line, 0.0))[1]
            sums[line.what] = (line, before + part / value * share)
    ranked = sorted(sums.values(), key=lambda item: (-abs(item[1]), item[0].what))
    found = tuple(Moves(line, e) for line, e in ranked if abs(e) > SMALL)
    rests = "" if found else "no written number moves it while the basis holds"
    return Trace(str(cell), value * size, unit, found, rests, another)


def _goal(model: Model, cell: Cell, values: Sequence[float]) -> Expression:
    """What the cell adds up, linear about a plan: spend over the periods, compute and power as means over their hours."""
    if cell.of == "cost":
        return model.cost
    data, v = model.instance, model.variables
    periods = [cell.period] if cell.period else list(data.periods)
    hours = sum(t.hours for t in periods)
    if cell.of == "compute":
        plan = interpret(model, Solution("optimal", list(values)))
        return total((t.hours / hours, x) for t in periods for x in _delivered(model, plan, t.index, str(cell.whose)))
    of = measures.PROVIDER_SUMS[cell.of]
    return total((1.0 if cell.of == "spend" else t.hours / hours, of(data, v, t.index, cell.whose)) for t in periods)


def _delivered(model: Model, plan: Plan, t: int, provider: str) -> Iterator[Expression]:
    """Compute of a provider in a period [h100e], as the plan deals it out: see `plan.split`."""
    data = model.instance
    hours, whole = data.slices.hours[t], data.periods[t].hours
    for k in data.classes:
        for i in data.slices.there(t):
            for w, p, racks in _dealt(model, plan, k, t, i):
                if data.positions[p].site.provider == provider:
                    yield total([(measures.part(data.compute[w, k.accelerator][t], hours[i], whole), racks)])


def _dealt(model: Model, plan: Plan, k: Class, t: int, i: int) -> Iterator[tuple[int, int, Expression]]:
    """(workload, position, racks): workloads in order fill positions in order, so what one takes of another is the overlap of
    two intervals between sums of racks; each end is the sum that is nearer."""
    v = model.variables
    rooms = [(p, v.run[p, t, i], plan.run[p, t, i]) for p in k.positions if plan.run[p, t, i] > DUST]
    used: Ends = [(0.0, [])]
    for w in (s.workload for s in k.serves):
        racks = sum(plan.dispatch.get((w, p, t, i), 0.0) for p in k.positions)
        if racks <= DUST:
            continue
        used.append((used[-1][0] + racks, [*used[-1][1], (1.0, v.use[w, k.index, t, i])]))
        room: Ends = [(0.0, [])]
        for p, column, here in rooms:
            room.append((room[-1][0] + here, [*room[-1][1], (1.0, column)]) if p != rooms[-1][0] else (inf, []))
            (low, high) = max(used[-2], room[-2], key=_at), min(used[-1], room[-1], key=_at)
            if high[0] - low[0] > DUST:
                yield w, p, total([*high[1], *((-c, x) for c, x in low[1])])


def _at(end: tuple[float, list[Term]]) -> float:
    return end[0]


def _parts(
    inputs: Inputs, model: Model, probe: Probe, goal: Linear, values: NDArray[np.float64]
) -> Iterator[tuple[str, Period | None, float]]:
    """(number, period, what of the result is proportional to it): from right sides, coefficients, bounds and the cell itself."""
    data, program = model.instance, model.program
    worth = _worth(probe.engine, goal)
    for i in np.flatnonzero(np.abs(worth) > 1e-12):
        row = decode(program.rows[i])
        period = period_of(data, row)
        if program.rhs[i]:
            yield from ((name, period, part) for name, part in bound_parts(inputs, data, program, int(i), float(worth[i])))
        for j in range(program.starts[i], program.starts[i + 1]):
            column = program.indices[j]
            part = -worth[i] * program.coefficients[j] * values[column]
            if part:
                terms = behind_term(inputs, data, row, program.columns[column])
                yield from ((name, period, part * share) for name, share in terms)
    yield from _bounds(model, probe.engine, goal, worth, values)


def _worth(engine: Engine, goal: Linear) -> NDArray[np.float64]:
    """Change of the goal per unit of each right side, while the basis holds: Bᵀ worth = goal of the basic columns."""
    basic = engine.basic
    inner = np.where(basic >= 0, goal.coefficients[np.maximum(basic, 0)], 0.0)
    return engine.solve_transposed(inner)


def _bounds(
    model: Model, engine: Engine, goal: Linear, worth: NDArray[np.float64], values: NDArray[np.float64]
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
    basic = {int(j) for j in engine.basic if j >= 0}
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
                for w in (w for w, _ in enumerate(data.workloads) if (w, p, t.index) in plan.use):
                    if part := plan.delivered(w, p, t.index) * t.hours / hours:
                        yield from ((name, t, part) for name in throughput_numbers(inputs, w, position.accelerator.id))
            elif cell.of == "power":
                if part := plan.online[p, t.index] * data.power[p] * t.hours / hours:
                    yield from ((name, t, part) for name in power_numbers(position.accelerator.id, position.site.id))
            else:
                worth = data.discount[t.index] if cell.of == "cost" else 1.0
                held = plan.held[p, t.index]
                rent = held * data.rent[p][t.index] * worth
                yield offer_number(data, p, "price"), t, rent
                yield f"accelerator.{position.accelerator.id}.*chips_per_rack", t, rent
                yield offer_number(data, p, "capex"), t, held * data.capital[p][t.index] * worth
                there = position.fleet[t.index] * (data.rent[p][t.index] + data.capital[p][t.index]) * worth
                yield fleet_number(data, p), t, there
                bill = metered_bill(plan, p, t.index) * worth
                yield from ((name, t, bill) for name in (f"grid.{position.site.grid}.*price", *energy_numbers(data, p)))
    if cell.of == "cost":
        yield from _routes(inputs, plan)
        for (w, e), missing in plan.unserved.items():
            part = missing * (data.unserved_price[w] or 0.0) * data.periods[e].hours / 1e6 * data.discount[e]
            yield f"workload.{data.workloads[w]}.unserved", None, part
        for (rule, *subject), over in plan.excess.items():
            yield from ((name, period, part) for name, period, part in _soft(data, str(rule), subject, over))


def _soft(data: Instance, rule: str, subject: Sequence[Any], over: float) -> Iterator[tuple[str, Period | None, float]]:
    """What was paid for going over a soft limit, by the price of the limit."""
    for b in data.budgets:
        if (rule, b.label) == ("budget", subject[0]):
            name = "limits.budget_total.at" if b.label == "total" else f"limits.budget.{b.label}.at"
            yield name, None, over * (b.price or 0.0)
    for c in data.carbon_caps:
        if (rule, c.label) == ("carbon", subject[0]):
            yield f"limits.carbon.{c.label}.at", None, over * (c.price or 0.0)
    for limit in data.power_limits:
        if (limit.family, limit.subject) == (rule, subject[0]) and limit.price is not None:
            name = "limits.fleet_power.at" if rule == "fleet_power" else f"limits.{rule}.{subject[0]}.at"
            yield name, None, over * limit.price[int(subject[1])]


def _routes(inputs: Inputs, plan: Plan) -> Iterator[tuple[str, Period | None, float]]:
    """What serving from afar costs, by route."""
    data = plan.instance
    for n, route in enumerate(inputs.scenario.route):
        for w, p, t in plan.use if route.cost else ():
            site = data.positions[p].site
            here = all(at in (None, mine) for at, mine in zip((route.site, route.provider, route.country),
                                                              (site.id, site.provider, site.country), strict=True))  # fmt: skip
            if here and route.workload == data.workloads[w]:
                period = data.periods[t]
                part = plan.delivered(w, p, t) * period.hours * route.cost / 1e6 * data.discount[t]
                yield f"route.{n}.cost", None, part
                yield from ((name, period, part) for name in throughput_numbers(inputs, w, data.positions[p].accelerator.id))
