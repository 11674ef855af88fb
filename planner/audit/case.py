"""What follows from the racks and the flows of a plan (`Case`), computed once and used by every rule."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from planner.audit.evidence import GRID, NO_STOCK, Judge, Plan
from planner.audit.premises import Key, Machine, World

Scope = tuple[str, str]  # site, grid, country, provider or fleet, and its id


@dataclass(frozen=True, slots=True)
class Change:
    """By how much the racks held of an accelerator at a site rose in a period; `gross` is the size of the two stocks compared."""

    net: float
    gross: float

    @property
    def new(self) -> float:
        return max(0.0, self.net)


@dataclass(frozen=True)
class Case:
    """A plan before its world."""

    world: World
    plan: Plan
    judge: Judge

    # --- compute ---

    @cached_property
    def scale(self) -> float:
        """What all demand is multiplied with: 1, or as the largest demand of the plan has it where the scale is maximised."""
        if self.world.inputs.scenario.objective.name != "demand_scale":
            return 1.0
        largest, scale = 0.0, 1.0
        for row in self.plan.table("demand"):
            demand = self.world.wanted(row.text["workload"], self.world.index[row.text["period"]])
            if demand > largest:
                largest, scale = demand, row.get("demand_h100e") / demand
        return scale

    def demand(self, workload: str, t: int, slot: tuple[str, ...] | None = None) -> float:
        """h100e that a workload asks for in a slot (the whole period)."""
        return self.scale * self.world.wanted(workload, t, slot)

    def serves(self, workload: str, key: Key, t: int) -> bool:
        position = self.world.positions[key]
        return self.world.eligible(workload, position) and self.world.compute_of(workload, position, t) > 0

    @cached_property
    def compute(self) -> list[dict[Key, dict[str, float]]]:
        """h100e delivered from each position to each workload, on the mean over the hours of the period."""
        return [self.compute_in(uses, t) for t, uses in enumerate(self.plan.use)]

    def compute_in(self, uses: dict[Key, dict[str, float]], t: int) -> dict[Key, dict[str, float]]:
        world = self.world
        return {
            key: {w: racks * world.compute_of(w, world.positions[key], t) for w, racks in used.items()}
            for key, used in uses.items()
        }

    def delivered(self, t: int) -> dict[str, float]:
        """h100e delivered in a period by each provider."""
        found: dict[str, float] = {}
        for key, uses in self.compute[t].items():
            provider = self.world.positions[key].provider
            found[provider] = found.get(provider, 0.0) + sum(uses.values())
        return found

    def delivered_by_kind(self, t: int) -> dict[str, dict[str, float]]:
        """h100e delivered in a period, by kind of work and provider."""
        found: dict[str, dict[str, float]] = {}
        for key, uses in self.compute[t].items():
            provider = self.world.positions[key].provider
            for workload, amount in uses.items():
                of = found.setdefault(self.world.workloads[workload].kind, {})
                of[provider] = of.get(provider, 0.0) + amount
        return found

    # --- power ---

    @cached_property
    def loaded(self) -> list[dict[str, dict[Key, float]]]:
        """Racks that draw power in each slice: idle·online + (1 − idle)·run."""
        found: list[dict[str, dict[Key, float]]] = []
        for t, stocks in enumerate(self.plan.stock):
            found.append({name: {} for name in self.world.calendar.hours[t]})
            for key, stock in stocks.items():
                position = self.world.positions[key]
                idle = position.machine.idle_load
                for name, racks in found[t].items():
                    run = self.run(key, t, name)
                    racks[key] = stock.online if run == stock.online else idle * stock.online + (1.0 - idle) * run
        return found

    def run(self, key: Key, t: int, name: str) -> float:
        """Racks that run in a slice: all that are online, but where they may rest and the plan tells how many do not."""
        if self.plan.running is not None and self.world.throttled(self.world.positions[key]):
            return self.plan.running[t][name].get(key, 0.0)
        return self.plan.stock[t].get(key, NO_STOCK).online

    @cached_property
    def nameplate(self) -> list[dict[Scope, float]]:
        """Σ ρK·online by scope, MW."""
        return self._by_scope([{key: self.world.positions[key].mw * s.online for key, s in p.items()} for p in self.plan.stock])

    @cached_property
    def own(self) -> list[dict[str, dict[str, float]]]:
        """MW that sites make themselves in each slice: generation and discharge less charge."""
        found: list[dict[str, dict[str, float]]] = []
        for flows in self.plan.flow:
            found.append({name: {} for name in flows})
            for name, at in flows.items():
                for (site, source), mw in at.items():
                    of = self.world.source_label(source)
                    if of is not None and of[0].site is not None:
                        found[-1][name][site] = found[-1][name].get(site, 0.0) + mw
        return found

    @cached_property
    def rated(self) -> list[dict[str, dict[Scope, float]]]:
        """MW drawn at rated load in each slice, by scope; of a grid what it must carry: what sites make themselves is not."""
        positions, found = self.world.positions, list[dict[str, dict[Scope, float]]]()
        for t, slices in enumerate(self.loaded):
            powers = [{key: positions[key].mw * racks for key, racks in at.items()} for at in slices.values()]
            found.append(dict(zip(slices, self._by_scope(powers), strict=True)))
            for name, sums in found[t].items():
                for site, mw in self.own[t][name].items():
                    grid = "grid", self.world.inputs.sites[site].grid
                    sums[grid] = sums.get(grid, 0.0) - mw
        return found

    @cached_property
    def draw(self) -> list[dict[Scope, float]]:
        """MW drawn at rated load by scope, in the slice where it is highest."""
        found: list[dict[Scope, float]] = []
        for slices in self.rated:
            scopes = dict.fromkeys(scope for sums in slices.values() for scope in sums)
            found.append({scope: max(sums.get(scope, 0.0) for sums in slices.values()) for scope in scopes})
        return found

    # --- energy ---

    @cached_property
    def load(self) -> list[dict[str, dict[Key, float]]]:
        """MW of average load at each position in each slice."""
        positions = self.world.positions
        return [
            {name: {key: positions[key].energy_mw * racks for key, racks in at.items()} for name, at in slices.items()}
            for slices in self.loaded
        ]

    def site_load(self, t: int, name: str, billing: str | None = None) -> dict[str, float]:
        """MW of average load at each site in a slice; only of offers whose energy is metered or included, where that is asked."""
        found: dict[str, float] = {}
        for key, mw in self.load[t][name].items():
            position = self.world.positions[key]
            if billing in (None, position.offer.energy):
                found[position.site.id] = found.get(position.site.id, 0.0) + mw
        return found

    @cached_property
    def energy(self) -> list[dict[Key, float]]:
        """MWh used at each position."""
        hours, found = self.world.calendar.hours, list[dict[Key, float]]()
        for t, slices in enumerate(self.load):
            sums: dict[Key, float] = {}
            for name, at in slices.items():
                for key, mw in at.items():
                    sums[key] = sums.get(key, 0.0) + mw * hours[t][name]
            found.append(sums)
        return found

    @cached_property
    def carbon(self) -> list[dict[str, float]]:
        """Tonnes emitted for each site: of its load as the grid has it, or flow by flow where its energy comes from sources."""
        world, found = self.world, list[dict[str, float]]()
        for t, slices in enumerate(world.calendar.hours):
            sums: dict[str, float] = {}
            for name, hours in slices.items():
                flows = [(site, GRID, mw) for site, mw in self.site_load(t, name).items() if site not in world.managed]
                flows += [(s, source, mw) for (s, source), mw in self.plan.flow[t][name].items() if s in world.managed]
                for site, source, mw in flows:
                    sums[site] = sums.get(site, 0.0) + mw * hours * self.carbon_of(site, source, t, name)
            found.append(sums)
        return found

    def carbon_of(self, site: str, source: str, t: int, name: str) -> float:
        """t/MWh of a flow; charging emits nothing, what charges does."""
        of = self.world.source_label(source)
        if of is None:
            return self.world.carbon_at(self.world.inputs.sites[site].grid, t, name)
        return 0.0 if of[1] else of[0].carbon

    @cached_property
    def energy_by_scope(self) -> list[dict[Scope, float]]:
        return self._by_scope(self.energy)

    @cached_property
    def carbon_by_scope(self) -> list[dict[Scope, float]]:
        found: list[dict[Scope, float]] = []
        for period in self.carbon:
            sums: dict[Scope, float] = {}
            for name, tonnes in period.items():
                site = self.world.inputs.sites[name]
                for scope in (
                    ("site", name),
                    ("grid", site.grid),
                    ("country", site.country),
                    ("provider", site.provider),
                    ("fleet", ""),
                ):
                    sums[scope] = sums.get(scope, 0.0) + tonnes
            found.append(sums)
        return found

    def _by_scope(self, amounts: Iterable[dict[Key, float]]) -> list[dict[Scope, float]]:
        found: list[dict[Scope, float]] = []
        for period in amounts:
            sums: dict[Scope, float] = {}
            for key, amount in period.items():
                for scope in self.world.positions[key].scopes:
                    sums[scope] = sums.get(scope, 0.0) + amount
            found.append(sums)
        return found

    # --- shipments ---

    @cached_property
    def changes(self) -> list[dict[Machine, Change]]:
        """Rise of the reserved racks of each accelerator at each site; before the horizon the fleet of its first day is held."""
        before: dict[Machine, float] = {}
        for key, racks in self.world.fleet_before.items():
            machine = self.world.positions[key].at
            before[machine] = before.get(machine, 0.0) + racks
        found = []
        for period in self.plan.stock:
            now: dict[Machine, float] = {}
            for key, stock in period.items():
                position = self.world.positions[key]
                if not position.on_demand:
                    now[position.at] = now.get(position.at, 0.0) + stock.held
            pairs = {machine: (now.get(machine, 0.0), before.get(machine, 0.0)) for machine in {**before, **now}}
            found.append({machine: Change(held - was, held + was) for machine, (held, was) in pairs.items() if held or was})
            before = now
        return found
