"""The instance: index sets and coefficients, all that the linear programme needs and nothing else. Frozen, plain floats.

Canonical units: MW, h, MWh, t, million USD, million TPP, racks, h100e. A coefficient is rounded once to 15 significant digits;
these decimals are the model of record. Conditions on data are decided here, so that a constraint is a function without ifs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from planner.core.calendar import Period, Values, mean_discount, recorded
from planner.core.units import record
from planner.data.commitments import (
    Budget,
    CarbonCap,
    Commitment,
    Loss,
    Pool,
    ShareLimit,
    budgets,
    carbon_caps,
    commitments_of,
    losses,
    share_limits,
    spend_pools,
)
from planner.data.costs import MILLION, capital_charge, rent
from planner.data.export_control import ExportControl
from planner.data.options import Class, Position, classes, positions
from planner.data.power_limits import PowerLimit, power_limits, site_power_limits
from planner.data.power_sources import ManagedSite, Source, grid_means, managed_sites, sources_of
from planner.data.shipping import (
    BuildLimit,
    ExportLimit,
    Group,
    LicencePool,
    OfferLimit,
    ShipmentLimit,
    build_limits,
    export_limits,
    licence_pools,
    offer_limits,
    shipment_limits,
    shipping_groups,
)
from planner.data.slices import Slices, shape_of, slices_of
from planner.inputs.assembly import Inputs, throughput
from planner.inputs.scenario import Workload
from planner.inputs.tables import Site


@dataclass(frozen=True)
class Instance:
    """Index sets and coefficients of the linear programme; tuples over periods are indexed by t."""

    periods: tuple[Period, ...]
    discount: Values
    positions: tuple[Position, ...]
    classes: tuple[Class, ...]
    groups: tuple[Group, ...]
    workloads: tuple[str, ...]
    slices: Slices
    slots: tuple[tuple[tuple[int, ...], ...], ...]  # per workload: the slices over which its demand is met together
    slot_demand: tuple[tuple[Values, ...], ...]  # w, t, slot [h100e]
    demand: tuple[Values, ...]  # w, t: mean over the hours of the period [h100e]
    scale_unit: float  # demand_scale is counted in parts of this power of ten, so that its coefficients stay near 1
    critical: Values
    unserved_price: tuple[float | None, ...]  # [USD/h100e/hour]
    compute: dict[tuple[int, str], Values]  # (w, accelerator) -> u G E per period [h100e/rack]
    power: Values  # ρ K per position [MW/rack]
    idle: Values  # per position: share of the load that a rack draws when it is online and idle
    throttled: frozenset[int]  # positions that may run fewer racks in a slice than are online
    load: Values  # mean facility load of a rack at work per position [MW]
    carbon: tuple[tuple[Values, ...], ...]  # position, period, slice: of a rack at work, where the grid carries it [t/rack]
    rent: tuple[Values, ...]  # per position and period [million USD/rack]
    capital: tuple[Values, ...]  # annuity of the capex [million USD/rack]
    metered: tuple[tuple[Values, ...], ...]  # position, period, slice: metered energy of a rack at work [million USD/rack]
    held_cost: tuple[Values, ...]  # rent and capital of a rack held (on-demand: none) [million USD]
    online_cost: tuple[
        Values, ...
    ]  # metered energy of a rack online and idle or not throttled (on-demand: and rent) [million USD]
    sources: tuple[Source, ...]
    managed: tuple[ManagedSite, ...]
    oversubscribed: bool
    cash_price: Values | None  # capex of a new rack where budgets are in cash [million USD]
    site_power: tuple[PowerLimit, ...]
    power_limits: tuple[PowerLimit, ...]
    build_limits: tuple[BuildLimit, ...]
    shipments: tuple[ShipmentLimit, ...]
    offer_limits: tuple[OfferLimit, ...]
    export_limits: tuple[ExportLimit, ...]
    licences: tuple[LicencePool, ...]
    commitments: tuple[Commitment, ...]
    pools: tuple[Pool, ...]
    budgets: tuple[Budget, ...]
    carbon_caps: tuple[CarbonCap, ...]
    shares: tuple[ShareLimit, ...]
    losses: tuple[Loss, ...]
    objective: str
    measures: frozenset[str]  # what the programme can be asked for: the objective, and further axes of a trade-off
    then: tuple[str, ...]  # what decides among plans that are equally good, in order
    classes_by_provider: bool
    whole_racks: bool
    inputs: Inputs  # where its numbers are written, for messages alone

    @property
    def times(self) -> range:
        return range(len(self.periods))

    def allowed(self, p: int) -> Iterator[int]:
        """Periods in which a position can hold racks at all."""
        position = self.positions[p]
        started = False
        for t in self.times:
            started = started or position.addable[t]
            if (position.addable[t] if position.on_demand else started) or position.fleet[t]:
                yield t


def build(inputs: Inputs, measures: tuple[str, ...] = ()) -> Instance:
    """The instance of some inputs. Deterministic: same inputs, same order, same decimals.

    `measures` are asked for in place of the scenario's objective; the first one is minimised.
    """
    scenario, horizon = inputs.scenario, inputs.horizon
    measures = measures or (scenario.objective.name,)
    rate, origin = scenario.money.discount_rate, scenario.horizon.start
    control = ExportControl(inputs)
    dark_may_help = any(s.of == "spend" for s in scenario.limits.provider_share) or any(
        a.rule.effect == "min_share" for a in control.rules
    )
    found = [p for p in positions(inputs, control) if dark_may_help or p.on_demand or any(p.fleet) or _powered(inputs, p.site)]
    menu = tuple(Position(**{**p.__dict__, "index": i}) for i, p in enumerate(found))
    shares = tuple(share_limits(inputs))
    groups = shipping_groups(inputs, menu, control)
    commitments = tuple(commitments_of(inputs))
    rents = tuple(recorded(rent(p, t) for t in horizon) for p in menu)
    capital = tuple(recorded(capital_charge(p, t, rate) for t in horizon) for p in menu)
    slices = slices_of(inputs)
    sources = sources_of(inputs, slices)
    managed = managed_sites(inputs, menu, sources, slices)
    balanced = {p for site in managed for p in site.positions}
    oversubscribed = bool(inputs.scenario.energy and inputs.scenario.energy.oversubscribe)
    resolved = inputs.scenario.energy is not None
    idle = tuple(p.accelerator.idle_load if resolved else 1.0 for p in menu)
    throttled = frozenset(p.index for p in menu if oversubscribed or idle[p.index] < 1)
    prices = {g: grid_means(inputs, g, "price", slices) for g in {p.site.grid for p in menu}}
    intensity = {g: grid_means(inputs, g, "carbon", slices) for g in {p.site.grid for p in menu}}
    no_slices = tuple((0.0,) * len(slices.ids) for _ in horizon)
    metered = tuple(
        no_slices
        if p.index in balanced or p.offer.energy != "metered"
        else _weighed(prices[p.site.grid], slices, p.energy_rate / MILLION)
        for p in menu
    )
    carbon = tuple(no_slices if p.index in balanced else _weighed(intensity[p.site.grid], slices, p.energy_rate) for p in menu)
    none = (0.0,) * len(horizon)
    slots = tuple(slices.slots(w.flexible if resolved else "no") for w in scenario.workload)
    slot_demand = tuple(_slot_demand(inputs, w, slices, slots[i]) for i, w in enumerate(scenario.workload))
    needed = tuple(
        tuple(_mean_over_slots(row, slices, slots[i], t) for t, row in enumerate(rows)) for i, rows in enumerate(slot_demand)
    )
    then = scenario.objective.then
    by_provider = "largest_share" in {*measures, *then} or any(s.of.startswith("compute") for s in shares)
    cash = scenario.limits.budget_basis == "cash"
    kinds = {w.kind for w in scenario.workload}
    yields = {
        (kind, a): recorded(scenario.solve.availability * rows[0].chips_per_rack * work.mean(t) for t in horizon)
        for a, rows in inputs.accelerators.items()
        for kind in kinds
        if (work := throughput(rows, kind)) is not None
    }
    return Instance(
        periods=horizon,
        discount=recorded(mean_discount(t, origin, rate) for t in horizon),
        positions=menu,
        classes=classes(inputs, menu, by_provider),
        groups=groups,
        workloads=tuple(w.id for w in scenario.workload),
        slices=slices,
        slots=slots,
        slot_demand=slot_demand,
        demand=needed,
        scale_unit=_power_of_ten(max(map(max, needed))) if "demand_scale" in measures else 1.0,
        critical=tuple(w.critical for w in scenario.workload),
        unserved_price=tuple(w.unserved for w in scenario.workload),
        compute={
            (i, a): yields[w.kind, a]
            for i, w in enumerate(scenario.workload)
            for a in inputs.accelerators
            if (w.kind, a) in yields
        },
        power=tuple(record(p.power) for p in menu),
        idle=idle,
        throttled=throttled,
        load=tuple(record(p.energy_rate) for p in menu),
        carbon=carbon,
        rent=rents,
        capital=capital,
        metered=metered,
        held_cost=tuple(none if p.on_demand else _sum(rents[p.index], capital[p.index]) for p in menu),
        online_cost=tuple(
            _sum(
                tuple(record(sum(row) * (idle[p.index] if p.index in throttled else 1.0)) for row in metered[p.index]),
                rents[p.index] if p.on_demand else none,
            )
            for p in menu
        ),
        sources=sources,
        managed=managed,
        oversubscribed=oversubscribed,
        cash_price=tuple(record(p.offer.capex / MILLION) for p in menu) if cash else None,
        site_power=tuple(site_power_limits(inputs, menu)),
        power_limits=tuple(power_limits(inputs, menu)),
        build_limits=tuple(build_limits(inputs, groups)),
        shipments=tuple(limit for limit in shipment_limits(inputs, groups) if limit.groups),
        offer_limits=tuple(offer_limits(inputs, menu)),
        export_limits=tuple(export_limits(inputs, groups, control)),
        licences=tuple(licence_pools(inputs, groups, control)),
        commitments=commitments,
        pools=spend_pools(inputs, menu, commitments),
        budgets=tuple(budgets(inputs)),
        carbon_caps=tuple(carbon_caps(inputs)),
        shares=shares,
        losses=tuple(losses(inputs, menu)),
        objective=measures[0],
        measures=frozenset(measures),
        then=then,
        classes_by_provider=by_provider,
        whole_racks=scenario.solve.whole_racks,
        inputs=inputs,
    )


def _power_of_ten(value: float) -> float:
    return 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0


def _sum(a: Values, b: Values) -> Values:
    return tuple(record(x + y) for x, y in zip(a, b, strict=True))


def _powered(inputs: Inputs, site: Site) -> bool:
    series = inputs.power_series(site.id)
    return any(series.mean(t) > 0 for t in inputs.horizon) or any(source.site == site.id for source in inputs.power_sources)


def _weighed(means: tuple[Values, ...], slices: Slices, size: float) -> tuple[Values, ...]:
    """size · hours · mean per period and slice."""
    return tuple(
        tuple(record(size * hours * mean) for hours, mean in zip(slices.hours[t], row, strict=True))
        for t, row in enumerate(means)
    )


def _slot_demand(inputs: Inputs, workload: Workload, slices: Slices, slots: tuple[tuple[int, ...], ...]) -> tuple[Values, ...]:
    """Demand of a workload per period and slot [h100e]: its mean over the days times the mean of its shape over the slot."""
    means = slices.means(shape_of(inputs, workload.demand_shape))
    found = []
    for t in inputs.horizon:
        demand, hours = workload.demand.mean(t), slices.hours[t.index]
        row = []
        for slot in slots:
            whole = sum(hours[i] for i in slot)
            shape = sum(means[t.index][i] * hours[i] for i in slot) / whole if whole else 0.0
            row.append(record(demand * shape))
        found.append(tuple(row))
    return tuple(found)


def _mean_over_slots(row: Values, slices: Slices, slots: tuple[tuple[int, ...], ...], t: int) -> float:
    hours = slices.hours[t]
    if len(slots) == 1:
        return row[0]
    return record(sum(value * sum(hours[i] for i in slot) for value, slot in zip(row, slots, strict=True)) / sum(hours))
