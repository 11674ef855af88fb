"""An independent auditor: recomputes every rule and the cost of a plan from the inputs and the text of its tables.

It knows no solver and no formulation, on purpose: it imports nothing that takes part in making a plan, so an error there shows
here. Faults of the tables are failed checks, never exceptions. Numbers of the rules are those of design.md section 7.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from planner.audit.case import Case
from planner.audit.contract_power import contract_power, rights
from planner.audit.evidence import NO_STOCK, Check, Judge, read_plan
from planner.audit.export_control import export_amounts, export_block, licences
from planner.audit.hours import dispatch, running, site_power, slice_capacity, slot_demand
from planner.audit.ledger import Ledger, budgets, carbon, cost_table, take_or_pay
from planner.audit.losses import resilience
from planner.audit.premises import World
from planner.audit.sources import Sources, balance, battery, building, energy_table, generation, metered_only
from planner.audit.totals import claimed_totals, compute_table, mix_table, power_table, total_values
from planner.core.calendar import steps
from planner.inputs.assembly import Inputs, column
from planner.inputs.scenario import ProviderShare
from planner.inputs.tables import Supply

__all__ = ["Audit", "Check", "audit"]


@dataclass(frozen=True)
class Audit:
    """The verdict: how many comparisons were made, those that failed, the recomputed totals, the largest relative violation seen
    (at most the tolerance if all passed; 1 where no number measures it)."""

    passed: bool
    checked: int
    failures: tuple[Check, ...]
    totals: dict[str, float]
    worst: float


def audit(
    inputs: Inputs,
    tables: Mapping[str, Sequence[Mapping[str, str]]],
    claimed: Mapping[str, float] | None = None,
    tolerance: float = 1e-6,
) -> Audit:
    """Whether the plan in `tables` (rows of text cells by file stem) keeps every rule and costs what it says."""
    world, judge = World(inputs), Judge(tolerance)
    plan = read_plan(world, tables, judge)
    case = Case(world, plan, judge)
    sources = Sources(case)
    ledger = Ledger(case, sources)
    totals = total_values(case, ledger)
    checked, worst, failures = len(plan.faults), 1.0 if plan.faults else 0.0, list(plan.faults)
    for check in _all(case, sources, ledger, totals, claimed or {}):
        checked += 1
        worst = max(worst, check.violation)
        if not check.ok:
            failures.append(check)
    return Audit(not failures, checked, tuple(failures), totals, worst)


def _all(
    case: Case, sources: Sources, ledger: Ledger, totals: Mapping[str, float], claimed: Mapping[str, float]
) -> Iterator[Check]:
    """The table of contents."""
    yield from stock(case)
    yield from window(case)
    yield from on_demand(case)
    yield from whole_racks(case)
    yield from capacity(case)
    yield from eligibility(case)
    yield from compute(case)
    yield from demand(case)
    yield from running(case)
    yield from slice_capacity(case)
    yield from dispatch(case)
    yield from slot_demand(case)
    yield from metered_only(case)
    yield from balance(case)
    yield from generation(case, sources)
    yield from battery(case, sources)
    yield from building(case, sources)
    yield from energy_table(case, sources)
    yield from site_power(case, sources)
    yield from build_rate(case)
    yield from power_caps(case)
    yield from contract_power(case)
    yield from rights(case)
    yield from supply(case)
    yield from offer_max(case)
    yield from export_block(case)
    yield from licences(case)
    yield from export_amounts(case)
    yield from budgets(case, ledger)
    yield from take_or_pay(case, ledger)
    yield from provider_share(case, ledger)
    yield from resilience(case, sources)
    yield from carbon(case, ledger)
    yield from cost_table(case, ledger)
    yield from mix_table(case, ledger)
    yield from compute_table(case)
    yield from power_table(case, sources)
    yield from claimed_totals(case, ledger, totals, claimed)


# --- (1) stock --------------------------------------------------------------------------------------------------------


def stock(case: Case) -> Iterator[Check]:
    """(1)  held_t = fleet_t + Σ add over the periods whose term has not run out."""
    world, plan = case.world, case.plan
    count = len(world.horizon)
    for key in {**world.fleet, **{key: None for stocks in plan.stock for key in stocks}}:
        position = world.positions[key]
        if position.on_demand:
            continue
        running, ever = list(world.fleet.get(key, [0.0] * count)), 0.0
        for t, stocks in enumerate(plan.stock):
            if added := stocks.get(key, NO_STOCK).added:
                for later in range(t, world.expiry(position, t)):
                    running[later] += added
        for period in world.horizon:
            found = plan.stock[period.index].get(key, NO_STOCK)
            ever += found.added
            yield case.judge.equal("stock", position.label, period.label, found.held, running[period.index], "rack", ever)
            before = plan.stock[period.index - 1].get(key, NO_STOCK).held if period.index else world.fleet_before.get(key, 0.0)
            left = before + found.added - found.held
            yield case.judge.equal("stock", position.label, period.label, found.removed, left, "rack", ever + before, "removed")


def window(case: Case) -> Iterator[Check]:
    """(6)  no addition, and no use on demand, in periods that start outside the offer's days or before the accelerator is out."""
    for period in case.world.horizon:
        for key, found in case.plan.stock[period.index].items():
            position = case.world.positions[key]
            if not position.window[period.index]:
                racks = found.held if position.on_demand else found.added
                yield case.judge.at_most("window", position.label, period.label, racks, 0.0, "rack")


def on_demand(case: Case) -> Iterator[Check]:
    """(1)  on-demand offers have no stock: held = online = Σ_w use (with several slices ≥ in each), nothing is added."""
    several = len(case.world.calendar.parts) > 1
    for period in case.world.horizon:
        stocks, uses = case.plan.stock[period.index], case.plan.use[period.index]
        for key in {**stocks, **uses}:
            position, found = case.world.positions[key], stocks.get(key, NO_STOCK)
            if position.on_demand:
                used = sum(uses.get(key, {}).values())
                online = found.online if several else used
                for value, limit, note in (
                    (found.held, online, "held"),
                    (found.online, online, "online"),
                    (found.added, 0.0, "added"),
                ):
                    yield case.judge.equal("on_demand", position.label, period.label, value, limit, "rack", note=note)


def whole_racks(case: Case) -> Iterator[Check]:
    """Additions are whole racks where the scenario asks for it, to 1e-5 (what solvers take for an integer)."""
    if case.world.inputs.scenario.solve.whole_racks:
        for period in case.world.horizon:
            for key, found in case.plan.stock[period.index].items():
                broken, label = abs(found.added - round(found.added)), case.world.positions[key].label
                yield case.judge.at_most("whole_racks", label, period.label, broken, 0.0, "rack", gross=1e4 + found.added)


# --- (2) capacity, (3) demand -------------------------------------------------------------------------------------------


def capacity(case: Case) -> Iterator[Check]:
    """(2)  Σ_w use ≤ online ≤ held."""
    for period in case.world.horizon:
        stocks, uses = case.plan.stock[period.index], case.plan.use[period.index]
        for key in {**stocks, **uses}:
            found, label = stocks.get(key, NO_STOCK), case.world.positions[key].label
            used = sum(uses.get(key, {}).values())
            dark = found.held - found.online
            yield case.judge.equal("capacity", label, period.label, found.dark, dark, "rack", found.held, "dark")
            yield case.judge.at_most("capacity", label, period.label, used, found.online, "rack", note="use ≤ online")
            yield case.judge.at_most("capacity", label, period.label, found.online, found.held, "rack", note="online ≤ held")


def eligibility(case: Case) -> Iterator[Check]:
    """(3)  a workload is served only from where it may be (residency, machine, routes, throughput of its kind)."""
    for t, uses in enumerate(case.plan.use):
        for key, racks in uses.items():
            for workload, used in racks.items():
                if not case.serves(workload, key, t):
                    subject = f"{workload} at {case.world.positions[key].label}"
                    yield case.judge.at_most("eligibility", subject, case.world.horizon[t].label, used, 0.0, "rack")


def compute(case: Case) -> Iterator[Check]:
    """(3)  what allocation.csv says its racks are: gpus = G·racks, compute = u·G·E·racks; power in fleet.csv = ρK·online."""
    world = case.world
    for row in case.plan.table("allocation"):
        position, label, workload = world.positions[row.place], row.text["period"], row.text["workload"]
        subject, racks = f"{workload} at {position.label}", row.get("racks")
        each = world.compute_of(workload, position, world.index[label])
        yield case.judge.equal("compute", subject, label, row.get("gpus"), position.gpus * racks, "gpu")
        yield case.judge.equal("compute", subject, label, row.get("compute_h100e"), each * racks, "h100e")
    for row in case.plan.table("fleet"):
        position = world.positions[row.place]
        drawn = position.mw * row.get("racks_online")
        yield case.judge.equal("power", position.label, row.text["period"], row.get("power_mw"), drawn, "MW")


def demand(case: Case) -> Iterator[Check]:
    """(3)  Σ u·G·E·use + unserved = D, D as in the inputs (times one scale); unserved only at a price, and where cost counts."""
    world, objective = case.world, case.world.inputs.scenario.objective.name
    rows = {(row.text["period"], row.text["workload"]): row for row in case.plan.table("demand")}
    for period in world.horizon:
        served: dict[str, float] = {}
        for uses in case.compute[period.index].values():
            for workload, amount in uses.items():
                served[workload] = served.get(workload, 0.0) + amount
        for workload, w in world.workloads.items():
            row, wanted = rows.get((period.label, workload)), case.demand(workload, period.index)
            if row is None:
                yield case.judge.fault("tables", "demand", period.label, f"no row of workload {workload}")
                continue
            stated, got, unserved = row.get("demand_h100e"), served.get(workload, 0.0), row.get("unserved_h100e")
            rule = "demand_scale" if objective == "demand_scale" else "demand"
            yield case.judge.equal(rule, workload, period.label, stated, wanted, "h100e", note="demand as the inputs have it")
            yield case.judge.equal("demand", workload, period.label, row.get("served_h100e"), got, "h100e", note="served")
            yield case.judge.equal("demand", workload, period.label, got + unserved, wanted, "h100e", note="served + unserved")
            if w.unserved is None or objective not in ("cost", "unserved"):
                note = "nothing may be left unserved"
                yield case.judge.at_most("unserved", workload, period.label, unserved, 0.0, "h100e", note=note)


# --- (4), (5) power -----------------------------------------------------------------------------------------------------


def build_rate(case: Case) -> Iterator[Check]:
    """(4)  Σ_a ρK·new ≤ build_rate × length."""
    for period in case.world.horizon:
        built: dict[str, tuple[float, float]] = {}
        for (s, a), change in case.changes[period.index].items():
            mw = case.world.inputs.sites[s].pue * case.world.inputs.accelerators[a][0].rack_power
            total, gross = built.get(s, (0.0, 0.0))
            built[s] = total + mw * change.new, gross + mw * change.gross
        for s, (total, gross) in built.items():
            if (rate := case.world.inputs.sites[s].build_rate) is not None:
                yield case.judge.at_most("build_rate", s, period.label, total, rate * period.hours, "MW", gross)


def power_caps(case: Case) -> Iterator[Check]:
    """(5)  rated load ≤ headroom of the grid (net of what sites make themselves), caps of country, provider and fleet, in the
    slice where it is highest. Soft caps are paid for in cost.csv instead."""
    for cap in case.world.caps:
        if cap.price is None and cap.scope != "site":
            draw = case.draw[cap.period].get((cap.scope, cap.id), 0.0)
            yield case.judge.at_most(cap.rule, cap.id or cap.scope, case.world.horizon[cap.period].label, draw, cap.limit, "MW")


# --- (6) supply ---------------------------------------------------------------------------------------------------------


def supply(case: Case) -> Iterator[Check]:
    """(6)  Σ_{t'≤t} Σ_s new ≤ Σ_{t'≤t} rate × length, in racks;  Σ K·new ≤ total, in IT power; per accelerator or vendor."""
    rows: dict[tuple[str | None, str | None], list[Supply]] = {}
    for row in case.world.inputs.supply:
        rows.setdefault((row.accelerator, row.vendor), []).append(row)
    machines = {name: one[0] for name, one in case.world.inputs.accelerators.items()}
    for (accelerator, vendor), series in rows.items():
        inside = {a: m.rack_power for a, m in machines.items() if a == accelerator or (vendor is not None and m.vendor == vendor)}
        if not inside:
            continue
        rates = steps((row.from_, float("inf") if row.rate is None else row.rate) for row in series)
        totals = column(series, "total")
        racks = gross = power = power_gross = delivered = 0.0
        for period in case.world.horizon:
            for (_, a), change in case.changes[period.index].items():
                if a in inside:
                    racks, gross = racks + change.new, gross + change.gross
                    power, power_gross = power + inside[a] * change.new, power_gross + inside[a] * change.gross
            delivered += rates.mean(period) * period.hours
            subject = accelerator or vendor or ""
            yield case.judge.at_most("supply_rate", subject, period.label, racks, delivered, "rack", gross)
            if totals and (total := totals.lowest(period)) is not None:
                yield case.judge.at_most("supply_total", subject, period.label, power, total, "MW", power_gross)


def offer_max(case: Case) -> Iterator[Check]:
    """(6)  Σ_s G·held ≤ max, over all tranches and sites of an offer; the lowest max of its tranches."""
    limits: dict[str, float] = {}
    for offer in case.world.inputs.offers:
        if offer.max is not None:
            limits[offer.id] = min(offer.max, limits.get(offer.id, offer.max))
    for period in case.world.horizon:
        held: dict[str, float] = {}
        for key, found in case.plan.stock[period.index].items():
            position = case.world.positions[key]
            held[position.offer.id] = held.get(position.offer.id, 0.0) + position.gpus * found.held
        for offer_id, limit in limits.items():
            yield case.judge.at_most("offer_max", offer_id, period.label, held.get(offer_id, 0.0), limit, "gpu")


# --- (10) concentration -----------------------------------------------------------------------------------------------


def provider_share(case: Case, ledger: Ledger) -> Iterator[Check]:
    """(10)  share of compute delivered, power drawn or spend of a provider, in each period that the limit touches."""
    unit = {"compute": "h100e", "power": "MW", "spend": "USD"}
    for limit in case.world.inputs.scenario.limits.provider_share:
        for period in case.world.horizon:
            if period.last < (limit.from_ or date.min) or period.first > (limit.to or date.max):
                continue
            for kind, parts in _parts(case, ledger, limit, period.index).items():
                own, whole = parts.get(limit.provider, 0.0), sum(parts.values())
                subject, gross = f"{limit.provider} {limit.of} {kind}".strip(), sum(map(abs, parts.values()))
                if limit.max is not None:
                    yield case.judge.at_most(
                        "provider_share", subject, period.label, own, limit.max * whole, unit[limit.of], gross
                    )
                if limit.min is not None:
                    yield case.judge.at_least(
                        "provider_share", subject, period.label, own, limit.min * whole, unit[limit.of], gross
                    )


def _parts(case: Case, ledger: Ledger, limit: ProviderShare, t: int) -> dict[str, dict[str, float]]:
    """By provider; of compute for every kind of work apart, whose h100e are unlike units."""
    if limit.of == "spend":
        return {"": ledger.by_provider(t)}
    if limit.of == "power":
        return {"": {provider: mw for (scope, provider), mw in case.nameplate[t].items() if scope == "provider"}}
    found = case.delivered_by_kind(t)
    return found if limit.kind is None else {limit.kind: found.get(limit.kind, {})}
