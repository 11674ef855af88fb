"""How far shares can move among the plans near the optimum, and whether the optimum is the only one.

`Near` holds the plans that are at most so much worse than the best one. With another objective than cost the answer of `solve`
is the cheapest of the best plans, so both bounds hold: the objective and the cost may each be so much above that answer's. An
interval is exact over all of these plans, not over some that were listed; it is linear-fractional, found by Dinkelbach's method.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from planner.core.errors import InputFault, Stopped
from planner.data.instance import Instance
from planner.model.formulation import Model
from planner.model.measures import MEASURES, PROVIDER_SUMS, over_horizon
from planner.model.program import Program
from planner.model.variables import Expression
from planner.solver.highs import INF, OPTIMAL, Engine
from planner.solver.solve import TIE, load
from planner.solver.warm import Answer, Linear, Probe, Vector

OF = tuple(PROVIDER_SUMS)  # compute, power, spend
ONE_PERCENT = 0.01
NOTHING = 1e-9  # objectives and sums below it are zero
STILL = 1e-5  # width of an interval, and change of a column, below which nothing moves
ROW_SIZE, GOAL_SIZE = 1e6, 1e2  # bounds of the rows that leave room, and coefficients of goals, are scaled to about these


@dataclass(frozen=True)
class Interval:
    """The lowest and highest share of a provider at a distance from the optimum; None where there is nothing to share."""

    provider: str
    of: str  # compute, power, spend
    within: float
    low: float | None
    high: float | None

    @property
    def width(self) -> float:
        return 0.0 if self.low is None or self.high is None else self.high - self.low


class Near(Probe):
    """The plans near the optimum. `best` is an optimal plan; `widen` says how near. Errors: Stopped if the solver gives up."""

    def __init__(self, model: Model, start: Any = None) -> None:
        super().__init__(model, start)
        # a new goal leaves the basis feasible but not optimal, so primal pivots; this scaling saves a third of them
        self._engine.set("simplex_strategy", 4)
        self._engine.set("simplex_scale_strategy", 4)
        # the goal of a ratio is zero at its optimum, a difference of large numbers: their rounding is no gap
        self._engine.set("optimality_tolerance", 1e-2)
        self._room: list[tuple[int, Linear, float]] = []
        self.best = self.minimize()
        if not self.best.optimal:
            return
        self._leave_room(self.objective)
        if model.instance.objective != "cost":
            cost = self.linear(model.cost)
            self.best = self.minimize(cost, self.best.basis)
            self._leave_room(cost)
        self.best = self.minimize(self.objective)  # with the new rows in its basis

    def _leave_room(self, goal: Linear) -> None:
        """A row that holds a goal near its value in the best plan; at first at it."""
        value = goal.at(self.best.values)
        size = ROW_SIZE / 10.0 ** math.ceil(math.log10(abs(value))) if abs(value) > NOTHING else 1.0
        self._room.append((self.add_limit(goal * size), goal * size, value * size))
        self.widen(0.0)

    def widen(self, within: float) -> None:
        """Leaves room for plans that are worse by a share of the optimum's size."""
        for row, goal, value in self._room:
            self.at_most(row, goal, value + max(within, TIE) * max(abs(value), NOTHING))

    @property
    def roomless(self) -> bool:
        """Whether a share of the optimum is nothing, as the optimum is zero."""
        return all(abs(value) <= NOTHING for _, _, value in self._room)

    def sums(self, of: str) -> tuple[dict[str, Linear], Linear]:
        """The sums over the horizon that the shares in mix.csv are made of: by provider, and of all providers; scaled alike.

        What belongs to no provider (power sources of a grid) is nobody's share, as it is there.
        """
        data, v = self.model.instance, self.model.variables
        mine = {name: self.linear(over_horizon(data, v, of, name)) for name in providers_of(data)}
        whole = added(mine.values(), self)
        return {name: scaled(one, whole) for name, one in mine.items()}, scaled(whole)

    def least(self, goal: Linear, start: Answer | None = None) -> Answer:
        """The plan at hand that is least in a goal; Stopped if there is none, which the best plan excludes."""
        found = self.minimize(scaled(goal), (start or self.best).basis)
        if not found.optimal:
            raise Stopped(f"the plans near the optimum are {found.status} in a goal that has a bound")
        return found


def added(goals: Iterable[Linear], near: Near) -> Linear:
    return sum(goals, Linear(np.zeros(len(near.program.columns)), 0.0))


def scaled(goal: Linear, like: Linear | None = None) -> Linear:
    """A goal with coefficients of a size that suits the solver's tolerances."""
    largest = float(np.abs((like or goal).coefficients).max(initial=0.0))
    return goal * (GOAL_SIZE / largest) if largest > 0 else goal


# --- intervals --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ends:
    """The plans at the two ends of an interval; `objective` of each is the ratio (of the upper one its negative)."""

    interval: Interval
    low: Answer
    high: Answer


def levels_of(within: float) -> tuple[float, ...]:
    """0, 1 % and what was asked for, none beyond it. InputFault if it is no share."""
    if not (math.isfinite(within) and within >= 0):
        raise InputFault.one(f"`within` is {within:g}, no distance from an optimum", "give a share of the optimum, e.g. 5%")
    return tuple(sorted({0.0, min(ONE_PERCENT, within), within}))


def providers_of(data: Instance) -> list[str]:
    """Every provider that has a row in mix.csv."""
    return sorted({p.site.provider for p in data.positions} | {s.provider for s in data.sources if s.provider})


def intervals(
    near: Near, levels: Sequence[float], of: Sequence[str] = OF, progress: Callable[[str], None] | None = None
) -> tuple[list[Interval], dict[str, Ends]]:
    """(the intervals of every provider at every level, the ends of the shares of compute at the widest level).

    `of`: the shares at all levels; the others only among optimal plans, and those of compute at the widest level. An end of a
    share starts from the end of the one before of that provider and level, the first from the optimum: ends of other levels or
    of other providers proved to be worse starts.
    """
    found: list[Interval] = []
    ends: dict[str, Ends] = {}
    last: dict[tuple[str, float], Ends] = {}
    for what in OF:
        sums, whole = near.sums(what)
        for name, mine in sums.items():
            if progress:
                progress(f"lowest and highest share of {what}: {name}")
            for level in levels if what in of else sorted({0.0, levels[-1]} if what == "compute" else {0.0}):
                near.widen(level)
                start = _start(near, whole)
                if start is None:
                    found.append(Interval(name, what, level, None, None))
                    continue
                before = last.get((name, level))
                starts = (
                    [x if whole.at(x.values) > NOTHING else start for x in (before.low, before.high)] if before else [start] * 2
                )
                reached = _ends(near, mine, whole, starts, Interval(name, what, level, None, None))
                found.append(reached.interval)
                last[name, level] = reached
                if what == "compute" and level == levels[-1]:
                    ends[name] = reached
    return found, ends


def _start(near: Near, whole: Linear) -> Answer | None:
    """A plan in which there is something to share; None if there is none, or if the sum may be negative (prices below zero)."""
    if (whole.coefficients < 0).any() and whole.at(near.least(whole).values) <= NOTHING:
        return None
    if whole.at(near.best.values) > NOTHING:
        return near.best
    most = near.least(whole * -1.0)
    return most if whole.at(most.values) > NOTHING else None


def _ends(near: Near, mine: Linear, whole: Linear, starts: Sequence[Answer], named: Interval) -> Ends:
    low = near.least_ratio(mine, whole, starts[0])
    high = near.least_ratio(mine * -1.0, whole, starts[1])
    interval = Interval(named.provider, named.of, named.within, _share(low.objective), _share(-high.objective))
    return Ends(interval, low, high)


def _share(value: float) -> float:
    """A share without the dust of rounding at its natural ends."""
    return 0.0 if abs(value) < NOTHING else 1.0 if abs(value - 1.0) < NOTHING else value


# --- uniqueness -------------------------------------------------------------------------------------------------------

HELPERS = {record.helper: name for name, record in MEASURES.items() if record.helper}  # columns that are no part of a plan


def movable(model: Model) -> tuple[str, ...]:
    """The kinds of columns (taken, online, use, ...) found to differ between optimal plans; none if the optimum is unique.

    On the optimal face every column and row with a price stays at its bound. Of the others outside of the basis the sum of their
    distances from their bounds is maximised over that face, each at most 1: if it is zero they cannot move, and the basis follows
    them, so the plan is the only one (to the solver's tolerance). This is one LP more, and a proof in both senses. It starts from
    scratch: a basis from elsewhere may have left out a row of a helper, which is free here and could move unseen.
    """
    program, data = model.program, model.instance
    goals: list[Expression] = [model.objective] + ([] if data.objective == "cost" else [model.cost])
    engine = load(program, *program.terms(goals[0]), relaxed=True)
    helpers = {name for name, measure in HELPERS.items() if measure != data.objective}
    for j, key in enumerate(program.columns):
        if key[0] in helpers:
            engine.bound_column(j, 0.0, 0.0)
    for i, key in enumerate(program.rows):
        if key[0] in helpers:
            engine.bound_row(i, -INF, INF)
    for expression in goals:
        costs = np.array(program.terms(expression)[0])
        engine.cost(costs)
        _solve(engine)
        _pin(engine, 1e-9 * float(np.abs(costs).max(initial=1.0)))
    before = engine.values
    goal = _away(engine, program)
    if not goal.any():
        return ()
    engine.cost(goal)
    _solve(engine)
    after = engine.values
    moved = np.abs(after - before) > STILL * np.maximum(1.0, np.abs(before))
    return tuple(dict.fromkeys(program.columns[j][0] for j in np.flatnonzero(moved)))


def _solve(engine: Engine) -> None:
    if (status := engine.run()) != OPTIMAL:
        raise Stopped(f"the solver ended with `{status}` and no proof")


def _bounds(engine: Engine) -> tuple[Vector, Vector, Vector, Vector]:
    """Lower and upper bounds of columns, then of rows."""
    return *engine.column_bounds, *engine.row_bounds


def _pin(engine: Engine, free: float) -> None:
    """Holds every column and row that has a price above `free` where it is: what is left is the optimal face."""
    low, up, least, most = _bounds(engine)
    for values, prices, lower, upper, change in (
        (engine.values, engine.reduced, low, up, engine.bound_column),
        (engine.activity, engine.prices, least, most, engine.bound_row),
    ):
        at = np.where(np.array(values) - lower <= upper - np.array(values), lower, upper)
        for j in np.flatnonzero((np.abs(np.array(prices)) > free) & (lower < upper)):
            change(int(j), at[j], at[j])


def _away(engine: Engine, program: Program) -> Vector:
    """The goal (minimised) that takes columns and rows outside of the basis away from their bounds, each by 1 at most."""
    values, basic = engine.values, engine.basic
    columns, rows = (np.ones(n, dtype=bool) for n in reversed(engine.shape))
    columns[basic[basic >= 0]] = rows[-1 - basic[basic < 0]] = False
    low, up, least, most = _bounds(engine)
    goal = np.zeros(len(low))
    for j in np.flatnonzero(columns & (low < up)):
        below = values[j] - low[j] <= up[j] - values[j]
        goal[j] = -1.0 if below else 1.0
        engine.bound_column(int(j), low[j] if below else max(low[j], up[j] - 1), min(up[j], low[j] + 1) if below else up[j])
    for i in np.flatnonzero(rows & (least < most) & (np.isfinite(least) | np.isfinite(most))):
        capped = math.isfinite(most[i])  # every row that is no equation has one bound
        span = slice(program.starts[i], program.starts[i + 1])
        np.add.at(goal, program.indices[span], np.array(program.coefficients[span]) * (1.0 if capped else -1.0))
        engine.bound_row(int(i), most[i] - 1 if capped else least[i], most[i] if capped else least[i] + 1)
    return goal
