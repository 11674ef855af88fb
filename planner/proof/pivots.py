"""The simplex method in rational arithmetic, for the last steps only: from a basis that is nearly the best to one that is.

A solver ends with a basis that is right within its tolerances. Exactly, a value may lie a hair outside its bounds, or a column a
hair below its price; a few pivots mend that. Dual pivots mend values, primal ones prices; where both are wrong, the prices are
shifted until the values are right. While nothing moves, Bland's rule chooses, so that no circle is walked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from planner.core.basis import Basis
from planner.proof.decimals import Record
from planner.proof.elimination import ZERO, Factors, Number, Vector, total
from planner.proof.rational import Fraction

REFACTOR = 50  # pivots after which the basis is taken apart afresh


class Infeasible(Exception):
    """Nothing fits; `ray` holds the row prices that prove it."""

    def __init__(self, ray: Vector) -> None:
        super().__init__("nothing fits")
        self.ray = ray


class Unbounded(Exception):
    """The objective falls without end."""


class GaveUp(Exception):
    """The number of pivots that was allowed is used up."""


Etas = Sequence[tuple[int, Vector]]  # columns that came into a basis, each with the slot that it took, in order


def through(x: Vector, etas: Etas) -> Vector:
    """A column in terms of a basis, in terms of the one that it became; zeros are left out."""
    for slot, column in etas:
        if moved := x.get(slot):
            step = moved / column[slot]
            for k, a in column.items():
                x[k] = step if k == slot else x.get(k, ZERO) - a * step
    return {k: value for k, value in x.items() if value}


def back_through(right: Mapping[int, Fraction], etas: Etas) -> Vector:
    """Costs by slot of a basis, as costs by slot of the one that it came from; zeros are left out."""
    c = dict(right)
    for slot, column in reversed(etas):
        rest = total((a, c[k]) for k, a in column.items() if k != slot and k in c)
        c[slot] = (c.get(slot, ZERO) - rest) / column[slot]
    return {k: value for k, value in c.items() if value}


class Simplex:
    """A basis and what it stands for. Variables are the columns 0 to n−1 and the slack n+i of each row: a_i · x + slack = b_i."""

    def __init__(self, record: Record, basis: Basis, most: int) -> None:
        """Any letters are a beginning: columns that depend on others leave the basis, rows without a column of their own become
        loose, U without an upper bound counts as L. `most` pivots are allowed. Raises Overlong."""
        n = record.columns
        self.record, self.most, self.pivots = record, most, 0
        self.low: list[Fraction | None] = [*([ZERO] * n), *(None if sense > 0 else ZERO for sense in record.senses)]
        self.high: list[Fraction | None] = [*record.upper, *(None if sense < 0 else ZERO for sense in record.senses)]
        self.costs = [*record.costs, *([ZERO] * record.rows)]
        self.entries: list[list[tuple[int, int]]] = [[] for _ in range(n)]
        for i in range(record.rows):
            for j, a in record.row(i):
                self.entries[j].append((i, a))
        self.entries += [[(i, 1)] for i in range(record.rows)]
        letters = basis.columns + basis.rows
        self.head = [v for v, letter in enumerate(letters) if letter == "B"]  # the variable of each slot
        self.at_upper = {
            v
            for v, letter in enumerate(letters)
            if letter != "B" and (self.low[v] is None or (letter == "U" and self.high[v] is not None))
        }
        self._take_apart()

    def mend(self) -> None:
        """As many pivots as it takes to be optimal. Raises Infeasible, Unbounded, GaveUp, Overlong."""
        flipped = {v for v in self._unfair() if self.low[v] is not None and self.high[v] is not None}
        if flipped:  # a column with two bounds changes sides at no cost
            self.at_upper ^= flipped
            self._take_apart()
        shifted = self._unfair() if self._unfit() else []
        for v in shifted:
            self.costs[v] -= self.reduced.pop(v)
        self._make_fit()
        if shifted:
            self.aim(self.record.costs)
        self.make_fair()

    def solution(self) -> tuple[Basis, Vector, Vector]:
        """(basis, x, y) where it stands: letters, values of the columns and prices of the rows, zeros left out."""
        n = self.record.columns
        columns = ("B" if j in self.basic else "U" if j in self.at_upper else "L" for j in range(n))
        basis = Basis("".join(columns), "".join("B" if n + i in self.basic else "N" for i in range(self.record.rows)))
        x = {v: up for v in self.at_upper if v < n and (up := self.high[v])}
        x |= {v: value for k, value in self.values.items() if (v := self.head[k]) < n}
        return basis, x, {i: price * self.record.scales[i] for i, price in self._prices().items()}

    def aim(self, costs: Sequence[Fraction]) -> None:
        """Another objective, by column; the basis stays."""
        self.costs = [*costs, *([ZERO] * self.record.rows)]
        self._price()

    def freeze(self) -> None:
        """Holds every variable that has a reduced cost where it is, whatever is aimed at next."""
        for v in self.reduced:
            self.low[v] = self.high[v] = (self.high if v in self.at_upper else self.low)[v]

    def free(self) -> int:
        """How many variables outside of the basis could move."""
        return sum(v not in self.basic and low != high for v, (low, high) in enumerate(zip(self.low, self.high, strict=True)))

    # --- what the basis stands for ---

    def _take_apart(self) -> None:
        """Factors, values of the basic variables and reduced costs of the others, all from scratch."""
        self.factors = Factors([dict(self.entries[v]) for v in self.head], range(self.record.rows))
        if self.factors.spare_slots or self.factors.spare_rows:  # letters of no basis: made one
            spare = set(self.factors.spare_slots)
            self.at_upper |= {self.head[k] for k in spare if self.low[self.head[k]] is None}  # a slack with one bound only
            self.head = [v for k, v in enumerate(self.head) if k not in spare]
            self.head += [self.record.columns + i for i in self.factors.spare_rows]
            self.at_upper -= set(self.head)
            self.factors = Factors([dict(self.entries[v]) for v in self.head], range(self.record.rows))
        self.basic = set(self.head)
        self.etas: list[tuple[int, Vector]] = []  # (slot, column that came in there), one a pivot since then
        right = {i: Fraction(b) for i, b in enumerate(self.record.rhs) if b}
        for v in self.at_upper:
            if up := self.high[v]:
                for i, a in self.entries[v]:
                    right[i] = right.get(i, ZERO) - a * up
        self.values = self.factors.solve(right)  # by slot, zeros left out
        self._price()

    def _prices(self) -> Vector:
        """Of the rows, scaled."""
        return self.transposed({k: self.costs[v] for k, v in enumerate(self.head) if self.costs[v]})

    def _price(self) -> None:
        """The reduced costs."""
        change = self.change(self._prices())
        found = {v: self.costs[v] + change.get(v, ZERO) for v in {*change, *(v for v, c in enumerate(self.costs) if c)}}
        self.reduced = {v: d for v, d in found.items() if d and v not in self.basic}

    def change(self, prices: Vector) -> Vector:
        """−prices · A per variable; zeros are left out."""
        terms: dict[int, list[tuple[Number, Fraction]]] = {}
        for i, price in prices.items():
            for j, a in self.record.row(i):
                terms.setdefault(j, []).append((-a, price))
        found = {j: d for j, pairs in terms.items() if (d := total(pairs))}
        return found | {self.record.columns + i: -price for i, price in prices.items()}

    def _unfit(self) -> list[tuple[int, Fraction]]:
        """(slot, by how much: negative below its bound) of values out of bounds."""
        found = []
        for k, value in self.values.items():
            low, high = self.low[self.head[k]], self.high[self.head[k]]
            if low is not None and value < low:
                found.append((k, value - low))
            elif high is not None and value > high:
                found.append((k, value - high))
        return found

    def _unfair(self) -> list[int]:
        """Variables that would pay if they moved."""
        return sorted(v for v, d in self.reduced.items() if self.may_move(v, d < 0))

    def may_move(self, v: int, up: bool) -> bool:
        """Whether a variable that is not basic has room above it, or below."""
        return (v in self.at_upper) != up and self.low[v] != self.high[v]

    def tight(self) -> list[int]:
        """The rows without room."""
        n = self.record.columns
        loose = {v - n for k, v in enumerate(self.head) if v >= n and self.values.get(k)}
        return [i for i in range(self.record.rows) if i not in loose]

    def row_price(self, row: int) -> Fraction:
        """Change of the objective per unit of the right side of a row, scaled."""
        return -self.reduced.get(self.record.columns + row, ZERO)

    # --- the factors with the pivots since ---

    def column(self, v: int) -> Vector:
        """The column of a variable in terms of the basis, by slot."""
        return through(self.factors.solve({i: Fraction(a) for i, a in self.entries[v]}), self.etas)

    def transposed(self, right: Mapping[int, Fraction]) -> Vector:
        """The row prices that give the basic variables these costs by slot."""
        return self.factors.solve_transposed(back_through(right, self.etas))

    # --- pivots ---

    def _make_fit(self) -> None:
        """Dual pivots until every value lies within its bounds."""
        stalled = False
        while unfit := self._unfit():
            slot, by = min(unfit, key=lambda u: self.head[u[0]]) if stalled else max(unfit, key=lambda u: (abs(u[1]), -u[0]))
            up = by < 0
            ray = self.transposed({slot: Fraction(1)})
            change = self.change(ray)
            helping = [v for v, g in change.items() if v not in self.basic and self.may_move(v, (g > 0) == up)]
            if not helping:
                raise Infeasible({i: (-y if up else y) * self.record.scales[i] for i, y in ray.items()})
            entering = min(helping, key=lambda v: (abs(self.reduced.get(v, ZERO) / change[v]), v))
            stalled = entering not in self.reduced
            self._pivot(slot, entering, up, self.column(entering), change)

    def make_fair(self) -> None:
        """Primal pivots until no move pays."""
        stalled = False
        while unfair := self._unfair():
            entering = unfair[0] if stalled else max(unfair, key=lambda v: (abs(self.reduced[v]), -v))
            rises = self.reduced[entering] < 0
            column = self.column(entering)
            room = []
            for k, a in column.items():
                up = (a < 0) == rises
                edge = self.high[self.head[k]] if up else self.low[self.head[k]]
                if edge is not None:
                    room.append((abs((edge - self.values.get(k, ZERO)) / a), self.head[k], k, not up))
            low, high = self.low[entering], self.high[entering]
            if low is not None and high is not None and all(step >= high - low for step, *_ in room):
                self._move(column, high - low if rises else low - high)
                self.at_upper ^= {entering}
                self._count()
                stalled = False
                continue
            if not room:
                raise Unbounded
            step, _, slot, at_low = min(room)
            stalled = not step
            self._pivot(slot, entering, at_low, column, self.change(self.transposed({slot: Fraction(1)})))

    def _pivot(self, slot: int, entering: int, at_low: bool, column: Vector, change: Vector) -> None:
        """`entering` takes the slot of a variable that leaves for its lower or upper bound.

        `column` is that of the entering variable; `change` by how much the leaving one changes per unit of each of the others.
        """
        leaving = self.head[slot]
        edge = (self.low if at_low else self.high)[leaving] or ZERO
        begin = (self.high if entering in self.at_upper else self.low)[entering] or ZERO
        step = (self.values.get(slot, ZERO) - edge) / column[slot]
        self._move(column, step)
        self.values[slot] = begin + step
        if price := self.reduced.pop(entering, ZERO) / column[slot]:
            for v, g in change.items():
                if v not in self.basic and v != entering:
                    self.reduced[v] = self.reduced.get(v, ZERO) + price * g
            self.reduced[leaving] = -price
            self.reduced = {v: d for v, d in self.reduced.items() if d}
        self.head[slot] = entering
        self.basic ^= {entering, leaving}
        self.at_upper.discard(entering)
        if edge != self.low[leaving]:
            self.at_upper.add(leaving)
        self.etas.append((slot, column))
        self._count()
        if len(self.etas) == REFACTOR:
            self._take_apart()

    def _move(self, column: Vector, step: Fraction) -> None:
        """Moves a variable that is not basic, of that column; the basic ones make up for it."""
        for k, a in column.items() if step else ():
            self.values[k] = self.values.get(k, ZERO) - a * step

    def _count(self) -> None:
        self.pivots += 1
        if self.pivots > self.most:
            raise GaveUp
