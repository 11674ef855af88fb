"""What binds and what it is worth: the limits of a plan, dearest first, each tried out by solving again with more of it.

A shadow price is a derivative at one basis. Here every limit that matters is moved in all its periods together: a little (what
more and what less of it is worth at the margin, and how far that holds), and by a step that a planner can imagine (what it really
saves).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

from planner.core.format import rule_name
from planner.inputs.assembly import Inputs
from planner.model.formulation import Model
from planner.model.measures import objective_unit
from planner.results.shadow_prices import FAMILIES, POWER_OF_SITE, Limit, bearing, row_name
from planner.sensitivity.behind import Numbers, Written, behind_bound, period_of
from planner.solver.ranging import direction, written_twice
from planner.solver.warm import Answer, Probe

LITTLE = 1e-4  # of a step: small enough to stay beside the optimum, large enough to stand out from tolerances
SAME = 1e-6  # relative difference below which two prices are one


@dataclass(frozen=True)
class Binding:
    """A limit over the periods in which it binds. Worth is in the unit of the objective; `step` is in `unit`.

    saves: what `step` more in all these periods saves; loses: what `step` less costs (None where nothing fits then).
    more, less: worth of one unit more, and of one unit less, at the margin; they differ where the optimum is degenerate.
    holds: how far the worth of more holds (in `unit`).
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
    twice: tuple[str, ...] = ()
    written: tuple[Written, ...] = ()


@dataclass(frozen=True)
class Explanation:
    """`found` binds, dearest first; `others` more limits have a price and were not tried out."""

    objective: str
    unit: str
    optimum: float
    found: tuple[Binding, ...]
    others: int
    one_sided: int  # priced rows whose price holds for less room only, or for more only
    priced: int


def explain(inputs: Inputs, model: Model, limits: Sequence[Limit], most: int = 8, start: Any = None) -> Explanation:
    """The limits of an optimal plan that cost most, tried out; `start` is a basis of the optimum, if there is one."""
    unit, size = objective_unit(model.instance)
    numbers, probe = Numbers(inputs), Probe(model, start)
    base = probe.minimize()
    twins = _twins(model, limits)
    groups = bearing(limits)
    chosen = dict(list(groups.items())[:most])
    steps = _steps(chosen.values())
    found = [
        _share(rows) if rule.startswith("provider_share") else _tried(model, probe, base, rows, steps[rows[0].unit], size)
        for (rule, _), rows in chosen.items()
    ]
    priced = [x for x in limits if x.worth]
    return Explanation(
        objective=model.instance.objective,
        unit=unit,
        optimum=base.objective * size,
        found=tuple(
            replace(b, twice=twins.get((b.rule, b.subject), ()), written=_written(model, numbers, groups[b.rule, b.subject][0]))
            for b in sorted(found, key=lambda b: (-b.saves, b.rule, b.subject))
        ),
        others=max(0, len(groups) - most),
        one_sided=sum(x.one_sided for x in priced),
        priced=len(priced),
    )


def _steps(groups: Iterable[list[Limit]]) -> dict[str, float]:
    """One step per unit, so that savings can be compared: from the middle one of the limits."""
    sizes: dict[str, list[float]] = {}
    for rows in groups:
        sizes.setdefault(rows[0].unit, []).append(max(abs(x.limit) for x in rows))
    return {unit: step_of(median(found)) for unit, found in sizes.items()}


def _tried(model: Model, probe: Probe, base: Answer, rows: list[Limit], stated: float, size: float) -> Binding:
    """A limit moved in all its rows, those that do not bind too, as one who changes the number would; by `stated` in its unit."""
    program, first = model.program, rows[0]
    mine = [i for i in range(len(program.rows)) if _same(model, i, first)]
    scale, sign = FAMILIES[first.rule].scale, -program.senses[first.row]  # more room: a higher ceiling, a lower floor
    step = stated / scale

    def solved(amount: float) -> Answer:
        least = [-program.stated[i] if sign > 0 else -math.inf for i in mine]  # no ceiling falls below zero
        with probe.moved({i: sign * max(amount, floor) for i, floor in zip(mine, least, strict=True)}):
            return probe.minimize(start=base.basis)

    little = LITTLE * step
    with probe.moved(dict.fromkeys(mine, sign * little)):
        probe.minimize(start=base.basis)
        along = direction(probe.engine, dict.fromkeys(mine, float(sign)))
    far, below, back = solved(step), solved(-little), solved(-step)
    return _binding(
        rows,
        step=stated,
        saves=(base.objective - far.objective) * size,
        loses=(back.objective - base.objective) * size if back.optimal else None,
        more=-along.slope * size / scale,
        less=(below.objective - base.objective) / little * size / scale if below.optimal else None,
        holds=(along.room + little) * scale,
    )


def _share(rows: list[Limit]) -> Binding:
    """A share is a coefficient and no right side: it is not moved, its worth is that of its rows."""
    worth = sum(x.worth or 0.0 for x in rows)
    return _binding(rows, step=0.01, saves=worth * 0.01, loses=None, more=worth, less=None, holds=0.0)


def _binding(rows: list[Limit], **worths: Any) -> Binding:
    first = rows[0]
    (rule, subject), periods = first.number, len({x.when for x in rows})
    return Binding(rule, subject, first.period, rows[-1].period, periods, first.limit, rows[-1].limit, first.unit, **worths)


def step_of(limit: float) -> float:
    """A round step that a planner can imagine: a power of ten, a fiftieth to a fifth of the limit."""
    return 10.0 ** math.floor(math.log10(limit / 5)) if limit > 0 else 1.0


def _same(model: Model, row: int, limit: Limit) -> bool:
    """Whether a row holds the number of a limit."""
    rule, *key = model.program.rows[row]
    if limit.rule in POWER_OF_SITE:
        return rule in POWER_OF_SITE and key[POWER_OF_SITE[rule]] == limit.subject
    return rule == limit.rule and row_name(model, rule, key)[0] == limit.subject


def _written(model: Model, numbers: Numbers, limit: Limit) -> tuple[Written, ...]:
    row = model.program.rows[limit.row]
    period = period_of(model.instance, row)
    return tuple(number for name in behind_bound(model.instance, row) for number in numbers.find(name, period))


def _twins(model: Model, limits: Sequence[Limit]) -> dict[tuple[str, str], tuple[str, ...]]:
    """Limits that bind in the same words: by rule and subject, the others of their group."""
    at = {x.row: x for x in limits if x.binding}
    found: dict[tuple[str, str], dict[str, None]] = {}
    for rows in written_twice(model.program, list(at)):
        for i in rows:
            others = {rule_name(*at[j].number): None for j in rows if at[j].number != at[i].number}
            found.setdefault(at[i].number, {}).update(others)
    return {key: tuple(names) for key, names in found.items() if names}
