"""The energy part of the second formulation (tests/oracle.py), from design.md section 10: slices, shapes, power sources, loads.

Full index like the rest: every site balances its load in every slice, with or without sources, and a source is a source at a
site or on a grid. What a slice, a shape or a date forbids is a variable with the upper bound 0. Power is in MW, energy in MWh,
money in million USD. The variable ("one",) is 1: it carries what is already there and costs anyway.
"""

from __future__ import annotations

import math
from collections import Counter
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING

from planner.core.calendar import Period, add_months
from planner.inputs.assembly import Inputs
from planner.inputs.tables import PowerSource
from tests.oracle_lp import (
    HOURS_PER_YEAR,
    MILLION,
    Expression,
    Program,
    common_days,
    days_of,
    holds,
    times,
    total,
)

if TYPE_CHECKING:
    from tests.oracle import Place, World

ALWAYS = frozenset(range(1, 13)), frozenset(range(24))


# --- slices and shapes ------------------------------------------------------------------------------------------------


class Clock:
    """The hours of the slices and the means of the shapes on them, counted day by day."""

    def __init__(self, inputs: Inputs):
        self.slices = [(row.months, row.hours) for row in inputs.slices] or [ALWAYS]
        self.shapes = {
            name: {(month, hour): row.value for row in rows for month in row.months for hour in row.hours}
            for name, rows in inputs.shapes.items()
        }
        self.calendar = {t.index: Counter(day.month for day in days_of(t)) for t in inputs.horizon}

    def hours(self, t: Period, k: int) -> float:
        """h[t, k]: every day gives one hour to each of its 24 cells (E2)."""
        months, hours = self.slices[k]
        return float(sum(days * len(hours) for month, days in self.calendar[t.index].items() if month in months))

    def of(self, t: Period) -> list[int]:
        """The slices that a period has."""
        return [k for k in range(len(self.slices)) if self.hours(t, k) > 0]

    def days(self, t: Period) -> list[list[int]]:
        """Its slices by their months: together they are days."""
        groups: dict[frozenset[int], list[int]] = {}
        for k in self.of(t):
            groups.setdefault(self.slices[k][0], []).append(k)
        return list(groups.values())

    def slots(self, flexible: str, t: Period) -> list[list[int]]:
        """What has to be met together: a slice, the slices of a day, all slices (E16)."""
        return {"no": [[k] for k in self.of(t)], "day": self.days(t), "period": [self.of(t)]}[flexible]

    def length(self, t: Period, slot: list[int]) -> float:
        return sum(self.hours(t, k) for k in slot)

    def share(self, t: Period, k: int, slot: list[int]) -> float:
        return self.hours(t, k) / self.length(t, slot)

    def shape(self, name: str | None, t: Period, k: int) -> float:
        """Mean over the hours of a slice that lie in a period; no shape is 1."""
        if name is None:
            return 1.0
        months, hours = self.slices[k]
        cells = self.shapes[name]
        whole = sum(
            days * cells[month, hour] for month, days in self.calendar[t.index].items() if month in months for hour in hours
        )
        return whole / self.hours(t, k)


# --- power sources ----------------------------------------------------------------------------------------------------


class Sources:
    """What sources there are, when, and what they cost (E8)."""

    def __init__(self, world: World):
        self.world, self.periods, self.clock = world, world.periods, world.clock
        rows = world.inputs.power_sources if world.scenario.energy else ()
        self.all: dict[str, PowerSource] = {row.id: row for row in rows}

    def at(self, s: str) -> list[PowerSource]:
        return [x for x in self.all.values() if x.site == s]

    def on_grid_of(self, s: str) -> list[PowerSource]:
        return [x for x in self.all.values() if x.grid == self.world.inputs.sites[s].grid]

    @cached_property
    def on_grids(self) -> list[PowerSource]:
        return [x for x in self.all.values() if x.grid is not None]

    def managed(self, s: str) -> bool:
        """Whether what a site pays for energy is more than load x grid price (E15)."""
        return bool(self.at(s)) or (bool(self.on_grid_of(s)) and bool(self.world.metered[s]))

    def ready(self, x: PowerSource, n: Period) -> Period | None:
        """The first period that starts on or after the day when an addition decided in n has been built."""
        day = add_months(n.first, 12 * x.lead_time)
        return next((t for t in self.periods if t.first >= day), None)

    def stands(self, x: PowerSource, n: Period, t: Period) -> bool:
        """Whether what was decided in n is there in t; the first day of a period decides."""
        begin = self.ready(x, n)
        if begin is None or t.index < begin.index or not holds(x.from_, x.to, t.first):
            return False
        return x.lifetime is None or t.first < add_months(begin.first, 12 * x.lifetime)

    def built(self, x: PowerSource, t: Period) -> Expression:
        return [(1.0, ("build", x.id, n.index)) for n in self.periods if self.stands(x, n, t)]

    def there(self, x: PowerSource, t: Period) -> Expression:
        """MW: capacity (its days in the period) and what was built."""
        days = common_days(x.from_ or date.min, x.to or date.max, t.first, t.last)
        return [(x.capacity * days / t.days, ("one",)), *self.built(x, t)]

    def available(self, x: PowerSource, t: Period, k: int) -> Expression:
        """MW that a slice's wind, sun or machine gives."""
        return times(self.clock.shape(x.shape, t, k), self.there(x, t))

    def fixed(self, x: PowerSource, t: Period) -> Expression:
        """Million USD: annuity of what was built, fixed operation of all that is there."""
        rate = self.world.rate
        annuity = 0.0
        if x.capex and x.max_build:
            assert x.lifetime is not None, "capex without a lifetime"
            factor = 1 / x.lifetime if rate == 0 else math.log(1 + rate) / (1 - (1 + rate) ** -x.lifetime)
            annuity = x.capex * factor
        share = t.hours / HOURS_PER_YEAR / MILLION
        upkeep = x.fixed_om.usd + x.fixed_om.share * x.capex
        return times(annuity * share, self.built(x, t)) + times(upkeep * share, self.there(x, t))

    def output(self, x: PowerSource, t: Period, k: int) -> Expression:
        """MW generated, discharged, or bought by all sites."""
        if x.grid is None:
            return [(1.0, ("output", x.id, t.index, k))]
        return total(self.bought(x, s, t, k) for s in self.buyers(x))

    def buyers(self, x: PowerSource) -> list[str]:
        return [s for s, site in self.world.inputs.sites.items() if site.grid == x.grid]

    def bought(self, x: PowerSource, s: str, t: Period, k: int) -> Expression:
        return [(1.0, ("buy", x.id, s, t.index, k))]

    def taken(self, x: PowerSource, t: Period) -> Expression:
        """MWh."""
        return total(times(self.clock.hours(t, k), self.output(x, t, k)) for k in self.clock.of(t))

    def paid(self, x: PowerSource, t: Period) -> Expression:
        """MWh."""
        return [(1.0, ("paid", x.id, t.index))]


def charge(x: PowerSource, t: Period, k: int) -> Expression:
    return [(1.0, ("charge", x.id, t.index, k))] if x.kind == "battery" else []


def own_power(world: World, s: str, t: Period, k: int) -> Expression:
    """MW that the sources of a site give in a slice, less what its batteries take."""
    return total(world.sources.output(x, t, k) + times(-1.0, charge(x, t, k)) for x in world.sources.at(s))


def firm_power(world: World, s: str, t: Period) -> Expression:
    """MW of the sources of a site that count at rated load (E6)."""
    return total(times(x.firmness, world.sources.there(x, t)) for x in world.sources.at(s))


def throttled_power(world: World, s: str, t: Period, k: int) -> Expression:
    """MW beside the connection when racks may exceed it: what the slice makes available, and the batteries as they run (E6)."""
    found: Expression = []
    for x in world.sources.at(s):
        if x.kind == "battery":
            found += world.sources.output(x, t, k) + times(-1.0, charge(x, t, k))
        else:
            found += world.sources.available(x, t, k)
    return found


# --- rules ------------------------------------------------------------------------------------------------------------


def variables(world: World, program: Program) -> None:
    """build, output, charge, buy, paid of every source; spot of every site; the 1."""
    program.variable(("one",))
    program.equal(("one",), [(1.0, ("one",))], 1.0)
    for t in world.periods:
        for k in world.clock.of(t):
            for s in world.inputs.sites:
                program.variable(("spot", s, t.index, k))
        for x in world.sources.all.values():
            program.variable(("build", x.id, t.index), x.max_build)
            program.variable(("paid", x.id, t.index))
            for k in world.clock.of(t):
                if x.grid is None:
                    program.variable(("output", x.id, t.index, k))
                for s in world.sources.buyers(x) if x.grid else ():
                    able = bool(world.metered[s]) or bool(world.sources.at(s))
                    program.variable(("buy", x.id, s, t.index, k), math.inf if able else 0.0)
                if x.kind == "battery":
                    program.variable(("charge", x.id, t.index, k))


def sources(world: World, program: Program) -> None:
    """output <= shape (capacity + built);  sum build <= max_build;  paid >= taken, min_take of what is available (E5, E8)"""
    clock = world.clock
    for x in world.sources.all.values():
        built: Expression = [(1.0, ("build", x.id, t.index)) for t in world.periods]
        program.at_most(("max_build", x.id), built, x.max_build)
        for t in world.periods:
            for k in clock.of(t):
                most = world.sources.there(x, t) if x.kind == "battery" else world.sources.available(x, t, k)
                program.at_most(("output", x.id, t.index, k), world.sources.output(x, t, k) + times(-1.0, most), 0.0)
            paid, taken = world.sources.paid(x, t), times(-1.0, world.sources.taken(x, t))
            if x.min_take == 0:
                program.equal(("paid", x.id, t.index), paid + taken, 0.0)
                continue
            program.at_least(("paid", x.id, t.index), paid + taken, 0.0)
            offered = total(times(clock.hours(t, k), world.sources.available(x, t, k)) for k in clock.of(t))
            program.at_least(("min_take", x.id, t.index), paid + times(-x.min_take, offered), 0.0)


def batteries(world: World, program: Program) -> None:
    """charge <= power;  per day  sum discharge h = efficiency sum charge h,  sum discharge h <= duration power days (E7)"""
    clock = world.clock
    for x in world.sources.all.values():
        for t in world.periods if x.kind == "battery" else ():
            assert x.efficiency is not None and x.duration is not None
            power = world.sources.there(x, t)
            for k in clock.of(t):
                program.at_most(("charge", x.id, t.index, k), charge(x, t, k) + times(-1.0, power), 0.0)
            for number, day in enumerate(clock.days(t)):
                out = total(times(clock.hours(t, k), world.sources.output(x, t, k)) for k in day)
                into = total(times(clock.hours(t, k), charge(x, t, k)) for k in day)
                program.equal(("stored", x.id, t.index, number), out + times(-x.efficiency, into), 0.0)
                days = clock.length(t, day) / 24
                program.at_most(("duration", x.id, t.index, number), out + times(-x.duration * days, power), 0.0)


def balance(world: World, program: Program) -> None:
    """load = spot + bought over the grid + own power (E4);  with own sources spot + bought <= site power, else bought <= load of
    metered offers
    """
    for s in world.inputs.sites:
        for t in world.periods:
            limit = world.site_power(s, t)
            for k in world.clock.of(t):
                bought = total(world.sources.bought(x, s, t, k) for x in world.sources.on_grid_of(s))
                imported: Expression = [(1.0, ("spot", s, t.index, k)), *bought]
                load = total(world.load(p, t, k) for p in world.places if p[0] == s)
                left = imported + own_power(world, s, t, k) + times(-1.0, load)
                program.equal(("balance", s, t.index, k), left, 0.0)
                if world.sources.at(s):
                    if limit is not None:
                        program.at_most(("import", s, t.index, k), imported, limit)
                elif bought:
                    metered = total(world.load(p, t, k) for p in world.metered[s])
                    program.at_most(("bought", s, t.index, k), bought + times(-1.0, metered), 0.0)


# --- what energy costs and emits --------------------------------------------------------------------------------------


def metered_cost(world: World, p: Place, t: Period) -> Expression:
    """Million USD of a place's load at the price of the grid; nothing where energy is included."""
    if world.places[p].offer.energy == "included":
        return []
    prices = {k: world.price(p[0], t, k) * world.clock.hours(t, k) / MILLION for k in world.clock.of(t)}
    return total(times(price, world.load(p, t, k)) for k, price in prices.items())


def per_mwh(x: PowerSource) -> float:
    """USD per MWh made: fuel_price x heat_rate on top of variable_cost."""
    return x.variable_cost if x.fuel_price is None or x.heat_rate is None else x.variable_cost + x.fuel_price * x.heat_rate


def cost(world: World, s: str, t: Period) -> Expression:
    """Million USD that a site pays for energy: load at the price of the grid; with sources spot, what is bought, its own sources
    (E5, E11)
    """
    places = [p for p in world.places if p[0] == s]
    if not world.sources.managed(s):
        return total(metered_cost(world, p, t) for p in places)
    found: Expression = []
    for k in world.clock.of(t):
        hours = world.clock.hours(t, k) / MILLION
        free = total(world.load(p, t, k) for p in places if p not in world.metered[s])
        found += times(world.price(s, t, k) * hours, [(1.0, ("spot", s, t.index, k)), *times(-1.0, free)])
        for x in world.sources.on_grid_of(s):
            found += times(per_mwh(x) * hours, world.sources.bought(x, s, t, k))
    for x in world.sources.at(s):
        found += world.sources.fixed(x, t) + times(per_mwh(x) / MILLION, world.sources.paid(x, t))
    return found


def common_cost(world: World, t: Period) -> Expression:
    """Million USD of the sources on grids that no provider bears: fixed cost, and what is paid for and not taken."""
    found: Expression = []
    for x in world.sources.on_grids:
        left = world.sources.paid(x, t) + times(-1.0, world.sources.taken(x, t))
        found += world.sources.fixed(x, t) + times(per_mwh(x) / MILLION, left)
    return found


def carbon(world: World, s: str, t: Period) -> Expression:
    """t: spot by the grid, all else by its source (E12)"""
    found: Expression = []
    for k in world.clock.of(t):
        hours = world.clock.hours(t, k)
        found.append((world.of_grid(s, "carbon", t, k) * hours, ("spot", s, t.index, k)))
        for x in world.sources.on_grid_of(s):
            found += times(x.carbon * hours, world.sources.bought(x, s, t, k))
        for x in world.sources.at(s):
            found += times(x.carbon * hours, world.sources.output(x, t, k))
    return found
