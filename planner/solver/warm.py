"""Further questions to a solved programme: another objective, moved limits, ratios; each starts from a basis that is at hand.

A probe owns its engine. Every question leaves the programme as it was, whatever happens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.core.errors import Stopped
from planner.model.formulation import Model
from planner.model.program import Program
from planner.model.variables import Expression
from planner.solver.solve import load, run

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
    basis: Any

    @property
    def optimal(self) -> bool:
        return self.status == "optimal"


class Probe:
    """A programme in an engine of its own. The relaxation of one with whole racks: its answers are bounds then."""

    def __init__(self, model: Model, start: Any = None) -> None:
        self.model = model
        self.program: Program = model.program
        costs, constant = self.program.terms(model.objective)
        self.objective = Linear(np.array(costs), constant)
        self._engine = load(self.program, costs, constant, relaxed=True)
        self._rows = len(self.program.rows)
        if start is not None:
            self._engine.setBasis(start)
        self._lower, self._upper = _row_bounds(self.program)

    def linear(self, expression: Expression) -> Linear:
        """An expression of the formulation over the columns."""
        costs, constant = self.program.terms(expression)
        return Linear(np.array(costs), constant)

    def minimize(self, goal: Linear | None = None, start: Any = None) -> Answer:
        """The optimum of a goal (of the model's objective, if none is given), from a basis or from where the engine stands.

        A basis from before a limit was added will do: the new row is basic in it. Stopped if the solver gives up twice, the
        second time from scratch.
        """
        import highspy

        goal = goal or self.objective
        engine = self._engine
        if start is not None:
            engine.setBasis(self._grown(start))
        count = len(goal.coefficients)
        engine.changeColsCost(count, np.arange(count, dtype=np.int32), goal.coefficients)
        engine.changeObjectiveOffset(goal.constant)
        run(engine)
        status, kinds = engine.getModelStatus(), highspy.HighsModelStatus
        if status not in (kinds.kOptimal, kinds.kInfeasible, kinds.kUnbounded, kinds.kUnboundedOrInfeasible):
            status = self._from_scratch()
        if status == kinds.kUnboundedOrInfeasible:
            engine.setOptionValue("presolve", "off")
            run(engine)
            engine.setOptionValue("presolve", "choose")
            status = engine.getModelStatus()
        none = np.zeros(0)
        if status == kinds.kInfeasible:
            return Answer("infeasible", float("inf"), none, none, none, None)
        if status == kinds.kUnbounded:
            return Answer("unbounded", float("-inf"), none, none, none, None)
        if status != kinds.kOptimal:
            raise Stopped(f"the solver ended with `{engine.modelStatusToString(status)}` and no proof")
        solution = engine.getSolution()
        values = np.array(solution.col_value)
        return Answer(
            "optimal", goal.at(values), values, np.array(solution.row_dual), np.array(solution.col_dual), engine.getBasis()
        )

    def _from_scratch(self) -> Any:
        """The status after a solve that uses nothing of the one before, by the dual simplex method."""
        engine = self._engine
        strategy = engine.getOptionValue("simplex_strategy")[1]
        engine.clearSolver()
        engine.setOptionValue("simplex_strategy", 1)
        run(engine)
        engine.setOptionValue("simplex_strategy", strategy)
        return engine.getModelStatus()

    def _grown(self, basis: Any) -> Any:
        """A basis with as many rows as there are now."""
        import highspy

        missing = self._rows - len(basis.row_status)
        if missing <= 0:
            return basis
        made = highspy.HighsBasis()
        made.col_status = list(basis.col_status)
        made.row_status = [*basis.row_status, *[highspy.HighsBasisStatus.kBasic] * missing]
        made.valid = True
        return made

    def add_limit(self, expression: Linear, at_most: float = float("inf")) -> int:
        """A further row: expression ≤ at_most. Its index, for `at_most`."""
        import highspy

        at = np.flatnonzero(expression.coefficients).astype(np.int32)
        bound = at_most - expression.constant
        self._engine.addRow(-highspy.kHighsInf, bound, len(at), at, expression.coefficients[at])
        self._lower, self._upper = np.append(self._lower, -np.inf), np.append(self._upper, bound)
        self._rows += 1
        return self._rows - 1

    def at_most(self, row: int, expression: Linear, bound: float) -> None:
        """Moves an added limit."""
        self._upper[row] = bound - expression.constant
        self._engine.changeRowBounds(row, float(self._lower[row]), float(self._upper[row]))

    @contextmanager
    def moved(self, by: Mapping[int, float]) -> Iterator[None]:
        """Within it the right sides of rows are moved by so much."""
        try:
            for row, amount in by.items():
                self._engine.changeRowBounds(row, float(self._lower[row] + amount), float(self._upper[row] + amount))
            yield
        finally:
            self._restore(by)

    @contextmanager
    def without(self, rows: Sequence[int]) -> Iterator[None]:
        """Within it some rows do not hold."""
        try:
            for row in rows:
                self._engine.changeRowBounds(row, -np.inf, np.inf)
            yield
        finally:
            self._restore(rows)

    def _restore(self, rows: Sequence[int] | Mapping[int, float]) -> None:
        for row in rows:
            self._engine.changeRowBounds(row, float(self._lower[row]), float(self._upper[row]))

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
    def engine(self) -> Any:
        """The engine, to read basis, ranges and inverses from; it is not to be changed."""
        return self._engine


def _row_bounds(program: Program) -> tuple[Vector, Vector]:
    senses, rhs = np.array(program.senses, dtype=np.int8), np.array(program.rhs)
    return np.where(senses >= 0, rhs, -np.inf), np.where(senses <= 0, rhs, np.inf)


def carry(basis: Any, old: Program, new: Program) -> Any:
    """A basis of one programme for another that shares most of its keys: a start, whatever else is right."""
    import highspy

    kinds = highspy.HighsBasisStatus
    columns = dict(zip(old.columns, basis.col_status, strict=True))
    rows = dict(zip(old.rows, list(basis.row_status)[: len(old.rows)], strict=True))
    made = highspy.HighsBasis()
    made.col_status = [columns.get(key, kinds.kLower) for key in new.columns]
    made.row_status = [rows.get(key, kinds.kBasic) for key in new.rows]
    made.valid = True
    made.alien = True  # the engine mends the number of basic members
    return made
