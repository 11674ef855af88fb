"""What an audit takes as given: the inputs turned into numbers per period, position and workload, straight from their definition.

This repeats on purpose what the instance of the linear program derives: an error there must not be repeated here. Units: MW, MWh,
h, USD, t, gpu, rack, h100e.
"""

from __future__ import annotations

import math
from calendar import monthrange
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

from planner.audit.slots import Calendar, Slot
from planner.core.calendar import Period, Series, add_months
from planner.inputs.assembly import Inputs, column, throughput
from planner.inputs.scenario import Route, Workload
from planner.inputs.tables import Accelerator, Offer, PowerSource, Site

Key = tuple[str, str]  # site, offer as the tables name it
Machine = tuple[str, str]  # site, accelerator
ONE_DAY = timedelta(days=1)
YEAR_DAYS, YEAR_HOURS = 365.25, 8766.0


@dataclass(frozen=True)
class Position:
    """An offer (or one tranche of it) at a site, with what a rack there draws [MW of facility power] and holds [gpu]."""

    key: Key
    provider: str
    country: str
    grid: str
    accelerator: str
    site: Site
    offer: Offer
    machine: Accelerator
    first: bool  # the tranche that fleet rows belong to
    window: tuple[bool, ...]  # per period: may racks be added (on-demand: used)?

    @cached_property
    def label(self) -> str:
        return " ".join(self.key)

    @cached_property
    def gpus(self) -> float:
        return self.machine.chips_per_rack

    @cached_property
    def mw(self) -> float:
        return self.site.pue * self.machine.rack_power

    @cached_property
    def energy_mw(self) -> float:
        pue = self.site.pue if self.site.pue_energy is None else self.site.pue_energy
        return pue * self.machine.rack_power * self.machine.average_load

    @cached_property
    def on_demand(self) -> bool:
        return self.offer.billing == "on_demand"

    @cached_property
    def at(self) -> Machine:
        return self.site.id, self.accelerator

    @cached_property
    def scopes(self) -> tuple[tuple[str, str], ...]:
        """The scopes of power limits that the position lies in."""
        return (
            ("site", self.site.id),
            ("grid", self.grid),
            ("country", self.country),
            ("provider", self.provider),
            ("fleet", ""),
        )

    @cached_property
    def parties(self) -> tuple[str, str]:
        return self.site.provider, self.site.operator or self.site.provider


@dataclass(frozen=True)
class Cap:
    """A ceiling on the power drawn in a scope in a period; a price [USD/MW/year] makes it soft."""

    rule: str
    scope: str
    id: str
    period: int
    limit: float
    price: float | None = None


class World:
    """The inputs as numbers."""

    def __init__(self, inputs: Inputs):
        self.inputs = inputs
        self.horizon = inputs.horizon
        self.index = {period.label: period.index for period in self.horizon}
        self.origin, self.end = self.horizon[0].first, self.horizon[-1].last
        self.rate = inputs.scenario.money.discount_rate
        self.availability = inputs.scenario.solve.availability
        self.workloads = {w.id: w for w in inputs.scenario.workload}
        self.calendar = Calendar(inputs)
        self.energy = inputs.scenario.energy
        self.sources = {row.id: row for row in inputs.power_sources} if self.energy else dict[str, PowerSource]()
        self.tranches = dict(self._tranches())
        self.positions = {position.key: position for position in self._positions()}
        self._eligible: dict[tuple[str, Key], bool] = {}

    # --- offers ---

    def _tranches(self) -> Iterator[tuple[str, tuple[Offer, bool, tuple[bool, ...]]]]:
        """Offers by the name that tables give them, `id@FROM` for all tranches but the first, and when each is open."""
        by_id: dict[str, list[Offer]] = {}
        for offer in self.inputs.offers:
            by_id.setdefault(offer.id, []).append(offer)
        for offer_id, rows in by_id.items():
            rows.sort(key=lambda row: row.from_ or date.min)
            for i, row in enumerate(rows):
                name = offer_id if i == 0 or row.from_ is None else f"{offer_id}@{row.from_.isoformat()}"
                following = rows[i + 1].from_ if i + 1 < len(rows) else None
                known = self.inputs.accelerators[row.accelerator][0].available_from
                begin = max(row.from_ or date.min, known or date.min)
                end = min(row.to or date.max, following - ONE_DAY if following else date.max)
                yield name, (row, i == 0, tuple(begin <= period.first <= end for period in self.horizon))

    def _positions(self) -> Iterator[Position]:
        for site in self.inputs.sites.values():
            for name, (offer, first, window) in self.tranches.items():
                here = offer.provider == site.provider and offer.site in (None, site.id) and offer.country in (None, site.country)
                powered = offer.billing == "on_demand" or bool(self.inputs.site_power.get(site.id))
                if here and powered and site.available > 0:
                    machine = self.inputs.accelerators[offer.accelerator][0]
                    place = (site.id, name)
                    yield Position(
                        place, site.provider, site.country, site.grid, offer.accelerator, site, offer, machine, first, window
                    )

    @cached_property
    def fleet(self) -> dict[Key, list[float]]:
        """Racks of fleet rows in each period, in proportion to the days of it on which they hold."""
        found: dict[Key, list[float]] = {}
        for row in self.inputs.fleet:
            position = self.positions.get((row.site, row.offer))
            if position is None or position.on_demand:
                continue
            racks = found.setdefault(position.key, [0.0] * len(self.horizon))
            for period in self.horizon:
                begin, end = max(row.from_ or date.min, period.first), min(row.to or date.max, period.last)
                racks[period.index] += row.racks * max(0, (end - begin).days + 1) / period.days
        return found

    @cached_property
    def fleet_before(self) -> dict[Key, float]:
        """Racks of fleet rows that hold on the first day of the horizon."""
        found: dict[Key, float] = {}
        for row in self.inputs.fleet:
            position = self.positions.get((row.site, row.offer))
            if position is not None and not position.on_demand:
                holds = (row.from_ or date.min) <= self.origin <= (row.to or date.max)
                found[position.key] = found.get(position.key, 0.0) + (row.racks if holds else 0.0)
        return found

    def expiry(self, position: Position, t: int) -> int:
        """Index of the first period in which racks added in period t no longer run."""
        if position.offer.term is None:
            return len(self.horizon)
        end = add_months(self.horizon[t].first, 12 * position.offer.term)
        return next((period.index for period in self.horizon[t:] if period.first >= end), len(self.horizon))

    # --- compute ---

    @cached_property
    def demand(self) -> dict[str, list[float]]:
        return {w.id: [w.demand.mean(period) for period in self.horizon] for w in self.workloads.values()}

    @cached_property
    def compute(self) -> dict[tuple[str, str], list[float]]:
        """h100e of a rack in use, by accelerator and kind of workload."""
        found: dict[tuple[str, str], list[float]] = {}
        for name, rows in self.inputs.accelerators.items():
            for kind in {w.kind for w in self.workloads.values()}:
                series = throughput(rows, kind)
                each = [series.mean(period) if series else 0.0 for period in self.horizon]
                found[name, kind] = [self.availability * rows[0].chips_per_rack * value for value in each]
        return found

    def compute_of(self, workload: str, position: Position, t: int) -> float:
        return self.compute[position.accelerator, self.workloads[workload].kind][t]

    def eligible(self, workload: str, position: Position) -> bool:
        """May the workload be served from there, wherever its throughput is above zero?"""
        asked = (workload, position.key)
        if asked not in self._eligible:
            self._eligible[asked] = self._may_serve(self.workloads[workload], position)
        return self._eligible[asked]

    def _may_serve(self, w: Workload, position: Position) -> bool:
        if w.countries is not None and not self._within(position.country, w.countries):
            return False
        lists = (
            (w.providers, position.provider),
            (w.sites, position.site.id),
            (w.accelerators, position.accelerator),
        )
        minima = ((w.min_scale_up_domain, position.machine.scale_up_domain), (w.min_memory, position.machine.memory))
        return (
            all(names is None or name in names for names, name in lists)
            and all(least is None or (has is not None and has >= least) for least, has in minima)
            and all(route.allowed for route in self._routes(w.id, position))
        )

    def _within(self, country: str, named: Sequence[str]) -> bool:
        """Whether a country is named, or a group that it belongs to on the first day of the plan."""
        current: tuple[str, ...] = ()
        for row in self.inputs.countries.get(country, ()):
            begun = row.from_ is None or row.from_ <= self.horizon[0].first
            current = row.groups if begun and row.groups else current
        return any(name == country or name in current for name in named)

    def _routes(self, workload: str, position: Position) -> Iterator[Route]:
        for route in self.inputs.scenario.route:
            wanted = ((route.site, position.site.id), (route.provider, position.provider), (route.country, position.country))
            if route.workload == workload and all(name is None or name == at for name, at in wanted):
                yield route

    def route_cost(self, workload: str, position: Position) -> float:
        """USD per h100e-hour delivered."""
        return sum(route.cost for route in self._routes(workload, position))

    def wanted(self, workload: str, t: int, slot: Slot | None = None) -> float:
        """h100e demanded in a slot (the whole period), on the mean over its hours: D_t times the mean of the shape there."""
        shape = self.workloads[workload].demand_shape
        return self.demand[workload][t] * self.calendar.over(shape, t, slot or self.calendar.whole(t))

    # --- slices and sources of power ---

    @property
    def detailed(self) -> bool:
        """Does the plan tell of slices and sources in tables of their own?"""
        return self.energy is not None and (len(self.calendar.parts) > 1 or bool(self.sources))

    @property
    def oversubscribed(self) -> bool:
        return self.energy is not None and self.energy.oversubscribe

    def throttled(self, position: Position) -> bool:
        """May racks that are online rest, so that power or energy is saved?"""
        return self.energy is not None and (self.energy.oversubscribe or position.machine.idle_load < 1)

    @cached_property
    def site_sources(self) -> dict[str, list[PowerSource]]:
        found: dict[str, list[PowerSource]] = {}
        for row in self.sources.values():
            if row.site is not None:
                found.setdefault(row.site, []).append(row)
        return found

    @cached_property
    def managed(self) -> frozenset[str]:
        """Sites whose energy is bought and made source by source: those with sources of their own, and those with metered racks
        on a grid with sources."""
        grids = {row.grid for row in self.sources.values() if row.grid is not None}
        buying = {p.site.id for p in self.positions.values() if p.offer.energy == "metered" and p.grid in grids}
        return frozenset(buying | {site for site in self.site_sources if site in self.inputs.sites})

    def source_label(self, source: str) -> tuple[PowerSource, bool] | None:
        """The source that energy.csv names, and whether it is a battery that charges; None for the grid."""
        if source in self.sources:
            return self.sources[source], False
        name = source.removesuffix(" charge")
        return (self.sources[name], True) if name in self.sources else None

    def price_at(self, grid: str, t: int, name: str) -> float:
        """USD/MWh of a grid in a slice."""
        return self.price[grid][t] * self.calendar.mean(self._grid_shape(grid, "price_shape"), t, name)

    def carbon_at(self, grid: str, t: int, name: str) -> float:
        """t/MWh of a grid in a slice."""
        return self.carbon[grid][t] * self.calendar.mean(self._grid_shape(grid, "carbon_shape"), t, name)

    def _grid_shape(self, grid: str, name: str) -> str | None:
        return next((shape for row in self.inputs.grids[grid] if (shape := getattr(row, name))), None)

    # --- power ---

    @cached_property
    def site_power(self) -> dict[str, list[float]]:
        """Facility power that may be drawn, for sites that have a schedule."""
        return {
            site: [self.inputs.sites[site].available * self.inputs.power_series(site).mean(period) for period in self.horizon]
            for site, rows in self.inputs.site_power.items()
            if rows
        }

    @cached_property
    def price(self) -> dict[str, list[float]]:
        return self._grid_means("price")

    @cached_property
    def carbon(self) -> dict[str, list[float]]:
        return self._grid_means("carbon")

    def _grid_means(self, name: str) -> dict[str, list[float]]:
        series = {grid: column(rows, name) for grid, rows in self.inputs.grids.items()}
        return {grid: [one.mean(period) if one else 0.0 for period in self.horizon] for grid, one in series.items()}

    @cached_property
    def caps(self) -> list[Cap]:
        """Every ceiling on power that binds in some period."""
        return [cap for period in self.horizon for cap in self._caps(period)]

    def _caps(self, period: Period) -> Iterator[Cap]:
        t, limits = period.index, self.inputs.scenario.limits
        for site, power in self.site_power.items():
            yield Cap("site_power", "site", site, t, power[t])
        for grid, rows in self.inputs.grids.items():
            series = column(rows, "headroom")
            if series and (low := series.lowest(period)) is not None:
                yield Cap("grid_headroom", "grid", grid, t, low)
        for country, limit in limits.country_power.items():
            if (low := limit.series.lowest(period)) is not None:
                yield Cap("country_power", "country", country, t, low, limit.price)
        for country, limit in limits.national_share.items():
            capacity = column(self.inputs.countries.get(country, ()), "capacity")
            if capacity and (low := _lowest_product(limit.series, capacity, period)) is not None:
                yield Cap("national_share", "country", country, t, low, limit.price)
        for provider, limit in limits.provider_power.items():
            if (low := limit.series.lowest(period)) is not None:
                yield Cap("provider_power", "provider", provider, t, low, limit.price)
        if limits.fleet_power and (low := limits.fleet_power.series.lowest(period)) is not None:
            yield Cap("fleet_power", "fleet", "", t, low, limits.fleet_power.price)

    # --- money ---

    def years(self, day: date) -> float:
        return (day - self.origin).days / YEAR_DAYS

    def at_end_of(self, last: date) -> float:
        """Discount factor of what is paid at the end of a day, or of the horizon if that comes first."""
        return math.exp(-math.log1p(self.rate) * self.years(min(last, self.end) + ONE_DAY))

    @cached_property
    def discount(self) -> list[float]:
        """The mean of (1+r)^−τ over each period: the integral of an exponential, over its length."""
        force = math.log1p(self.rate)
        if force == 0:
            return [1.0] * len(self.horizon)
        found = []
        for period in self.horizon:
            begin, end = self.years(period.first), self.years(period.last + ONE_DAY)
            found.append(-math.exp(-force * begin) * math.expm1(-force * (end - begin)) / (force * (end - begin)))
        return found

    def rent(self, position: Position, period: Period) -> float:
        """USD per gpu held over a period: by the hour, or by the calendar month, of which each day is its part."""
        monthly = position.offer.monthly
        if monthly is None:
            return position.offer.price * period.hours
        days = (period.first + n * ONE_DAY for n in range((period.last - period.first).days + 1))
        return monthly * math.fsum(1.0 / monthrange(day.year, day.month)[1] for day in days)

    def annuity(self, position: Position) -> float:
        """USD per rack and hour for its capital."""
        lifetime = position.offer.lifetime or position.machine.lifetime
        if not position.offer.capex or not lifetime:
            return 0.0
        return position.offer.capex * self.recovery(lifetime) / YEAR_HOURS

    def recovery(self, lifetime: float) -> float:
        """What one unit of capital costs a year over its lifetime."""
        force = math.log1p(self.rate)
        return force / -math.expm1(-force * lifetime) if force else 1.0 / lifetime


def _lowest_product(one: Series, other: Series, period: Period) -> float | None:
    """The lowest product of two series over the days on which both have a value."""
    pairs = zip(_daily(one, period), _daily(other, period), strict=True)
    return min((a * b for a, b in pairs if a is not None and b is not None), default=None)


def _daily(series: Series, period: Period) -> list[float | None]:
    return [value for days, value in series.steps(period) for _ in range(days)]
