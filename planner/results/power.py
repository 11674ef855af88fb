"""Where the power of a plan comes from: grid, sources, batteries; and what it costs, emits and takes in water."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from planner.core.table import MILLION, Row, Table, make
from planner.data.power_sources import ManagedSite
from planner.results.plan import DUST, Plan


@dataclass(frozen=True)
class SupplyLine:
    """A source of a managed site in a slice: `mw` throughout it, with its cost [million USD], carbon [t] and own water [L]."""

    source: str
    mw: float
    cost: float
    carbon: float
    water: float
    own: bool  # made at the site, so that the grid need not carry it


def metered_bill(plan: Plan, p: int, t: int) -> float:
    """Metered energy that a position takes from the grid as it comes [million USD]."""
    metered = plan.instance.metered[p][t]
    return sum(plan.running(p, t, i) * metered[i] for i in plan.instance.slices.there(t) if metered[i])


def firm_power(plan: Plan, site: str, t: int) -> float:
    """What the sources of a site add to its power at rated load [MW]."""
    return sum(source.firm * plan.there(source.index, t) for source in plan.instance.sources if source.row.site == site)


def supply_lines(plan: Plan, m: ManagedSite, t: int, i: int) -> Iterator[SupplyLine]:
    """What carries a managed site in a slice; charging is negative."""
    data, get, hours = plan.instance, plan.sources.get, plan.instance.slices.hours[t][i]
    spot = get(("spot", m.index, t, i), 0.0)
    yield SupplyLine("grid", spot, spot * m.price[t][i], spot * m.carbon[t][i], 0.0, False)
    for s in (*m.over_grid, *m.own):
        source = data.sources[s]
        mw = get(("generated", s, t, i), 0.0) if s in m.own else get(("bought", s, m.index, t, i), 0.0)
        mwh = mw * hours
        water = source.row.water * mwh * 1e3
        yield SupplyLine(source.row.id, mw, mwh * source.variable, mwh * source.row.carbon, water, s in m.own)
        if source.is_battery:
            yield SupplyLine(f"{source.row.id} charge", -get(("charged", s, t, i), 0.0), 0.0, 0.0, 0.0, True)


def standing_bill(plan: Plan, s: int, t: int) -> float:
    """Annuity and fixed cost of a source, and what a minimum take adds to the energy taken [million USD]."""
    data = plan.instance
    source, there = data.sources[s], plan.there(s, t)
    bill = source.fixed[t] * there + source.annuity[t] * (there - source.capacity[t])
    if source.row.min_take:
        bill += source.variable * (paid(plan, s, t) - taken(plan, s, t))  # beyond what is taken
    return bill


def paid(plan: Plan, s: int, t: int) -> float:
    """Energy paid for in a period [MWh]: what is taken, and at least the minimum of what is available."""
    data = plan.instance
    source, hours = data.sources[s], data.slices.hours[t]
    available = sum(source.availability[t][i] * hours[i] for i in data.slices.there(t)) * plan.there(s, t)
    return max(taken(plan, s, t), source.row.min_take * available)


def taken(plan: Plan, s: int, t: int) -> float:
    """Energy taken from a source in a period [MWh]."""
    hours = plan.instance.slices.hours[t]
    made = sum(plan.sources.get(("generated", s, t, i), 0.0) * hours[i] for i in plan.instance.slices.there(t))
    sold = sum(
        plan.sources.get(("bought", s, m.index, t, i), 0.0) * hours[i]
        for m in plan.instance.managed
        for i in plan.instance.slices.there(t)
    )
    return made + sold


def supply_bills(plan: Plan) -> Iterator[tuple[int, str, str, float]]:
    """(period, provider, site, million USD) of managed sites; what stands on a grid belongs to no provider and no site."""
    data = plan.instance
    for t in data.times:
        for m in data.managed:
            lines = (line for i in data.slices.there(t) for line in supply_lines(plan, m, t, i))
            if bill := sum(line.cost for line in lines):
                yield t, m.site.provider, m.site.id, bill
        for source in data.sources:
            if bill := standing_bill(plan, source.index, t):
                yield t, source.provider or "", source.row.site or "", bill


def energy_tables(plan: Plan) -> list[Table]:
    """dispatch, running, energy and built; none for a plan of one slice without sources in which all racks online run."""
    data = plan.instance
    if len(data.slices.ids) == 1 and not data.sources and not data.throttled:
        return []
    made = [dispatch(plan), running(plan), energy(plan)]
    return made + ([built(plan)] if data.sources else [])


def dispatch(plan: Plan) -> Table:
    """Racks at work in each slice."""
    data = plan.instance
    rows: list[Row] = []
    for (w, p, t, i), racks in sorted(plan.dispatch.items(), key=lambda item: (item[0][2], item[0][3], item[0][0], item[0][1])):
        position = data.positions[p]
        place = (
            data.periods[t].label,
            data.slices.ids[i],
            data.workloads[w],
            position.site.id,
            position.accelerator.id,
            position.label,
        )
        rows.append((*place, racks, racks * data.compute[w, position.accelerator.id][t]))
    return make("dispatch", "period slice workload site accelerator offer racks compute_h100e", rows)


def running(plan: Plan) -> Table:
    """Racks running in each slice, where they can be throttled."""
    data = plan.instance
    rows = [
        (data.periods[t].label, data.slices.ids[i], data.positions[p].site.id, data.positions[p].label, racks)
        for (p, t, i), racks in sorted(plan.run.items(), key=lambda item: (item[0][1], item[0][2], item[0][0]))
        if p in data.throttled and racks > DUST
    ]
    return make("running", "period slice site offer racks_running", rows)


def energy(plan: Plan) -> Table:
    """Power and energy by slice, site and source, with cost, carbon and water."""
    data = plan.instance
    managed = {m.site.id: m for m in data.managed}
    sites = {p.site.id: p.site for p in data.positions}
    rows: list[Row] = []
    for t in data.times:
        for i in data.slices.there(t):
            hours = data.slices.hours[t][i]
            for name, site in sites.items():
                here = [p.index for p in data.positions if p.site.id == name and plan.online[p.index, t] > DUST]
                free = [p for p in here if name not in managed or p not in managed[name].positions]
                when = (data.periods[t].label, data.slices.ids[i], name)
                wue = (site.wue or 0.0) * 1e3
                lines: dict[str, list[float]] = {}
                if free:
                    load = sum(plan.running(p, t, i) * data.load[p] for p in free)
                    cost = sum(plan.running(p, t, i) * data.metered[p][t][i] for p in free)
                    carbon = sum(plan.running(p, t, i) * data.carbon[p][t][i] for p in free)
                    lines["grid"] = [load, cost, carbon, load * hours * wue]
                if name in managed:
                    load = sum(plan.running(p, t, i) * data.load[p] for p in here if p in managed[name].positions)
                    found = [line for line in supply_lines(plan, managed[name], t, i) if abs(line.mw) > DUST]
                    whole = sum(line.mw for line in found if line.mw > 0)
                    for line in found:
                        water = line.water + (max(line.mw, 0.0) / whole * load * hours * wue if whole else 0.0)
                        entry = lines.setdefault(line.source, [0.0, 0.0, 0.0, 0.0])
                        lines[line.source] = [a + b for a, b in zip(entry, (line.mw, line.cost, line.carbon, water), strict=True)]
                for source, (mw, cost, carbon, water) in lines.items():
                    rows.append((*when, source, mw, mw * hours, cost * MILLION, carbon, water))
    return make("energy", "period slice site source mw mwh cost_usd carbon_t water_l", rows)


def built(plan: Plan) -> Table:
    """What is built when, what is there, what is paid for, and what it costs to stand there."""
    data = plan.instance
    rows: list[Row] = []
    for source in data.sources:
        for t in data.times:
            decided, there = plan.sources.get(("built", source.index, t), 0.0), plan.there(source.index, t)
            if max(decided, there) > DUST:
                bill = standing_bill(plan, source.index, t) * MILLION
                rows.append((source.row.id, data.periods[t].label, decided, there, paid(plan, source.index, t), bill))
    return make("built", "source period built_mw there_mw paid_mwh cost_usd", rows)


def energy_by_source(rows: Iterable[Mapping[str, object]]) -> dict[str, tuple[float, float, float]]:
    """(MWh, USD, t) by source from the rows of energy.csv; what a battery gives back counts, what it takes does not."""
    sums: dict[str, tuple[float, float, float]] = {}
    for row in rows:
        mwh, usd, tonnes = (float(str(row[name] or 0)) for name in ("mwh", "cost_usd", "carbon_t"))
        if mwh > 0:
            before = sums.get(str(row["source"]), (0.0, 0.0, 0.0))
            sums[str(row["source"])] = (before[0] + mwh, before[1] + usd, before[2] + tonnes)
    return dict(sorted(sums.items(), key=lambda item: -item[1][0]))


def standing_by_source(rows: Iterable[Mapping[str, object]]) -> dict[str, float]:
    """The largest MW of each source over the periods, from the rows of built.csv."""
    found: dict[str, float] = {}
    for row in rows:
        found[str(row["source"])] = max(found.get(str(row["source"]), 0.0), float(str(row["there_mw"] or 0)))
    return found
