"""How far a slope holds: how far right sides may move together until another basis is optimal; and rules written twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from planner.model.program import Program
from planner.solver.highs import Engine

Vector = NDArray[np.float64]
ZERO = 1e-9  # relative: what the solver's tolerance leaves of a zero


@dataclass(frozen=True)
class Direction:
    """Right sides moving together: by how much of the direction they may move until another basis is optimal."""

    slope: float  # change of the objective per unit
    room: float


def direction(engine: Engine, by: Mapping[int, float]) -> Direction:
    """What moving rows together changes from an optimal basis on, and how far (ratio test along B⁻¹ · by)."""
    basic = engine.basic
    slack = {int(-j - 1) for j in basic if j < 0}  # rows whose activity is free: only their bound moves
    moved = np.zeros(engine.shape[0])
    for row, amount in by.items():
        moved[row] = 0.0 if row in slack else amount
    step = engine.solve_basis(moved)
    structural = basic >= 0
    column, row_of = np.where(structural, basic, 0), np.where(structural, 0, -basic - 1)
    step = np.where(structural, step, -step)  # the logical of a row is the negative of its activity

    def pick(columns: Any, rows: Any) -> Vector:
        return np.where(structural, np.array(columns)[column], np.array(rows)[row_of])

    value = pick(engine.values, engine.activity)
    low, high = (pick(column, row) for column, row in zip(engine.column_bounds, engine.row_bounds, strict=True))
    for row in slack & set(by):
        step[np.flatnonzero(~structural & (row_of == row))] -= by[row]
    size = max(1.0, float(np.max(np.abs(step))))
    with np.errstate(divide="ignore", invalid="ignore"):
        room = np.where(step > ZERO * size, (high - value) / step, np.where(step < -ZERO * size, (low - value) / step, np.inf))
    duals = engine.prices
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
