"""What binds and what it is worth: the limits of a plan, dearest first, each tried out by solving again with more of it.

A shadow price is a derivative at one basis. Here every limit that matters is moved as one would who writes its number anew: all
rows of the number in proportion, by a step that is round in its own unit. A little of it (what more and what less is worth at the
margin, and how far that holds), and the whole step (what it really saves). Limits that say the same are moved together, as more
of one alone saves nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from planner.data.instance import Instance
from planner.inputs.assembly import Inputs
from planner.model import naming
from planner.model.formulation import Model
from planner.model.measures import objective_unit
from planner.model.rules import RULES, Row, decode, rule_name
from planner.results.shadow_prices import Bearing, Limit, Number, Room, bearing, met_for_nothing, survival
from planner.sensitivity.behind import Numbers, Written
from planner.solver.ranging import direction
from planner.solver.warm import Answer, Probe

LITTLE = 1e-4  # of a step: small enough to stay beside the optimum, large enough to stand out from tolerances
SAME = 1e-6  # relative difference below which two prices are one


@dataclass(frozen=True)
class Rewrite:
    """A number as it is written, and what to write in its place for the step, in its own unit; `others` are further rows of the
    limit, that change in proportion. Of a series of points there is only the proportion, and of a share nothing is written."""

    number: Written
    more: str  # with a step more room
    less: str  # with a step less
    others: tuple[Written, ...] = ()


@dataclass(frozen=True)
class Binding:
    """A limit over the periods in which it binds. Worth is in the unit of the objective; `step` is in `unit`, of `limit`.

    saves: what a step more room saves, all rows of the number moved in proportion; loses: what a step less costs (None where
    nothing fits then). more, less: worth of one unit more, and of one unit less, at the margin; they differ where the optimum is
    degenerate. holds: how far the worth of more holds (in `unit`). Where the limit `varies` these are units of its largest value,
    `whole`, and the others move in proportion.
    `twice`: the other limits that say the same and were moved with it, and `alone` what a step of each by itself saves.
    """

    rule: str
    subject: str
    first: str
    last: str
    periods: int
    limit: float  # in the first and in the last of them
    last_limit: float
    unit: str
    step: float
    saves: float
    loses: float | None
    more: float
    less: float | None
    holds: float
    whole: float
    varies: bool
    per_cent: float  # what one per cent more of it saves at the margin: limits are ranked by it
    twice: tuple[str, ...] = ()
    alone: tuple[tuple[str, float], ...] = ()
    written: tuple[Rewrite, ...] = ()


@dataclass(frozen=True)
class Explanation:
    """`found` binds, dearest first; `others` more limits have a price and were not tried out; `idle` are met and have none."""

    objective: str
    unit: str
    optimum: float
    found: tuple[Binding, ...]
    others: int
    one_sided: int  # priced rows whose price holds for less room only, or for more only
    priced: int
    idle: tuple[tuple[str, ...], ...] = ()  # by name; several names say the same
    survival: tuple[str, ...] = ()  # what must survive a loss and costs something: no number that is moved


def explain(
    inputs: Inputs, model: Model, limits: Sequence[Limit], most: int = 8, start: Any = None, room: Room | None = None
) -> Explanation:
    """The limits of an optimal plan that cost most, tried out; `start` is a basis of the optimum, if there is one, and `room`
    says exactly what more room of several limits at once saves."""
    unit, size = objective_unit(model.instance)
    probe = Probe(model, start)
    desk = _Desk(model, Numbers(inputs), probe, probe.minimize(), _rows(model))
    groups = bearing(model.program, limits, room)
    idle = met_for_nothing(model.program, limits, room)
    # more of one row alone saves nothing there; of all rows of a number, or of all numbers that say the same, it may
    alike = [b for b in idle if len(b.numbers) > 1 or (len(b.rows) > 1 and any(x.worth_less for x in b.rows))][:most]
    found = [desk.tried(b) for b in groups[:most]] + [b for b in map(desk.tried, alike) if b.saves > SAME * abs(b.limit)]
    priced = [x for x in limits if x.worth]
    shown = {(b.rule, b.subject) for b in found}
    return Explanation(
        objective=model.instance.objective,
        unit=unit,
        optimum=desk.base.objective * size,
        found=tuple(found),
        others=max(0, len(groups) - most),
        one_sided=sum(x.one_sided for x in priced),
        priced=len(priced),
        survival=tuple(dict.fromkeys(rule_name(x.rule, x.subject) for x in survival(limits))),
        idle=tuple(tuple(rule_name(*n) for n in b.numbers) for b in idle if b.numbers[0] not in shown),
    )


def _rows(model: Model) -> Mapping[Number, list[tuple[int, Row]]]:
    """The rows in which each number stands."""
    found: dict[Number, list[tuple[int, Row]]] = {}
    for i, key in enumerate(model.program.rows):
        if RULES[key[0]].gives_way:
            row = decode(key)
            number = row.number
            found.setdefault((number.rule.name, naming.subject(model.instance, number)), []).append((i, row))
    return found


@dataclass(frozen=True)
class _Desk:
    """What limits are tried out with."""

    model: Model
    numbers: Numbers
    probe: Probe
    base: Answer
    rows: Mapping[Number, list[tuple[int, Row]]]

    def tried(self, b: Bearing) -> Binding:
        """A limit moved in all its rows, those that do not bind too."""
        if any(RULES[rule].share for rule, _ in b.numbers):
            return self._share(b)
        size = objective_unit(self.model.instance)[1]
        written = [self._written(number, b) for number in b.numbers]
        whole = max(abs(x.limit) for x in b.rows)
        part = next((_part(w) for w in written if w is not None), None) or _round(whole)
        along = {i: amount for number in b.numbers for i, amount in self._directions(number).items()}
        nothing = not whole
        if nothing:  # a limit of nothing where it binds: one unit of it, as a proportion is nothing too
            scale, senses = RULES[b.rows[0].rule].scale, self.model.program.senses
            along = {i: -senses[i] / scale for i, amount in along.items() if not amount}
            part, whole = 1.0, 1.0
        little = LITTLE * part
        with self.probe.moved({i: little * x for i, x in along.items()}):
            self.probe.minimize(start=self.base.basis)
            ahead = direction(self.probe.engine, along)
        far, below, back = (self._solved(along, amount) for amount in (part, -little, -part))
        start = self.base.objective
        return self._binding(
            b,
            step=part * whole,
            saves=(start - far.objective) * size,
            loses=(back.objective - start) * size if back.optimal else None,
            more=-ahead.slope * size / whole,
            less=(below.objective - start) / little * size / whole if below.optimal else None,
            holds=(ahead.room + little) * whole,
            alone=tuple(
                (rule_name(*number), (start - self._solved(self._directions(number), part).objective) * size)
                for number in (b.numbers if len(b.numbers) > 1 else ())
            ),
            written=tuple(
                Rewrite(found[0], "", "", tuple(found[1:])) if nothing else _rewrite(found, part, RULES[rule].floor)
                for (rule, _), found in zip(b.numbers, written, strict=True)
                if found
            ),
        )

    def _directions(self, number: Number) -> dict[int, float]:
        """By how much the right side of each row of a number grows as it gets as much again of room: a floor falls."""
        program = self.model.program
        return {i: -program.senses[i] * abs(program.stated[i]) for i, _ in self.rows[number]}

    def _solved(self, along: Mapping[int, float], part: float) -> Answer:
        with self.probe.moved({i: part * x for i, x in along.items()}):
            return self.probe.minimize(start=self.base.basis)

    def _share(self, b: Bearing) -> Binding:
        """A share is a coefficient and no right side: it is not moved, its worth is that of its rows."""
        written = [found for number in b.numbers if (found := self._written(number, b)) is not None]
        shown = tuple(Rewrite(found[0], "", "", tuple(found[1:])) for found in written)
        return self._binding(b, step=0.01, saves=b.worth * 0.01, loses=None, more=b.worth, less=None, holds=0.0, written=shown)

    def _binding(self, b: Bearing, **found: Any) -> Binding:
        first, last = b.rows[0], b.rows[-1]
        (rule, subject), periods = b.numbers[0], len({x.when for x in b.rows})
        twice = tuple(rule_name(*number) for number in b.numbers[1:])
        ends, whole = (first.limit, last.limit), max(abs(x.limit) for x in b.rows) or 1.0
        found |= {"whole": whole, "varies": len({x.limit for x in b.rows}) > 1, "per_cent": b.per_cent, "twice": twice}
        return Binding(rule, subject, first.period, last.period, periods, *ends, first.unit, **found)

    def _written(self, number: Number, b: Bearing) -> list[Written] | None:
        """The rows of a number, first the one in force when the limit is first met; None if it stands nowhere."""
        rows, data = self.rows[number], self.model.instance
        mine = {x.row for x in b.rows}
        first = next((row for i, row in rows if i in mine), rows[0][1])
        here = [w for name in _names(data, first) for w in self.numbers.find(name, naming.period(data, first))]
        if not here:
            return None
        names = dict.fromkeys(name for _, row in rows for name in _names(data, row))
        return [here[-1], *(w for name in names for w in self.numbers.find(name) if w != here[-1])]


def _names(data: Instance, row: Row) -> list[str]:
    """The names of the number of a row, of contracts of one scope of each, without what it is multiplied by."""
    contracts = len(naming.ids(data, row).get("contract", ()))
    return list(naming.resting_on(data, row))[: max(1, contracts)]


def _value(number: Written) -> Decimal | None:
    """A written number; None for a series of points."""
    try:
        found = Decimal(number.value.replace("_", ""))
    except InvalidOperation:
        return None
    return found if found > 0 else None


def _part(written: Sequence[Written]) -> float | None:
    """The step as a part of a written number, so that what is to be written is round in its own unit."""
    value = _value(written[0])
    return None if value is None else _round(float(value))


def _round(size: float) -> float:
    """A step that is round, as a part of a size."""
    return step_of(size) / size if size > 0 else 1.0


def _rewrite(written: Sequence[Written], part: float, floor: bool) -> Rewrite:
    number, others = written[0], tuple(written[1:])
    value = _value(number)
    if value is None:
        return Rewrite(number, "", "", others)
    by = Decimal(f"{part * float(value):.6g}") * (-1 if floor else 1)
    unit = f" {number.unit}".rstrip()
    return Rewrite(number, f"{(value + by).normalize():f}{unit}", f"{(value - by).normalize():f}{unit}", others)


def step_of(limit: float) -> float:
    """A round step that a planner can imagine: a power of ten, a fiftieth to a fifth of the limit."""
    return 10.0 ** math.floor(math.log10(limit / 5)) if limit > 0 else 1.0
