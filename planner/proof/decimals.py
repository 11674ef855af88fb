"""The programme of record: the minimisation as it was written in decimals, in whole numbers, whatever a solver was given.

Every number of the programme is the decimal of 15 significant digits that its float stands for: 0.1 is one tenth. Noise behind
that digit, left by floating sums, is not of record.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from planner.proof.rational import Fraction

if TYPE_CHECKING:
    from planner.model.program import Program


@dataclass(frozen=True)
class Record:
    """min costs · x + constant over rows a · x ≤, =, ≥ b and 0 ≤ x ≤ upper.

    Rows are kept in whole numbers: row i and its right side are those of the programme times `scales[i]`, a power of ten.
    A column stands at most once in a row.
    """

    costs: tuple[Fraction, ...]
    constant: Fraction
    starts: tuple[int, ...]
    indices: tuple[int, ...]
    coefficients: tuple[int, ...]
    scales: tuple[int, ...]
    senses: tuple[int, ...]  # -1 at most, 0 equal, 1 at least
    rhs: tuple[int, ...]
    upper: tuple[Fraction | None, ...]  # None: no bound

    @property
    def columns(self) -> int:
        return len(self.costs)

    @property
    def rows(self) -> int:
        return len(self.senses)

    def row(self, i: int) -> Iterator[tuple[int, int]]:
        """(column, coefficient) of a row, scaled."""
        span = slice(self.starts[i], self.starts[i + 1])
        return zip(self.indices[span], self.coefficients[span], strict=True)

    def right(self, i: int) -> Fraction:
        """The right side of a row as it was written."""
        return Fraction(self.rhs[i], self.scales[i])

    def sha256(self) -> str:
        """A hash that is the same for the same programme, on any machine."""
        parts: Iterable[Any] = chain(
            ("costs", self.constant, *self.costs, "upper", *self.upper, "starts", *self.starts, "indices", *self.indices),
            ("coefficients", *self.coefficients, "scales", *self.scales, "senses", *self.senses, "rhs", *self.rhs),
        )
        return hashlib.sha256(" ".join(map(str, parts)).encode()).hexdigest()


def decimal(value: float) -> Fraction:
    """The decimal of record of a float."""
    return Fraction(f"{value:.15g}")


class _Decimals(dict[float, Fraction]):
    """The decimal of record of a float, looked up: most coefficients come many times."""

    def __missing__(self, value: float) -> Fraction:
        self[value] = made = decimal(value)
        return made


def record_of(program: Program, objective: Any) -> Record:
    """The programme with that objective (an expression over its columns), every number its decimal of record."""
    costs, constant = program.terms(objective)
    return make_record(
        costs, constant, program.starts, program.indices, program.coefficients, program.senses, program.rhs, program.upper
    )


def make_record(
    costs: Sequence[float],
    constant: float,
    starts: Sequence[int],
    indices: Sequence[int],
    coefficients: Sequence[float],
    senses: Sequence[int],
    rhs: Sequence[float],
    upper: Sequence[float],
) -> Record:
    """The record of arrays of floats; an infinite upper bound is none."""
    known = _Decimals()
    whole: list[int] = []
    scales, right = [], []
    for i, b in enumerate(rhs):
        numbers = [known[coefficients[k]] for k in range(starts[i], starts[i + 1])]
        scale = 10 ** max(map(_places, {int(n.denominator) for n in (known[b], *numbers)}))
        whole += [int(n.numerator) * (scale // int(n.denominator)) for n in numbers]
        scales.append(scale)
        right.append(int(known[b] * scale))
    return Record(
        tuple(known[c] for c in costs),
        known[constant],
        tuple(starts),
        tuple(indices),
        tuple(whole),
        tuple(scales),
        tuple(senses),
        tuple(right),
        tuple(None if math.isinf(u) else known[u] for u in upper),
    )


def _places(denominator: int) -> int:
    """Decimal places of a fraction whose denominator divides a power of ten: the higher of the powers of two and five in it."""
    twos = (denominator & -denominator).bit_length() - 1
    fives, rest = 0, denominator >> twos
    while rest > 1:
        rest, fives = rest // 5, fives + 1
    return max(twos, fives)
