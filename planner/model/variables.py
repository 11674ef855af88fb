"""The columns of the linear programme, all ≥ 0, made only where something can change.

Indices: t period, i slice, p position (an offer o at a site), k class of positions, w workload, g accelerator at a site,
c commitment of a contract, m managed site.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from planner.data.instance import Instance
from planner.model.program import Program, total

Expression = Any


@dataclass
class Variables:
    """All ≥ 0. `held` and `shipped` are expressions of the others (a number where nothing can change)."""

    added: dict[tuple[int, int], Expression] = field(
        default_factory=dict
    )  # p, t: racks taken on (offers with a term that runs out)
    taken: dict[tuple[int, int], Expression] = field(default_factory=dict)  # p, t: racks taken on and still running
    held: dict[tuple[int, int], Expression] = field(default_factory=dict)  # p, t: racks paid for
    online: dict[tuple[int, int], Expression] = field(default_factory=dict)  # p, t: racks powered
    run: dict[tuple[int, int, int], Expression] = field(
        default_factory=dict
    )  # p, t, i: racks running (online, if never throttled)
    use: dict[tuple[int, int, int, int], Expression] = field(default_factory=dict)  # w, k, t, i: racks at work
    unserved: dict[tuple[int, int, int], Expression] = field(default_factory=dict)  # w, t, slot [h100e]
    spot: dict[tuple[int, int, int], Expression] = field(default_factory=dict)  # m, t, i: power from the grid [MW]
    generated: dict[tuple[int, int, int], Expression] = field(default_factory=dict)  # source, t, i [MW]
    bought: dict[tuple[int, int, int, int], Expression] = field(default_factory=dict)  # source, m, t, i: over the grid [MW]
    charged: dict[tuple[int, int, int], Expression] = field(default_factory=dict)  # battery, t, i [MW]
    built: dict[tuple[int, int], Expression] = field(default_factory=dict)  # source, t: decided [MW]
    there: dict[tuple[int, int], Expression] = field(default_factory=dict)  # source, t: capacity and what was built [MW]
    paid: dict[tuple[int, int], Expression] = field(default_factory=dict)  # source with min_take, t: energy paid for [GWh]
    shipped: dict[tuple[int, int], Expression] = field(default_factory=dict)  # g, t: racks shipped in since the start
    licensed: dict[tuple[str, int, int], Expression] = field(default_factory=dict)  # licence, g, t [gpu]
    allotted: dict[tuple[int, int], Expression] = field(default_factory=dict)  # c, pool [million USD]
    shortfall: dict[int, Expression] = field(default_factory=dict)  # c [million USD]
    first_paid: dict[tuple[int, int], Expression] = field(default_factory=dict)  # p, t: racks that capex is paid for in cash
    excess: dict[tuple[Any, ...], Expression] = field(default_factory=dict)  # above a soft limit, in its unit
    standby: dict[tuple[int, int, int], Expression] = field(default_factory=dict)  # loss, p, t: racks powered after it
    carried: dict[tuple[int, int, int], Expression] = field(default_factory=dict)  # loss, m, t: from its grid after it [MW]
    rescue: dict[tuple[int, int, int, int, int], Expression] = field(
        default_factory=dict
    )  # loss, w, k, t, i: racks at work after it
    frozen: frozenset[tuple[int, int]] = frozenset()  # p, t where export rules leave nothing to add
    scale: Expression = 1.0  # demand_scale, in parts of scale_unit
    peak: Expression = None  # highest draw [MW]
    level: dict[tuple[str, int], Expression] = field(default_factory=dict)  # price, t: largest relative shortage of a group
    largest: Expression = None  # largest provider's share of the compute demanded


def make_variables(program: Program, data: Instance) -> Variables:
    """Columns only where something can change: a stock that nobody may add to is the stock of the period before."""
    v = Variables(frozen=_frozen(data))
    supplied = {source.row.site for source in data.sources}
    dark = {
        (p, t)
        for limit in data.site_power
        if limit.subject not in supplied
        for p in limit.members
        for t in data.times
        if limit.limit[t] == 0
    }
    served = {p for k in data.classes for p in k.positions}
    for position in data.positions:
        p = position.index
        ends = any(e < len(data.periods) for e, a in zip(position.expires, position.addable, strict=True) if a)
        for t in data.allowed(p) if p in served or not position.on_demand else ():
            if not position.on_demand:
                _stock_variables(program, data, v, p, t, ends)
            if (p, t) not in dark:
                v.online[p, t] = program.variable("online", p, t)
                for i in data.slices.there(t):
                    v.run[p, t, i] = program.variable("run", p, t, i) if p in data.throttled else v.online[p, t]
    for k in data.classes:
        for t in data.times:
            if any((p, t) in v.online for p in k.positions):
                for s in k.serves:
                    if data.compute[s.workload, k.accelerator][t] > 0:
                        for i in _wanted(data, s.workload, t):
                            v.use[s.workload, k.index, t, i] = program.variable("use", s.workload, k.index, t, i)
    if data.measures & {"cost", "unserved"} and "demand_scale" not in data.measures:
        for w, price in enumerate(data.unserved_price):
            for t in data.times if price is not None else ():
                for j, needed in enumerate(data.slot_demand[w][t]):
                    if needed > 0:
                        v.unserved[w, t, j] = program.variable("unserved", w, t, j, up=needed)
    for c in data.commitments:
        v.shortfall[c.index] = program.variable("shortfall", c.index)
    _source_variables(program, data, v)
    if "demand_scale" in data.measures:
        v.scale = program.variable("scale")
    wanted = data.measures | set(data.then)
    if "peak_power" in wanted:
        v.peak = program.variable("peak")
    if "largest_share" in wanted:
        v.largest = program.variable("largest")
    return v


def _wanted(data: Instance, w: int, t: int) -> list[int]:
    """Slices of a period in which a workload has a demand: elsewhere nothing may be served."""
    slots = zip(data.slots[w], data.slot_demand[w][t], strict=True)
    wanted = {i for slot, needed in slots if needed > 0 for i in slot}
    return [i for i in data.slices.there(t) if i in wanted]


def _stock_variables(program: Program, data: Instance, v: Variables, p: int, t: int, ends: bool) -> None:
    """Columns of the stock of a position in a period; `ends` if a term runs out within the horizon."""
    position, integer = data.positions[p], data.whole_racks
    started = (p, t - 1) in v.taken
    if ends:
        if position.addable[t]:
            v.added[p, t] = program.variable("added", p, t, integer=integer)
        if started or position.addable[t]:
            v.taken[p, t] = program.variable("taken", p, t)
    elif position.addable[t] and (p, t) not in v.frozen:
        v.taken[p, t] = program.variable("taken", p, t, integer=integer)
    elif started:
        v.taken[p, t] = v.taken[p, t - 1]
    fleet = position.fleet[t]
    v.held[p, t] = v.taken[p, t] + fleet if fleet and (p, t) in v.taken else v.taken.get((p, t), fleet)


def _frozen(data: Instance) -> frozenset[tuple[int, int]]:
    """Where additions are zero one by one: nothing may be shipped in and nothing else can change in the group."""
    found = set()
    for g in data.groups:
        for t in data.times:
            fleets = [data.positions[p].fleet for p in g.members]
            still = t == 0 or all(fleet[t] == fleet[t - 1] for fleet in fleets)
            if g.blocked[t] and g.steady and still:
                found |= {(p, t) for p in g.members}
    return frozenset(found)


def _source_variables(program: Program, data: Instance, v: Variables) -> None:
    """Columns of sources, batteries and building, and of the grid power of managed sites."""
    for source in data.sources:
        s = source.index
        for t in data.times:
            if source.lives and source.lives[t]:
                v.built[s, t] = program.variable("built", s, t)
        for t in data.times:
            come = [(1.0, v.built[s, e]) for e in data.times if (s, e) in v.built and t in source.lives[e]]
            v.there[s, t] = total([(1.0, source.capacity[t]), *come]) if come else source.capacity[t]
            for i in data.slices.there(t) if come or source.capacity[t] else ():
                if source.row.site is not None:
                    v.generated[s, t, i] = program.variable("generated", s, t, i)
                if source.is_battery:
                    v.charged[s, t, i] = program.variable("charged", s, t, i)
            if source.row.min_take:
                v.paid[s, t] = program.variable("paid", s, t)
    for m in data.managed:
        for t in data.times:
            for i in data.slices.there(t):
                v.spot[m.index, t, i] = program.variable("spot", m.index, t, i)
                for s in m.over_grid:
                    v.bought[s, m.index, t, i] = program.variable("bought", s, m.index, t, i)
