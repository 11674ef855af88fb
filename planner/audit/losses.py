"""Rule (11): after losing a provider, a site or a country a second dispatch meets the critical share of every demand."""

from __future__ import annotations

from collections.abc import Iterator

from planner.audit.case import Case
from planner.audit.contract_power import contract_scopes, daily_sums
from planner.audit.evidence import NO_STOCK, Check
from planner.audit.premises import Key, Position
from planner.audit.sources import Sources
from planner.core.calendar import Period

Uses = dict[str, dict[Key, dict[str, float]]]  # slice, position, workload: racks


def resilience(case: Case, sources: Sources) -> Iterator[Check]:
    """(11)  after each loss a second dispatch (resilience.csv) of the racks held elsewhere, within site power, meets the critical
    share of every demand: use2 only of reserved racks that are left and may serve; Σ_w use2 ≤ online2 ≤ held in each slice;
    Σ ρK·online2 ≤ site power + firm sources, and ≤ every hard ceiling that holds before the loss."""
    rule, world = case.world.inputs.scenario.resilience, case.world
    if rule is None:
        return
    lost_of = {key: _lost(position, rule.lose) for key, position in world.positions.items()}
    losses = frozenset(lost_of.values())
    holding = {key for stocks in case.plan.stock for key, found in stocks.items() if found.held > 0}
    required = {lost_of[key] for key in holding if not world.positions[key].on_demand} or {"on-demand"}
    used: dict[tuple[str, int], Uses] = {}
    for row in case.plan.table("resilience"):
        lost, workload, key, racks = row.text["lost"], row.text["workload"], row.place, row.get("racks")
        position, label = world.positions[key], row.text["period"]
        t, subject = world.index[label], f"without {lost}: {workload} at {position.label}"
        if lost not in losses | {"on-demand"}:
            yield case.judge.fault("tables", "resilience", label, f"`{lost}` is no {rule.lose} that can be lost")
        elif position.on_demand or lost_of[key] == lost or not case.serves(workload, key, t):
            yield case.judge.at_most("resilience", subject, label, racks, 0.0, "rack", note="may not serve")
        else:
            due = world.compute_of(workload, position, t) * racks
            yield case.judge.equal("resilience", subject, label, row.get("compute_h100e"), due, "h100e", note="compute")
            name = row.text.get("slice", next(iter(world.calendar.parts)))
            used.setdefault((lost, t), {}).setdefault(name, {}).setdefault(key, {})[workload] = racks
    for lost in sorted(required | {lost for lost, _ in used}):  # what holds no racks takes none along
        for period in world.horizon:
            uses = used.get((lost, period.index), {})
            yield from _standby(case, sources, lost, period, uses)
            yield from _rescue(case, lost, period, uses)


def _lost(position: Position, what: str) -> str:
    return {"provider": position.provider, "site": position.site.id, "country": position.country}[what]


def _standby(case: Case, sources: Sources, lost: str, period: Period, uses: Uses) -> Iterator[Check]:
    """Racks used after a loss, in the slice where most are, are held, and their site can power them."""
    online: dict[Key, float] = {}
    for at in uses.values():
        for key, racks in at.items():
            online[key] = max(online.get(key, 0.0), sum(racks.values()))
    draw: dict[str, float] = {}
    for key, racks_online in online.items():
        position, found = case.world.positions[key], case.plan.stock[period.index].get(key, NO_STOCK)
        subject = f"without {lost}: {position.label}"
        yield case.judge.at_most("resilience", subject, period.label, racks_online, found.held, "rack", note="use ≤ held")
        draw[position.site.id] = draw.get(position.site.id, 0.0) + position.mw * racks_online
    for site, mw in draw.items():
        limit = case.world.site_power[site][period.index] + sources.firm(site, period.index)
        yield case.judge.at_most("resilience", f"without {lost}: {site}", period.label, mw, limit, "MW", note="site power")
    yield from _ceilings(case, sources, lost, period, {key: case.world.positions[key].mw * n for key, n in online.items()})


def _ceilings(case: Case, sources: Sources, lost: str, period: Period, powers: dict[Key, float]) -> Iterator[Check]:
    """A loss lifts no hard ceiling: what the second dispatch draws keeps those of fleet, provider, country, grid and contracts.

    Of a grid it takes what the sites on it cannot make themselves with firm sources. Soft limits and floors do not hold here.
    """
    t, world = period.index, case.world
    at_site: dict[str, float] = {}
    for key, mw in powers.items():
        site = world.positions[key].site.id
        at_site[site] = at_site.get(site, 0.0) + mw
    for cap in world.caps:
        if cap.period != t or cap.price is not None or cap.scope == "site":
            continue
        inside = [key for key in powers if (cap.scope, cap.id) in world.positions[key].scopes]
        draw = sum(powers[key] for key in inside)
        if cap.scope == "grid":
            sites = {world.positions[key].site.id for key in inside}
            draw -= sum(min(at_site[site], sources.firm(site, t)) for site in sites)
        subject = f"without {lost}: {cap.id or cap.scope}"
        yield case.judge.at_most("resilience", subject, period.label, draw, cap.limit, "MW", note=cap.rule)
    for contracts, inside_of in contract_scopes(case):
        ceilings = daily_sums([(c, c.max_power) for c in contracts], period, world.end)
        if ceilings:
            draw = sum(mw for key, mw in powers.items() if key in inside_of)
            subject = f"without {lost}: {' '.join(contract.id for contract in contracts)}"
            yield case.judge.at_most("resilience", subject, period.label, draw, min(ceilings), "MW", note="contract power")


def _rescue(case: Case, lost: str, period: Period, uses: Uses) -> Iterator[Check]:
    """The critical share of every demand is met in each of its slots."""
    t, hours = period.index, case.world.calendar.hours[period.index]
    served = {name: case.compute_in(at, t) for name, at in uses.items()}
    for workload, w in case.world.workloads.items():
        for slot in case.world.calendar.slots(w.flexible, t):
            needed = w.critical * case.demand(workload, t, slot)
            if needed > 0:
                amounts = [sum(u.get(workload, 0.0) for u in served.get(name, {}).values()) * hours[name] for name in slot]
                got, at = sum(amounts) / sum(hours[name] for name in slot), "" if case.world.energy is None else " ".join(slot)
                subject = f"without {lost}: {workload} {at}".strip()
                yield case.judge.at_least("resilience", subject, period.label, got, needed, "h100e")
