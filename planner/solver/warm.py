"""Further questions to a solved programme: another objective, moved limits, ratios; each starts from a basis that is at hand.

A probe owns its engine. Every question leaves the programme as it was, whatever happens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from planner.core.basis import Basis
from planner.core.errors import Stopped
from planner.model.formulation import Model
from planner.model.program import Program
from planner.model.variables import Expression
from planner.solver import highs
from planner.solver.highs import INF, Engine, Start
from planner.solver.solve import load, row_bounds

Vector = NDArray[np.float64]
SAME = 1e-9  # relative difference below which two objectives are one


@dataclass(frozen=True)
class Linear:
    """A linear expression over the columns: coefficients (columns,) and a constant."""

    coefficients: Vector
    constant: float

    def at(self, values: Vector) -> float:
        return float(self.coefficients @ values) + self.constant

    def __sub__(self, other: Linear) -> Linear:
        return Linear(self.coefficients - other.coefficients, self.constant - other.constant)

    def __add__(self, other: Linear) -> Linear:
        return Linear(self.coefficients + other.coefficients, self.constant + other.constant)

    def __mul__(self, factor: float) -> Linear:
        return Linear(self.coefficients * factor, self.constant * factor)


@dataclass(frozen=True)
class Answer:
    """What a question came to. `values` (columns,), `duals` (rows and added rows,) and `reduced` (columns,) only if optimal."""

    status: str  # optimal, infeasible, unbounded
    objective: float
    values: Vector
    duals: Vector
    reduced: Vector
    basis: Start | None

    @property
    def optimal(self) -> bool:
        return self.status == "optimal"


class Probe:
    """A programme in an engine of its own. The relaxation of one with whole racks: its answers are bounds then."""

    def __init__(self, model: Model, start: Start | Basis | None = None) -> None:
        self.model = model
        self.program: Program = model.program
        costs, constant = self.program.terms(model.objective)
        self.objective = Linear(np.array(costs), constant)
        self._engine = load(self.program, costs, constant, relaxed=True)
        if start is not None:
            self._engine.start(start)
        self._lower, self._upper = row_bounds(self.program)

    def linear(self, expression: Expression) -> Linear:
        """An expression of the formulation over the columns."""
        costs, constant = self.program.terms(expression)
        return Linear(np.array(costs), constant)

    def minimize(self, goal: Linear | None = None, start: Start | Basis | None = None) -> Answer:
        """The optimum of a goal (of the model's objective, if none is given), from a basis or from where the engine stands.

        A basis from before a limit was added will do: the new row is basic in it. Stopped if the solver gives up twice, the
        second time from scratch.
        """
        goal = goal or self.objective
        engine = self._engine
        if start is not None:
            engine.start(start)
        engine.cost(goal.coefficients, goal.constant)
        status = engine.run()
        if status not in (highs.OPTIMAL, highs.INFEASIBLE, highs.UNBOUNDED):
            status = self._from_scratch()
        none = np.zeros(0)
        if status == highs.INFEASIBLE:
            return Answer("infeasible", INF, none, none, none, None)
        if status == highs.UNBOUNDED:
            return Answer("unbounded", -INF, none, none, none, None)
        if status == highs.INTERRUPTED:
            raise KeyboardInterrupt
        if status != highs.OPTIMAL:
            raise Stopped(f"the solver ended with `{status}` and no proof")
        values = engine.values
        return Answer("optimal", goal.at(values), values, engine.prices, engine.reduced, engine.basis)

    def _from_scratch(self) -> str:
        """The status after a solve that uses nothing of the one before, by the dual simplex method."""
        engine = self._engine
        strategy = engine.option("simplex_strategy")
        engine.forget()
        engine.set("simplex_strategy", 1)
        status = engine.run()
        engine.set("simplex_strategy", strategy)
        return status

    def hold(self, best: Answer, free: float) -> None:
        """Holds every column and row that has a price above `free` where it is, for good: what is left are the plans as good."""
        engine = self._engine
        low, high = engine.column_bounds
        held = (np.abs(best.reduced) > free) & (low < high)
        upper = held & (high - best.values < best.values - low)
        low, high = np.where(upper, high, low), np.where(held & ~upper, low, high)
        engine.bound_columns(low, high)
        priced = np.flatnonzero((np.abs(best.duals) > free) & (self._lower < self._upper))
        for i in priced:
            at = self._upper[i] if np.isfinite(self._upper[i]) else self._lower[i]
            self._lower[i] = self._upper[i] = at
            engine.bound_row(int(i), float(at), float(at))

    def add_limit(self, expression: Linear, at_most: float = float("inf")) -> int:
        """A further row: expression ≤ at_most. Its index, for `at_most`."""
        bound = at_most - expression.constant
        self._lower, self._upper = np.append(self._lower, -np.inf), np.append(self._upper, bound)
        entries = {int(j): float(expression.coefficients[j]) for j in np.flatnonzero(expression.coefficients)}
        return self._engine.add_row(-INF, bound, entries)

    def at_most(self, row: int, expression: Linear, bound: float) -> None:
        """Moves an added limit."""
        self._upper[row] = bound - expression.constant
        self._engine.bound_row(row, float(self._lower[row]), float(self._upper[row]))

    @contextmanager
    def moved(self, by: Mapping[int, float]) -> Iterator[None]:
        """Within it the right sides of rows are moved by so much."""
        try:
            for row, amount in by.items():
                self._engine.bound_row(row, float(self._lower[row] + amount), float(self._upper[row] + amount))
            yield
        finally:
            self._restore(by)

    @contextmanager
    def without(self, rows: Sequence[int]) -> Iterator[None]:
        """Within it some rows do not hold."""
        try:
            for row in rows:
                self._engine.bound_row(row, -np.inf, np.inf)
            yield
        finally:
            self._restore(rows)

    def _restore(self, rows: Sequence[int] | Mapping[int, float]) -> None:
        for row in rows:
            self._engine.bound_row(row, float(self._lower[row]), float(self._upper[row]))

    def least_ratio(self, over: Linear, under: Linear, start: Answer, most: int = 30) -> Answer:
        """The least over / under among feasible plans with under > 0, from a feasible plan; `objective` is the ratio.

        Dinkelbach (1967): minimise over − λ · under for the best λ so far until nothing is gained; λ falls faster than linearly.
        """
        best, ratio = start, over.at(start.values) / under.at(start.values)
        for _ in range(most):
            found = self.minimize(over - under * ratio, best.basis)
            if found.status == "unbounded":
                raise Stopped("a ratio has no bound in this programme")
            below = under.at(found.values) if found.optimal else 0.0
            if below <= SAME or over.at(found.values) / below >= ratio - SAME * max(1.0, abs(ratio)):
                break
            best, ratio = found, over.at(found.values) / below
        return replace(best, objective=ratio)

    @property
    def engine(self) -> Engine:
        """The engine, to read basis, ranges and inverses from; it is not to be changed."""
        return self._engine


def carry(basis: Start | Basis, old: Program, new: Program) -> Basis:
    """A basis of one programme for another that shares most of its keys: a start, whatever else is right."""
    letters = basis.letters if isinstance(basis, Start) else basis
    columns = dict(zip(old.columns, letters.columns, strict=True))
    rows = dict(zip(old.rows, letters.rows[: len(old.rows)], strict=True))
    return Basis(
        "".join(columns.get(key, "L") for key in new.columns),
        "".join(rows.get(key, "B") for key in new.rows),
    )
