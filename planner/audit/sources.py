"""Sources of power: what is there after building, what sites take from them and from the grid, what that costs; and the rules of
both (design.md section 10). Which flows there are is told by energy.csv, what was built and paid for by built.csv.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import cached_property

from planner.audit.case import Case
from planner.audit.evidence import GRID, Check, Row
from planner.audit.premises import YEAR_HOURS
from planner.core.calendar import Period, add_months, overlap_days
from planner.inputs.tables import PowerSource

LITRES = 1000.0  # L/MWh of one L/kWh


class Sources:
    """The sources of one plan."""

    def __init__(self, case: Case):
        self.case, self.world = case, case.world
        self.rows = {(row.text["source"], row.text["period"]): row for row in case.plan.table("built")}

    # --- what is there ---

    def stated(self, source: PowerSource, t: int) -> Row:
        return self.rows.get((source.id, self.world.horizon[t].label), Row({}, {}))

    @cached_property
    def grown(self) -> dict[str, list[float]]:
        """MW of additions that are there in each period."""
        found = {}
        for source in self.world.sources.values():
            there = [0.0] * len(self.world.horizon)
            for t in range(len(self.world.horizon)):
                for later in self.life(source, t):
                    there[later] += self.stated(source, t).get("built_mw")
            found[source.id] = there
        return found

    def life(self, source: PowerSource, t: int) -> list[int]:
        """Periods in which an addition decided in period t is there: from the first that starts on or after its lead time, for
        its lifetime from that period's first day; only periods that start within the days of the source."""
        horizon = self.world.horizon
        ready = add_months(horizon[t].first, 12 * source.lead_time)
        start = next((period.first for period in horizon[t:] if period.first >= ready), None)
        if start is None:
            return []
        gone = add_months(start, 12 * source.lifetime) if source.lifetime else date.max
        begin, end = max(start, source.from_ or date.min), source.to or date.max
        return [period.index for period in horizon if begin <= period.first <= end and period.first < gone]

    @cached_property
    def capacity(self) -> dict[str, list[float]]:
        """MW of existing capacity: the mean over the days of each period."""
        return {
            row.id: [row.capacity * overlap_days(row.from_, row.to, period) / period.days for period in self.world.horizon]
            for row in self.world.sources.values()
        }

    def there(self, source: PowerSource, t: int) -> float:
        return self.capacity[source.id][t] + self.grown[source.id][t]

    def available(self, source: PowerSource, t: int, name: str) -> float:
        """MW that a source can give in a slice."""
        return self.there(source, t) * self.world.calendar.mean(source.shape, t, name)

    def firm(self, site: str, t: int) -> float:
        """MW of a site's sources that count at rated load."""
        return sum((row.firmness * self.there(row, t) for row in self.world.site_sources.get(site, ())), 0.0)

    def potential(self, site: str, t: int, name: str) -> tuple[float, float]:
        """MW that a site's sources add to its connection in a slice, batteries as they are used; and the size of the numbers."""
        flows, found, gross = self.case.plan.flow[t][name], 0.0, 0.0
        for row in self.world.site_sources.get(site, ()):
            if row.kind == "battery":
                parts = [flows.get((site, row.id), 0.0), flows.get((site, f"{row.id} charge"), 0.0)]
            else:
                parts = [self.available(row, t, name)]
            found, gross = found + sum(parts), gross + sum(map(abs, parts))
        return found, gross

    # --- what it gives ---

    def given(self, source: PowerSource, t: int, name: str) -> float:
        """MW taken from a source in a slice, at all sites."""
        return sum(mw for (_, label), mw in self.case.plan.flow[t][name].items() if label == source.id)

    def taken(self, source: PowerSource, t: int) -> float:
        """MWh taken from a source in a period."""
        return sum(self.given(source, t, name) * hours for name, hours in self.world.calendar.hours[t].items())

    def due(self, source: PowerSource, t: int) -> float:
        """MWh that must be paid for: what was taken, at least min_take of what was available."""
        hours = self.world.calendar.hours[t]
        available = sum(self.available(source, t, name) * length for name, length in hours.items())
        return max(self.taken(source, t), source.min_take * available)

    # --- money ---

    def flow_cost(self, site: str, source: str, t: int, name: str, mw: float) -> float:
        """USD of a flow: metered energy at the price of the grid, or the variable cost of the source."""
        hours, of = self.world.calendar.hours[t][name], self.world.source_label(source)
        if of is None:
            included = self.included[t][name].get(site, 0.0)
            return (mw - included) * hours * self.world.price_at(self.world.inputs.sites[site].grid, t, name)
        return 0.0 if of[1] else mw * hours * self.running_cost(of[0])

    @cached_property
    def included(self) -> list[dict[str, dict[str, float]]]:
        """MW of load that providers pay themselves, by site, in each slice."""
        return [{name: self.case.site_load(t, name, "included") for name in hours} for t, hours in self._hours()]

    @cached_property
    def metered(self) -> list[dict[str, dict[str, float]]]:
        return [{name: self.case.site_load(t, name, "metered") for name in hours} for t, hours in self._hours()]

    def _hours(self) -> Iterator[tuple[int, dict[str, float]]]:
        yield from enumerate(self.world.calendar.hours)

    @staticmethod
    def running_cost(source: PowerSource) -> float:
        """USD per MWh made: what it costs to run, and the fuel that a MWh takes at the price of fuel."""
        fuel = source.fuel_price * source.heat_rate if source.fuel_price and source.heat_rate else 0.0
        return fuel + source.variable_cost

    @staticmethod
    def upkeep(source: PowerSource) -> float:
        """USD per MW and year for being there, where it is a share of what building it costs too."""
        return source.capex * source.fixed_om.share if source.fixed_om.share else source.fixed_om.usd

    def standing_cost(self, source: PowerSource, t: int) -> float:
        """USD for being there: the annuity of what was built, and fixed_om of all."""
        annuity = source.capex * self.world.recovery(source.lifetime) if source.lifetime else 0.0
        per_year = annuity * self.grown[source.id][t] + self.upkeep(source) * self.there(source, t)
        return per_year * self.world.horizon[t].hours / YEAR_HOURS

    def extra_cost(self, source: PowerSource, t: int) -> float:
        """USD for energy that is paid for and not taken."""
        return self.running_cost(source) * (self.stated(source, t).get("paid_mwh") - self.taken(source, t))

    @cached_property
    def spend(self) -> list[dict[str, float]]:
        """USD for the energy of managed sites by provider; sources of grids stand and are paid for under no provider."""
        sites, found = self.world.inputs.sites, list[dict[str, float]]()
        for t, slices in enumerate(self.case.plan.flow):
            sums: dict[str, float] = {}
            for name, flows in slices.items():
                for (site, source), mw in flows.items():
                    if site in self.world.managed:
                        usd, provider = self.flow_cost(site, source, t, name, mw), sites[site].provider
                        sums[provider] = sums.get(provider, 0.0) + usd
            for row in self.world.sources.values():
                provider = sites[row.site].provider if row.site else ""
                sums[provider] = sums.get(provider, 0.0) + self.standing_cost(row, t) + self.extra_cost(row, t)
            found.append(sums)
        return found


# --- balance of a site ------------------------------------------------------------------------------------------------


def metered_only(case: Case) -> Iterator[Check]:
    """A site with sources of its own takes metered offers only."""
    for period in case.world.horizon:
        for key, found in case.plan.stock[period.index].items():
            position = case.world.positions[key]
            if position.site.id in case.world.site_sources and position.offer.energy != "metered":
                note = "a site with power sources takes metered offers only"
                yield case.judge.at_most("metered_only", position.label, period.label, found.held, 0.0, "rack", note=note)


def balance(case: Case) -> Iterator[Check]:
    """load = import + Σ generation + discharge − charge at average load, in each slice of a managed site; flows have their sign;
    import ≤ power of the site where it has sources of its own."""
    world = case.world
    for t, slices in enumerate(case.plan.flow):
        label = world.horizon[t].label
        for name, flows in slices.items():
            loads = case.site_load(t, name)
            came, gross, imports = dict.fromkeys(world.managed, 0.0), dict.fromkeys(world.managed, 0.0), dict[str, float]()
            for (site, source), mw in flows.items():
                of, subject = world.source_label(source), f"{site} {source} {name}"
                judge = case.judge.at_most if of and of[1] else case.judge.at_least
                yield judge("flow", subject, label, mw, 0.0, "MW", note="charge ≤ 0" if of and of[1] else "flow ≥ 0")
                if site in world.managed:
                    came[site], gross[site] = came[site] + mw, gross[site] + abs(mw)
                    if of is None or of[0].site is None:
                        imports[site] = imports.get(site, 0.0) + mw
            for site in sorted(world.managed):
                load = loads.get(site, 0.0)
                yield case.judge.equal("balance", f"{site} {name}", label, came[site], load, "MW", gross[site], "supply = load")
                limit = world.site_power.get(site)
                if site in world.site_sources and limit is not None:
                    yield case.judge.at_most("import", f"{site} {name}", label, imports.get(site, 0.0), limit[t], "MW")


def generation(case: Case, sources: Sources) -> Iterator[Check]:
    """generation ≤ shape × (capacity + built), bought energy of a grid's source summed over sites; a site buys no more than its
    metered load."""
    for period, name in _slices(case):
        bought: dict[str, float] = {}
        for (site, label), mw in case.plan.flow[period.index][name].items():
            of = case.world.source_label(label)
            if of is not None and of[0].grid is not None:
                bought[site] = bought.get(site, 0.0) + mw
        for source in case.world.sources.values():
            if source.kind != "battery":
                value, limit = sources.given(source, period.index, name), sources.available(source, period.index, name)
                yield case.judge.at_most("generation", f"{source.id} {name}", period.label, value, limit, "MW")
        for site, mw in bought.items():
            if site in case.world.site_sources:  # its balance and connection bound it, and it may charge a battery
                continue
            load = sources.metered[period.index][name].get(site, 0.0)
            yield case.judge.at_most("grid_buy", f"{site} {name}", period.label, mw, load, "MW", note="buy ≤ metered load")


def battery(case: Case, sources: Sources) -> Iterator[Check]:
    """charge, discharge ≤ power in each slice;  over a day-group Σ discharge·h = efficiency·Σ charge·h ≤ duration·power·days."""
    for source in case.world.sources.values():
        if source.kind != "battery" or source.site is None:
            continue
        for period in case.world.horizon:
            t, power = period.index, sources.there(source, period.index)
            flows, hours = case.plan.flow[t], case.world.calendar.hours[t]
            outs = {name: flows[name].get((source.site, source.id), 0.0) for name in hours}
            ins = {name: -flows[name].get((source.site, f"{source.id} charge"), 0.0) for name in hours}
            for name in hours:
                subject = f"{source.id} {name}"
                yield case.judge.at_most("battery_power", subject, period.label, outs[name], power, "MW", note="discharge")
                yield case.judge.at_most("battery_power", subject, period.label, ins[name], power, "MW", note="charge")
            for slot, days in case.world.calendar.groups(t):
                subject = f"{source.id} {' '.join(slot)}"
                out, into = (sum(one[name] * hours[name] for name in slot) for one in (outs, ins))
                kept, most = (source.efficiency or 0.0) * into, (source.duration or 0.0) * power * days
                yield case.judge.equal("battery_balance", subject, period.label, out, kept, "MWh", note="discharge = kept charge")
                yield case.judge.at_most("battery_duration", subject, period.label, out, most, "MWh")


def _slices(case: Case) -> Iterator[tuple[Period, str]]:
    for period in case.world.horizon:
        for name in case.world.calendar.hours[period.index]:
            yield period, name


# --- building and the tables --------------------------------------------------------------------------------------------


def building(case: Case, sources: Sources) -> Iterator[Check]:
    """Σ additions ≤ max_build;  capacity + built as lead time, lifetime, from and to have it;  paid = the larger
    of taken and min_take × available;  cost = annuity + fixed_om + variable_cost·(paid − taken)."""
    for source in case.world.sources.values():
        built = sum(sources.stated(source, period.index).get("built_mw") for period in case.world.horizon)
        yield case.judge.at_most("max_build", source.id, "", built, source.max_build, "MW")
        for period in case.world.horizon:
            t, told = period.index, sources.stated(source, period.index)
            there, due = sources.there(source, t), sources.due(source, t)
            yield case.judge.equal("source_stock", source.id, period.label, told.get("there_mw"), there, "MW", built)
            yield case.judge.equal("min_take", source.id, period.label, told.get("paid_mwh"), due, "MWh")
            cost = sources.standing_cost(source, t) + sources.extra_cost(source, t)
            gross = abs(sources.running_cost(source)) * (told.get("paid_mwh") + sources.taken(source, t))
            yield case.judge.equal("built", source.id, period.label, told.get("cost_usd"), cost, "USD", gross)


def energy_table(case: Case, sources: Sources) -> Iterator[Check]:
    """energy.csv: mwh = MW·h, cost and carbon of each flow; sites without sources import their load; water of both."""
    world = case.world
    if "energy" not in case.plan.told:
        return
    water: dict[tuple[int, str, str], float] = {}
    for row in case.plan.table("energy"):
        t, name, site, source = world.index[row.text["period"]], row.text["slice"], row.text["site"], row.text["source"]
        label, subject, mw = row.text["period"], f"{site} {source} {name}", row.get("mw")
        mwh = mw * world.calendar.hours[t][name]
        usd, tonnes = sources.flow_cost(site, source, t, name, mw), mwh * case.carbon_of(site, source, t, name)
        gross = abs(mwh) * world.price_at(world.inputs.sites[site].grid, t, name) if source == GRID else 0.0
        yield case.judge.equal("energy", f"{subject} mwh", label, row.get("mwh"), mwh, "MWh")
        yield case.judge.equal("energy", f"{subject} cost_usd", label, row.get("cost_usd"), usd, "USD", abs(gross))
        yield case.judge.equal("energy", f"{subject} carbon_t", label, row.get("carbon_t"), tonnes, "t")
        water[t, name, site] = water.get((t, name, site), 0.0) + row.get("water_l")
    for period, name in _slices(case):
        t, hours, loads = period.index, world.calendar.hours[period.index][name], case.site_load(period.index, name)
        due = {site: (world.inputs.sites[site].wue or 0.0) * mw for site, mw in loads.items()}
        for (site, source), mw in case.plan.flow[t][name].items():
            of = world.source_label(source)
            if of is not None and not of[1]:
                due[site] = due.get(site, 0.0) + of[0].water * mw
        for site in {**loads, **due}:
            if site not in world.managed:
                told, subject = case.plan.flow[t][name].get((site, GRID), 0.0), f"{site} {GRID} {name} mw"
                yield case.judge.equal("energy", subject, period.label, told, loads.get(site, 0.0), "MW")
            told, litres = water.get((t, name, site), 0.0), due.get(site, 0.0) * hours * LITRES
            yield case.judge.equal("energy", f"{site} {name} water_l", period.label, told, litres, "L")
