"""What a plan is measured by, as linear expressions of the columns: for the whole plan, and for each provider.

A measure is an objective, an axis of a trade-off curve, or a limit on one while another is minimised. All are written so that
less is better. `MEASURES` holds a record of each: whatever is asked of a measure is read there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from planner.core.units import record
from planner.data.instance import Instance
from planner.model import energy
from planner.model.energy import draw, energy_bill
from planner.model.program import Program, Term, total
from planner.model.variables import Expression, Variables

# --- the parts of a slot ----------------------------------------------------------------------------------------------


def part(value: float, hours: float, whole: float) -> float:
    """value · hours / whole: the part of a slot's mean that one slice makes up."""
    return value if hours == whole else record(value * hours / whole)


# --- by provider ------------------------------------------------------------------------------------------------------


def compute_of(data: Instance, v: Variables, t: int, provider: str | None, kind: str | None = None) -> Expression:
    """Mean compute delivered in a period by a provider, or by all, of one kind of work or of all [h100e]."""
    of = {k.index for k in data.classes if provider in (None, data.positions[k.positions[0]].site.provider)}
    hours, whole = data.slices.hours[t], data.periods[t].hours
    return total(
        (part(data.compute[w, data.classes[k].accelerator][t], hours[i], whole), use)
        for (w, k, e, i), use in v.use.items()
        if e == t and k in of and kind in (None, data.inputs.scenario.workload[w].kind)
    )


def power_of(data: Instance, v: Variables, t: int, provider: str | None) -> Expression:
    """Rated facility power of the racks online in a period [MW]."""
    mine = (p.index for p in data.positions if provider in (None, p.site.provider))
    return total((data.power[p], v.online[p, t]) for p in mine if (p, t) in v.online)


def spend_of(data: Instance, v: Variables, t: int, provider: str | None) -> Expression:
    """Rent, capital and energy in a period, undiscounted [million USD]."""
    mine = (p.index for p in data.positions if provider in (None, p.site.provider))
    held = [(data.held_cost[p][t], v.held[p, t]) for p in mine if (p, t) in v.held]
    return total(held + energy_bill(data, v, t, provider))


PROVIDER_SUMS: dict[str, Callable[[Instance, Variables, int, str | None], Expression]] = {
    "compute": compute_of, "power": power_of, "spend": spend_of,
}  # fmt: skip


def shared(of: str) -> Callable[[Instance, Variables, int, str | None], Expression]:
    """What a share limit sums: power, spend, compute, or `compute KIND` (h100e of unlike kinds are unlike units)."""
    kind = of.removeprefix("compute ")
    return PROVIDER_SUMS[of] if of in PROVIDER_SUMS else partial(compute_of, kind=kind)


def over_horizon(data: Instance, v: Variables, of: str, provider: str | None) -> Expression:
    """The sum over the horizon that a share in summary.csv is made of: compute [million h100e·h],
    power [GWh at rated load], spend [million USD]."""
    weights = {"compute": 1e6, "power": 1e3}
    return total(
        (t.hours / weights[of] if of in weights else 1.0, PROVIDER_SUMS[of](data, v, t.index, provider)) for t in data.periods
    )


# --- of the whole plan ------------------------------------------------------------------------------------------------


def routes(data: Instance, v: Variables) -> list[tuple[tuple[int, int, int, int], float, Expression]]:
    """(w, k, t, i), cost per rack [million USD], use — where a route costs something."""
    costs = {(s.workload, k.index): s.route_cost for k in data.classes for s in k.serves if s.route_cost}
    return [
        ((w, k, t, i), record(costs[w, k] * data.compute[w, data.classes[k].accelerator][t] * data.slices.hours[t][i] / 1e6), use)
        for (w, k, t, i), use in v.use.items()
        if (w, k) in costs
    ]


def total_cost(data: Instance, v: Variables) -> Expression:
    """(0a)  cost = Σ_t δ_t (spend + routes + unserved · price · H) + Σ_c shortfall[c] (1+r)^−τ + paid for soft limits
    [million USD; 1]

    Minimised, or, with another objective, the measure that ties are broken by (D7). Spend is rent, capital and energy; power
    sources cost what is taken or paid for, their fixed cost and the annuity of what was built.
    """
    worth = data.discount
    terms = [(record(worth[t] * data.held_cost[p][t]), held) for (p, t), held in v.held.items() if data.held_cost[p][t]]
    terms += [(record(worth[t] * cost), thing) for t in data.times for cost, thing in energy_bill(data, v, t)]
    terms += [(record(worth[t] * cost), use) for (_, _, t, _), cost, use in routes(data, v)]
    for (w, t, j), missing in v.unserved.items():
        whole = sum(data.slices.hours[t][i] for i in data.slots[w][j])
        terms.append((record(worth[t] * (data.unserved_price[w] or 0.0) * whole / 1e6), missing))
    terms += [(c.discount, v.shortfall[c.index]) for c in data.commitments]
    for limit in data.power_limits:
        if limit.price is not None:
            over = [
                (limit.price[t], (limit.family, limit.subject, t)) for t, bound in enumerate(limit.limit) if bound is not None
            ]
            terms += [(price, v.excess[key]) for price, key in over]
    terms += [(b.price, v.excess["budget", b.label]) for b in data.budgets if b.price is not None]
    terms += [(c.price, v.excess["carbon", c.label]) for c in data.carbon_caps if c.price is not None]
    return total(terms)


def peak_power(program: Program, data: Instance, v: Variables) -> None:
    """(0b)  peak ≥ Σ_p ρ_s K (idle · online[p,t] + (1 − idle) · run[p,t,i])   [MW; MW/MW]   peak

    Only where the peak is measured.
    """
    if v.peak is not None:
        everyone = tuple(p.index for p in data.positions)
        for t in data.times:
            for i in energy.telling_slices(data, everyone, t):
                rated = [(-c, x) for c, x in draw(data, v, everyone, t, i)]
                program.add(total([(1.0, v.peak), *rated]) >= 0, "peak", t, i)


def largest_share(program: Program, data: Instance, v: Variables) -> None:
    """(0c)  Σ_t h_t compute of the provider ≤ largest · Σ_t h_t demand   [million h100e·h; 1/million h100e·h]   largest

    For every provider, only where the largest share is measured. The base is the compute demanded, so that it is linear: the
    share of compute delivered where nothing is unserved.
    """
    if v.largest is not None:
        whole = demanded(data)
        size = 10.0 ** round(math.log10(whole) / 2)  # the row is divided by it, so that no coefficient is too large
        for name in sorted({p.site.provider for p in data.positions}):
            mine = over_horizon(data, v, "compute", name)
            program.add(total([(record(whole / size), v.largest), (-1 / size, mine)]) >= 0, "largest", name)


def demanded(data: Instance) -> float:
    """Compute demanded over the horizon [million h100e·h]."""
    return sum(needed * t.hours for series in data.demand for needed, t in zip(series, data.periods, strict=True)) / 1e6


def spread(data: Instance, v: Variables) -> Expression:
    """Σ_t H · level[group,t]: the largest relative shortage among workloads with one price, over the hours [1000 h]."""
    return total((record(data.periods[t].hours / 1e3), level) for (_, t), level in v.level.items())


def equal_shortage(program: Program, data: Instance, v: Variables) -> None:
    """(0d)  D/S · level[group,t] ≥ Σ_slot h/H · unserved[w,t,slot]   for the workloads of a group   [h100e; 1/h100e]   shortage

    A group are workloads with one price for what is missing, which the cost cannot tell apart; D is the workload's demand, S the
    power of ten below the largest of the group. Only where ties are broken by `spread`.
    """
    for name, members in alike(data):
        for t in data.times if v.unserved else ():
            short = [w for w in members if any((w, t, j) in v.unserved for j, _ in enumerate(data.slots[w]))]
            if len(short) < 2:
                continue
            level = v.level[name, t] = program.variable("level", name, t)
            unit = 10.0 ** math.floor(math.log10(max(data.demand[w][t] for w in short)))
            for w in short:
                hours, slots = data.slices.hours[t], data.slots[w]
                whole = sum(hours)
                missing = [
                    (part(-1.0, sum(hours[i] for i in slot), whole), v.unserved[w, t, j])
                    for j, slot in enumerate(slots)
                    if (w, t, j) in v.unserved
                ]
                program.add(total([(record(data.demand[w][t] / unit), level), *missing]) >= 0, "shortage", w, t)


def alike(data: Instance) -> list[tuple[str, tuple[int, ...]]]:
    """(price, workloads) of every price for what is missing that several workloads have."""
    groups: dict[float, list[int]] = {}
    for w, price in enumerate(data.unserved_price):
        if price is not None and "spread" in data.then:
            groups.setdefault(price, []).append(w)
    return [(f"{price:.15g}", tuple(members)) for price, members in sorted(groups.items()) if len(members) > 1]


def moves(data: Instance, v: Variables) -> Expression:
    """Racks added and given back over the horizon [rack]; what an on-demand offer lends is not counted, it never stays."""
    terms: list[Term] = []
    last: dict[int, Expression] = {}
    for (p, t), taken in v.taken.items():
        if (p, t) in v.added:
            returns = data.positions[p].expires[t] < len(data.periods)
            terms.append((2.0 if returns else 1.0, v.added[p, t]))
        last[p] = taken
    ending = {p for p, _ in v.added}
    return total(terms + [(1.0, taken) for p, taken in last.items() if p not in ending])


def _over_time(data: Instance, v: Variables, of: Callable[[Instance, Variables, int], list[Term]]) -> Expression:
    """The sum over all periods of what each has, in thousands."""
    return total((record(c / 1e3), x) for t in data.times for c, x in of(data, v, t))


def _hours_missing(data: Instance, v: Variables) -> list[Term]:
    """Unserved compute over all periods [million h100e·h]."""
    return [
        (record(sum(data.slices.hours[t][i] for i in data.slots[w][j]) / 1e6), missing)
        for (w, t, j), missing in v.unserved.items()
    ]


@dataclass(frozen=True)
class Measure:
    """What a plan is measured by. One unit of its expression is `size` of its unit; one that is maximised is negated in it."""

    name: str
    label: str  # in words
    unit: str
    size: float
    column: str  # of the totals, and of tables
    expression: Callable[[Instance, Variables], Expression]
    maximised: bool = False
    objective: bool = True  # [objective] may ask for it
    axis: bool = True  # `planner frontier` may hold it against another
    helper: str = ""  # the column that measures it and is no part of a plan

    def __call__(self, data: Instance, v: Variables) -> Expression:
        return self.expression(data, v)

    @property
    def sign(self) -> int:
        """What its expression is to be multiplied by to be told."""
        return -1 if self.maximised else 1

    @property
    def best(self) -> str:
        """Its optimum in words: least cost, largest demand scale."""
        return f"{'largest' if self.maximised else 'least'} {self.label}"


MEASURES: Mapping[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure("cost", "cost", "USD", 1e6, "cost_usd", total_cost),
        Measure("spend", "spend", "USD", 1e6, "spend_usd", lambda data, v: over_horizon(data, v, "spend", None), objective=False),
        Measure("peak_power", "peak power", "MW", 1.0, "peak_power_mw", lambda data, v: total([(1.0, v.peak)]), helper="peak"),
        Measure("energy", "energy", "MWh", 1e3, "energy_mwh", lambda data, v: _over_time(data, v, energy.load_energy)),
        Measure("carbon", "carbon", "t", 1e3, "carbon_t", lambda data, v: _over_time(data, v, energy.emissions)),
        Measure("unserved", "unserved demand", "h100e·h", 1e6, "unserved_h100e_h",
                lambda data, v: total(_hours_missing(data, v))),
        Measure("largest_share", "largest provider's share", "share", 1.0, "largest_share",
                lambda data, v: total([(1.0, v.largest)]), objective=False, helper="largest"),
        Measure("demand_scale", "demand scale", "scale", 1.0, "demand_scale", lambda data, v: total([(-1.0, v.scale)]),
                maximised=True),
        Measure("shortfall", "take-or-pay shortfall", "USD", 1e6, "shortfall_usd",
                lambda data, v: total((1.0, missing) for missing in v.shortfall.values()), objective=False, axis=False),
    )
}  # fmt: skip


TIE_BREAKS: dict[str, Callable[[Instance, Variables], Expression]] = {"spread": spread, "moves": moves}
EXPRESSIONS: Mapping[str, Callable[[Instance, Variables], Expression]] = {**MEASURES, **TIE_BREAKS}


def objective_unit(data: Instance) -> tuple[str, float]:
    """The unit of the objective, and how many of it one unit of the programme's objective is."""
    return measure_unit(data, data.objective)


def measure_unit(data: Instance, measure: str) -> tuple[str, float]:
    """The unit of a measure, and how many of it one unit of its expression is (of one that is maximised: of its negative)."""
    record = MEASURES[measure]
    return record.unit, record.size / data.scale_unit if measure == "demand_scale" else record.size


def told(data: Instance, value: float, measure: str = "") -> float:
    """A value of the expression of a measure (of the objective, if none is named) in the unit of the tables."""
    name = measure or data.objective
    return MEASURES[name].sign * value * measure_unit(data, name)[1]
