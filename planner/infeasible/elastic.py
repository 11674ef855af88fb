"""The elastic programme: every bound that a user wrote may give way at a price, what is structure may not.

What is asked of it: which bounds cannot all hold (their prices are a Farkas certificate), and the least change with which all do.
A bound is one number that somebody set: the power of a site stands in several rows (online, standby, grid connection), a cap in
one row for every slice. Racks, stocks and balances are structure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from planner.data.instance import Instance
from planner.model import formulation, naming
from planner.model.formulation import Model
from planner.model.program import Program
from planner.model.rules import RULES, Row, decode
from planner.solver.highs import INF, OPTIMAL
from planner.solver.solve import LARGE, load

FITS = 1e-9  # least change, relative to the bounds it falls on, below which everything fits
DUAL, PRIMAL = 1, 4  # simplex_strategy of HiGHS
SOME = 1e-3  # MW for a site that has none, while the columns are made


@dataclass(frozen=True)
class Bound:
    """A number that somebody set, as a rule, its subject and a period: the rows (or the column) that hold it.

    `side` is −1 for a ceiling, 1 for a floor, 0 for an equation; `size` what its change is weighed by, in the unit of the rows.
    """

    rule: str
    subject: str
    period: str
    rows: tuple[int, ...]
    side: int
    size: float
    column: int | None = None

    @property
    def group(self) -> tuple[str, str]:
        return self.rule, self.subject

    @property
    def law(self) -> bool:
        return self.kind == "law"

    @property
    def kind(self) -> str:
        """That of its rule; a bound of a column is structure."""
        return RULES[self.rule].kind if self.rule in RULES else "structure"

    @property
    def share(self) -> bool:
        return self.rule in RULES and RULES[self.rule].share

    @property
    def given_up(self) -> bool:
        """Whether it gives way downwards only, though it is an equation: demand."""
        return self.kind == "need" and self.side == 0


def full(model: Model) -> Model:
    """The same world with every column that a prohibition or a site without power made superfluous, and a row that closes it.

    The optimum is the same. Only here can a prohibition, or power that comes too late, be seen to take part in a conflict.
    """
    data = model.instance
    frozen = {p for p, _ in model.variables.frozen}
    dark = {limit.subject for limit in data.site_power if 0.0 in limit.limit} - {source.row.site for source in data.sources}
    if not frozen and not dark:
        return model
    groups = tuple(replace(g, steady=g.steady and not frozen & set(g.members)) for g in data.groups)
    lit = tuple(
        replace(limit, limit=tuple(x or SOME for x in limit.limit)) if limit.subject in dark else limit
        for limit in data.site_power
    )
    made = formulation.build(replace(data, groups=groups, site_power=lit))
    was = {limit.subject: limit.limit for limit in data.site_power if limit.subject in dark}
    program = made.program
    for i, key in enumerate(program.rows):
        if RULES[key[0]].number == "site_power":
            number = decode(key).number
            if number["site"] in was and was[number["site"]][number["period"]] == 0.0:
                program.rhs[i] = program.stated[i] = 0.0
    return replace(made, instance=data)


def bounds(model: Model) -> tuple[Bound, ...]:
    """Every bound in the order of the formulation, then the finite bounds of columns (what is left unserved is within demand)."""
    data, program = model.instance, model.program
    found: dict[tuple[Any, ...], tuple[Row, list[int]]] = {}
    for i, name in enumerate(program.rows):
        if RULES[name[0]].gives_way:
            row = decode(name)
            found.setdefault(row.bound, (row.number, []))[1].append(i)
    made = []
    for number, (row, mine) in found.items():
        told = naming.subject(data, row), _when(data, row, number)
        made.append(Bound(row.rule.name, *told, tuple(mine), program.senses[mine[0]], _size(model, mine[0])))
    for j, (up, (kind, *rest)) in enumerate(zip(program.upper, program.columns, strict=True)):
        if up < float("inf") and kind != "unserved":
            made.append(Bound(kind, " ".join(map(str, rest)), "", (), -1, up, j))
    return tuple(made)


def _when(data: Instance, row: Row, bound: tuple[Any, ...]) -> str:
    """The period of a number, without the slice where it is one for all."""
    found = naming.period(data, row)
    return found.label if found is not None and "slice" in row.parts and len(bound) <= len(row.parts) else naming.when(data, row)


def _size(model: Model, i: int) -> float:
    """What a row is about, to weigh its change by: the need, its bound, or for a share the part of the whole it allows."""
    data, row = model.instance, decode(model.program.rows[i])
    if row.rule.kind == "need" and model.program.senses[i] == 0:
        return naming.needed(data, row)
    if row.rule.share:
        return max(model.program.stated[i], 0.01) * _whole(data, row["of"], row["period"])
    return abs(model.program.stated[i])


def _whole(data: Instance, of: str, t: int) -> float:
    """About how much of what is shared there is in a period: the demand, and what racks for it draw or cost."""
    compute = sum(row[t] for row in data.demand)
    racks = compute / max((series[t] for series in data.compute.values() if series[t]), default=1.0)
    if of.startswith("compute") or not data.positions:
        return compute
    if of == "power":
        return racks * max(data.power)
    return racks * max(data.held_cost[p.index][t] + data.online_cost[p.index][t] for p in data.positions)


def bound_of(program: Program, bound: Bound) -> float:
    """The number itself, in the unit of the rows."""
    return program.upper[bound.column] if bound.column is not None else program.stated[bound.rows[0]]


@dataclass(frozen=True)
class Relaxed:
    """A least change: how far each bound gives way (demand and floors down, ceilings up), its size, prices and gradients.

    `prices` are by row of the engine: the programme, then the bounds of columns; `reduced` by its columns, the slacks last.
    """

    soft: frozenset[int]
    size: float
    change: dict[int, float]  # bound -> amount
    prices: list[float]
    reduced: list[float]
    values: list[float]


@dataclass
class Elastic:
    """HiGHS with the programme and a slack for every bound, kept alive between questions.

    A bound is `stiff` (no slack), `soft` (slack at its price) or `gone` (slack for nothing).
    """

    model: Model
    bounds: Sequence[Bound]
    whole: bool = False  # racks stay whole numbers
    solves: int = 0
    rows: list[tuple[int, ...]] = field(default_factory=list)  # per bound: its rows in the engine (a column's bound has one too)
    _engine: Any = None
    _slacks: list[tuple[int, ...]] = field(default_factory=list)  # per bound: its columns, the one that gives way first
    _state: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        program = self.model.program
        engine = load(program, [0.0] * len(program.columns), 0.0)
        if not self.whole:
            engine.relax_whole()
        column = len(program.columns)
        costs: list[float] = []
        starts, indices, signs = [0], list[int](), list[float]()
        row = len(program.rows)
        for bound in self.bounds:
            rows = bound.rows
            if bound.column is not None:
                engine.bound_column(bound.column, 0.0, INF)
                engine.add_row(-INF, program.upper[bound.column], {bound.column: 1.0})
                rows, row = (row,), row + 1
            mine = []
            for sign in {-1: (-1.0,), 1: (1.0,), 0: (1.0, -1.0)}[bound.side]:
                costs.append(1.0 / max(bound.size, 1e-3) if bound.size else 1.0)
                indices += rows
                signs += [sign] * len(rows)
                starts.append(len(indices))
                mine.append(column)
                column += 1
            self._slacks.append(tuple(mine))
            self.rows.append(rows)
        engine.add_columns(costs, (starts, indices, signs))
        engine.set("mip_rel_gap", 1e-6)
        self._costs = costs
        self._first = len(program.columns)
        self._engine = engine
        self._state = ["soft"] * len(self.bounds)

    def relax(self, soft: Iterable[int], gone: Iterable[int] = (), both: bool = True) -> Relaxed | None:
        """The least change of the soft bounds, the others stiff or gone; None if it takes more. Equations give way both ways,
        or demand, if not `both`, downwards only."""
        soft, gone = set(soft), set(gone)
        # what is gone costs nothing: the basis at hand stays primal feasible; what turns stiff leaves it dual feasible
        self._engine.set("simplex_strategy", PRIMAL if gone else DUAL)
        for b, slacks in enumerate(self._slacks):
            want = "gone" if b in gone else ("soft" if both else "down") if b in soft else "stiff"
            if want == self._state[b]:
                continue
            self._state[b] = want
            for k, j in enumerate(slacks):
                stiff = want == "stiff" or (want == "down" and k == 1 and self.bounds[b].given_up)
                self._engine.bound_column(j, 0.0, 0.0 if stiff else INF)
                self._engine.cost_of(j, 0.0 if want == "gone" else self._costs[j - self._first])
        return self._solve(soft)

    def _solve(self, soft: set[int]) -> Relaxed | None:
        engine, program = self._engine, self.model.program
        large = self.solves == 0 and len(program.columns) >= LARGE and not program.sliced and not self.whole
        engine.set("solver", "ipx" if large else "choose")  # as in `solve`: crossover follows
        self.solves += 1
        if engine.run() != OPTIMAL:
            return None
        values, reduced = list(engine.values), list(engine.reduced)
        change = {b: sum(values[j] for j in self._slacks[b]) for b in sorted(soft)}
        size = sum(values[j] * self._costs[j - self._first] for b in soft for j in self._slacks[b])
        moved = {b: x for b, x in change.items() if x > 0}
        return Relaxed(frozenset(soft), size, moved, list(engine.prices), reduced, values[: self._first])

    def at_no_cost(self, b: int, found: Relaxed) -> bool:
        """Whether a bound might have given way instead: reduced cost 0."""
        return any(abs(found.reduced[j]) <= FITS * self._costs[j - self._first] for j in self._slacks[b])

    def share(self, b: int, amount: float) -> float:
        """An amount of a bound relative to its size."""
        return amount * self._costs[self._slacks[b][0] - self._first]

    def taking_part(self, found: Relaxed) -> Iterator[int]:
        """The bounds with a price: those that, with the structure, cannot all hold."""
        for b, rows in enumerate(self.rows):
            if any(abs(found.prices[i]) > FITS * self.share(b, 1.0) for i in rows):
                yield b
