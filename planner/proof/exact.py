"""Proofs about a programme of record in rational arithmetic: no solver, no floats and no tolerance in any verdict.

Whatever a solver hands over, a basis, prices, a ray, is a proposal here. `check` says whether values and prices prove each other
optimal, `refutes` whether prices prove that nothing fits, `bound` what prices prove about the optimum.
"""

from __future__ import annotations

import fractions
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal

from planner.core.basis import Basis
from planner.proof.decimals import Record, make_record, record_of
from planner.proof.elimination import ZERO, Number, Overlong, Vector, complete, total
from planner.proof.pivots import GaveUp, Infeasible, Simplex, Unbounded
from planner.proof.rational import Fraction

__all__ = [
    "Basis", "Certificate", "Proof", "Record", "bound", "certify", "check", "farkas", "make_record", "record_of", "refutes",
    "short",
]  # fmt: skip

PASSES = 20  # over the rows, when bounds are sought that they imply
PIVOTS, WORK = 1000, 5_000_000  # most pivots to mend a basis, and most pivots times rows


@dataclass(frozen=True)
class Proof:
    """What values x and row prices y prove: x fits, y is a bound, and the gap between the two."""

    fits: bool
    dual: bool
    objective: Fraction
    bound: Fraction | None
    violated: str  # the first thing that does not hold; empty if both hold

    @property
    def gap(self) -> Fraction | None:
        """Objective less bound, exactly; None without a bound."""
        return None if self.bound is None else self.objective - self.bound

    @property
    def optimal(self) -> bool:
        """Whether x is proved to be as good as any."""
        return self.fits and self.dual and self.gap == 0


def check(record: Record, x: Sequence[Fraction], y: Sequence[Fraction]) -> Proof:
    """What x (per column) and y (per row: change of the objective per unit of its right side) prove."""
    if len(x) != record.columns or len(y) != record.rows:
        raise ValueError("values and prices must be as many as columns and rows")
    unfit, unfair = _unfit(record, x), ""
    objective = record.constant + total((c, v) for c, v in zip(record.costs, x, strict=True) if c and v)
    prices = {i: price for i, price in enumerate(y) if price}
    wrong = _wrong_sign(record, prices)
    lower: Fraction | None = None
    if wrong is not None:
        unfair = f"the price of row {wrong} has the wrong sign"
    else:
        reduced = _reduced(record, prices, record.costs)
        open_column = next((j for j, d in enumerate(reduced) if d < 0 and record.upper[j] is None), None)
        if open_column is not None:
            saved = short(-reduced[open_column])
            unfair = f"a unit more of column {open_column} would save {saved}, without end"
        else:
            lower = record.constant + _worth(record, prices) + _at_upper(record, reduced)
    return Proof(not unfit, not unfair, objective, lower, unfit or unfair)


@dataclass(frozen=True)
class Certificate:
    """What a basis came to. `proved` says that `objective` is the optimum; else `what` says why it is not known.

    `x` and `y` are the proof itself, as `check` takes it. `ray` refutes the programme, where that is what was found.
    """

    proved: bool
    what: str
    objective: Fraction | None
    pivots: int
    basis: Basis
    x: tuple[Fraction, ...] = ()
    y: tuple[Fraction, ...] = ()
    ray: Vector | None = None
    simplex: Simplex | None = field(default=None, repr=False, compare=False)  # standing at the basis, for further questions


def certify(record: Record, basis: Basis, most: int | None = None) -> Certificate:
    """The optimum proved from a proposed basis, which is mended by at most so many exact pivots."""
    if len(basis.columns) != record.columns or len(basis.rows) != record.rows:
        return Certificate(False, "the basis is of another programme", None, 0, basis)
    allowed = max(20, min(PIVOTS, WORK // max(1, record.rows))) if most is None else most
    pivots = 0
    try:
        simplex = Simplex(record, basis, allowed)
        basis, x, y = simplex.solution()
        proof = _judged(record, x, y)
        if not proof.optimal:
            try:
                simplex.mend()
            finally:
                pivots = simplex.pivots
            basis, x, y = simplex.solution()
            proof = _judged(record, x, y)
    except Infeasible as found:
        proved = refutes(record, found.ray) is not None
        return Certificate(False, "nothing fits", None, pivots, basis, ray=found.ray if proved else None)
    except Unbounded:
        return Certificate(False, "the objective falls without end", None, pivots, basis)
    except GaveUp:
        return Certificate(False, f"{allowed:,} exact pivots did not mend the basis ({proof.violated})", None, allowed, basis)
    except Overlong:
        return Certificate(False, "the exact numbers grow too long", None, pivots, basis)
    if not proof.optimal:
        return Certificate(False, proof.violated or "objective and bound differ", None, pivots, basis)
    what = "values and prices fit and agree, in exact arithmetic"
    dense = _dense(x, record.columns), _dense(y, record.rows)
    return Certificate(True, what, proof.objective, pivots, basis, *dense, simplex=simplex)


def _judged(record: Record, x: Vector, y: Vector) -> Proof:
    return check(record, _dense(x, record.columns), _dense(y, record.rows))


def _dense(vector: Vector, length: int) -> tuple[Fraction, ...]:
    return tuple(vector.get(k, ZERO) for k in range(length))


def _unfit(record: Record, x: Sequence[Fraction]) -> str:
    """The first bound or row that x breaks."""
    for j, (value, up) in enumerate(zip(x, record.upper, strict=True)):
        if value < 0:
            return f"column {j} is {short(-value)} below 0"
        if up is not None and value > up:
            return f"column {j} is {short(value - up)} above its bound"
    for i, (sense, b) in enumerate(zip(record.senses, record.rhs, strict=True)):
        over = total((a, x[j]) for j, a in record.row(i) if x[j]) - b
        if over and (sense == 0 or (over > 0) == (sense < 0)):
            return f"row {i} is broken by {short(abs(over) / record.scales[i])}"
    return ""


def _wrong_sign(record: Record, prices: Mapping[int, Fraction]) -> int | None:
    """The first row whose price has the sign of the other sense."""
    return next((i for i, price in sorted(prices.items()) if price.numerator * record.senses[i] < 0), None)


def _worth(record: Record, prices: Mapping[int, Fraction]) -> Fraction:
    """y · b."""
    return total((record.rhs[i], price / record.scales[i]) for i, price in prices.items())


def _reduced(record: Record, prices: Mapping[int, Fraction], costs: Iterable[Fraction]) -> list[Fraction]:
    """costs − y A per column."""
    terms: list[list[tuple[Number, Fraction]]] = [[] for _ in range(record.columns)]
    for i, price in prices.items():
        scaled = -price / record.scales[i]
        for j, a in record.row(i):
            terms[j].append((a, scaled))
    return [total([(1, c), *found]) if found else c for c, found in zip(costs, terms, strict=True)]


def _at_upper(record: Record, reduced: Sequence[Fraction]) -> Fraction:
    """Σ of the negative reduced costs times the upper bounds of their columns."""
    return total((d, up) for d, up in zip(reduced, record.upper, strict=True) if d < 0 and up)


def refutes(record: Record, multipliers: Mapping[int, Fraction]) -> Fraction | None:
    """By how much Σ y · b exceeds the most that Σ y · (A x) can be within the bounds: more than nothing fits in.

    None if the multipliers prove nothing: a wrong sign, a column without a bound that makes up for it, or no excess.
    """
    prices = {i: Fraction(y) for i, y in multipliers.items() if y}
    if _wrong_sign(record, prices) is not None:
        return None
    reduced = _reduced(record, prices, [ZERO] * record.columns)
    if any(d < 0 and up is None for d, up in zip(reduced, record.upper, strict=True)):
        return None
    excess = _worth(record, prices) + _at_upper(record, reduced)
    return excess if excess > 0 else None


def bound(record: Record, duals: Sequence[float | Fraction]) -> Fraction | None:
    """What no plan can cost less than, proved from any row prices; None if they prove nothing.

    Prices of the wrong sign count as 0. Where more of a column would still pay, its bound counts, or one that the rows imply.
    """
    prices = {i: Fraction(y) for i, y in enumerate(duals) if math.isfinite(y) and y}
    prices = {i: y for i, y in prices.items() if y * record.senses[i] >= 0}
    reduced = _reduced(record, prices, record.costs)
    needed = {j for j, d in enumerate(reduced) if d < 0 and record.upper[j] is None}
    upper = _implied(record, needed)
    if any(upper[j] is None for j in needed):
        return None
    at_upper = total((d, up) for d, up in zip(reduced, upper, strict=True) if d < 0 and up)
    return record.constant + _worth(record, prices) + at_upper


def _implied(record: Record, needed: set[int]) -> list[Fraction | None]:
    """Upper bounds, with those that the rows imply until all that are needed have one."""
    upper = list(record.upper)
    for _ in range(PASSES):
        if all(upper[j] is not None for j in needed):
            break
        before = sum(up is None for up in upper)
        for i, (sense, b) in enumerate(zip(record.senses, record.rhs, strict=True)):
            for sign in (1,) if sense < 0 else (-1,) if sense > 0 else (1, -1):
                _bound_by_row(upper, [(j, sign * a) for j, a in record.row(i)], sign * b)
        if sum(up is None for up in upper) == before:
            break
    return upper


def _bound_by_row(upper: list[Fraction | None], row: Sequence[tuple[int, int]], b: int) -> None:
    """From Σ a · x ≤ b: x_j ≤ (b − the least that the other terms can be) / a_j, for columns that have no bound yet."""
    least = Fraction(b)
    for j, a in row:
        if a < 0:
            up = upper[j]
            if up is None:
                return
            least -= a * up
    for j, a in row:
        if a > 0 and upper[j] is None:
            upper[j] = max(ZERO, least / a)


def farkas(record: Record, hint: Mapping[int, float | Fraction]) -> Vector | None:
    """Exact multipliers that refute the programme, near an approximate ray; None if none is found there.

    The rows of the ray are kept, the columns that it balances are balanced exactly: a small system with short fractions.
    """
    ray = {i: Fraction(y) for i, y in hint.items() if math.isfinite(y) and y}
    largest = max(map(abs, ray.values()), default=ZERO)
    for tight in (1e-9, 1e-7, 1e-5, 1e-12):
        near = {i: y / largest for i, y in ray.items() if abs(y) > largest * Fraction(tight) and y * record.senses[i] >= 0}
        for simple in (10**3, 10**6, 10**12):
            guess = {i: _simple(y, simple) for i, y in near.items()}
            try:
                exact = {i: y for i, y in complete(_balanced(record, near, Fraction(tight)), guess).items() if y}
                if refutes(record, exact) is not None:
                    return exact
            except Overlong:
                continue
    return None


def _simple(value: Fraction, largest: int) -> Fraction:
    """The nearest fraction whose denominator is no larger."""
    found = fractions.Fraction(int(value.numerator), int(value.denominator)).limit_denominator(largest)
    return Fraction(found.numerator, found.denominator)


def _balanced(record: Record, near: Mapping[int, Fraction], tight: Fraction) -> list[dict[int, Number]]:
    """One equation Σ_i a_ij · y_i = 0 for each column that the ray leaves at (nearly) nothing."""
    columns: dict[int, dict[int, Number]] = {}
    for i in near:
        for j, a in record.row(i):
            columns.setdefault(j, {})[i] = Fraction(a, record.scales[i])
    found = []
    for _, column in sorted(columns.items()):
        terms = [a * near[i] for i, a in column.items()]
        if abs(sum(terms, ZERO)) <= tight * sum(map(abs, terms), ZERO):
            found.append(column)
    return found


def short(value: Fraction, digits: int = 20) -> str:
    """A fraction as a decimal: Python refuses to print integers of more than 4,300 digits."""
    context = Context(prec=digits)
    found = context.divide(Decimal(int(value.numerator)), Decimal(int(value.denominator))).normalize(context)
    return f"{found:f}" if -digits < found.adjusted() < digits else str(found)
