"""Rules of the slices: which racks run, what they are used for hour by hour, and when a demand is met (design.md section 10)."""

from __future__ import annotations

from collections.abc import Iterator

from planner.audit.case import Case
from planner.audit.evidence import NO_STOCK, Check
from planner.audit.sources import Sources


def running(case: Case) -> Iterator[Check]:
    """run ≤ online in each slice; = online where racks cannot rest."""
    world = case.world
    for t, slices in enumerate(case.plan.running or ()):
        for name, racks in slices.items():
            for key, run in racks.items():
                position, label = world.positions[key], world.horizon[t].label
                online, subject = case.plan.stock[t].get(key, NO_STOCK).online, f"{position.label} {name}"
                if world.throttled(position):
                    yield case.judge.at_most("running", subject, label, run, online, "rack", note="run ≤ online")
                else:
                    yield case.judge.equal("running", subject, label, run, online, "rack", note="racks cannot rest")


def slice_capacity(case: Case) -> Iterator[Check]:
    """Σ_w use ≤ run in each slice, and only of what may serve."""
    if case.world.energy is None:
        return
    for t, slices in enumerate(case.plan.dispatch):
        label = case.world.horizon[t].label
        for name, uses in slices.items():
            for key, used in uses.items():
                position = case.world.positions[key]
                value, limit, subject = sum(used.values()), case.run(key, t, name), f"{position.label} {name}"
                yield case.judge.at_most("slice_capacity", subject, label, value, limit, "rack", note="use ≤ run")
                for workload, racks in used.items():
                    if not case.serves(workload, key, t):
                        yield case.judge.at_most("eligibility", f"{workload} at {subject}", label, racks, 0.0, "rack")


def dispatch(case: Case) -> Iterator[Check]:
    """allocation.csv is the mean of dispatch.csv over the hours of a period; compute = u·G·E·racks."""
    world = case.world
    if world.energy is None or not case.plan.told & {"dispatch"}:
        return
    for row in case.plan.table("dispatch"):
        position, label, workload = world.positions[row.place], row.text["period"], row.text["workload"]
        due = world.compute_of(workload, position, world.index[label]) * row.get("racks")
        subject = f"{workload} at {position.label} {row.text['slice']}"
        yield case.judge.equal("dispatch", subject, label, row.get("compute_h100e"), due, "h100e", note="compute")
    for period in world.horizon:
        t, hours = period.index, world.calendar.hours[period.index]
        means = {(key, w): 0.0 for key, uses in case.plan.use[t].items() for w in uses}
        for name, uses in case.plan.dispatch[t].items():
            for key, used in uses.items():
                for w, racks in used.items():
                    means[key, w] = means.get((key, w), 0.0) + racks * hours[name] / period.hours
        for (key, w), mean in means.items():
            told, subject = case.plan.use[t].get(key, {}).get(w, 0.0), f"{w} at {world.positions[key].label}"
            yield case.judge.equal("dispatch", subject, period.label, told, mean, "rack", note="mean over the hours")


def slot_demand(case: Case) -> Iterator[Check]:
    """In each slot Σ_σ h·u·G·E·use / H + unserved = D · Σ_σ h·shape / H with unserved ≥ 0. Slots are single slices (`no`),
    day-groups (`day`) or the whole period (`period`); what they leave unserved is what demand.csv says."""
    world, objective = case.world, case.world.inputs.scenario.objective.name
    if world.energy is None:
        return
    rows = {(row.text["period"], row.text["workload"]): row for row in case.plan.table("demand")}
    for period in world.horizon:
        t, hours, label = period.index, world.calendar.hours[period.index], period.label
        served: dict[str, dict[str, float]] = {name: {} for name in hours}
        for name, uses in case.plan.dispatch[t].items():
            for amounts in case.compute_in(uses, t).values():
                for one, amount in amounts.items():
                    served[name][one] = served[name].get(one, 0.0) + amount
        for workload, w in world.workloads.items():
            missing, gross = 0.0, 0.0
            may_miss = w.unserved is not None and objective in ("cost", "unserved")
            for slot in world.calendar.slots(w.flexible, t):
                length = sum(hours[name] for name in slot)
                got = sum(served[name].get(workload, 0.0) * hours[name] for name in slot) / length
                wanted, subject = case.demand(workload, t, slot), f"{workload} {' '.join(slot)}"
                yield case.judge.at_most("slot_demand", subject, label, got, wanted, "h100e", note="served ≤ demand")
                if not may_miss:
                    yield case.judge.at_least("slot_demand", subject, label, got, wanted, "h100e", note="all is served")
                missing += (wanted - got) * length / period.hours
                gross += (abs(wanted) + got) * length / period.hours
            if row := rows.get((label, workload)):
                told = row.get("unserved_h100e")
                yield case.judge.equal("slot_demand", workload, label, told, missing, "h100e", gross, "unserved in all slots")


def site_power(case: Case, sources: Sources) -> Iterator[Check]:
    """(4)  Σ ρK·online ≤ available × power of the site + Σ firm·(capacity + built) of its sources; oversubscribed, in each slice:
    rated load ≤ available × power + Σ shape·(capacity + built) + discharge − charge."""
    for cap in case.world.caps:
        if cap.scope != "site":
            continue
        t, site, label = cap.period, cap.id, case.world.horizon[cap.period].label
        if not case.world.oversubscribed:
            draw = case.nameplate[t].get(("site", site), 0.0)
            yield case.judge.at_most("site_power", site, label, draw, cap.limit + sources.firm(site, t), "MW")
            continue
        for name, sums in case.rated[t].items():
            limit, gross = sources.potential(site, t, name)
            draw = sums.get(("site", site), 0.0)
            yield case.judge.at_most("site_power", f"{site} {name}", label, draw, cap.limit + limit, "MW", gross)
