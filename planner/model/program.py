"""The linear programme as PuLP holds it, and as arrays. The only room besides `solve` that knows there are two PuLPs.

Rows and columns are keyed by tuples; the names that PuLP sees are generated and nothing is ever read back out of them. Terms are
taken from PuLP's own expressions, so what is solved is what was written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pulp

from planner.model.rules import RULES, Key, Rule, decode

Term = tuple[float, Any]  # a coefficient and what it multiplies: a variable, an expression or a number
SMALLEST, LARGEST = 1e-6, 1e6
SMALLEST_COST = 1e-9  # a tenth of a cent: below the tolerance of the solver the exact proof still tells costs apart
LARGEST_SIDE = 1e9  # above it the tolerance of the solver is less than the last digit of a float
ASKED = ("demand", "resilience")  # their right side is a number as written; elsewhere constants of the row may leave dust


@dataclass(frozen=True)
class Outside:
    """A number that solvers cannot keep: a coefficient of a column, or (without one) a right side."""

    row: Key
    column: Key | None
    value: float

    @property
    def most(self) -> float:
        return LARGEST_SIDE if self.column is None or self.row[0] == "bound" else LARGEST


def total(terms: Iterable[Term]) -> Any:
    """Σ coefficient · thing as one PuLP expression, made in one step: adding term by term copies the sum at every step."""
    sums: dict[str, list[Any]] = {}
    constant = 0.0
    for c, thing in terms:
        if isinstance(thing, pulp.LpVariable):
            pairs = ((thing, 1.0),)
        elif isinstance(thing, (int, float)):
            constant += c * thing
            continue
        else:
            constant += c * thing.constant
            pairs = thing.items()
        for variable, inner in pairs:
            entry = sums.get(variable.name)
            if entry is None:
                sums[variable.name] = [variable, c * inner]
            else:
                entry[1] += c * inner
    made = dict(sums.values())
    if hasattr(pulp.LpAffineExpression, "from_dict"):  # PuLP 4
        return pulp.LpAffineExpression.from_dict(made, constant=constant)
    return pulp.LpAffineExpression(made, constant=constant)


@dataclass
class Program:
    """A minimisation over non-negative columns; rows carry the name of their rule and its subject."""

    problem: Any = field(default_factory=lambda: pulp.LpProblem("planner", pulp.LpMinimize))
    columns: list[Key] = field(default_factory=list)
    variables: list[Any] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    integer: list[bool] = field(default_factory=list)
    sliced: bool = False  # several slices of the year: many alike columns, which suit the simplex method
    rows: list[Key] = field(default_factory=list)
    senses: list[int] = field(default_factory=list)  # -1 at most, 0 equal, 1 at least
    rhs: list[float] = field(default_factory=list)
    stated: list[float] = field(default_factory=list)  # the bound as the user knows it
    rules: Mapping[str, Rule] = field(default_factory=lambda: RULES)
    starts: list[int] = field(default_factory=lambda: [0])
    indices: list[int] = field(default_factory=list)
    coefficients: list[float] = field(default_factory=list)
    outside: list[Outside] = field(default_factory=list)  # for `magnitudes` to refuse, with their places
    _column_of: dict[str, int] = field(default_factory=dict)
    _row_of: dict[Key, int] = field(default_factory=dict)

    def variable(self, kind: str, *key: Any, up: float = float("inf"), integer: bool = False) -> Any:
        """A new column ≥ 0."""
        name = f"x{len(self.columns)}"
        bound = None if up == float("inf") else up
        made = self.problem.add_variable(name, 0, bound, cat=pulp.LpInteger if integer else pulp.LpContinuous)
        if up != float("inf") and up and not SMALLEST <= abs(up) <= LARGEST_SIDE:
            self.outside.append(Outside(("bound", *key), (kind, *key), up))
        self._column_of[name] = len(self.columns)
        self.columns.append((kind, *key))
        self.variables.append(made)
        self.upper.append(up)
        self.integer.append(integer)
        return made

    def add(self, row: Any, rule: str, *key: Any, limit: float | None = None) -> None:
        """A new row under a rule that has a record; a second row of the same key is refused. What solvers cannot keep is noted.

        `limit` is the bound as the user knows it, before constants of the row went to its right side.
        """
        full = (rule, *key)
        if full in self._row_of:
            raise ValueError(f"row {full} was added twice")
        decode(full, self.rules)
        terms = [(self._column_of[variable.name], float(c)) for variable, c in row.items() if c]
        self.outside += [Outside(full, self.columns[j], c) for j, c in terms if not SMALLEST <= abs(c) <= LARGEST]
        self._row_of[full] = len(self.rows)
        self.problem.addConstraint(row, f"r{len(self.rows)}")
        self.rows.append(full)
        self.senses.append(int(row.sense))
        self.rhs.append(0.0 - float(row.constant))  # never -0.0
        self.stated.append(self.rhs[-1] if limit is None else limit)
        side = abs(self.stated[-1])
        if side > LARGEST_SIDE or (0 < side < SMALLEST and (limit is not None or rule in ASKED)):
            self.outside.append(Outside(full, None, self.stated[-1]))
        self.indices += [column for column, _ in terms]
        self.coefficients += [c for _, c in terms]
        self.starts.append(len(self.indices))

    def minimize(self, expression: Any) -> tuple[list[float], float]:
        """Sets the objective; returns its coefficients per column and its constant."""
        self.problem.setObjective(expression)
        return self.terms(expression)

    def terms(self, expression: Any) -> tuple[list[float], float]:
        """Coefficients per column and constant of an expression."""
        costs = [0.0] * len(self.columns)
        for variable, c in expression.items():
            costs[self._column_of[variable.name]] += float(c)
        return costs, float(expression.constant)
