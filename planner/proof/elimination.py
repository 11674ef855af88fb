"""Sparse linear systems in rational arithmetic: no tolerance, no rounding, integers of any length.

The matrices are bases of linear programmes and nearly triangular: columns and rows that stand alone are peeled off without any
arithmetic, and only what is left, the nucleus, is eliminated, shortest row first. Numbers are kept as fractions in lowest terms,
so that they are as long as the answer is and no longer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from heapq import heapify, heappop, heappush

from planner.proof.rational import Fraction

Number = int | Fraction
Vector = dict[int, Fraction]
Line = dict[int, Number]
ZERO = Fraction(0)
LONGEST = 200_000  # bits of a numerator or denominator; beyond, the arithmetic would take hours


class Overlong(Exception):
    """A number has more than LONGEST bits."""


def total(terms: Iterable[tuple[Number, Fraction]]) -> Fraction:
    """Σ a · b. Raises Overlong."""
    found = ZERO
    for a, b in terms:
        found += a * b
    if found.denominator.bit_length() > LONGEST:
        raise Overlong
    return found


class Factors:
    """A matrix taken apart: the part of it that was pivoted on is Σ over pivots k of column_k · row_k / pivot_k.

    `columns` hold {row: value} by slot 0, 1, ...; rows may have any numbers. What depends on the rest is left without a pivot:
    `spare_slots` and `spare_rows`; the matrix is regular if there are none. Raises Overlong.
    """

    def __init__(self, columns: Sequence[Mapping[int, Number]], rows: Iterable[int]) -> None:
        self.nucleus = 0  # pivots that needed arithmetic
        self.spare_rows: list[int] = []
        self._pivots: list[tuple[int, int, Number, list[tuple[int, Number]], list[tuple[int, Number]]]] = []
        lines: dict[int, Line] = {i: {} for i in rows}
        for j, column in enumerate(columns):
            for i, value in column.items():
                lines[i][j] = value
        self._take_apart(lines, [set(column) for column in columns])
        used = {j for _, j, *_ in self._pivots}
        self.spare_slots = [j for j in range(len(columns)) if j not in used]

    def _take_apart(self, rows: dict[int, Line], where: list[set[int]]) -> None:
        """Finds the pivots; `rows` and `where` (the rows of each column) shrink to nothing."""
        lone_columns = [j for j, found in enumerate(where) if len(found) == 1]
        lone_rows = [i for i, row in rows.items() if len(row) <= 1]
        queue = [(len(row), i) for i, row in rows.items() if len(row) > 1]
        heapify(queue)
        while rows:
            if lone_columns:
                j = lone_columns.pop()
                if len(where[j]) != 1:
                    continue  # done, or nothing is left of it
                (i,) = where[j]
            elif lone_rows:
                i = lone_rows.pop()
                if i not in rows or len(rows[i]) > 1:
                    continue
                if not rows[i]:
                    del rows[i]
                    self.spare_rows.append(i)
                    continue
                (j,) = rows[i]
            else:
                length, i = heappop(queue)
                if i not in rows or len(rows[i]) != length:
                    continue  # it has a later entry
                j = min(rows[i], key=lambda q: (len(where[q]), q))
                self.nucleus += 1
            row = rows.pop(i)
            pivot = row.pop(j)
            others = sorted(where[j] - {i})
            where[j].clear()
            column = [(k, rows[k].pop(j)) for k in others]
            for q in row:
                where[q].discard(i)
            if row:
                for k, value in column:
                    _subtract(rows[k], k, Fraction(value) / pivot, row, where)
            lone_columns += [q for q in row if len(where[q]) == 1]
            for k in others:
                if len(rows[k]) <= 1:
                    lone_rows.append(k)
                else:
                    heappush(queue, (len(rows[k]), k))
            self._pivots.append((i, j, pivot, column, list(row.items())))

    def solve(self, right: Mapping[int, Fraction]) -> Vector:
        """x by slot in A x = right (by row); zeros are left out."""
        b, x = dict(right), Vector()
        place = self._place_of_row
        queue = _Queue(place[i] for i in b if i in place)
        reached = []
        for k in queue:
            i, _, pivot, column, _ = self._pivots[k]
            reached.append(k)
            value = b.get(i)
            if value and column:
                value /= pivot
                for r, a in column:
                    b[r] = b.get(r, ZERO) - a * value
                    if r in place:
                        queue.add(place[r])
        queue = _Queue(-k for k in reached)
        for k in queue:
            i, j, pivot, _, row = self._pivots[-k]
            value = b.get(i, ZERO)
            known = [(a, x[q]) for q, a in row if q in x]
            if known:
                value -= total(known)
            if value:
                x[j] = value / pivot
                queue.add(*(-other for other in self._reads_slot.get(j, ())))
        return x

    def solve_transposed(self, right: Mapping[int, Fraction]) -> Vector:
        """y by row in y A = right (by slot); zeros are left out."""
        c, y = dict(right), Vector()
        place = self._place_of_slot
        queue = _Queue(place[j] for j in c if j in place)
        reached = []
        for k in queue:
            i, j, pivot, _, row = self._pivots[k]
            reached.append(k)
            value = c.get(j)
            if value:
                y[i] = value = value / pivot
                for q, a in row:
                    c[q] = c.get(q, ZERO) - a * value
                    if q in place:
                        queue.add(place[q])
        queue = _Queue(-k for k in reached)
        for k in queue:
            i, _, pivot, column, _ = self._pivots[-k]
            known = [(a, y[r]) for r, a in column if r in y]
            if known:
                value = y.get(i, ZERO) - total(known) / pivot
                if value:
                    y[i] = value
                else:
                    y.pop(i, None)
            if i in y:
                queue.add(*(-other for other in self._reads_row.get(i, ())))
        return y

    @cached_property
    def _place_of_row(self) -> dict[int, int]:
        return {i: k for k, (i, *_) in enumerate(self._pivots)}

    @cached_property
    def _place_of_slot(self) -> dict[int, int]:
        return {j: k for k, (_, j, *_) in enumerate(self._pivots)}

    @cached_property
    def _reads_slot(self) -> dict[int, list[int]]:
        """The pivots that need the value of a slot once it is known."""
        found: dict[int, list[int]] = {}
        for k, (*_, row) in enumerate(self._pivots):
            for q, _ in row:
                found.setdefault(q, []).append(k)
        return found

    @cached_property
    def _reads_row(self) -> dict[int, list[int]]:
        found: dict[int, list[int]] = {}
        for k, (_, _, _, column, _) in enumerate(self._pivots):
            for r, _ in column:
                found.setdefault(r, []).append(k)
        return found


class _Queue:
    """Numbers in order, each once; more may be added on the way, never behind. A sparse right side reaches few pivots."""

    def __init__(self, first: Iterable[int]) -> None:
        self._seen = set(first)
        self._heap = list(self._seen)
        heapify(self._heap)

    def add(self, *numbers: int) -> None:
        for number in numbers:
            if number not in self._seen:
                self._seen.add(number)
                heappush(self._heap, number)

    def __iter__(self) -> Iterator[int]:
        while self._heap:
            yield heappop(self._heap)


def complete(equations: Sequence[Mapping[int, Number]], guess: Mapping[int, Fraction]) -> Vector:
    """A solution of Σ a · y = 0 for every equation {unknown: a}, with the unknowns that stay free taken from the guess."""
    rows: dict[int, Line] = {k: dict(equation) for k, equation in enumerate(equations)}
    where: dict[int, set[int]] = {}
    for k, equation in rows.items():
        for u in equation:
            where.setdefault(u, set()).add(k)
    solved: list[tuple[int, Line]] = []
    queue = [(len(row), k) for k, row in rows.items()]
    heapify(queue)
    while queue:
        length, k = heappop(queue)
        if k not in rows or len(rows[k]) != length:
            continue  # it is done, or has a later entry
        row = rows.pop(k)
        for u in row:
            where[u].discard(k)
        if not row:
            continue  # it follows from the others
        pivot = min(row, key=lambda u: (len(where[u]), u))
        value = row.pop(pivot)
        for other in sorted(where.pop(pivot)):
            _subtract(rows[other], other, Fraction(rows[other].pop(pivot)) / value, row, where)
            heappush(queue, (len(rows[other]), other))
        solved.append((pivot, {u: Fraction(a) / value for u, a in row.items()}))
    pivots = {pivot for pivot, _ in solved}
    found = {u: value for u, value in guess.items() if u not in pivots}
    for pivot, row in reversed(solved):
        found[pivot] = -total((a, found[u]) for u, a in row.items())
    return found


def _subtract(target: Line, k: int, factor: Fraction, row: Line, where: Sequence[set[int]] | Mapping[int, set[int]]) -> None:
    """Takes factor · row from row k, and keeps in `where` which rows each column has an entry in."""
    for q, entry in row.items():
        fresh = target.get(q, 0) - factor * entry
        if fresh:
            if fresh.denominator.bit_length() > LONGEST:
                raise Overlong
            target[q] = fresh
            where[q].add(k)
        elif q in target:
            del target[q]
            where[q].discard(k)
