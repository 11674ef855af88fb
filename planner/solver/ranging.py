"""How far a price holds: ranges of right sides over which an optimal basis stays optimal.

A shadow price belongs to a basis. Within the range of a row it is exact; beyond it another price holds: for less room a higher
one, for more room a lower one, as cost is convex in every limit. Where a range ends at the limit itself the optimum is
degenerate, and the price is that of one side only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.model.program import Program

Vector = NDArray[np.float64]
Range = tuple[float, float]
ZERO = 1e-9  # relative: what the solver's tolerance leaves of a zero


def row_ranges(program: Program, engine: Any) -> list[Range]:
    """(from, to) of the right side of every row over which its price holds; empty where the engine holds no optimal basis.

    A row that does not bind has the price 0 from its activity on; one that binds at price 0 holds it for more room at least.
    """
    if any(program.integer) or engine is None or not engine.getBasis().valid:
        return []
    _, found = engine.getRanging()
    if not found.valid:
        return []
    low, high = np.array(found.row_bound_dn.value_), np.array(found.row_bound_up.value_)
    activity = np.array(engine.getSolution().row_value)
    basic = [str(status).endswith("kBasic") for status in engine.getBasis().row_status]
    made = []
    for i, (sense, rhs) in enumerate(zip(program.senses, program.rhs, strict=True)):
        if basic[i]:  # its activity is free to move: the price is 0 on the loose side of it
            at = rhs if abs(activity[i] - rhs) <= ZERO * max(1.0, abs(rhs)) else float(activity[i])
            made.append((at, float("inf")) if sense < 0 else (float("-inf"), at) if sense > 0 else (rhs, rhs))
        else:
            made.append((_finite(low[i], rhs), _finite(high[i], rhs)))
    return made


def _finite(value: float, rhs: float) -> float:
    """A bound without the dust of rounding; HiGHS writes infinity as 1e30."""
    if abs(value) >= 1e20:
        return float("inf") if value > 0 else float("-inf")
    near = rhs if abs(value - rhs) <= ZERO * max(1.0, abs(rhs)) else float(value)
    return 0.0 if abs(near) <= ZERO * max(1.0, abs(rhs)) else near


@dataclass(frozen=True)
class Direction:
    """Right sides moving together: by how much of the direction they may move until another basis is optimal."""

    slope: float  # change of the objective per unit
    room: float


def direction(engine: Any, by: Mapping[int, float]) -> Direction:
    """What moving rows together changes from an optimal basis on, and how far (ratio test along B⁻¹ · by)."""
    basic = np.array(engine.getBasicVariables()[1])
    slack = {int(-j - 1) for j in basic if j < 0}  # rows whose activity is free: only their bound moves
    moved = np.zeros(engine.getNumRow())
    for row, amount in by.items():
        moved[row] = 0.0 if row in slack else amount
    step = np.array(engine.getBasisSolve(moved)[1])
    lp, solution = engine.getLp(), engine.getSolution()
    structural = basic >= 0
    column, row_of = np.where(structural, basic, 0), np.where(structural, 0, -basic - 1)
    step = np.where(structural, step, -step)  # the logical of a row is the negative of its activity

    def pick(columns: Any, rows: Any) -> Vector:
        return np.where(structural, np.array(columns)[column], np.array(rows)[row_of])

    value = pick(solution.col_value, solution.row_value)
    low, high = pick(lp.col_lower_, lp.row_lower_), pick(lp.col_upper_, lp.row_upper_)
    for row in slack & set(by):
        step[np.flatnonzero(~structural & (row_of == row))] -= by[row]
    size = max(1.0, float(np.max(np.abs(step))))
    with np.errstate(divide="ignore", invalid="ignore"):
        room = np.where(step > ZERO * size, (high - value) / step, np.where(step < -ZERO * size, (low - value) / step, np.inf))
    duals = solution.row_dual
    return Direction(sum(duals[row] * amount for row, amount in by.items()), max(0.0, float(np.min(room, initial=np.inf))))


def written_twice(program: Program, binding: list[int]) -> list[tuple[int, ...]]:
    """Groups of binding rows that say the same: coefficients in proportion, so that they share one price among them."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for i in binding:
        span = range(program.starts[i], program.starts[i + 1])
        terms = sorted((program.indices[j], program.coefficients[j]) for j in span)
        if terms:
            first = terms[0][1]
            key = tuple((j, round(c / first, 12)) for j, c in terms)
            groups.setdefault(key, []).append(i)
    return [tuple(rows) for rows in groups.values() if len(rows) > 1]
