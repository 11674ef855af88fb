"""Energy in the linear programme: what runs in each slice of the year, and where its power comes from.

Written like formulation.py. A rack online draws `idle` of its load whatever it does and the rest when it runs. Energy balances at
mean load, capacity is checked at rated load. Sites without sources take from the grid what they draw: no balance, no columns.
"""

from __future__ import annotations

from planner.core.units import record
from planner.data.instance import Instance
from planner.data.power_sources import ManagedSite, Source
from planner.model.program import Program, Term, total
from planner.model.variables import Variables

# --- what is drawn ----------------------------------------------------------------------------------------------------


def draw(data: Instance, v: Variables, members: tuple[int, ...], t: int, i: int) -> list[Term]:
    """Rated facility power of positions in a slice [MW]: ρ K (idle · online + (1 − idle) · run)."""
    return [term for p in members if (p, t) in v.online for term in _running(data, v, p, t, i, data.power[p])]


def _running(data: Instance, v: Variables, p: int, t: int, i: int, size: float) -> list[Term]:
    """size · (idle · online + (1 − idle) · run), one term where the position is never throttled."""
    if p not in data.throttled:
        return [(size, v.online[p, t])]
    idle = data.idle[p]
    parts = [(record(size * idle), v.online[p, t]), (record(size * (1 - idle)), v.run[p, t, i])]
    return [(c, x) for c, x in parts if c]


def telling_slices(data: Instance, members: tuple[int, ...], t: int, net: bool = False) -> list[int]:
    """Slices whose rows can differ: all where a member can be throttled (or sites make their own power), else the first."""
    there = data.slices.there(t)
    if any(p in data.throttled for p in members) or (net and any(m.own for m in data.managed)):
        return there
    return there[:1]


def load_energy(data: Instance, v: Variables, t: int) -> list[Term]:
    """Energy drawn by all positions in a period [MWh]."""
    hours = data.slices.hours[t]
    terms: list[Term] = []
    for position in data.positions:
        p = position.index
        if (p, t) in v.online and p not in data.throttled:
            terms.append((record(data.load[p] * sum(hours)), v.online[p, t]))
        elif (p, t) in v.online:
            terms += [term for i in data.slices.there(t) for term in _running(data, v, p, t, i, data.load[p] * hours[i])]
    return terms


# --- what is paid and emitted -----------------------------------------------------------------------------------------


def position_bill(data: Instance, v: Variables, p: int, t: int) -> list[Term]:
    """Metered grid energy of a position, and the rent of an on-demand one [million USD]."""
    if (p, t) not in v.online:
        return []
    terms: list[Term] = [(data.online_cost[p][t], v.online[p, t])] if data.online_cost[p][t] else []
    if p in data.throttled:
        costs = ((record((1 - data.idle[p]) * data.metered[p][t][i]), i) for i in data.slices.there(t))
        terms += [(c, v.run[p, t, i]) for c, i in costs if c]
    return terms


def energy_bill(data: Instance, v: Variables, t: int, provider: str | None = None) -> list[Term]:
    """All energy of a period, and on-demand rent [million USD]: of one provider's sites, or (None) of all and of grids."""
    terms = [
        term
        for position in data.positions
        if provider in (None, position.site.provider)
        for term in position_bill(data, v, position.index, t)
    ]
    for m in data.managed:
        if provider in (None, m.site.provider):
            terms += _site_bill(data, v, m, t, provider is not None)
    for source in data.sources:
        if provider in (None, source.provider):
            terms += _standing_bill(data, v, source, t)
    return terms


def _site_bill(data: Instance, v: Variables, m: ManagedSite, t: int, apart: bool) -> list[Term]:
    """Grid power, fuel and energy bought of a managed site [million USD].

    Energy of a source with a minimum is in what is paid for at the source; `apart`, for the bill of a provider alone, what its
    sites take from sources of the grid is theirs, as in mix.csv.
    """
    terms: list[Term] = []
    for i in data.slices.there(t):
        hours = data.slices.hours[t][i]
        terms.append((m.price[t][i], v.spot[m.index, t, i]))
        for s in m.over_grid:
            if apart or not data.sources[s].row.min_take:
                terms.append((record(data.sources[s].variable * hours), v.bought[s, m.index, t, i]))
        for s in m.own:
            if (s, t, i) in v.generated and not data.sources[s].row.min_take:
                terms.append((record(data.sources[s].variable * hours), v.generated[s, t, i]))
    return [(c, x) for c, x in terms if c]


def _standing_bill(data: Instance, v: Variables, source: Source, t: int) -> list[Term]:
    """Fixed cost of what is there, annuities of what was built, and energy paid under a minimum [million USD]."""
    s = source.index
    terms: list[Term] = [(source.fixed[t], v.there[s, t])] if source.fixed[t] else []
    if source.annuity[t]:
        terms += [(source.annuity[t], v.built[s, e]) for e in data.times if (s, e) in v.built and t in source.lives[e]]
    if (s, t) in v.paid and source.variable:
        terms.append((record(source.variable * 1e3), v.paid[s, t]))
    return terms


def emissions(data: Instance, v: Variables, t: int) -> list[Term]:
    """Carbon of a period [t]: by the grid where sites take what comes, by source where energy is balanced."""
    terms: list[Term] = []
    for position in data.positions:
        p = position.index
        if (p, t) not in v.online:
            continue
        if p in data.throttled:
            for i in data.slices.there(t):
                terms += _running(data, v, p, t, i, data.carbon[p][t][i])
        else:
            terms.append((record(sum(data.carbon[p][t])), v.online[p, t]))
    for m in data.managed:
        for i in data.slices.there(t):
            hours = data.slices.hours[t][i]
            terms.append((m.carbon[t][i], v.spot[m.index, t, i]))
            terms += [(record(data.sources[s].row.carbon * hours), v.bought[s, m.index, t, i]) for s in m.over_grid]
            terms += [
                (record(data.sources[s].row.carbon * hours), v.generated[s, t, i]) for s in m.own if (s, t, i) in v.generated
            ]
    return [(c, x) for c, x in terms if c]


# --- what supplies a site ---------------------------------------------------------------------------------------------


def firm_power(data: Instance, v: Variables, site: str, t: int) -> list[Term]:
    """− Σ firm · there of the sources at a site [MW]."""
    return [(-s.firm, v.there[s.index, t]) for s in data.sources if s.row.site == site and s.firm]


def own_supply(data: Instance, v: Variables, grid: str, t: int, i: int) -> list[Term]:
    """− generation − discharge + charge of the sites on a grid [MW]."""
    terms: list[Term] = []
    for m in data.managed:
        if m.site.grid == grid:
            terms += [(-1.0, v.generated[s, t, i]) for s in m.own if (s, t, i) in v.generated]
            terms += [(1.0, v.charged[s, t, i]) for s in m.own if (s, t, i) in v.charged]
    return terms


# --- constraints ------------------------------------------------------------------------------------------------------


def run_within_online(program: Program, data: Instance, v: Variables) -> None:
    """(E1)  run[p,t,i] ≤ online[p,t]   [rack; USD/rack]   run

    A column of its own only where the idle load is below 1 or the plan oversubscribes; `online` stands for it elsewhere.
    """
    for (p, t, i), run in v.run.items():
        if p in data.throttled:
            program.add(run - v.online[p, t] <= 0, "run", p, t, i)


def throttled_power(program: Program, data: Instance, v: Variables) -> None:
    """(E2)  Σ_o ρ_s K (idle · online[p,t] + (1 − idle) · run[p,t,i]) ≤ available_s · P[s,t] + own power   [MW; USD/MW]
    site_power_slice

    For oversubscribed plans, instead of (4a). Own power is Σ availability · there of the sources at the site, and for batteries
    discharge − charge.
    """
    for limit in data.site_power if data.oversubscribed else ():
        for t in data.times:
            for i in data.slices.there(t):
                terms = draw(data, v, limit.members, t, i)
                for s in (s for s in data.sources if s.row.site == limit.subject):
                    if s.is_battery:
                        terms += [(-1.0, v.generated[s.index, t, i])] if (s.index, t, i) in v.generated else []
                        terms += [(1.0, v.charged[s.index, t, i])] if (s.index, t, i) in v.charged else []
                    elif s.availability[t][i]:
                        terms.append((-s.availability[t][i], v.there[s.index, t]))
                if terms:
                    program.add(total(terms) <= limit.limit[t], "site_power_slice", limit.subject, t, i, limit=limit.limit[t])


def balance(program: Program, data: Instance, v: Variables) -> None:
    """(E3)  load[m,t,i] = spot[m,t,i] + Σ_source (bought + generated − charged)   [MW; USD/MW]   energy_balance

    load = Σ_p ρ_s K average_load (idle · online[p,t] + (1 − idle) · run[p,t,i]), at the yearly PUE: energy balances at mean
    load. Of the positions of a site without sources of its own only the metered ones count.
    """
    for m in data.managed:
        for t in data.times:
            for i in data.slices.there(t):
                terms = [term for p in m.positions if (p, t) in v.online for term in _running(data, v, p, t, i, data.load[p])]
                terms.append((-1.0, v.spot[m.index, t, i]))
                terms += [(-1.0, v.bought[s, m.index, t, i]) for s in m.over_grid]
                terms += [(-1.0, v.generated[s, t, i]) for s in m.own if (s, t, i) in v.generated]
                terms += [(1.0, v.charged[s, t, i]) for s in m.own if (s, t, i) in v.charged]
                program.add(total(terms) == 0, "energy_balance", m.site.id, t, i)


def grid_connection(program: Program, data: Instance, v: Variables) -> None:
    """(E4)  spot[m,t,i] + Σ_source bought[source,m,t,i] ≤ available_s · P[s,t]   [MW; USD/MW]   grid_connection

    For sites with sources of their own; elsewhere rated load within (4a) or (E2) says it.
    """
    limits = {limit.subject: limit.limit for limit in data.site_power}
    for m in data.managed:
        for t in data.times if m.own else ():
            for i in data.slices.there(t):
                terms = [(1.0, v.spot[m.index, t, i])] + [(1.0, v.bought[s, m.index, t, i]) for s in m.over_grid]
                program.add(total(terms) <= limits[m.site.id][t], "grid_connection", m.site.id, t, i)


def generation(program: Program, data: Instance, v: Variables) -> None:
    """(E5)  generated[source,t,i] ≤ availability[source,t,i] · there[source,t]   [MW; USD/MW]   generation

    there = capacity + what was built, from the end of its lead time to that of its lifetime. A battery's `generated` is its
    discharge.
    """
    for (s, t, i), generated in v.generated.items():
        row = total([(1.0, generated), (-data.sources[s].availability[t][i], v.there[s, t])])
        program.add(row <= 0, "generation", data.sources[s].row.id, t, i)


def purchase(program: Program, data: Instance, v: Variables) -> None:
    """(E6)  Σ_m bought[source,m,t,i] ≤ availability[source,t,i] · there[source,t]   [MW; USD/MW]   purchase

    Over a grid, all its sites together.
    """
    for source in (s for s in data.sources if s.row.grid is not None):
        for t in data.times:
            for i in data.slices.there(t):
                bought = [(1.0, x) for (s, _, e, j), x in v.bought.items() if (s, e, j) == (source.index, t, i)]
                if bought:
                    row = total([*bought, (-source.availability[t][i], v.there[source.index, t])])
                    program.add(row <= 0, "purchase", source.row.id, t, i)


def battery(program: Program, data: Instance, v: Variables) -> None:
    """(E7a)  charged[source,t,i] ≤ there[source,t]   [MW; USD/MW]   charge
    (E7b)  Σ_{i in day} h_i generated[source,t,i] = efficiency · Σ_{i in day} h_i charged[source,t,i]
    [MWh; USD/MWh]   battery_day
    (E7c)  Σ_{i in day} h_i generated[source,t,i] ≤ duration · days · there[source,t]
    [MWh; USD/MWh]   battery_duration

    A day is the slices that share their months; days counts those of the period in these months. Nothing is kept from one day
    to another.
    """
    for source in (s for s in data.sources if s.is_battery):
        s, row = source.index, source.row
        for t in data.times:
            hours = data.slices.hours[t]
            for g, group in enumerate(data.slices.groups):
                slices = [i for i in group if (s, t, i) in v.charged]
                if not slices:
                    continue
                for i in slices:
                    program.add(total([(1.0, v.charged[s, t, i]), (-1.0, v.there[s, t])]) <= 0, "charge", row.id, t, i)
                out = [(hours[i], v.generated[s, t, i]) for i in slices]
                back = [(-(row.efficiency or 1.0) * hours[i], v.charged[s, t, i]) for i in slices]
                program.add(total(out + back) == 0, "battery_day", row.id, t, g)
                room = (row.duration or 0.0) * data.slices.days(t, group)
                program.add(total([*out, (-room, v.there[s, t])]) <= 0, "battery_duration", row.id, t, g)


def build_limit(program: Program, data: Instance, v: Variables) -> None:
    """(E8)  Σ_t built[source,t] ≤ max_build   [MW; USD/MW]   max_build

    Over the whole horizon, also where a lifetime ends within it.
    """
    for source in data.sources:
        built = [(1.0, v.built[source.index, t]) for t in data.times if (source.index, t) in v.built]
        if built:
            program.add(total(built) <= source.row.max_build, "max_build", source.row.id)


def least_take(program: Program, data: Instance, v: Variables) -> None:
    """(E9a)  paid[source,t] ≥ Σ_i h_i (generated[source,t,i] + Σ_m bought[source,m,t,i])   [GWh; USD/GWh]   paid
    (E9b)  paid[source,t] ≥ min_take · Σ_i h_i availability[source,t,i] · there[source,t]   [GWh; USD/GWh]   min_take

    Energy that is paid for, taken or not; only for sources with a min_take.
    """
    for (s, t), paid in v.paid.items():
        source, hours = data.sources[s], data.slices.hours[t]
        taken = [(-hours[i] / 1e3, x) for (e, u, i), x in v.generated.items() if (e, u) == (s, t)]
        taken += [(-hours[i] / 1e3, x) for (e, _, u, i), x in v.bought.items() if (e, u) == (s, t)]
        program.add(total([(1.0, paid), *taken]) >= 0, "paid", source.row.id, t)
        least = source.row.min_take * sum(source.availability[t][i] * hours[i] for i in data.slices.there(t)) / 1e3
        if least:
            program.add(total([(1.0, paid), (-record(least), v.there[s, t])]) >= 0, "min_take", source.row.id, t)
