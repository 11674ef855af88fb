"""From one optimal plan to the one that is always shown: goal after goal on the face that the goals before it leave.

Any optimal prices define the whole optimal face: a column with a reduced cost stays at its bound, a row with a price becomes an
equation. The next goal is minimised on what is left, from the last basis, by the primal simplex method, which never moves what
is pinned; so no tolerance on the objective is spent, and the prices of every earlier goal hold at the last basis too. What is
decided here in floating point, which reduced costs are zero, is proved or mended afterwards (`proof.canonical`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from planner.core.basis import Basis
from planner.core.errors import Stopped
from planner.model.tie_break import Goal
from planner.solver import highs
from planner.solver.highs import INF, Engine, Vector

ZERO = 1e-9  # below it a reduced cost counts as none, relative to the largest coefficient of its goal
PRIMAL = 4  # HiGHS's number for the primal simplex method


def canonical(engine: Engine, goals: Sequence[Goal]) -> tuple[Basis, Vector]:
    """(basis, values) of the canonical plan; the engine stands at an optimum of the first goal and is used up.

    Raises Stopped if the solver gives up on a face that it has just found.
    """
    if engine.basis is None:
        raise ValueError("a canonical plan starts from a basis")
    face, upper = _Face(engine), engine.column_bounds[1]
    engine.set("time_limit", INF)
    engine.set("solver", "simplex")
    engine.set("simplex_strategy", PRIMAL)
    for before, goal in zip(goals, goals[1:], strict=False):
        face.pin(ZERO * max(1.0, max(map(abs, before.costs), default=0.0)))
        if face.single:
            break
        engine.cost(goal.costs)
        if engine.run() == highs.INTERRUPTED:
            raise KeyboardInterrupt
        if engine.status != highs.OPTIMAL or engine.basis is None:
            raise Stopped(f"{goal.name}: the solver ended with `{engine.status}` among the plans that are equally good")
    values = engine.values
    high = values > upper / 2  # what is pinned stands at both of its bounds: the letter tells at which it was
    letters = engine.basis.letters
    columns = "".join("B" if letter == "B" else "LU"[int(up)] for letter, up in zip(letters.columns, high, strict=True))
    return Basis(columns, letters.rows), values


class _Face:
    """The bounds of columns and rows, drawn together to what the goals so far leave open."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.columns, self.rows = engine.column_bounds, engine.row_bounds
        self.single = False

    def pin(self, zero: float) -> None:
        """Holds what has a price in the last run where it is; `single` if nothing is left that could move."""
        engine = self.engine
        basic = engine.basic
        loose = [np.ones(len(bounds[0]), dtype=bool) for bounds in (self.columns, self.rows)]
        loose[0][basic[basic >= 0]] = loose[1][-1 - basic[basic < 0]] = False  # free of the basis
        found = ((self.columns, engine.values, engine.reduced), (self.rows, engine.activity, engine.prices))
        left = 0
        for ((low, high), at, prices), apart in zip(found, loose, strict=True):
            open_ = apart & (low < high)
            priced = np.flatnonzero(open_ & (np.abs(prices) > zero))
            left += int(open_.sum()) - len(priced)
            upper = high[priced] - at[priced] < at[priced] - low[priced]
            low[priced] = high[priced] = np.where(upper, high[priced], low[priced])
            if low is self.columns[0]:
                engine.bound_columns(low, high)
            else:
                for i in priced:
                    engine.bound_row(int(i), low[i], high[i])
        self.single = left == 0
