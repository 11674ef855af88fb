"""Ways out of a conflict: the least changes that let a plan fit, each by bounds of its own, and what the plan costs then.

A way is minimal: without any of its changes the others do not suffice. Ways are found by locking, one after another, what an
earlier way used. What the user locks stays; law is not the planner's to move, so it comes last and is marked.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from planner.infeasible.elastic import FITS, Bound, Elastic, Relaxed, bound_of
from planner.model import naming
from planner.model.formulation import Model
from planner.model.measures import MEASURES, shared, told
from planner.model.program import total
from planner.model.rules import decode
from planner.solver.highs import INF, OPTIMAL, Engine
from planner.solver.solve import TIE, load

MOST, MOST_LAW, SOLVES = 6, 2, 120
Group = tuple[str, str]


@dataclass(frozen=True)
class Change:
    """A bound given way to: `amounts` by period, rounded up to the digits that are shown, so that they suffice.

    `sign` is −1 where less is asked for (demand, a floor), 1 where more is given. `of` is the bound in the worst period.
    """

    rule: str
    subject: str
    unit: str
    sign: int
    first_period: str
    first: float
    worst_period: str
    worst: float
    of: float
    periods: int
    amounts: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Way:
    """Changes that together suffice. `cost` is that of the best plan then [USD], None if none was proved.

    `ties` are the ranks of ways of the same cost; `instead` names bounds that could take the place of one of the changes at the
    same relative size.
    """

    kind: str  # limits | law
    changes: tuple[Change, ...]
    size: float
    cost: float | None
    objective: float | None  # in the unit of the objective, where that is not cost
    unserved_h100e_h: float
    unserved_share: float
    ties: tuple[int, ...] = ()
    instead: tuple[Group, ...] = ()


def ways_out(elastic: Elastic, locked: frozenset[int]) -> tuple[Way, ...]:
    """Up to six distinct ways by cost, then up to two by law; law beside other bounds only where nothing else helps."""
    bounds = elastic.bounds
    free = {b for b in range(len(bounds)) if b not in locked}
    mine = {b for b in free if not bounds[b].law}
    law = free - mine
    found = [("limits", way) for way in _distinct(elastic, mine, MOST)]
    found += [("law", way) for way in (_distinct(elastic, law, MOST_LAW) if law else ())]
    if not found and law:
        found = [("law", way) for way in _distinct(elastic, free, MOST_LAW)]
    pricing = Pricing(elastic.model)
    priced = [_way(elastic, pricing, kind, groups, mine if kind == "limits" else free) for kind, groups in found]
    return _ranked([way for way in priced if way is not None], elastic.model.instance.objective)


def _distinct(elastic: Elastic, free: set[int], most: int) -> list[frozenset[Group]]:
    """Minimal sets of groups whose bounds, moved, let a plan fit; breadth first over what is locked in turn."""
    members: dict[Group, set[int]] = {}
    for b in sorted(free):
        members.setdefault(elastic.bounds[b].group, set()).add(b)
    found: list[frozenset[Group]] = []
    demand = frozenset(elastic.bounds[b].group for b in free if elastic.bounds[b].given_up)
    waiting = [frozenset[Group](), demand]  # the second: ways that serve everything
    seen = set(waiting)
    last = elastic.solves + SOLVES
    while waiting and len(found) < most and elastic.solves < last:
        shut = waiting.pop(0)
        way = next((known for known in found if not known & shut), None)
        if way is None:
            used = _used(elastic, elastic.relax((b for g in members.keys() - shut for b in members[g]), both=False))
            if used is None:
                continue
            way = _least(elastic, members, used)
            found.append(way)
        for group in sorted(way):
            further = shut | {group}
            if further not in seen:
                seen.add(further)
                waiting.append(further)
    return found


def _used(elastic: Elastic, found: Relaxed | None) -> dict[Group, float] | None:
    """The groups that a relaxation uses, by how much relative to their size."""
    if found is None:
        return None
    used: dict[Group, float] = {}
    for b, amount in found.change.items():
        share = elastic.share(b, amount)
        if share > FITS:
            group = elastic.bounds[b].group
            used[group] = used.get(group, 0.0) + share
    return used


def _least(elastic: Elastic, members: Mapping[Group, set[int]], used: Mapping[Group, float]) -> frozenset[Group]:
    """The groups less every one that the others can do without, the smallest change first."""
    kept = set(used)
    for group in sorted(used, key=lambda g: (used[g], g)):
        if len(kept) > 1 and elastic.relax((b for g in kept - {group} for b in members[g]), both=False) is not None:
            kept.discard(group)
    return frozenset(kept)


def _way(elastic: Elastic, pricing: Pricing, kind: str, groups: frozenset[Group], free: set[int]) -> Way | None:
    """A way with its amounts and its price."""
    model, bounds = elastic.model, elastic.bounds
    soft = {b for b in free if bounds[b].group in groups}
    found = elastic.relax(soft, both=False)
    if found is None:
        return None
    amounts = {b: _shown(model, bounds[b], x, found) for b, x in found.change.items() if elastic.share(b, x) > FITS}
    changes = tuple(_change(model, [(bounds[b], amounts[b]) for b in amounts if bounds[b].group == g]) for g in sorted(groups))
    priced = pricing.of([(bounds[b], x) for b, x in amounts.items()])
    missing, wanted = _unserved(model, [(bounds[b], x) for b, x in amounts.items()], priced.values if priced else found.values)
    return Way(
        kind,
        changes,
        found.size,
        priced.cost if priced else None,
        priced.objective if priced else None,
        missing,
        missing / wanted if wanted else 0.0,
        instead=tuple(_instead(elastic, groups, free, found)),
    )


def _instead(elastic: Elastic, groups: frozenset[Group], free: set[int], found: Relaxed) -> Iterator[Group]:
    """Groups that may replace one of the way's, in its unit, at the same size: reduced cost 0 where it moves, then tried."""
    bounds = elastic.bounds
    moved: dict[Group, set[str]] = {}
    for b, amount in found.change.items():
        if elastic.share(b, amount) > FITS:
            moved.setdefault(bounds[b].group, set()).add(bounds[b].period)
    idle: dict[Group, set[str]] = {}
    for b in sorted(free):
        if bounds[b].group not in groups and elastic.at_no_cost(b, found):
            idle.setdefault(bounds[b].group, set()).add(bounds[b].period)
    units = {bound.group: unit_of(elastic.model, bound) for bound in bounds if bound.group in moved or bound.group in idle}
    for other, periods in idle.items():
        for group in sorted(g for g in moved if units[g] == units[other] and moved[g] <= periods):
            open_ = (groups - {group}) | {other}
            same = elastic.relax((b for b in free if bounds[b].group in open_), both=False)
            if same is not None and abs(same.size - found.size) <= FITS * max(1.0, found.size):
                yield other
                break


# --- amounts ----------------------------------------------------------------------------------------------------------


def round_up(value: float) -> float:
    """The next number of four digits that matter (three below one), as amounts are shown; noise of the solver is left out."""
    if value <= 0:
        return 0.0
    digits = (2 if value < 1 else 3) - math.floor(math.log10(value))
    size = 10.0**digits
    return math.ceil(value * size * (1 - 1e-9)) / size


def unit_of(model: Model, bound: Bound) -> tuple[str, float]:
    """The unit in which a bound is told, and how many of it are one of its rows; of a share, percentage points."""
    if bound.share:
        return "%", 100.0
    return naming.unit(model.instance, decode(model.program.rows[bound.rows[0]]).number) if bound.column is None else ("", 1.0)


def _shown(model: Model, bound: Bound, amount: float, found: Relaxed) -> float:
    """An amount in the unit shown, rounded up; of demand no more than all of it."""
    if bound.share:
        row = decode(model.program.rows[bound.rows[0]])
        measure = shared(row["of"])(model.instance, model.variables, row["period"], None)
        amount /= _value(model, measure, found.values)
    _, scale = unit_of(model, bound)
    up = round_up(amount * scale)
    return min(up, bound.size * scale) if bound.given_up else up


def _value(model: Model, expression: Any, values: Sequence[float]) -> float:
    costs, constant = model.program.terms(expression)
    return math.fsum(c * x for c, x in zip(costs, values, strict=False) if c) + constant


def _change(model: Model, moved: Sequence[tuple[Bound, float]]) -> Change:
    bound = moved[0][0]
    unit, scale = unit_of(model, bound)
    worst, most = max(moved, key=lambda item: item[1])
    sign = -1 if bound.side > 0 or bound.given_up else 1
    of = bound_of(model.program, worst) * scale
    amounts = tuple((b.period, x) for b, x in moved)
    return Change(bound.rule, bound.subject, unit, sign, bound.period, moved[0][1], worst.period, most, of, len(moved), amounts)


def _unserved(model: Model, moved: Sequence[tuple[Bound, float]], values: Sequence[float]) -> tuple[float, float]:
    """(compute not served, compute wanted) over the horizon [h100e·h]: demand let go, and what was left at its price."""
    data, program = model.instance, model.program
    hours: dict[tuple[Any, ...], float] = {
        (w, t, j): sum(data.slices.hours[t][i] for i in slot)
        for w, slots in enumerate(data.slots)
        for t in data.times
        for j, slot in enumerate(slots)
    }
    let_go = [(decode(program.rows[b.rows[0]]), x) for b, x in moved if b.given_up]
    missing = [hours[row["workload"], row["period"], row["slot"]] * x for row, x in let_go]
    missing += [hours[tuple(key)] * x for (kind, *key), x in zip(program.columns, values, strict=False) if kind == "unserved"]
    wanted = [length * data.slot_demand[w][t][j] for (w, t, j), length in hours.items()]
    return math.fsum(missing), math.fsum(wanted)


# --- money ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Priced:
    cost: float  # USD
    objective: float | None
    values: list[float]


class Pricing:
    """The least cost of a model once some bounds are moved, from the basis of the one before."""

    def __init__(self, model: Model):
        self.model = model
        self.costs, self.constant = model.program.terms(model.objective)
        self.engine = load(model.program, self.costs, self.constant)

    def of(self, moved: Sequence[tuple[Bound, float]]) -> Priced | None:
        """Cost and, with another objective, its best value first; None if the solver finds no optimum."""
        model = self.model
        move(self.engine, model, moved)
        best = _optimum(self.engine)
        move(self.engine, model, [(bound, 0.0) for bound, _ in moved])
        if best is None or model.instance.objective == "cost":
            return best and Priced(best[0] * 1e6, None, best[1])
        limit = best[0] + TIE * max(1.0, abs(best[0])) - self.constant
        second = load(model.program, *model.program.terms(model.cost), (self.costs, limit))
        move(second, model, moved)
        cheapest = _optimum(second)
        return cheapest and Priced(cheapest[0] * 1e6, told(model.instance, best[0]), cheapest[1])


def _optimum(engine: Engine) -> tuple[float, list[float]] | None:
    if engine.run() != OPTIMAL:
        return None
    return engine.objective, list(engine.values)


def move(engine: Engine, model: Model, moved: Iterable[tuple[Bound, float]]) -> None:
    """Moves bounds of an engine that holds the model by amounts in the unit shown, from where the model has them."""
    program, inf = model.program, INF
    for bound, shown in moved:
        amount = shown / unit_of(model, bound)[1]
        if bound.column is not None:
            engine.bound_column(bound.column, 0.0, program.upper[bound.column] + amount)
        elif bound.share:
            _move_share(engine, model, bound.rows[0], amount * -bound.side)
        for i in bound.rows if not bound.share else ():
            low = program.rhs[i] - amount if bound.side >= 0 else -inf
            up = program.rhs[i] + (0.0 if bound.side > 0 else amount) if bound.side <= 0 else inf
            engine.bound_row(i, low, program.rhs[i] - amount if bound.given_up else up)


def _move_share(engine: Engine, model: Model, row: int, points: float) -> None:
    """A share row, mine − share · all, with another share."""
    share_of = decode(model.program.rows[row])
    provider, t, measure = share_of["provider"], share_of["period"], shared(share_of["of"])
    share = model.program.stated[row] + points
    data, v = model.instance, model.variables
    whole, _ = model.program.terms(measure(data, v, t, None))
    made, constant = model.program.terms(total([(1.0, measure(data, v, t, provider)), (-share, measure(data, v, t, None))]))
    for j, c in enumerate(whole):
        if c:
            engine.coefficient(row, j, made[j])
    floor = model.program.senses[row] > 0
    engine.bound_row(row, -constant if floor else -INF, INF if floor else -constant)


def _ranked(ways: Sequence[Way], objective: str) -> tuple[Way, ...]:
    """By cost (another objective before it), law last; ways of one cost name each other."""
    sign = MEASURES[objective].sign

    def rank(way: Way) -> tuple[bool, bool, float, float, float]:
        return way.kind == "law", way.cost is None, sign * (way.objective or 0.0), way.cost or 0.0, way.size

    order = sorted(ways, key=rank)
    return tuple(
        replace(way, ties=tuple(n for n, other in enumerate(order, 1) if other is not way and _same(way.cost, other.cost)))
        for way in order
    )


def _same(a: float | None, b: float | None) -> bool:
    return a is not None and b is not None and abs(a - b) <= 1e-9 * max(1.0, abs(a), abs(b))
