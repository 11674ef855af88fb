"""A second formulation of the planning LP, written from design.md section 7 and for tests only.

It shares the records and the calendar with the planner and nothing else: full index, nothing merged, nothing left out, one
variable for every (workload, site, offer row, period, slice). What the data forbid is a variable with the upper bound 0. Money
is in million USD inside. A place is a pair (site id, number of the offer row in `Inputs.offers`): rows of one offer id with
different `from` are tranches with their own price and term. Slices, loads and power sources (section 10) are in
tests/oracle_energy.py. It knows no whole racks and explains nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from planner.core.calendar import Period, Series, add_months
from planner.inputs.assembly import Inputs
from planner.inputs.fields import Limit
from planner.inputs.scenario import Workload
from planner.inputs.tables import Accelerator, Contract, ExportRule, Licence, Offer, Site
from tests import oracle_energy as energy
from tests.oracle_lp import (
    DAYS_PER_YEAR,
    HOURS_PER_YEAR,
    MILLION,
    ONE_DAY,
    Expression,
    Key,
    Program,
    common_days,
    days_of,
    holds,
    times,
    total,
)

Place = tuple[str, int]
BOUND_TOLERANCE = 1e-9


@dataclass(frozen=True)
class Answer:
    """`value` of the objective asked for (USD, MW, MWh, t, h100e*h or a plain scale) and the least cost at that value."""

    status: str  # optimal | infeasible | unbounded
    value: float
    cost_usd: float | None


def optimum(inputs: Inputs, net_max_share: bool = False) -> Answer:
    """The optimum of the scenario. `net_max_share` measures max_share against the net change of racks instead of `new`."""
    return solution(inputs, net_max_share)[0]


def solution(inputs: Inputs, net_max_share: bool = False) -> tuple[Answer, Mapping[Key, float]]:
    """The optimum and the value of every variable by its key, to look into a disagreement."""
    program = build(inputs, net_max_share)
    objective = inputs.scenario.objective.name
    if objective == "cost":
        status, value, found = program.minimise(program.costs)
        return Answer(status, value * MILLION, value * MILLION if status == "optimal" else None), found
    sign = -1.0 if objective == "demand_scale" else 1.0
    goal = times(sign, goal_of(World(inputs)))
    status, value, _ = program.minimise(goal)
    if status != "optimal":
        return Answer(status, math.nan, None), {}
    program.at_most(("goal",), goal, value + BOUND_TOLERANCE * max(1.0, abs(value)))
    second, cost, found = program.minimise(program.costs)
    assert second == "optimal", f"the least cost at {objective} = {value} is {second}"
    return Answer(status, sign * value, cost * MILLION), found


def build(inputs: Inputs, net_max_share: bool = False) -> Program:
    """The whole LP: variables, rules 1 to 12, cost."""
    world, program = World(inputs), Program()
    variables(world, program)
    stock(world, program)
    shipments(world, program)
    capacity(world, program)
    demand(world, program)
    energy.sources(world, program)
    energy.batteries(world, program)
    energy.balance(world, program)
    site_power(world, program)
    build_rate(world, program)
    power_caps(world, program)
    contract_power(world, program)
    rights(world, program)
    supply(world, program)
    offer_maximum(world, program)
    licences(world, program)
    export_caps(world, program)
    export_shares(world, program, net_max_share)
    take_or_pay(world, program)
    budgets(world, program)
    provider_shares(world, program)
    resilience(world, program)
    carbon_caps(world, program)
    peak(world, program)
    program.costs += running_cost(world)
    return program


def goal_of(world: World) -> Expression:
    """The objective when it is not cost: peak [MW], energy [MWh], carbon [t], unserved [h100e*h] or the scale of demand."""
    name = world.scenario.objective.name
    if name == "peak_power":
        return [(1.0, ("peak",))]
    if name == "energy":
        return total(world.energy(p, t) for p in world.places for t in world.periods)
    if name == "carbon":
        return total(energy.carbon(world, s, t) for s in world.inputs.sites for t in world.periods)
    if name == "unserved":
        return total(world.unserved(w, t) for w in world.scenario.workload for t in world.periods)
    return [(1.0, ("scale",))]


# --- what the data mean -----------------------------------------------------------------------------------------------


def series(rows: Iterable[Any], column: str) -> Series | None:
    """A column of dated rows as steps; blank cells change nothing."""
    points = [(row.from_, getattr(row, column)) for row in rows if getattr(row, column) is not None]
    return Series(tuple(sorted(points, key=lambda point: point[0] or date.min))) if points else None


@dataclass(frozen=True)
class Position:
    """An offer row at a site."""

    site: Site
    offer: Offer
    accelerator: Accelerator  # its first row: all but the throughput

    @property
    def reserved(self) -> bool:
        return self.offer.billing == "reserved"

    @property
    def gpus(self) -> float:
        return self.accelerator.chips_per_rack

    @property
    def power(self) -> float:
        """Facility MW per rack online."""
        return self.site.pue * self.accelerator.rack_power


class World:
    """The inputs seen through the words of section 7."""

    def __init__(self, inputs: Inputs):
        self.inputs = inputs
        self.scenario = inputs.scenario
        self.periods = inputs.horizon
        self.years = sorted({t.year for t in self.periods})
        self.origin, self.last_day = self.periods[0].first, self.periods[-1].last
        self.rate = self.scenario.money.discount_rate
        self.clock = energy.Clock(inputs)
        self.sources = energy.Sources(self)
        self._served: dict[Key, float] = {}
        fixed = [p for p, position in self.places.items() if position.offer.energy == "included" and self.sources.at(p[0])]
        assert not fixed, f"offers with energy included at sites with power sources: {fixed}"

    # time and money

    def discount_at(self, day: date) -> float:
        """(1+r)^-tau at the midnight that begins a day."""
        return float((1 + self.rate) ** (-(day - self.origin).days / DAYS_PER_YEAR))

    def discount(self, t: Period) -> float:
        """Mean of (1+r)^-tau over a period: the integral in closed form."""
        if self.rate == 0:
            return 1.0
        length = t.days / DAYS_PER_YEAR
        return (self.discount_at(t.first) - self.discount_at(t.last + ONE_DAY)) / (math.log(1 + self.rate) * length)

    def discount_of_year(self, year: int) -> float:
        """At the end of the last day of a year, or of the horizon if that is earlier."""
        return self.discount_at(min(date(year, 12, 31), self.last_day) + ONE_DAY)

    def annuity(self, p: Place) -> float:
        """Million USD per rack held and hour: capex x CRF / 8766 h."""
        position = self.places[p]
        if not position.offer.capex:
            return 0.0
        lifetime = position.offer.lifetime or position.accelerator.lifetime
        assert lifetime is not None, "capex without a lifetime"
        factor = 1 / lifetime if self.rate == 0 else math.log(1 + self.rate) / (1 - (1 + self.rate) ** -lifetime)
        return position.offer.capex * factor / HOURS_PER_YEAR / MILLION

    # places

    @cached_property
    def places(self) -> dict[Place, Position]:
        """Where an offer row stands (N2)."""
        found = {}
        for site in self.inputs.sites.values():
            for number, offer in enumerate(self.inputs.offers):
                fits = offer.provider == site.provider and offer.site in (None, site.id) and offer.country in (None, site.country)
                powered = site.id in self.inputs.site_power or offer.billing == "on_demand"
                if fits and powered and site.available > 0:
                    found[site.id, number] = Position(site, offer, self.inputs.accelerators[offer.accelerator][0])
        return found

    @cached_property
    def stocks(self) -> dict[tuple[str, str], list[Place]]:
        """Places of reserved offers by (site, accelerator): where racks can be shipped to."""
        found: dict[tuple[str, str], list[Place]] = {}
        for p, position in self.places.items():
            if position.reserved:
                found.setdefault((p[0], position.accelerator.id), []).append(p)
        return found

    def window(self, p: Place, t: Period) -> bool:
        """Whether racks may be added (on-demand: used) in a period, by the dates of offer and accelerator (N1)."""
        position = self.places[p]
        offer, start = position.offer, t.first
        later = [o.from_ for o in self.inputs.offers if o.id == offer.id and (o.from_ or date.min) > (offer.from_ or date.min)]
        ready = position.accelerator.available_from or date.min
        return holds(offer.from_, offer.to, start) and all(start < (day or date.min) for day in later) and start >= ready

    def fleet(self, p: Place, t: Period) -> float:
        """Racks that already run, on the mean over the days of a period; they belong to the first tranche (N6)."""
        days = list(days_of(t))
        return sum(self.fleet_on(p, day) for day in days) / len(days)

    def fleet_on(self, p: Place, day: date) -> float:
        """Racks that already run on a day."""
        offer = self.places[p].offer
        if any(o.id == offer.id for o in self.inputs.offers[: p[1]]) or not self.places[p].reserved:
            return 0.0
        rows = [row for row in self.inputs.fleet if row.site == p[0] and row.offer == offer.id]
        return sum(row.racks for row in rows if holds(row.from_, row.to, day))

    def runs(self, p: Place, added: Period, t: Period) -> bool:
        """Whether an addition is still held in a period (N7)."""
        term = self.places[p].offer.term
        return added.index <= t.index and (term is None or t.first < add_months(added.first, 12 * term))

    # workloads

    def served(self, w: Workload, p: Place, t: Period) -> float:
        """h100e per rack in use: u G E, 0 where the workload may not be served (N3, N5)."""
        key = (w.id, *p, t.index)
        if key not in self._served:
            self._served[key] = self._yield(w, p, t)
        return self._served[key]

    def _yield(self, w: Workload, p: Place, t: Period) -> float:
        position = self.places[p]
        site, machine = position.site, position.accelerator
        wanted = ((w.providers, site.provider), (w.sites, site.id), (w.accelerators, machine.id))
        home = {site.country, *self.groups(site.country, self.inputs.horizon[0].first)}
        if w.countries is not None and home.isdisjoint(w.countries):
            return 0.0
        enough = ((w.min_scale_up_domain, machine.scale_up_domain), (w.min_memory, machine.memory))
        if not all(names is None or name in names for names, name in wanted):
            return 0.0
        if not all(least is None or (has is not None and has >= least) for least, has in enough):
            return 0.0
        if any(not route.allowed for route in self.routes(w, site)):
            return 0.0
        rows = [row for row in self.inputs.accelerators[machine.id] if w.kind in row.throughput]
        if not rows:
            return 0.0
        over_time = Series(tuple((row.from_, row.throughput[w.kind]) for row in rows))
        return self.scenario.solve.availability * position.gpus * over_time.mean(t)

    def routes(self, w: Workload, site: Site) -> list[Any]:
        return [
            route
            for route in self.scenario.route
            if route.workload == w.id
            and route.site in (None, site.id)
            and route.provider in (None, site.provider)
            and route.country in (None, site.country)
        ]

    # expressions of one place and period

    def held(self, p: Place, t: Period) -> Expression:
        return [(1.0, ("held", *p, t.index))]

    def change(self, p: Place, t: Period) -> Expression:
        """held_t - held_(t-1), without the constant of the first period: see `before`."""
        return self.held(p, t) + (times(-1.0, self.held(p, self.periods[t.index - 1])) if t.index else [])

    def before(self, p: Place, t: Period) -> float:
        """Racks held before the horizon, in the first period; else 0, as `change` has them as a variable."""
        return 0.0 if t.index else self.fleet_on(p, t.first)

    def draw(self, p: Place, t: Period) -> Expression:
        """MW at the facility when all that is online runs."""
        return [(self.places[p].power, ("online", *p, t.index))]

    def drawing(self, factor: float, p: Place, t: Period, k: int) -> Expression:
        """factor (idle online + (1 - idle) run) (E3)."""
        idle = self.places[p].accelerator.idle_load
        return times(factor, [(idle, ("online", *p, t.index)), (1 - idle, ("run", *p, t.index, k))])

    def rated(self, p: Place, t: Period, k: int) -> Expression:
        """MW at the facility in a slice at rated power."""
        return self.drawing(self.places[p].power, p, t, k)

    def load(self, p: Place, t: Period, k: int) -> Expression:
        """MW at the facility in a slice at average load, by the PUE for energy (N4)."""
        site, machine = self.places[p].site, self.places[p].accelerator
        pue = site.pue if site.pue_energy is None else site.pue_energy
        return self.drawing(pue * machine.rack_power * machine.average_load, p, t, k)

    def energy(self, p: Place, t: Period) -> Expression:
        """MWh."""
        return total(times(self.clock.hours(t, k), self.load(p, t, k)) for k in self.clock.of(t))

    def use(self, w: Workload, p: Place, t: Period, k: int) -> Expression:
        return [(1.0, ("use", w.id, *p, t.index, k))]

    def used(self, p: Place, t: Period, k: int) -> Expression:
        """Racks in use over all workloads."""
        return total(self.use(w, p, t, k) for w in self.scenario.workload)

    def site_power(self, s: str, t: Period) -> float | None:
        """available x mean power of a period, its rows shifted by the delay; None at a cloud region (N13)."""
        rows = self.inputs.site_power.get(s)
        if rows is None:
            return None
        site = self.inputs.sites[s]
        points = sorted((add_months(row.from_, site.delay), row.power) for row in rows)
        return site.available * Series(tuple(points)).mean(t)

    @cached_property
    def metered(self) -> dict[str, list[Place]]:
        """The places of every site that pay for their energy."""
        found: dict[str, list[Place]] = {s: [] for s in self.inputs.sites}
        for p, position in self.places.items():
            if position.offer.energy == "metered":
                found[p[0]].append(p)
        return found

    def of_grid(self, s: str, name: str, t: Period, k: int) -> float:
        """Price or carbon of a site's grid: mean of the period x mean of the shape on the slice (E2)."""
        rows = self.inputs.grids[self.inputs.sites[s].grid]
        values = series(rows, name)
        shape = next((getattr(row, f"{name}_shape") for row in rows if getattr(row, f"{name}_shape") is not None), None)
        return 0.0 if values is None else values.mean(t) * self.clock.shape(shape, t, k)

    def price(self, s: str, t: Period, k: int) -> float:
        return self.of_grid(s, "price", t, k)

    def rent(self, p: Place, t: Period) -> Expression:
        """Million USD without energy."""
        position = self.places[p]
        offer = position.offer
        bill = offer.price * t.hours if offer.monthly is None else offer.monthly * self.months(t)
        return times(position.gpus * bill / MILLION, self.held(p, t))

    def months(self, t: Period) -> float:
        """Months of the calendar in a period: where it begins and ends, as months since the year 0 and a part."""
        begin, end = (
            12 * day.year + day.month + (day.day - 1) / ((add_months(day.replace(day=1), 1) - day.replace(day=1)).days)
            for day in (t.first, t.last + ONE_DAY)
        )
        return end - begin

    def counted(self, p: Place, t: Period) -> Expression:
        """Million USD that count towards a contract: rent, and metered energy where it comes from the grid alone (E11)."""
        return self.rent(p, t) + ([] if self.sources.managed(p[0]) else energy.metered_cost(self, p, t))

    def capital(self, p: Place, t: Period) -> Expression:
        """Million USD of annuities."""
        return times(self.annuity(p) * t.hours, self.held(p, t))

    def spend(self, s: str, t: Period) -> Expression:
        """Million USD of a site: rent, annuities, energy."""
        return total(self.rent(p, t) + self.capital(p, t) for p in self.places if p[0] == s) + energy.cost(self, s, t)

    def delivered(self, p: Place, t: Period, kind: str) -> Expression:
        """h100e over all workloads of a kind, mean over the hours of the period."""
        cells = [(w, k) for w in self.scenario.workload if w.kind == kind for k in self.clock.of(t)]
        return total(times(self.served(w, p, t) * self.clock.hours(t, k) / t.hours, self.use(w, p, t, k)) for w, k in cells)

    def unserved(self, w: Workload, t: Period) -> Expression:
        """h100e x h."""
        slots = self.clock.slots(w.flexible, t)
        return [(self.clock.length(t, slot), ("unserved", w.id, t.index, n)) for n, slot in enumerate(slots)]

    def route_cost(self, p: Place, t: Period) -> Expression:
        """Million USD."""
        found: Expression = []
        for w in self.scenario.workload:
            price = sum(route.cost for route in self.routes(w, self.places[p].site)) * self.served(w, p, t) / MILLION
            found += total(times(price * self.clock.hours(t, k), self.use(w, p, t, k)) for k in self.clock.of(t))
        return found

    # export rules

    def groups(self, country: str, day: date) -> tuple[str, ...]:
        found: tuple[str, ...] = ()
        for row in self.inputs.countries.get(country, ()):
            if row.groups and (row.from_ or date.min) <= day:
                found = row.groups
        return found

    def in_destination(self, text: str, country: str, day: date) -> bool:
        """Codes and groups added and subtracted from left to right."""
        inside = False
        for token in text.replace("+", "\0+").replace("-", "\0-").split("\0"):
            name = token.strip().lstrip("+-").strip()
            code = len(name) == 2 and name.isalpha() and name.isupper()
            if name and (name == country if code else name in self.groups(country, day)):
                inside = not token.strip().startswith("-")
        return inside

    def in_class(self, name: str, machine: Accelerator) -> bool:
        """Some row of the class all of whose conditions hold: min inclusive, max exclusive, a missing figure is no match."""
        figures = ("tpp", "performance_density", "memory_bandwidth")
        for row in self.inputs.export_classes[name]:
            fits = not row.chips or machine.id in row.chips or machine.chip in row.chips
            for figure in figures:
                has, low, high = getattr(machine, figure), getattr(row, f"min_{figure}"), getattr(row, f"max_{figure}")
                fits = (
                    fits
                    and (low is None or (has is not None and low <= has))
                    and (high is None or (has is not None and has < high))
                )
            if fits:
                return True
        return False

    def is_party(self, rule: ExportRule, site: Site) -> bool:
        tenant = self.scenario.export_control.tenant
        return rule.party is None or rule.party in (site.provider, site.operator, tenant)

    @cached_property
    def rules(self) -> list[tuple[ExportRule, date, date]]:
        """The rules that count with their first and last day."""
        control = self.scenario.export_control
        enabled = {item.id: item for item in control.enable}
        found = []
        for rule in self.inputs.export_rules:
            first, last = rule.effective_from, rule.effective_to
            if rule.id in enabled:
                item = enabled[rule.id]
                if item.from_:
                    first, last = item.from_, item.to
                elif item.to:
                    last = item.to
            elif rule.status not in control.status or rule.id in control.disable:
                continue
            if first is not None:
                found.append((rule, first, last or date.max))
        return found

    def verdict(self, site: Site, machine: Accelerator, day: date) -> str:
        """prohibit, licence or permit: the lowest rank in force on a day, of equals the stricter."""
        strictness = ("prohibit", "licence", "permit")
        found = [
            (rule.rank, strictness.index(rule.effect))
            for rule, first, last in self.rules
            if rule.effect in strictness
            and first <= day <= last
            and self.is_party(rule, site)
            and self.in_class(rule.class_, machine)
            and self.in_destination(rule.destination, site.country, day)
        ]
        return strictness[min(found)[1]] if found else "permit"

    @cached_property
    def turning_days(self) -> list[date]:
        """The days on which a verdict can change."""
        days = {first for _, first, _ in self.rules} | {last + ONE_DAY for _, _, last in self.rules if last < date.max}
        return sorted(days | {row.from_ for rows in self.inputs.countries.values() for row in rows if row.from_})

    def regime(self, site: Site, machine: Accelerator, t: Period) -> str:
        """The strictest verdict of any day of a period (N15)."""
        if not self.rules:
            return "permit"
        days = [t.first, *(day for day in self.turning_days if t.first < day <= t.last)]
        found = {self.verdict(site, machine, day) for day in days}
        return next(effect for effect in ("prohibit", "licence", "permit") if effect in found)

    def licence_applies(self, licence: Licence, site: Site, t: Period) -> bool:
        return (
            licence.provider in (None, site.provider, site.operator)
            and holds(licence.from_, licence.to, t.first)
            and holds(licence.from_, licence.to, t.last)
            and all(
                self.in_destination(licence.destination, site.country, day)
                for day in [t.first, *(day for day in self.turning_days if t.first < day <= t.last)]
            )
        )

    def in_scope(self, contract: Contract, p: Place) -> bool:
        position = self.places[p]
        return (
            position.site.provider == contract.provider
            and (not contract.sites or p[0] in contract.sites)
            and (not contract.accelerators or position.accelerator.id in contract.accelerators)
        )


# --- variables --------------------------------------------------------------------------------------------------------


def variables(world: World, program: Program) -> None:
    """add, held, online, run, use, new, rise (held going up, per place), unserved, scale; forbidden ones are bounded by 0."""
    scenario, clock = world.scenario, world.clock
    energy.variables(world, program)
    for t in world.periods:
        for p, position in world.places.items():
            regime = world.regime(position.site, position.accelerator, t)
            open_ = world.window(p, t) and (position.reserved or regime == "permit")
            usable = position.reserved or open_
            program.variable(("add", *p, t.index), math.inf if position.reserved and open_ else 0.0)
            program.variable(("held", *p, t.index), math.inf if usable else 0.0)
            program.variable(("online", *p, t.index))
            program.variable(("rise", *p, t.index))
            for k in clock.of(t):
                program.variable(("run", *p, t.index, k))
                for w in scenario.workload:
                    able = usable and world.served(w, p, t) > 0
                    program.variable(("use", w.id, *p, t.index, k), math.inf if able else 0.0)
        for s, a in world.stocks:
            regime = world.regime(world.inputs.sites[s], world.inputs.accelerators[a][0], t)
            program.variable(("new", s, a, t.index), 0.0 if regime == "prohibit" else math.inf)
        for w in scenario.workload:
            allowed = w.unserved is not None and scenario.objective.name in ("cost", "unserved")
            for n in range(len(clock.slots(w.flexible, t))):
                program.variable(("unserved", w.id, t.index, n), math.inf if allowed else 0.0)
    program.variable(("peak",))
    program.variable(("scale",))
    if scenario.objective.name != "demand_scale":
        program.equal(("scale",), [(1.0, ("scale",))], 1.0)


# --- rules 1 to 4 -----------------------------------------------------------------------------------------------------


def stock(world: World, program: Program) -> None:
    """(1)  held_t = fleet_t + sum of add over the periods whose term still runs; on demand held = online (= sum_w use, E3)."""
    for p, position in world.places.items():
        for t in world.periods:
            if position.reserved:
                running = [(-1.0, ("add", *p, n.index)) for n in world.periods if world.runs(p, n, t)]
                program.equal(("stock", *p, t.index), world.held(p, t) + running, world.fleet(p, t))
            else:
                online: Expression = [(-1.0, ("online", *p, t.index))]
                program.equal(("stock", *p, t.index), world.held(p, t) + online, 0.0)
                if len(world.clock.of(t)) == 1:
                    used = world.used(p, t, world.clock.of(t)[0])
                    program.equal(("running", *p, t.index), used + online, 0.0)


def shipments(world: World, program: Program) -> None:
    """(1)  new_t >= sum over reserved offers of (held_t - held_(t-1));  rise_t >= held_t - held_(t-1) of one place."""
    for t in world.periods:
        for (s, a), places in world.stocks.items():
            change = total(world.change(p, t) for p in places)
            before = sum(world.before(p, t) for p in places)
            program.at_least(("shipment", s, a, t.index), [(1.0, ("new", s, a, t.index)), *times(-1.0, change)], -before)
        for p, position in world.places.items():
            if position.reserved:
                rise: Expression = [(1.0, ("rise", *p, t.index))]
                program.at_least(("rise", *p, t.index), rise + times(-1.0, world.change(p, t)), -world.before(p, t))


def capacity(world: World, program: Program) -> None:
    """(2)  sum_w use <= run <= online <= held, use and run in every slice"""
    for p in world.places:
        for t in world.periods:
            online: Expression = [(-1.0, ("online", *p, t.index))]
            program.at_least(("powered", *p, t.index), world.held(p, t) + online, 0.0)
            for k in world.clock.of(t):
                run: Expression = [(1.0, ("run", *p, t.index, k))]
                program.at_most(("in_use", *p, t.index, k), world.used(p, t, k) + times(-1.0, run), 0.0)
                program.at_most(("run", *p, t.index, k), run + online, 0.0)


def asked(world: World, w: Workload, t: Period, slot: list[int]) -> float:
    """h100e: mean over a slot of demand x shape."""
    shape = sum(world.clock.share(t, k, slot) * world.clock.shape(w.demand_shape, t, k) for k in slot)
    return w.demand.mean(t) * shape


def demand(world: World, program: Program) -> None:
    """(3)  mean over the slot of sum u G E use + unserved = D shape scale (E16)"""
    clock = world.clock
    for w in world.scenario.workload:
        for t in world.periods:
            for n, slot in enumerate(clock.slots(w.flexible, t)):
                left: Expression = [(1.0, ("unserved", w.id, t.index, n)), (-asked(world, w, t, slot), ("scale",))]
                for k in slot:
                    share = clock.share(t, k, slot)
                    left += total(times(share * world.served(w, p, t), world.use(w, p, t, k)) for p in world.places)
                program.equal(("demand", w.id, t.index, n), left, 0.0)


def site_power(world: World, program: Program) -> None:
    """(4)  sum_o pue K online <= available P + firm power of own sources;  oversubscribed, in every slice:
    rated load <= available P + what the sources make available (E6)
    """
    oversubscribe = world.scenario.energy is not None and world.scenario.energy.oversubscribe
    for s in world.inputs.sites:
        places = [p for p in world.places if p[0] == s]
        for t in world.periods:
            limit = world.site_power(s, t)
            if limit is None:
                continue
            if not oversubscribe:
                left = total(world.draw(p, t) for p in places) + times(-1.0, energy.firm_power(world, s, t))
                program.at_most(("site_power", s, t.index), left, limit)
                continue
            for k in world.clock.of(t):
                left = total(world.rated(p, t, k) for p in places) + times(-1.0, energy.throttled_power(world, s, t, k))
                program.at_most(("site_power", s, t.index, k), left, limit)


def build_rate(world: World, program: Program) -> None:
    """(4)  sum_a pue K new <= build_rate x length"""
    for s, site in world.inputs.sites.items():
        for t in world.periods:
            if site.build_rate is not None:
                program.at_most(("build_rate", s, t.index), new_power(world, s, t), site.build_rate * t.hours)


def new_power(world: World, s: str, t: Period) -> Expression:
    rows = world.inputs.accelerators
    return [(world.inputs.sites[s].pue * rows[a][0].rack_power, ("new", s, a, t.index)) for site, a in world.stocks if site == s]


# --- rule 5: power caps -----------------------------------------------------------------------------------------------


def power_caps(world: World, program: Program) -> None:
    """(5)  rated load of a country, provider or the fleet in every slice <= limit (+ overshoot, priced per MW and year);
    on a grid what it has to carry: rated load less the power of own sources (E6)
    """
    limits = world.scenario.limits
    for t in world.periods:
        for g in {site.grid for site in world.inputs.sites.values()}:
            headroom = series(world.inputs.grids[g], "headroom")
            cap(
                world,
                program,
                ("grid", g),
                t,
                lambda site, g=g: site.grid == g,
                None if headroom is None else headroom.lowest(t),
                None,
            )
        for c, limit in limits.country_power.items():
            cap(world, program, ("country", c), t, lambda site, c=c: site.country == c, limit.series.lowest(t), limit.price)
        for c, limit in limits.national_share.items():
            cap(
                world,
                program,
                ("share", c),
                t,
                lambda site, c=c: site.country == c,
                national_cap(world, c, limit, t),
                limit.price,
            )
        for v, limit in limits.provider_power.items():
            cap(world, program, ("provider", v), t, lambda site, v=v: site.provider == v, limit.series.lowest(t), limit.price)
        if (whole := limits.fleet_power) is not None:
            cap(world, program, ("fleet",), t, lambda site: True, whole.series.lowest(t), whole.price)


def cap(world: World, program: Program, key: Key, t: Period, covers: Any, limit: float | None, price: float | None) -> None:
    """One power cap of one period, over the sites it covers."""
    if limit is None:
        return
    over: Expression = []
    if price is not None:
        over = program.variable(("over", *key, t.index))
        program.costs += times(price * t.hours / HOURS_PER_YEAR * world.discount(t) / MILLION, over)
    for k in world.clock.of(t):
        left = total(world.rated(p, t, k) for p, position in world.places.items() if covers(position.site))
        if key[0] == "grid":
            own = total(energy.own_power(world, s, t, k) for s, site in world.inputs.sites.items() if covers(site))
            left = left + times(-1.0, own)
        program.at_most(("cap", *key, t.index, k), left + times(-1.0, over), limit)


def national_cap(world: World, country: str, limit: Limit, t: Period) -> float | None:
    """Lowest over the days of share x installed capacity (N14)."""
    capacity_ = series(world.inputs.countries[country], "capacity")
    if capacity_ is None:
        return None
    found = []
    for day in days_of(t):
        one = Period(0, "", day, day)
        share, installed = limit.series.lowest(one), capacity_.lowest(one)
        if share is not None and installed is not None:
            found.append(share * installed)
    return min(found, default=None)


def contract_power(world: World, program: Program) -> None:
    """(5)  floor <= rated load in every slice <= ceiling, where running contracts with the same scope add up day by day (N10)"""
    scopes: dict[Key, list[Contract]] = {}
    for contract in world.inputs.contracts:
        scopes.setdefault((contract.provider, frozenset(contract.sites), frozenset(contract.accelerators)), []).append(contract)
    for number, contracts in enumerate(scopes.values()):
        for t in world.periods:
            ceiling = min(daily_sums(world, contracts, "max_power", t), default=None)
            floor = max(daily_sums(world, contracts, "min_power", t), default=None)
            for k in world.clock.of(t):
                left = total(world.rated(p, t, k) for p in world.places if world.in_scope(contracts[0], p))
                if ceiling is not None:
                    program.at_most(("ceiling", number, t.index, k), left, ceiling)
                if floor is not None:
                    program.at_least(("floor", number, t.index, k), left, floor)


def rights(world: World, program: Program) -> None:
    """(5)  places that have their power by contracts: where on some day of a period none of these runs (renewed ones run on),
    rated load in every slice <= the mean over the days of the ceilings that run
    """
    for number, (covering, places) in enumerate(bound_places(world)):
        for t in world.periods:
            if (mean := mean_right(covering, t)) is not None:
                for k in world.clock.of(t):
                    program.at_most(("right", number, t.index, k), total(world.rated(p, t, k) for p in places), mean)


def bound_places(world: World) -> list[tuple[list[Contract], list[Place]]]:
    """Places by the contracts in whose scope they lie, where one of these has a ceiling."""
    found: dict[tuple[int, ...], list[Place]] = {}
    for p in world.places:
        inside = tuple(n for n, contract in enumerate(world.inputs.contracts) if world.in_scope(contract, p))
        if any(world.inputs.contracts[n].max_power is not None for n in inside):
            found.setdefault(inside, []).append(p)
    return [([world.inputs.contracts[n] for n in inside], places) for inside, places in found.items()]


def mean_right(contracts: list[Contract], t: Period) -> float | None:
    """Mean MW over the days of a period; None where a contract runs on every day, or one without a ceiling on some."""
    sums, bare = [], False
    for day in days_of(t):
        running = [c for c in contracts if holds(c.start, None if c.renew else c.end, day)]
        if any(c.max_power is None for c in running):
            return None
        bare = bare or not running
        sums.append(sum(c.max_power or 0.0 for c in running))
    return sum(sums) / len(sums) if bare else None


def daily_sums(world: World, contracts: list[Contract], name: str, t: Period) -> list[float]:
    """The sum of a column over the contracts that run, for every day on which one runs."""
    having = [c for c in contracts if getattr(c, name) is not None]
    found = []
    for day in days_of(t) if having else ():
        running = [
            getattr(c, name)
            for c in having
            if holds(c.start, None if c.renew and name == "max_power" else c.end or world.last_day, day)
        ]
        if running:
            found.append(sum(running))
    return found


# --- rule 6: supply ---------------------------------------------------------------------------------------------------


def supply(world: World, program: Program) -> None:
    """(6)  sum_(t'<=t) new <= sum_(t'<=t) rate x length;  sum_(t'<=t) K new <= total  [MW IT]   (N9)"""
    keys: dict[tuple[str | None, str | None], list[Any]] = {}
    for row in sorted(world.inputs.supply, key=lambda row: row.from_):
        keys.setdefault((row.accelerator, row.vendor), []).append(row)
    for key, rows in keys.items():
        totals = series(rows, "total")
        unlimited = [row.from_ for row in rows if row.rate is None]
        rates = Series(tuple((row.from_, row.rate or 0.0) for row in rows))
        deliveries, shipped, power = 0.0, list[tuple[float, Key]](), list[tuple[float, Key]]()
        for t in world.periods:
            for s, a in world.stocks:
                machine = world.inputs.accelerators[a][0]
                if key in ((a, None), (None, machine.vendor)):
                    shipped.append((1.0, ("new", s, a, t.index)))
                    power.append((machine.rack_power, ("new", s, a, t.index)))
            deliveries += rates.mean(t) * t.hours
            if not any(blank_days(rows, day, world.origin, t.last) for day in unlimited):
                program.at_most(("deliveries", *key, t.index), list(shipped), deliveries)
            limit = None if totals is None else totals.lowest(t)
            if limit is not None:
                program.at_most(("shipped", *key, t.index), list(power), limit)


def blank_days(rows: list[Any], start: date, first: date, last: date) -> int:
    """Days from first to last on which the row from `start` is in force."""
    end = min((row.from_ for row in rows if row.from_ > start), default=date.max) - ONE_DAY
    return common_days(start, end, first, last)


def offer_maximum(world: World, program: Program) -> None:
    """(6)  sum_s G held <= max, over all tranches of an offer id; the lowest of their maxima (N1)"""
    for name in {offer.id for offer in world.inputs.offers}:
        limits = [offer.max for offer in world.inputs.offers if offer.id == name and offer.max is not None]
        for t in world.periods if limits else ():
            places = [p for p, position in world.places.items() if position.offer.id == name]
            left = total(times(world.places[p].gpus, world.held(p, t)) for p in places)
            program.at_most(("offer_maximum", name, t.index), left, min(limits))


# --- rule 7: export ---------------------------------------------------------------------------------------------------


def licences(world: World, program: Program) -> None:
    """(7)  sum_l lic = G new under a licence need;  sum weight lic <= quantity"""
    drawn: dict[str, Expression] = {licence.id: [] for licence in world.inputs.licences}
    for s, a in world.stocks:
        site, machine = world.inputs.sites[s], world.inputs.accelerators[a][0]
        for t in world.periods:
            if world.regime(site, machine, t) != "licence":
                continue
            left: Expression = [(-machine.chips_per_rack, ("new", s, a, t.index))]
            for licence in world.inputs.licences:
                if world.licence_applies(licence, site, t):
                    lic = program.variable(("licence", licence.id, s, a, t.index))
                    left += lic
                    drawn[licence.id] += times(weight(world, licence, machine), lic)
            program.equal(("licence_need", s, a, t.index), left, 0.0)
    for licence in world.inputs.licences:
        program.at_most(("licence", licence.id), drawn[licence.id], licence.quantity)


def weight(world: World, licence: Licence, machine: Accelerator) -> float:
    """What one gpu of a machine counts in the gpus of a licence."""
    if licence.of is None:
        return 1.0
    return (machine.tpp or 0.0) / (world.inputs.accelerators[licence.of][0].tpp or math.nan)


def counted(world: World, first: date, last: date) -> list[Period]:
    """Periods that start while a cap or share is in force (N15)."""
    return [t for t in world.periods if first <= t.first <= last]


def million_tpp(world: World, a: str) -> float:
    """Million TPP per rack."""
    machine = world.inputs.accelerators[a][0]
    return machine.chips_per_rack * (machine.tpp or 0.0) / 1e6


def counted_stocks(world: World, rule: ExportRule) -> list[tuple[str, str]]:
    """(site, accelerator) with an accelerator of the rule's class."""
    return [(s, a) for s, a in world.stocks if world.in_class(rule.class_, world.inputs.accelerators[a][0])]


def export_caps(world: World, program: Program) -> None:
    """(7)  per country: sum over counted periods up to t of weight G new <= amount  (TPP or gpu)"""
    for rule, first, last in world.rules:
        if rule.effect != "cap":
            continue
        assert rule.amount is not None
        by_tpp = rule.amount.of == "tpp"
        for c in {site.country for site in world.inputs.sites.values()}:
            left: Expression = []
            for t in counted(world, first, last):
                for s, a in counted_stocks(world, rule):
                    site = world.inputs.sites[s]
                    here = site.country == c and world.in_destination(rule.destination, c, t.first)
                    if here and world.is_party(rule, site):
                        gpus = world.inputs.accelerators[a][0].chips_per_rack
                        left.append((million_tpp(world, a) if by_tpp else gpus, ("new", s, a, t.index)))
                limit = rule.amount.value / 1e6 if by_tpp else rule.amount.value
                program.at_most(("export_cap", rule.id, c, t.index), list(left), limit)


def export_shares(world: World, program: Program, net_max_share: bool) -> None:
    """(7)  max_share, per country: cum TPP new there <= share cum TPP new everywhere
    min_share, over the destination: cum TPP (held_t - held_(t-1)) there >= share cum TPP new everywhere
    """
    for rule, first, last in world.rules:
        if rule.effect not in ("max_share", "min_share"):
            continue
        assert rule.amount is not None
        stocks = counted_stocks(world, rule)
        everywhere: Expression = []
        bought: dict[str, Expression] = {site.country: [] for site in world.inputs.sites.values()}
        gained: Expression = []
        gained_before = 0.0
        for t in counted(world, first, last):
            for s, a in stocks:
                site, tpp = world.inputs.sites[s], million_tpp(world, a)
                new: Expression = [(tpp, ("new", s, a, t.index))]
                net = times(tpp, total(world.change(p, t) for p in world.stocks[s, a]))
                everywhere += net if net_max_share and rule.effect == "max_share" else new
                if world.in_destination(rule.destination, site.country, t.first) and world.is_party(rule, site):
                    bought[site.country] += new
                    gained += net
                    gained_before += tpp * sum(world.before(p, t) for p in world.stocks[s, a])
            base = times(-rule.amount.value, everywhere)
            if rule.effect == "min_share":
                program.at_least(("min_share", rule.id, t.index), gained + base, gained_before)
                continue
            start = world.periods[0]
            netted = net_max_share and first <= start.first
            fleet = sum(million_tpp(world, a) * world.before(p, start) for s, a in stocks for p in world.stocks[s, a])
            for c in (c for c in bought if bought[c]):  # a country that gets nothing keeps any share
                program.at_most(
                    ("max_share", rule.id, c, t.index), bought[c] + base, -rule.amount.value * fleet if netted else 0.0
                )


# --- rules 8 to 12 ----------------------------------------------------------------------------------------------------


def commitments(world: World) -> list[tuple[Contract, int | None, float]]:
    """(contract, year or None for the term, million USD committed in the horizon) where something is committed (N11)."""
    found: list[tuple[Contract, int | None, float]] = []
    for contract in world.inputs.contracts:
        end = contract.end or world.last_day
        promised = (contract.value or 0.0) * contract.take_or_pay / MILLION
        length = (end - contract.start).days + 1
        if promised <= 0 or length <= 0 or (contract.settle == "term" and end > world.last_day):
            continue
        years = world.years if contract.settle == "year" else [None]
        for year in years:
            begin = world.origin if year is None else max(world.origin, date(year, 1, 1))
            finish = world.last_day if year is None else min(world.last_day, date(year, 12, 31))
            days = common_days(contract.start, end, begin, finish)
            if days:
                found.append((contract, year, promised * days / length))
    return found


def take_or_pay(world: World, program: Program) -> None:
    """(9)  sum allotted + shortfall >= committed;  allotted_c <= f_c rent;  sum_c allotted <= rent and energy that count"""
    committed = commitments(world)
    contracts = {contract.id: contract for contract, _, _ in committed}
    for p, position in world.places.items():
        named = position.offer.contract
        for t in world.periods:
            allotted: Expression = []
            for contract in contracts.values():
                days = common_days(contract.start, contract.end or world.last_day, t.first, t.last)
                if contract.id != named and (named is not None or not world.in_scope(contract, p)):
                    continue
                share = program.variable(("allotted", contract.id, *p, t.index))
                allotted += share
                most = times(-days / t.days, world.counted(p, t))
                program.at_most(("allotted_most", contract.id, *p, t.index), share + most, 0.0)
            if allotted:
                program.at_most(("allotted_once", *p, t.index), allotted + times(-1.0, world.counted(p, t)), 0.0)
    for contract, year, amount in committed:
        short = program.variable(("shortfall", contract.id, year))
        cells = [("allotted", contract.id, *p, t.index) for p in world.places for t in world.periods if year in (None, t.year)]
        left = short + [(1.0, key) for key in cells if key in program.columns]
        program.at_least(("take_or_pay", contract.id, year), left, amount)
        program.costs += times(world.discount_of_year(world.years[-1] if year is None else year), short)


def budgets(world: World, program: Program) -> None:
    """(8)  sum (spend + routes) of a year + its shortfalls <= budget (+ overshoot), and the same over the horizon"""
    limits = world.scenario.limits
    bounds: list[tuple[Limit, list[int], Key]] = [
        (limit, [int(year)], ("budget", year)) for year, limit in limits.budget.items() if int(year) in world.years
    ]
    if limits.budget_total is not None:
        bounds.append((limits.budget_total, world.years, ("budget_total",)))
    for limit, years, key in bounds:
        left: Expression = []
        for t in (t for t in world.periods if t.year in years):
            left += total(energy.cost(world, s, t) for s in world.inputs.sites) + energy.common_cost(world, t)
            for p, position in world.places.items():
                rise: Expression = [(position.offer.capex / MILLION, ("rise", *p, t.index))]
                capital = rise if limits.budget_basis == "cash" else world.capital(p, t)
                left += world.rent(p, t) + capital + world.route_cost(p, t)
        for contract, year, _ in commitments(world):
            if (world.years[-1] if year is None else year) in years:
                left.append((1.0, ("shortfall", contract.id, year)))
        yearly_limit(world, program, key, left, limit, years, MILLION, MILLION)


def yearly_limit(
    world: World, program: Program, key: Key, left: Expression, limit: Limit, years: list[int], unit: float, worth: float
) -> None:
    """left <= limit / unit (+ overshoot); a unit of overshoot is `worth` units of the limit, priced at the end of the years."""
    most = min((low for t in world.periods if t.year in years for low in limit.series.values(t)), default=None)
    if most is None:
        return
    if limit.price is not None:
        over = program.variable(("over", *key))
        left = left + times(-1.0, over)
        program.costs += times(limit.price * worth / MILLION * world.discount_of_year(years[-1]), over)
    program.at_most(key, left, most / unit)


def carbon_caps(world: World, program: Program) -> None:
    """(12)  carbon of a year <= cap (+ overshoot)"""
    for name, limit in world.scenario.limits.carbon.items():
        year = int(name)
        if year in world.years:
            cells = [(s, t) for s in world.inputs.sites for t in world.periods if t.year == year]
            left = total(energy.carbon(world, s, t) for s, t in cells)
            yearly_limit(world, program, ("carbon", name), left, limit, [year], 1.0, 1.0)


def provider_shares(world: World, program: Program) -> None:
    """(10)  min x total <= a provider's compute, power or spend <= max x total, in every period that the limit touches"""

    def measure(of: str, kind: str, s: str, t: Period) -> Expression:
        if of == "spend":
            return world.spend(s, t)
        places = (p for p in world.places if p[0] == s)
        return total(world.delivered(p, t, kind) if of == "compute" else world.draw(p, t) for p in places)

    def kinds(share: Any) -> set[str]:
        """Compute is shared kind by kind."""
        if share.of != "compute":
            return {""}
        return {w.kind for w in world.scenario.workload} if share.kind is None else {share.kind}

    limits = [(n, share, kind) for n, share in enumerate(world.scenario.limits.provider_share) for kind in sorted(kinds(share))]
    for number, share, kind in limits:
        for t in world.periods:
            if not common_days(share.from_ or date.min, share.to or date.max, t.first, t.last):
                continue
            sites = world.inputs.sites.items()
            own = total(measure(share.of, kind, s, t) for s, site in sites if site.provider == share.provider)
            whole = total(measure(share.of, kind, s, t) for s, _ in sites)
            if share.of == "spend":
                whole += energy.common_cost(world, t)
            if share.max is not None:
                program.at_most(("share_max", number, kind, t.index), own + times(-share.max, whole), 0.0)
            if share.min is not None:
                program.at_least(("share_min", number, kind, t.index), own + times(-share.min, whole), 0.0)


def resilience(world: World, program: Program) -> None:
    """(11)  without what is lost: online2 <= held, site power and firm power;  in every slice sum_w use2 <= online2;
    mean over every slot of sum u G E use2 >= critical D shape scale (E10)
    """
    if world.scenario.resilience is None:
        return
    lose, clock = world.scenario.resilience.lose, world.clock

    def part(p: Place) -> str:
        site = world.places[p].site
        return {"site": site.id, "provider": site.provider, "country": site.country}[lose]

    for lost in sorted({part(p) for p in world.places}):
        left = [p for p in world.places if part(p) != lost and world.places[p].reserved]
        for t in world.periods:
            for p in left:
                online = program.variable(("online2", lost, *p, t.index))
                program.at_least(("held2", lost, *p, t.index), world.held(p, t) + times(-1.0, online), 0.0)
                for k in clock.of(t):
                    used: Expression = []
                    for w in world.scenario.workload:
                        able = world.served(w, p, t) > 0
                        used += program.variable(("use2", lost, w.id, *p, t.index, k), math.inf if able else 0.0)
                    program.at_most(("in_use2", lost, *p, t.index, k), used + times(-1.0, online), 0.0)
            for s in {p[0] for p in left}:
                limit = world.site_power(s, t)
                assert limit is not None
                draw: Expression = [(world.places[p].power, ("online2", lost, *p, t.index)) for p in left if p[0] == s]
                firm = energy.firm_power(world, s, t)
                program.at_most(("site_power2", lost, s, t.index), draw + times(-1.0, firm), limit)
            ceilings_after(world, program, lost, left, t)
            for w in world.scenario.workload:
                for n, slot in enumerate(clock.slots(w.flexible, t)):
                    need: Expression = [(-w.critical * asked(world, w, t, slot), ("scale",))]
                    for k in slot:
                        share = clock.share(t, k, slot)
                        need += [(share * world.served(w, p, t), ("use2", lost, w.id, *p, t.index, k)) for p in left]
                    program.at_least(("critical", lost, w.id, t.index, n), need, 0.0)


def ceilings_after(world: World, program: Program, lost: str, left: list[Place], t: Period) -> None:
    """(11)  what is drawn after a loss keeps every ceiling on power that is not priced: fleet, country, national share, provider,
    contracts (with their scopes), and of a grid what comes from it: draw of each site less its firm power, never below 0
    """
    limits = world.scenario.limits

    def drawn(covers: Any) -> Expression:
        return [(world.places[p].power, ("online2", lost, *p, t.index)) for p in left if covers(p)]

    def ceiling(name: Key, limit: Any, value: float | None, covers: Any) -> None:
        if value is not None and (limit is None or limit.price is None):
            program.at_most(("cap2", lost, *name, t.index), drawn(covers), value)

    def site(p: Place) -> Site:
        return world.places[p].site

    if limits.fleet_power is not None:
        ceiling(("fleet",), limits.fleet_power, limits.fleet_power.series.lowest(t), lambda p: True)
    for c, limit in limits.country_power.items():
        ceiling(("country", c), limit, limit.series.lowest(t), lambda p, c=c: site(p).country == c)
    for c, limit in limits.national_share.items():
        ceiling(("share", c), limit, national_cap(world, c, limit, t), lambda p, c=c: site(p).country == c)
    for v, limit in limits.provider_power.items():
        ceiling(("provider", v), limit, limit.series.lowest(t), lambda p, v=v: site(p).provider == v)
    scopes: dict[Key, list[Contract]] = {}
    for contract in world.inputs.contracts:
        scopes.setdefault((contract.provider, frozenset(contract.sites), frozenset(contract.accelerators)), []).append(contract)
    for n, contracts in enumerate(scopes.values()):
        most = min(daily_sums(world, contracts, "max_power", t), default=None)
        ceiling(("contract", n), None, most, lambda p, contracts=contracts: world.in_scope(contracts[0], p))
    for n, (covering, places) in enumerate(bound_places(world)):
        ceiling(("right", n), None, mean_right(covering, t), lambda p, places=places: p in places)
    for g in {site(p).grid for p in left}:
        rows = series(world.inputs.grids[g], "headroom")
        most = None if rows is None else rows.lowest(t)
        if most is not None:
            taken: Expression = []
            for s in sorted({p[0] for p in left if site(p).grid == g}):
                taken += program.variable(("from_grid2", lost, s, t.index))
                less = times(-1.0, drawn(lambda p, s=s: p[0] == s)) + energy.firm_power(world, s, t)
                program.at_least(("from_grid2", lost, s, t.index), [(1.0, ("from_grid2", lost, s, t.index)), *less], 0.0)
            program.at_most(("cap2", lost, "grid", g, t.index), taken, most)


# --- objective --------------------------------------------------------------------------------------------------------


def peak(world: World, program: Program) -> None:
    """peak >= rated load of the fleet in every slice"""
    for t in world.periods:
        for k in world.clock.of(t):
            left = total(world.rated(p, t, k) for p in world.places)
            program.at_most(("peak", t.index, k), [*left, (-1.0, ("peak",))], 0.0)


def running_cost(world: World) -> Expression:
    """sum_t delta_t (spend + routes + unserved x price x h)  [million USD]; shortfalls and overshoots are added by their rules"""
    found: Expression = []
    for t in world.periods:
        paid = total(world.spend(s, t) for s in world.inputs.sites) + energy.common_cost(world, t)
        paid += total(world.route_cost(p, t) for p in world.places)
        for w in world.scenario.workload:
            paid += times((w.unserved or 0.0) / MILLION, world.unserved(w, t))
        found += times(world.discount(t), paid)
    return found
