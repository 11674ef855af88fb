"""A sparse LP by names, and days: what tests/oracle.py and tests/oracle_energy.py stand on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np
from scipy.optimize import linprog  # type: ignore[import-untyped]
from scipy.sparse import coo_array  # type: ignore[import-untyped]

from planner.core.calendar import Period

Key = tuple[Any, ...]
Expression = list[tuple[float, Key]]
MILLION = 1e6
HOURS_PER_YEAR = 8766.0
DAYS_PER_YEAR = 365.25
ONE_DAY = timedelta(days=1)
TIGHT = {"primal_feasibility_tolerance": 1e-9, "dual_feasibility_tolerance": 1e-9}


class Program:
    """Variables (not negative) and rows by key, as COO arrays; a key may be used once."""

    def __init__(self) -> None:
        self.columns: dict[Key, int] = {}
        self.upper: list[float] = []
        self.rows: dict[bool, dict[Key, tuple[Expression, float]]] = {True: {}, False: {}}  # equalities; at most
        self.costs: Expression = []  # million USD

    def variable(self, key: Key, upper: float = math.inf) -> Expression:
        assert key not in self.columns, f"variable {key} stands twice"
        self.columns[key] = len(self.columns)
        self.upper.append(upper)
        return [(1.0, key)]

    def equal(self, key: Key, left: Expression, right: float) -> None:
        self._row(True, key, left, right)

    def at_most(self, key: Key, left: Expression, right: float) -> None:
        self._row(False, key, left, right)

    def at_least(self, key: Key, left: Expression, right: float) -> None:
        self._row(False, key, times(-1.0, left), -right)

    def _row(self, equality: bool, key: Key, left: Expression, right: float) -> None:
        assert not any(key in rows for rows in self.rows.values()), f"row {key} stands twice"
        self.rows[equality][key] = (left, right)

    def _matrix(self, rows: Mapping[Key, tuple[Expression, float]]) -> tuple[Any, Any]:
        entries = [(i, self.columns[key], value) for i, (left, _) in enumerate(rows.values()) for value, key in left]
        at = np.array([(i, j) for i, j, _ in entries], dtype=int).reshape(-1, 2)
        values = np.array([value for _, _, value in entries], dtype=float)
        matrix = coo_array((values, (at[:, 0], at[:, 1])), shape=(len(rows), len(self.columns))).tocsr()
        return matrix, np.array([right for _, right in rows.values()], dtype=float)

    def minimise(self, goal: Expression) -> tuple[str, float, dict[Key, float]]:
        """Status, least value of `goal`, and the value of every variable."""
        costs = np.zeros(len(self.columns))
        for value, key in goal:
            costs[self.columns[key]] += value
        a_eq, b_eq = self._matrix(self.rows[True])
        a_ub, b_ub = self._matrix(self.rows[False])
        bounds = np.column_stack([np.zeros(len(self.upper)), self.upper])
        for options in (TIGHT, {**TIGHT, "presolve": False}):
            result = linprog(costs, a_ub, b_ub, a_eq, b_eq, bounds, method="highs", options=options)
            if result.status == 0:
                return "optimal", float(result.fun), dict(zip(self.columns, result.x, strict=True))
            if result.status in (2, 3):
                return {2: "infeasible", 3: "unbounded"}[result.status], math.nan, {}
        raise RuntimeError(f"HiGHS gave up: {result.message}")


def times(factor: float, expression: Expression) -> Expression:
    return [(factor * value, key) for value, key in expression]


def total(expressions: Iterable[Expression]) -> Expression:
    return [term for expression in expressions for term in expression]


def holds(first: date | None, last: date | None, day: date) -> bool:
    return (first or date.min) <= day <= (last or date.max)


def days_of(t: Period) -> Iterator[date]:
    return (t.first + i * ONE_DAY for i in range(t.days))


def common_days(first: date, last: date, other_first: date, other_last: date) -> int:
    return max(0, (min(last, other_last) - max(first, other_first)).days + 1)
