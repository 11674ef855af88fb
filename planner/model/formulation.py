"""The linear programme, written like a paper: variables, one function per constraint with its equation, the objective (measures).

Indices: t period, i slice, s site, p position (an offer o at a site), k class of positions, w workload, g accelerator at a site,
c commitment of a contract. The rules bear the numbers of docs/formulation.md, which is made from these docstrings.
Each docstring: a line per rule, `(number)  equation   [unit; unit of the dual]   rows in constraints.csv`, three blanks between
the parts; then, where it is not plain, why (D1, D2, ... are entries of docs/decisions.md).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from planner.core.units import record
from planner.data.instance import Instance
from planner.model import energy, magnitudes, measures
from planner.model.energy import draw, energy_bill
from planner.model.measures import MEASURES, part, routes
from planner.model.program import Program, Term, total
from planner.model.variables import Expression, Variables, make_variables


@dataclass(frozen=True)
class Model:
    """A built programme with its variables and the terms of its objectives."""

    program: Program
    variables: Variables
    instance: Instance
    objective: Expression
    cost: Expression


def build(data: Instance) -> Model:
    """The programme of an instance. InputFault if a number in it is one that solvers cannot keep."""
    program = Program(sliced=len(data.slices.ids) > 1)
    v = make_variables(program, data)
    stock(program, data, v)
    shipments(program, data, v)
    online_within_held(program, data, v)
    energy.run_within_online(program, data, v)
    use_within_run(program, data, v)
    demand(program, data, v)
    site_power(program, data, v)
    energy.throttled_power(program, data, v)
    energy.balance(program, data, v)
    energy.grid_connection(program, data, v)
    energy.generation(program, data, v)
    energy.purchase(program, data, v)
    energy.battery(program, data, v)
    energy.build_limit(program, data, v)
    energy.least_take(program, data, v)
    build_rate(program, data, v)
    power_caps(program, data, v)
    supply(program, data, v)
    offer_max(program, data, v)
    export_blocked(program, data, v)
    export_quantities(program, data, v)
    export_licences(program, data, v)
    budgets(program, data, v)
    take_or_pay(program, data, v)
    allotment(program, data, v)
    provider_share(program, data, v)
    survival_power(program, data, v)
    survival_caps(program, data, v)
    survival_use(program, data, v)
    survival_demand(program, data, v)
    carbon(program, data, v)
    measures.peak_power(program, data, v)
    measures.largest_share(program, data, v)
    measures.equal_shortage(program, data, v)
    made = Model(program, v, data, MEASURES[data.objective](data, v), MEASURES["cost"](data, v))
    magnitudes.judge(program, data, (made.objective, made.cost))
    return made


# --- 1 stock and shipments --------------------------------------------------------------------------------------------


def stock(program: Program, data: Instance, v: Variables) -> None:
    """(1a)  taken[p,t] = taken[p,t−1] + added[p,t] − Σ_{t' that run out in t} added[p,t']   [rack; USD/rack]   stock
    (1b)  taken[p,t] ≥ taken[p,t−1]   for offers whose term does not run out within the horizon   [rack; USD/rack]   stock

    held[p,t] = fleet[p,t] + taken[p,t]. Where nothing runs out no `added` is needed: what is added is the rise of `taken` (D3).
    """
    for (p, t), taken in v.taken.items():
        before = v.taken.get((p, t - 1), 0.0)
        position = data.positions[p]
        if (p, t) in v.added or any((p, e) in v.added for e in range(t)):
            gone = [v.added[p, e] for e in range(t) if position.expires[e] == t and (p, e) in v.added]
            change = [(1.0, taken), (-1.0, before), (-1.0, v.added.get((p, t), 0.0)), *((1.0, a) for a in gone)]
            program.add(total(change) == 0, "stock", p, t)
        elif taken is not before and not isinstance(before, float):
            program.add(taken >= before, "stock", p, t)


def shipments(program: Program, data: Instance, v: Variables) -> None:
    """(1c)  shipped[g,t] − shipped[g,t−1] ≥ Σ_o (held[p,t] − held[p,t−1])   [rack; USD/rack]   shipment
    (1d)  shipped[g,t] ≥ shipped[g,t−1]   [rack; USD/rack]   shipment_stays

    new[g,t] = shipped[g,t] − shipped[g,t−1]; held before the horizon is the fleet on its first day, so renewing ships nothing.
    Where nothing ever leaves, shipped[g,t] = Σ_o (held[p,t] − fleet[p,0]) is an expression and no column (D4).
    """
    limited = _groups_with_limits(data)
    for g in data.groups:
        if g.index not in limited:
            continue
        first = math.fsum(data.positions[p].before for p in g.members)
        for t in data.times:
            held = _held(v, g.members, t)
            if g.steady:
                v.shipped[g.index, t] = held - first
                continue
            before = v.shipped.get((g.index, t - 1), 0.0)
            v.shipped[g.index, t] = program.variable("shipped", g.index, t)
            rise = held - (_held(v, g.members, t - 1) if t else first)
            program.add(total([(1.0, v.shipped[g.index, t]), (-1.0, before), (-1.0, rise)]) >= 0, "shipment", g.index, t)
            if t:
                program.add(v.shipped[g.index, t] - before >= 0, "shipment_stays", g.index, t)


def _groups_with_limits(data: Instance) -> set[int]:
    limited = {g for limit in data.build_limits for g, _ in limit.groups} | {
        g for limit in data.shipments for g, _ in limit.groups
    }
    for limit in data.export_limits:
        limited |= {g for g, _, _ in limit.counted} | {g for g, _ in limit.base}
    return limited | {g.index for g in data.groups if any(g.licensed)}


def _held(v: Variables, members: tuple[int, ...], t: int) -> Expression:
    return total((1.0, v.held[p, t]) for p in members if (p, t) in v.held)


def _new(v: Variables, g: int, t: int) -> Expression:
    """Racks shipped in during a period."""
    return total([(1.0, v.shipped[g, t]), (-1.0, v.shipped[g, t - 1])]) if t else v.shipped[g, t]


# --- 2 capacity -------------------------------------------------------------------------------------------------------


def online_within_held(program: Program, data: Instance, v: Variables) -> None:
    """(2a)  online[p,t] ≤ held[p,t]   [rack; USD/rack]   online

    What is held and not online is a dark rack: paid, not powered. On-demand offers have no stock.
    """
    for (p, t), online in v.online.items():
        if not data.positions[p].on_demand:
            program.add(online - v.held[p, t] <= 0, "online", p, t)


def use_within_run(program: Program, data: Instance, v: Variables) -> None:
    """(2b)  Σ_w use[w,k,t,i] ≤ Σ_{p in k} run[p,t,i]   on-demand with one slice: =   [rack; USD/rack]   use

    A class k gathers positions that no workload tells apart; one `use` for all of them is exact (D1). `run` is `online` where
    nothing is throttled.
    """
    for k in data.classes:
        for t in data.times:
            for i in data.slices.there(t):
                use = [(1.0, v.use[s.workload, k.index, t, i]) for s in k.serves if (s.workload, k.index, t, i) in v.use]
                run = [(-1.0, v.run[p, t, i]) for p in k.positions if (p, t, i) in v.run]
                if k.on_demand and run and len(data.slices.there(t)) == 1:
                    program.add(total(use + run) == 0, "use", k.index, t, i)
                elif use or (k.on_demand and run):
                    program.add(total(use + run) <= 0, "use", k.index, t, i)


# --- 3 demand ---------------------------------------------------------------------------------------------------------


def demand(program: Program, data: Instance, v: Variables) -> None:
    """(3)  Σ_{i in slot} h_i/H Σ_k u G E[w,k,t] use[w,k,t,i] + unserved[w,t,slot] = demand[w,t,slot] · demand_scale
    [h100e; USD/h100e]   demand

    A slot is one slice, the slices of a day, or the whole period, as the workload is flexible; H = Σ_{i in slot} h_i.
    `unserved` is there only for workloads with a price for it and where cost or unserved is minimised; demand_scale is 1 unless
    it is maximised.
    """
    for w, series in enumerate(data.slot_demand):
        for t, row in enumerate(series):
            for j, needed in enumerate(row):
                if needed > 0:
                    missing = v.unserved.get((w, t, j), 0.0)
                    terms = [
                        *_served(data, v, w, t, data.slots[w][j]),
                        (1.0, missing),
                        (-record(needed / data.scale_unit), v.scale),
                    ]
                    program.add(total(terms) == 0, "demand", w, t, j)


def _served(data: Instance, v: Variables, w: int, t: int, slot: tuple[int, ...]) -> list[Term]:
    """Mean compute delivered to a workload over a slot [h100e]."""
    hours = data.slices.hours[t]
    whole = sum(hours[i] for i in slot)
    return [
        (part(data.compute[w, k.accelerator][t], hours[i], whole), v.use[w, k.index, t, i])
        for i in slot
        for k in data.classes
        if (w, k.index, t, i) in v.use
    ]


# --- 4, 5 power -------------------------------------------------------------------------------------------------------


def site_power(program: Program, data: Instance, v: Variables) -> None:
    """(4a)  Σ_o ρ_s K online[p,t] ≤ available_s · P[s,t] + Σ_source firm · there[source,t]   [MW; USD/MW]   site_power

    At rated load, with the sources at the site; an oversubscribed plan keeps (E2) instead.
    """
    for limit in data.site_power if not data.oversubscribed else ():
        for t in data.times:
            rated = [(data.power[p], v.online[p, t]) for p in limit.members if (p, t) in v.online]
            if rated:
                firm = energy.firm_power(data, v, limit.subject, t)
                bound = limit.limit[t]
                program.add(total(rated + firm) <= bound, "site_power", limit.subject, t, limit=bound)


def build_rate(program: Program, data: Instance, v: Variables) -> None:
    """(4b)  Σ_a ρ_s K new[g,t] ≤ build_rate_s · length_t   [MW; USD/MW]   build_rate"""
    for limit in data.build_limits:
        for t in data.times:
            built = total((power, _new(v, g, t)) for g, power in limit.groups)
            program.add(built <= limit.limit[t], "build_rate", limit.site, t, limit=limit.limit[t])


def power_caps(program: Program, data: Instance, v: Variables) -> None:
    """(5)  Σ_{p in scope} ρ_s K (idle · online[p,t] + (1 − idle) · run[p,t,i]) − excess[t] ≤ limit[t]   contract floors: ≥
    [MW; USD/MW]
    fleet_power, provider_power, country_power, national_share, grid_headroom, contract_max_power, contract_min_power,
    contract_right

    The limit of a national share is share × installed capacity. `excess` is there only where a limit is soft, at its price.
    A right: what lies in the scope of contracts with a ceiling has power only on their days, on the mean over a period (D37).
    Grid headroom is without what the sites on the grid make themselves. Where nothing is throttled slices do not differ and one
    row stands for all.
    """
    for limit in data.power_limits:
        for t, bound in enumerate(limit.limit):
            if bound is None:
                continue
            if limit.price is not None:
                v.excess[limit.family, limit.subject, t] = program.variable("excess", limit.family, limit.subject, t)
            for i in energy.telling_slices(data, limit.members, t, limit.family == "grid_headroom"):
                terms = draw(data, v, limit.members, t, i)
                if limit.family == "grid_headroom":
                    terms += energy.own_supply(data, v, limit.subject, t, i)
                if limit.price is not None:
                    terms.append((-1.0, v.excess[limit.family, limit.subject, t]))
                row = total(terms)
                program.add(row >= bound if limit.floor else row <= bound, limit.family, limit.subject, t, i, limit=bound)


# --- 6 supply ---------------------------------------------------------------------------------------------------------


def supply(program: Program, data: Instance, v: Variables) -> None:
    """(6a)  Σ_s shipped[g,t] ≤ Σ_{t'≤t} rate · length   [rack; USD/rack]   supply
    (6b)  Σ_s K shipped[g,t] ≤ total   [MW; USD/MW]   supply_total

    Over the groups of an accelerator or of a vendor; (6b) is IT power, without the PUE.
    """
    for limit in data.shipments:
        for t, bound in enumerate(limit.limit):
            if bound is not None:
                shipped = total((weight, v.shipped[g, t]) for g, weight in limit.groups)
                program.add(shipped <= bound, limit.family, limit.subject, t, limit=bound)


def offer_max(program: Program, data: Instance, v: Variables) -> None:
    """(6c)  Σ_s G held[p,t] ≤ max_o   on-demand: online for held   [gpu; USD/gpu]   offer_max

    Over all sites and all tranches of the offer.
    """
    for limit in data.offer_limits:
        for t in data.times:
            racks = [
                (gpus, (v.online if data.positions[p].on_demand else v.held)[p, t])
                for p, gpus in limit.members
                if (p, t) in (v.online if data.positions[p].on_demand else v.held)
            ]
            if racks:
                program.add(total(racks) <= limit.limit, "offer_max", limit.offer, t, limit=limit.limit)


# --- 7 export control -------------------------------------------------------------------------------------------------


def export_blocked(program: Program, data: Instance, v: Variables) -> None:
    """(7a)  Σ_o (held[p,t] − held[p,t−1]) ≤ 0   where any day of t is blocked   [rack; USD/rack]   export_blocked

    Racks already there stay. Where nothing else can change there are no columns for additions and no row.
    """
    for g in data.groups:
        first = math.fsum(data.positions[p].before for p in g.members)
        for t in data.times:
            if g.blocked[t] and not all((p, t) in v.frozen for p in g.members):
                rise = _held(v, g.members, t) - (_held(v, g.members, t - 1) if t else first)
                program.add(rise <= 0, "export_blocked", g.site.id, g.accelerator, t)


def export_quantities(program: Program, data: Instance, v: Variables) -> None:
    """(7b)  Σ_{t'≤t} Σ_g weight · new[g,t'] ≤ cap   [million TPP; USD/million TPP]   export_cap
    (7c)  Σ_{t'≤t} Σ_g weight · new[g,t'] ≤ share · Σ_{t'≤t} Σ_g weight · net[g,t'] everywhere
    [million TPP; USD/million TPP]   export_max_share
    (7d)  Σ_{t'≤t} Σ_g weight · net[g,t'] ≥ share · Σ_{t'≤t} Σ_g weight · new[g,t'] everywhere
    [million TPP; USD/million TPP]   export_min_share

    Counted from the first period that starts on or after effective_from; a cap in gpu has G for the TPP of a rack as its weight.
    What helps to keep a share (the base of a maximum, the left side of a minimum) counts as net change of racks held: it equals
    `new` where nothing leaves and is never more, so that no shipment on paper can loosen the rule (D5).
    """
    for limit in data.export_limits:
        for t in range(limit.first, limit.last + 1):
            since = frozenset(range(limit.first, limit.last + 1))
            helps = not limit.floor  # a larger base loosens a maximum
            base = [
                (-limit.share * weight, _net(data, v, g, since, t) if helps else _counted(v, g, since, t))
                for g, weight in limit.base
            ]
            if limit.floor:
                row = total([(weight, _net(data, v, g, when, t)) for g, weight, when in limit.counted] + base)
                program.add(row >= limit.amount, limit.family, limit.subject, t, limit=limit.amount)
            else:
                row = total([(weight, _counted(v, g, when, t)) for g, weight, when in limit.counted] + base)
                program.add(row <= limit.amount, limit.family, limit.subject, t, limit=limit.amount)


def _counted(v: Variables, g: int, when: frozenset[int], t: int) -> Expression:
    """Racks shipped in during the periods of `when` up to t, as few terms as there are gaps in it."""
    return total((sign, v.shipped[g, e]) for e in range(t + 1) for sign in [(e in when) - (e + 1 in when and e + 1 <= t)] if sign)


def _net(data: Instance, v: Variables, g: int, when: frozenset[int], t: int) -> Expression:
    """Net change of racks held over the periods of `when` up to t."""
    members = data.groups[g].members
    fleet = math.fsum(data.positions[p].before for p in members)
    terms = []
    for e in range(t + 1):
        sign = (e in when) - (e + 1 in when and e + 1 <= t)
        if sign:
            terms.append((sign, _held(v, members, e)))
    return total([*terms, (-1.0, fleet if 0 in when else 0.0)])


def export_licences(program: Program, data: Instance, v: Variables) -> None:
    """(7e)  Σ_{g,t} weight · lic[l,g,t] ≤ quantity_l   [gpu; USD/gpu]   licence
    (7f)  Σ_l lic[l,g,t] = G new[g,t]   under a licence need   [gpu; USD/gpu]   licence_need

    A gpu weighs its TPP over that of the chip that the licence is counted in, or 1.
    """
    for pool in data.licences:
        for g, t, _ in pool.draws:
            v.licensed[pool.licence, g, t] = program.variable("licensed", pool.licence, g, t)
        drawn = total((weight, v.licensed[pool.licence, g, t]) for g, t, weight in pool.draws)
        program.add(drawn <= pool.quantity, "licence", pool.licence)
    for group in data.groups:
        for t in data.times:
            if group.licensed[t]:
                keys = [(pool.licence, group.index, t) for pool in data.licences]
                drawn = [(1.0, v.licensed[key]) for key in keys if key in v.licensed]
                row = total([*drawn, (-group.gpus, _new(v, group.index, t))])
                program.add(row == 0, "licence_need", group.site.id, group.accelerator, t)


# --- 8, 9 money -------------------------------------------------------------------------------------------------------


def budgets(program: Program, data: Instance, v: Variables) -> None:
    """(8a)  Σ_{t in year} (spend + routes) + Σ_c shortfall[c] − excess ≤ budget   [million USD; USD/USD]   budget

    For a calendar year or for the horizon. Budgets in cash have the capex of `first_paid` for its annuity.
    """
    if data.cash_price and data.budgets:
        _first_payments(program, data, v)
    for budget in data.budgets:
        when = set(budget.periods)
        price = data.rent if data.cash_price else data.held_cost
        terms = [(price[p][t], held) for (p, t), held in v.held.items() if t in when and price[p][t]]
        terms += [term for t in budget.periods for term in energy_bill(data, v, t)]
        terms += [(cost, use) for (_, _, t, _), cost, use in routes(data, v) if t in when]
        terms += [(1.0, v.shortfall[c.index]) for c in data.commitments if c.year in budget.years]
        terms += [((data.cash_price or ())[p], bought) for (p, t), bought in v.first_paid.items() if t in when]
        if budget.price is not None:
            v.excess["budget", budget.label] = program.variable("excess", "budget", budget.label)
            terms.append((-1.0, v.excess["budget", budget.label]))
        program.add(total(terms) <= budget.limit, "budget", budget.label, limit=budget.limit)


def _first_payments(program: Program, data: Instance, v: Variables) -> None:
    """(8b)  first_paid[p,t] ≥ held[p,t] − held[p,t−1]   [rack; USD/rack]   first_paid

    Only where budgets are in cash and an offer has capex.
    """
    for (p, t), held in v.held.items():
        if data.cash_price and data.cash_price[p]:
            before = v.held.get((p, t - 1), 0.0) if t else data.positions[p].before
            v.first_paid[p, t] = program.variable("first_paid", p, t)
            program.add(v.first_paid[p, t] - held + before >= 0, "first_paid", p, t)


def take_or_pay(program: Program, data: Instance, v: Variables) -> None:
    """(9a)  Σ_pools allotted[c,pool] + shortfall[c] ≥ value · take_or_pay · days inside / days
    [million USD; USD/USD]   take_or_pay

    Days of the contract in the calendar year (settled by term: in the horizon) over all its days. A contract settled by a term
    that ends after the horizon bills nothing in it.
    """
    for pool in data.pools:
        for c, _ in pool.commitments:
            v.allotted[c, pool.index] = program.variable("allotted", c, pool.index)
    for due in data.commitments:
        allotted = [(1.0, variable) for (c, _), variable in v.allotted.items() if c == due.index]
        row = total([*allotted, (1.0, v.shortfall[due.index])])
        program.add(row >= due.amount, "take_or_pay", due.contract.id, due.label)


def allotment(program: Program, data: Instance, v: Variables) -> None:
    """(9b)  Σ_c allotted[c,pool] ≤ spend[pool]   [million USD; USD/USD]   allotment
    (9c)  allotted[c,pool] ≤ share of the pool's days in which c runs · spend[pool]   [million USD; USD/USD]   allotment_share

    A pool is the rent and metered energy that may count for the same contracts; each dollar counts once. At managed sites
    energy does not count.
    """
    for pool in data.pools:
        spend = _spend(data, v, pool.members)
        allotted = [(1.0, v.allotted[c, pool.index]) for c, _ in pool.commitments]
        program.add(total([*allotted, (-1.0, spend)]) <= 0, "allotment", pool.index)
        for c, fraction in pool.commitments:
            if fraction < 1:
                program.add(v.allotted[c, pool.index] - fraction * spend <= 0, "allotment_share", pool.index, c)


def _spend(data: Instance, v: Variables, members: tuple[tuple[int, int], ...]) -> Expression:
    """Rent and metered energy of positions in periods [million USD]."""
    rents = [(data.rent[p][t], v.held[p, t]) for p, t in members if (p, t) in v.held and data.rent[p][t]]
    return total(rents + [term for p, t in members for term in energy.position_bill(data, v, p, t)])


# --- 10 concentration -------------------------------------------------------------------------------------------------


def provider_share(program: Program, data: Instance, v: Variables) -> None:
    """(10)  X of the provider ≤ share · X of all   [share; USD/share]   provider_share_max
    (10')  X of the provider ≥ share · X of all   [share; USD/share]   provider_share_min

    X is compute delivered of one kind of work [h100e], rated power of racks online [MW] or spend [million USD]; constraints.csv
    divides the row by X of all.
    """
    for limit in data.shares:
        for t in limit.periods:
            mine = measures.shared(limit.of)(data, v, t, limit.provider)
            row = total([(1.0, mine), (-limit.share, measures.shared(limit.of)(data, v, t, None))])
            side = "min" if limit.floor else "max"
            program.add(
                row >= 0 if limit.floor else row <= 0, f"provider_share_{side}", limit.provider, limit.of, t, limit=limit.share
            )


# --- 11 resilience ----------------------------------------------------------------------------------------------------


def survival_power(program: Program, data: Instance, v: Variables) -> None:
    """(11a)  standby[l,p,t] ≤ held[p,t]   for positions that loss l leaves   [rack; USD/rack]   standby
    (11b)  Σ_o ρ_s K standby[l,p,t] ≤ available_s · P[s,t] + Σ_source firm · there[source,t]   [MW; USD/MW]   standby_power

    The second dispatch after a loss; on-demand takes no part in it.
    """
    for i, loss in enumerate(data.losses):
        for (p, t), held in v.held.items():
            if p not in loss.lost and (p, t) in v.online:
                v.standby[i, p, t] = program.variable("standby", i, p, t)
                program.add(v.standby[i, p, t] - held <= 0, "standby", i, p, t)
        for limit in data.site_power:
            for t in data.times:
                rated = [(data.power[p], v.standby[i, p, t]) for p in limit.members if (i, p, t) in v.standby]
                if rated:
                    firm = energy.firm_power(data, v, limit.subject, t)
                    bound = limit.limit[t]
                    program.add(total(rated + firm) <= bound, "standby_power", loss.subject, limit.subject, t, limit=bound)


def survival_caps(program: Program, data: Instance, v: Variables) -> None:
    """(11e)  Σ_{p in scope} ρ_s K standby[l,p,t] ≤ limit[t]   for every hard ceiling of (5)   [MW; USD/MW]
    standby_fleet_power, standby_provider_power, standby_country_power, standby_national_share, standby_grid_headroom,
    standby_contract_max_power, standby_contract_right

    A loss keeps the law: no ceiling is lifted by it. Soft limits, floors, money, carbon and shares do not bind a second dispatch.
    Racks that stand by draw their rated power in every slice. `carried` is what a grid with a headroom has to bring to a site
    with firm sources of its own; of other sites it is all that they draw (D36).
    """
    for n, loss in enumerate(data.losses):
        for t in data.times:
            carried = _carried(program, data, v, n, t)
            for limit in data.power_limits:
                bound = limit.limit[t]
                if bound is None or limit.price is not None or limit.floor:
                    continue
                own = carried if limit.family == "grid_headroom" else {}
                terms = [
                    (data.power[p], v.standby[n, p, t])
                    for p in limit.members
                    if (n, p, t) in v.standby and data.positions[p].site.id not in own
                ]
                terms += [(1.0, mw) for site, mw in own.items() if site in {data.positions[p].site.id for p in limit.members}]
                if terms:
                    key = (f"standby_{limit.family}", loss.subject, limit.subject, t, data.slices.there(t)[0])
                    program.add(total(terms) <= bound, *key, limit=bound)


def _carried(program: Program, data: Instance, v: Variables, n: int, t: int) -> dict[str, Expression]:
    """(11f)  carried[l,s,t] ≥ Σ_o ρ_s K standby[l,p,t] − Σ_source firm · there[source,t]   [MW; USD/MW]   standby_import

    What its grid brings to a site after a loss, for sites with firm sources on grids whose headroom is limited.
    """
    limited = {limit.subject for limit in data.power_limits if limit.family == "grid_headroom" and limit.limit[t] is not None}
    found = {}
    for m in data.managed:
        firm = energy.firm_power(data, v, m.site.id, t)
        load = [(-data.power[p], v.standby[n, p, t]) for p in m.positions if (n, p, t) in v.standby]
        if m.site.grid in limited and firm and load:
            v.carried[n, m.index, t] = found[m.site.id] = program.variable("carried", n, m.index, t)
            made = [(-factor, there) for factor, there in firm]
            row = total([(1.0, v.carried[n, m.index, t]), *load, *made])
            program.add(row >= 0, "standby_import", data.losses[n].subject, m.site.id, t)
    return found


def survival_use(program: Program, data: Instance, v: Variables) -> None:
    """(11c)  Σ_w rescue[l,w,k,t,i] ≤ Σ_{p in k} standby[l,p,t]   [rack; USD/rack]   rescue"""
    for n, _ in enumerate(data.losses):
        for k in data.classes:
            for t in data.times:
                left = [(-1.0, v.standby[n, p, t]) for p in k.positions if (n, p, t) in v.standby]
                for i in data.slices.there(t) if left else ():
                    needy = [
                        s.workload for s in k.serves if data.critical[s.workload] > 0 and (s.workload, k.index, t, i) in v.use
                    ]
                    for w in needy:
                        v.rescue[n, w, k.index, t, i] = program.variable("rescue", n, w, k.index, t, i)
                    if needy:
                        rescue = [(1.0, v.rescue[n, w, k.index, t, i]) for w in needy]
                        program.add(total(rescue + left) <= 0, "rescue", n, k.index, t, i)


def survival_demand(program: Program, data: Instance, v: Variables) -> None:
    """(11d)  Σ_{i in slot} h_i/H Σ_k u G E[w,k,t] rescue[l,w,k,t,i] ≥ critical_w · demand[w,t,slot] · demand_scale
    [h100e; USD/h100e]   resilience

    For every loss l: nothing of the critical share may be unserved.
    """
    for n, loss in enumerate(data.losses):
        for w, series in enumerate(data.slot_demand):
            for t, row in enumerate(series) if data.critical[w] > 0 else ():
                hours = data.slices.hours[t]
                for j, needed in enumerate(row):
                    if needed > 0:
                        slot = data.slots[w][j]
                        whole = sum(hours[i] for i in slot)
                        met = [
                            (part(data.compute[w, k.accelerator][t], hours[i], whole), v.rescue[n, w, k.index, t, i])
                            for i in slot
                            for k in data.classes
                            if (n, w, k.index, t, i) in v.rescue
                        ]
                        least = record(data.critical[w] * needed / data.scale_unit)
                        program.add(total([*met, (-least, v.scale)]) >= 0, "resilience", loss.subject, w, t, j)


# --- 12 carbon --------------------------------------------------------------------------------------------------------


def carbon(program: Program, data: Instance, v: Variables) -> None:
    """(12)  Σ_{t in year} energy · carbon intensity − excess ≤ cap   [t; USD/t]   carbon

    Energy is ρ_s K average_load (idle · online + (1 − idle) · run) h_i, with the yearly PUE of the site (D10), at the intensity
    of its grid; at managed sites what is taken from the grid, and what each source makes at its own intensity.
    """
    for cap in data.carbon_caps:
        emitted = [term for t in cap.periods for term in energy.emissions(data, v, t)]
        if cap.price is not None:
            v.excess["carbon", cap.label] = program.variable("excess", "carbon", cap.label)
            emitted.append((-1.0, v.excess["carbon", cap.label]))
        program.add(total(emitted) <= cap.limit, "carbon", cap.label, limit=cap.limit)
