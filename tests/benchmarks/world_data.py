"""The numbers of a big world per site, accelerator, workload and month, as both straightforward models take them.

The file is read and checked by the planner's own reader, so that the three models differ in nothing but how the linear
programme is written. What a big world does not use (fleet, on-demand, export rules, budgets, ...) is not here, and refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from planner.core.calendar import Period, add_months, mean_discount, overlap_days, years_between, years_of
from planner.data.options import may_serve
from planner.inputs.assembly import Inputs, assemble, column, throughput
from planner.inputs.load import read
from planner.inputs.tables import Contract, Offer

MILLION = 1e6
Place = tuple[str, str]  # site, offer


@dataclass(frozen=True)
class Deal:
    """Take-or-pay of a contract in a calendar year [million USD]."""

    name: str
    provider: str
    months: tuple[int, ...]
    least: float
    discount: float


@dataclass(frozen=True)
class Data:
    """Racks, MW, h100e and million USD per month."""

    inputs: Inputs
    months: tuple[Period, ...]
    places: tuple[Place, ...]
    offers: dict[str, Offer]
    workloads: tuple[str, ...]
    discount: list[float]
    power: dict[Place, float]  # facility power of a rack [MW]
    rent: dict[tuple[str, int], float]  # offer, month -> per rack held
    energy: dict[tuple[str, str, int], float]  # site, offer, month -> per rack online
    compute: dict[tuple[str, str], float]  # workload, accelerator -> h100e per rack
    serves: frozenset[tuple[str, str, str]]  # workload, site, offer
    opens: dict[str, int]  # offer -> first month in which racks can be taken on
    ends: dict[tuple[str, int], int]  # offer, month of addition -> month in which its term is over
    demand: dict[tuple[str, int], float]
    unserved_cost: dict[tuple[str, int], float]
    site_power: dict[tuple[str, int], float]
    caps: list[tuple[tuple[Place, ...], list[float]]]  # fleet and provider caps [MW] per month
    supply: list[tuple[frozenset[str], float, list[float]]]  # accelerators, 1 for racks or 0 for IT power, limits
    deals: list[Deal]

    def provider(self, name: str) -> str:
        return self.inputs.sites[name].provider


@dataclass(frozen=True)
class Result:
    """What was found, how large the model was [columns, rows, nonzeros], and the seconds of each part."""

    status: str
    objective: float
    size: tuple[int, int, int]
    seconds: dict[str, float]
    values: object  # of `use`, in the way of the library


def load(path: str) -> Data:
    """The data of a scenario file."""
    inputs = assemble(read(path))
    _refuse_others(inputs)
    scenario, months = inputs.scenario, inputs.horizon
    rate, origin, n = scenario.money.discount_rate, scenario.horizon.start, len(inputs.horizon)
    machines = {a: rows[0] for a, rows in inputs.accelerators.items()}
    offers = {offer.id: offer for offer in inputs.offers}
    places = tuple((s, o) for s, site in inputs.sites.items() for o, offer in offers.items() if offer.provider == site.provider)
    prices = {g: [_mean(column(rows, "price"), t) for t in months] for g, rows in inputs.grids.items()}
    discount = [mean_discount(t, origin, rate) for t in months]
    power = {(s, o): inputs.sites[s].pue * machines[offers[o].accelerator].rack_power for s, o in places}
    starts = {o: machines[offer.accelerator].available_from or date.min for o, offer in offers.items()}
    limits = scenario.limits
    caps = []
    if limits.fleet_power:
        caps.append((places, [limits.fleet_power.series.lowest(t) or 0.0 for t in months]))
    for provider, limit in limits.provider_power.items():
        mine = tuple((s, o) for s, o in places if inputs.sites[s].provider == provider)
        caps.append((mine, [limit.series.lowest(t) or 0.0 for t in months]))
    return Data(
        inputs=inputs,
        months=months,
        places=places,
        offers=offers,
        workloads=tuple(w.id for w in scenario.workload),
        discount=discount,
        power=power,
        rent={
            (o, t.index): machines[offer.accelerator].chips_per_rack * offer.price * t.hours / MILLION
            for o, offer in offers.items()
            for t in months
        },
        energy={
            (s, o, t.index): power[s, o] * machines[offers[o].accelerator].average_load * t.hours * price / MILLION
            for s, o in places
            if offers[o].energy == "metered"
            for t, price in zip(months, prices[inputs.sites[s].grid], strict=True)
        },
        compute={
            (w.id, a): rows[0].chips_per_rack * rows[0].throughput[w.kind]
            for w in scenario.workload
            for a, rows in inputs.accelerators.items()
            if throughput(rows, w.kind) is not None
        },
        serves=frozenset(
            (w.id, s, o)
            for w in scenario.workload
            for s, o in places
            if may_serve(inputs, w, machines[offers[o].accelerator], inputs.sites[s])
        ),
        opens={o: _first(months, day) for o, day in starts.items()},
        ends={
            (o, t.index): _first(months, add_months(t.first, 12 * offer.term)) if offer.term else n
            for o, offer in offers.items()
            for t in months
        },
        demand={(w.id, t.index): w.demand.mean(t) for w in scenario.workload for t in months},
        unserved_cost={
            (w.id, t.index): w.unserved * t.hours / MILLION for w in scenario.workload if w.unserved is not None for t in months
        },
        site_power={(s, t.index): inputs.power_series(s).mean(t) for s in inputs.sites for t in months},
        caps=caps,
        supply=[*_supply(inputs)],
        deals=[deal for contract in inputs.contracts for deal in _deals(inputs, contract)],
    )


def _first(months: tuple[Period, ...], day: date) -> int:
    """The first month that starts on or after a day."""
    return next((t.index for t in months if t.first >= day), len(months))


def _mean(series: object, month: Period) -> float:
    return 0.0 if series is None else float(series.mean(month))  # type: ignore[attr-defined]


def _supply(inputs: Inputs) -> Iterator[tuple[frozenset[str], float, list[float]]]:
    """Racks delivered so far of an accelerator, or the ceiling of a vendor in IT power."""
    for accelerator in {row.accelerator: None for row in inputs.supply if row.accelerator}:
        rates = column([row for row in inputs.supply if row.accelerator == accelerator], "rate")
        total, delivered = 0.0, []
        for t in inputs.horizon:
            total += _mean(rates, t) * t.hours
            delivered.append(total)
        yield frozenset([accelerator]), 1.0, delivered
    for row in inputs.supply:
        if row.vendor and row.total is not None:
            made = frozenset(a for a, rows in inputs.accelerators.items() if rows[0].vendor == row.vendor)
            yield made, 0.0, [row.total] * len(inputs.horizon)


def _deals(inputs: Inputs, contract: Contract) -> Iterator[Deal]:
    """value × take_or_pay × days in the year / days of the contract, per calendar year."""
    last = contract.end or inputs.horizon[-1].last
    days = (last - contract.start).days + 1
    rate, origin = inputs.scenario.money.discount_rate, inputs.horizon[0].first
    for year in years_of(inputs.horizon):
        months = [t for t in inputs.horizon if t.year == year]
        inside = {t.index: overlap_days(contract.start, last, t) for t in months}
        running = tuple(i for i, covered in inside.items() if covered)
        if running:
            least = (contract.value or 0.0) * contract.take_or_pay * sum(inside.values()) / days / MILLION
            tau = years_between(origin, months[-1].last) + 1 / 365.25
            yield Deal(f"{contract.id}-{year}", contract.provider, running, least, (1 + rate) ** -tau)


def _refuse_others(inputs: Inputs) -> None:
    """Stops at what these models leave out, so that nobody compares different problems."""
    scenario, limits = inputs.scenario, inputs.scenario.limits
    left_out = {
        "fleet": inputs.fleet,
        "export rules": inputs.export_rules,
        "routes": scenario.route,
        "resilience": scenario.resilience,
        "budgets": limits.budget or limits.budget_total,
        "carbon": limits.carbon,
        "national share": limits.national_share,
        "country power": limits.country_power,
        "provider share": limits.provider_share,
        "another objective": scenario.objective.name != "cost",
        "offers other than reserved ones of a whole provider": any(
            o.billing != "reserved" or o.capex or any((o.site, o.country, o.contract, o.from_, o.to, o.max))
            for o in inputs.offers
        ),
        "two offers of an accelerator": len({(o.provider, o.accelerator) for o in inputs.offers}) < len(inputs.offers),
        "contracts with a scope, or two of one provider": any(c.sites or c.accelerators or c.max_power for c in inputs.contracts)
        or len({c.provider for c in inputs.contracts}) < len(inputs.contracts),
        "contracts that begin or end within a period": any(
            c.start not in {t.first for t in inputs.horizon} or c.end not in (None, inputs.horizon[-1].last)
            for c in inputs.contracts
        ),
        "sites in part": any(site.available < 1 or site.build_rate or site.delay for site in inputs.sites.values()),
        "throughput over time": any(len(rows) > 1 for rows in inputs.accelerators.values()),
        "grid headroom": any(row.headroom is not None for rows in inputs.grids.values() for row in rows),
    }
    if found := [name for name, there in left_out.items() if there]:
        raise SystemExit(f"the straightforward models leave out: {', '.join(found)}")
