"""The menu: which offer stands at which site, who may be served from there, and which sites nothing tells apart.

A position is an offer at a site. A class gathers positions that no workload can distinguish: same accelerator, same workloads
allowed, same route costs. One `use` variable per class is exact, because a class's use can be split over its positions in
proportion to their racks without touching any other constraint (docs/decisions.md, D1).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from planner.core.calendar import add_months, overlap_days
from planner.core.units import record
from planner.data.export_control import ExportControl, Standing
from planner.inputs.assembly import Inputs, column, throughput
from planner.inputs.scenario import Workload
from planner.inputs.tables import Accelerator, Contract, Offer, Site


@dataclass(frozen=True)
class Position:
    """An offer (one tranche of it) at a site: `label` is the offer's name in the tables."""

    index: int
    label: str
    offer: Offer
    site: Site
    accelerator: Accelerator
    addable: tuple[bool, ...]  # periods in which racks may be taken on (on-demand: used)
    before: float  # racks that already run on the first day of the horizon
    fleet: tuple[float, ...]  # racks that already run, per period: the mean over its days
    expires: tuple[int, ...]  # an addition in t is gone from this period on (len(horizon) = never)

    @property
    def on_demand(self) -> bool:
        return self.offer.billing == "on_demand"

    @property
    def power(self) -> float:
        """Facility power per rack online [MW]."""
        return self.site.pue * self.accelerator.rack_power

    @property
    def energy_rate(self) -> float:
        """Mean facility load per rack online [MW], for energy and carbon."""
        return self.site.energy_pue * self.accelerator.rack_power * self.accelerator.average_load


@dataclass(frozen=True)
class Served:
    """A workload that a class may serve: its index, the cost of the route [USD/h100e/hour]."""

    workload: int
    route_cost: float


@dataclass(frozen=True)
class Class:
    """Positions that no workload can tell apart; on-demand ones apart, as they are online only for use."""

    index: int
    accelerator: str
    on_demand: bool
    positions: tuple[int, ...]
    serves: tuple[Served, ...]


def label(offer: Offer, tranches: tuple[Offer, ...]) -> str:
    """The offer's id; later tranches of one id carry their first day."""
    return offer.id if offer is tranches[0] else f"{offer.id}@{offer.from_}"


def stands_at(offer: Offer, site: Site) -> bool:
    return (
        offer.provider == site.provider
        and offer.site in (None, site.id)
        and offer.country in (None, site.country)
        and site.available > 0
    )


def may_serve(inputs: Inputs, workload: Workload, accelerator: Accelerator, site: Site) -> bool:
    """Whether a workload may run on an accelerator at a site: residency, hardware, routes."""
    if workload.countries is not None and not {site.country, *groups_of(inputs, site.country)} & set(workload.countries):
        return False
    named = (
        (workload.providers, site.provider),
        (workload.sites, site.id),
        (workload.accelerators, accelerator.id),
    )
    if any(names is not None and name not in names for names, name in named):
        return False
    for least, figure in (
        (workload.min_scale_up_domain, accelerator.scale_up_domain),
        (workload.min_memory, accelerator.memory),
    ):
        if least is not None and (figure is None or figure < least):
            return False
    if throughput(inputs.accelerators[accelerator.id], workload.kind) is None:
        return False
    return all(route.allowed for route in inputs.scenario.route if route.workload == workload.id and _on(route, site))


def groups_of(inputs: Inputs, country: str) -> tuple[str, ...]:
    """The groups of a country (EEA, A:1) on the first day of the horizon."""
    first = inputs.horizon[0].first
    known = [row.groups for row in inputs.countries.get(country, ()) if row.groups and (row.from_ or date.min) <= first]
    return known[-1] if known else ()


def _on(route: object, site: Site) -> bool:
    wanted = (
        (getattr(route, name), value)
        for name, value in (("site", site.id), ("provider", site.provider), ("country", site.country))
    )
    return all(name in (None, value) for name, value in wanted)


def route_cost(inputs: Inputs, workload: Workload, site: Site) -> float:
    """All matching route costs added [USD/h100e/hour]."""
    return math.fsum(route.cost for route in inputs.scenario.route if route.workload == workload.id and _on(route, site))


def positions(inputs: Inputs, control: ExportControl) -> tuple[Position, ...]:
    """Every offer at every site where it stands and can hold a rack in some period."""
    found: list[Position] = []
    seen: set[tuple[object, ...]] = set()
    horizon = inputs.horizon
    by_id: dict[str, list[Offer]] = {}
    for offer in inputs.offers:
        by_id.setdefault(offer.id, []).append(offer)
    for offer_id in sorted(by_id):
        tranches = tuple(by_id[offer_id])
        for k, offer in enumerate(tranches):
            successor = tranches[k + 1].from_ if k + 1 < len(tranches) else None
            accelerator = inputs.accelerators[offer.accelerator][0]
            expires = _expiries(inputs, offer)
            window = _window(inputs, offer, accelerator, successor)
            for site in inputs.sites.values():
                if not stands_at(offer, site):
                    continue
                on_demand = offer.billing == "on_demand"
                if not on_demand and site.id not in inputs.site_power:
                    continue
                before, fleet = _fleet(inputs, site.id, offer.id) if k == 0 and not on_demand else (0.0, (0.0,) * len(horizon))
                addable = window
                if on_demand:  # nothing is shipped, so what is not free is closed
                    addable = tuple(
                        a and s == Standing.FREE for a, s in zip(window, control.standing(site, accelerator.id), strict=True)
                    )
                    twin = _twin_key(inputs, control, offer, site, addable)
                    if twin in seen:
                        continue
                    seen.add(twin)
                if any(addable) or any(fleet):
                    name = label(offer, tranches)
                    found.append(Position(len(found), name, offer, site, accelerator, addable, before, fleet, expires))
    return tuple(found)


def _twin_key(inputs: Inputs, control: ExportControl, offer: Offer, site: Site, addable: tuple[bool, ...]) -> tuple[object, ...]:
    """All that tells one cloud region from another for an on-demand offer; of equals the first stands for all (D2)."""
    if site.id in inputs.site_power:
        return (id(offer), site.id)
    accelerator = inputs.accelerators[offer.accelerator][0]
    serves = tuple((may_serve(inputs, w, accelerator, site), route_cost(inputs, w, site)) for w in inputs.scenario.workload)
    grid = inputs.grids.get(site.grid, ())
    power = (site.grid if column(grid, "headroom") else "", column(grid, "price"), column(grid, "carbon"))
    scope = tuple(site.id in contract.sites for contract in inputs.contracts)
    return (id(offer), site.country, site.pue, site.energy_pue, addable, serves, power, scope)


def _window(inputs: Inputs, offer: Offer, accelerator: Accelerator, successor: date | None) -> tuple[bool, ...]:
    """Periods whose first day lies in the offer's window, before a later tranche, and not before the accelerator exists."""
    begins = max(offer.from_ or date.min, accelerator.available_from or date.min)
    return tuple(
        begins <= p.first <= (offer.to or date.max) and (successor is None or p.first < successor) for p in inputs.horizon
    )


def _expiries(inputs: Inputs, offer: Offer) -> tuple[int, ...]:
    horizon = inputs.horizon
    if offer.term is None:
        return (len(horizon),) * len(horizon)
    ends = [add_months(p.first, 12 * offer.term) for p in horizon]
    return tuple(next((q.index for q in horizon if q.first >= end), len(horizon)) for end in ends)


def _fleet(inputs: Inputs, site: str, offer: str) -> tuple[float, tuple[float, ...]]:
    """Racks on the first day of the horizon, and their mean over the days of each period: a row serves only while it holds."""
    rows = [row for row in inputs.fleet if row.site == site and row.offer == offer]
    first = inputs.horizon[0].first
    before = math.fsum(row.racks for row in rows if (row.from_ or date.min) <= first <= (row.to or date.max))
    return before, tuple(
        record(math.fsum(row.racks * overlap_days(row.from_, row.to, t) for row in rows) / t.days) for t in inputs.horizon
    )


def classes(inputs: Inputs, found: Iterable[Position], by_provider: bool) -> tuple[Class, ...]:
    """Positions gathered into classes, in order of first appearance; `by_provider` keeps providers apart (share of compute)."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for position in found:
        serves = tuple(
            Served(i, route_cost(inputs, w, position.site))
            for i, w in enumerate(inputs.scenario.workload)
            if may_serve(inputs, w, position.accelerator, position.site)
        )
        if serves:
            key = (position.accelerator.id, position.on_demand, serves, position.site.provider if by_provider else "")
            groups.setdefault(key, []).append(position.index)
    return tuple(
        Class(i, str(key[0]), bool(key[1]), tuple(members), key[2])  # type: ignore[arg-type]
        for i, (key, members) in enumerate(groups.items())
    )


def in_scope(contract: Contract, position: Position) -> bool:
    return (not contract.sites or position.site.id in contract.sites) and (
        not contract.accelerators or position.accelerator.id in contract.accelerators
    )
