"""What a little more of a right side changes, and what a little less does: both exact, and neither a matter of the basis.

The optimum as a function of one right side is convex and made of straight pieces. Where a plan stands at a kink, prices of one
basis are those of one side, or of none: the price of a limit that is written twice is anything between nothing and the whole.
Here the right side is moved by an infinitesimal amount and the basis is mended by dual pivots until it fits again; the change
per unit is the derivative on that side, whichever basis one began with.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from planner.proof.elimination import ZERO, Vector, total
from planner.proof.pivots import Simplex, back_through, through
from planner.proof.rational import Fraction

PATIENCE = 40  # pivots in a row that gain nothing, before the rule of the smallest index takes over, which walks no circles
MOST = 10_000  # pivots for one side: with the rule of the smallest index there are no circles, so this is only a guard


class Sides:
    """One-sided derivatives of a vertex: `simplex` stands at any basis of it that is optimal."""

    def __init__(self, simplex: Simplex) -> None:
        self.simplex = simplex
        low, high = simplex.low, simplex.high
        values = [simplex.values.get(k, ZERO) for k in range(len(simplex.head))]
        # the slots whose value stands at a bound: there an infinitesimal step can lead out of it
        self.at_low = {k for k, v in enumerate(simplex.head) if low[v] is not None and values[k] == low[v]}
        self.at_high = {k for k, v in enumerate(simplex.head) if high[v] is not None and values[k] == high[v]}
        self._columns: dict[int, Vector] = {}

    def along(self, by: Mapping[int, Fraction]) -> _Walk | None:
        """The walk to a basis that fits when scaled right sides move by so much of an infinitesimal; None if nothing fits."""
        moved: Vector = {}
        for row, amount in by.items():
            for k, a in self.column(self.simplex.record.columns + row).items():  # that of its slack
                moved[k] = moved.get(k, ZERO) + amount * a
        walk = _Walk(self, {k: a for k, a in moved.items() if a})
        for _ in range(MOST):
            slot = walk.leaving()
            if slot is None:
                return walk
            if not walk.pivot(slot):
                return None
        raise ArithmeticError("a derivative was not found")

    def of(self, row: int, sign: int) -> Fraction | None:
        """Change of the objective per unit more (`sign` 1) or less (-1) of a right side as written; None if nothing fits."""
        return self.change({row: Fraction(sign)})

    def change(self, by: Mapping[int, Fraction]) -> Fraction | None:
        """Change of the objective where right sides move together by so much of a unit as written; None if nothing fits."""
        scaled = {row: amount * self.simplex.record.scales[row] for row, amount in by.items()}
        walk = self.along(scaled)
        if walk is None:
            return None
        return total((amount, self.simplex.row_price(row)) for row, amount in scaled.items()) + walk.gained

    def column(self, v: int) -> Vector:
        """The column of a variable in terms of the basis, where a step could lead out of a bound."""
        found = self._columns.get(v)
        if found is None:
            inner = self.simplex.column(v)
            found = self._columns[v] = {k: a for k, a in inner.items() if k in self.at_low or k in self.at_high}
        return found


class _Walk:
    """Dual pivots away from the common basis, kept as columns that came in: nothing of the simplex is changed."""

    def __init__(self, sides: Sides, moved: Vector) -> None:
        self.sides, self.moved = sides, moved
        self.simplex = sides.simplex
        self.head: dict[int, int] = {}  # slots that another variable took
        self.reduced: dict[int, Fraction] = {}  # reduced costs that are not those of the simplex any more
        self.outside: dict[int, bool] = {}  # variables that left the basis: whether they stand at their upper bound
        self.inside: set[int] = set()  # variables that came in
        self.etas: list[tuple[int, Vector]] = []
        self.at_low, self.at_high = sides.at_low, sides.at_high
        self.gained = ZERO
        self.stalled = 0

    def leaving(self) -> int | None:
        """The slot that the step leads out of its bound: the one that goes furthest, or that of the smallest variable."""
        out = [k for k, a in self.moved.items() if (k in self.at_low and a < 0) or (k in self.at_high and a > 0)]
        if self.stalled > PATIENCE:
            return min(out, key=self._head, default=None)
        return max(out, key=lambda k: (abs(float(self.moved[k])), -self._head(k)), default=None)

    def _head(self, slot: int) -> int:
        return self.head.get(slot, self.simplex.head[slot])

    def _reduced(self, v: int) -> Fraction:
        return self.reduced[v] if v in self.reduced else self.simplex.reduced.get(v, ZERO)

    def pivot(self, slot: int) -> bool:
        """The variable of the slot leaves for the bound it stands at, and the cheapest one comes in; False if none can."""
        by, up = self.moved[slot], self.moved[slot] < 0
        change = self.simplex.change(self.simplex.transposed(back_through({slot: Fraction(1)}, self.etas)))
        helping = [v for v, g in change.items() if self._outside(v) and self._may_move(v, (g > 0) == up)]
        if not helping:
            return False
        circling = self.stalled > PATIENCE
        entering = min(helping, key=lambda v: (abs(self._reduced(v) / change[v]), 0.0 if circling else -abs(float(change[v])), v))
        price = self._reduced(entering) / change[entering]
        self.gained += price * -by
        self.stalled = 0 if price else self.stalled + 1
        leaving, column = self._head(slot), through(dict(self.sides.column(entering)), self.etas)
        for v, g in change.items() if price else ():
            if self._outside(v) and v != entering:
                self.reduced[v] = self._reduced(v) - price * g
        self.reduced[leaving] = price
        step = by / column[slot]
        for k, a in column.items():
            self.moved[k] = step if k == slot else self.moved.get(k, ZERO) - a * step
        self.moved = {k: a for k, a in self.moved.items() if a}
        self.outside[leaving] = not up
        at_upper = self.outside.pop(entering, entering in self.simplex.at_upper)
        self.inside.add(entering)
        self.inside.discard(leaving)
        self.head[slot] = entering
        self.at_low = self.at_low - {slot} if at_upper else self.at_low | {slot}
        self.at_high = self.at_high | {slot} if at_upper else self.at_high - {slot}
        self.etas.append((slot, column))
        return True

    def _outside(self, v: int) -> bool:
        return v in self.outside or (v not in self.simplex.basic and v not in self.inside)

    def _may_move(self, v: int, up: bool) -> bool:
        return self.outside.get(v, v in self.simplex.at_upper) != up and self.simplex.low[v] != self.simplex.high[v]


def sides(simplex: Simplex, rows: Sequence[int]) -> dict[int, tuple[Fraction | None, Fraction | None]]:
    """(more, less) of every row asked for: what a unit more of its right side changes the objective by, and a unit less.

    In any unit as it was written. None where nothing would fit.
    """
    asked = Sides(simplex)
    return {row: (asked.of(row, 1), asked.of(row, -1)) for row in rows}
