"""The instance: index sets and coefficients, all that the linear programme needs and nothing else. Frozen, plain floats.

Canonical units: MW, h, MWh, t, million USD, million TPP, racks, h100e. Every coefficient is rounded once to 15 significant digits;
these decimals are the model of record. Conditions on data are decided here, so that a constraint is a function without ifs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from planner.costs import MILLION, capital_charge, discount_at_end, metered_energy, rent
from planner.export import ExportControl, Standing
from planner.fields import Limit
from planner.horizon import HOURS_PER_YEAR, ONE_DAY, Period, mean_discount, overlap_days, years_of
from planner.inputs import Inputs, column, throughput
from planner.menu import Class, Position, classes, positions
from planner.profiles import Contract, Site, Supply
from planner.units import record

Values = tuple[float, ...]
Limits = tuple[float | None, ...]


@dataclass(frozen=True)
class Group:
    """An accelerator at a site over all reserved offers: what is shipped there is counted here."""

    index: int
    site: Site
    accelerator: str
    vendor: str
    gpus: float
    it_power: float
    members: tuple[int, ...]
    blocked: tuple[bool, ...]
    licensed: tuple[bool, ...]
    steady: bool  # held never falls by itself: shipments are exactly what is added


@dataclass(frozen=True)
class PowerLimit:
    """Σ ρ K online over positions, at most or at least `limit` [MW] per period; `price` [million USD/MW per period] makes it soft."""

    family: str
    subject: str
    members: tuple[int, ...]
    limit: Limits
    price: Values | None = None
    floor: bool = False


@dataclass(frozen=True)
class BuildLimit:
    """ρ K new at a site ≤ build_rate × length [MW]."""

    site: str
    groups: tuple[tuple[int, float], ...]
    limit: Values


@dataclass(frozen=True)
class ShipmentLimit:
    """Σ weight · shipped so far over groups ≤ limit per period (racks, or MW of IT power)."""

    family: str
    subject: str
    groups: tuple[tuple[int, float], ...]
    limit: Limits


@dataclass(frozen=True)
class OfferLimit:
    """Σ G · held over all sites of an offer ≤ max [gpu]."""

    offer: str
    members: tuple[tuple[int, float], ...]
    limit: float


@dataclass(frozen=True)
class ExportLimit:
    """A cap or share on what was newly shipped since its first counted period.

    Σ weight · new over `counted` (net change of held for a floor) − share · Σ weight · new over `base` ≤ amount (≥ for a floor).
    """

    family: str
    subject: str
    counted: tuple[tuple[int, float, frozenset[int]], ...]  # group, weight, periods in which it counts
    base: tuple[tuple[int, float], ...]
    share: float
    amount: float
    first: int
    last: int
    floor: bool


@dataclass(frozen=True)
class LicencePool:
    """Σ weight · lic ≤ quantity [gpu] over the groups and periods that may draw on a licence."""

    licence: str
    quantity: float
    draws: tuple[tuple[int, int, float], ...]  # group, period, weight


@dataclass(frozen=True)
class Commitment:
    """Take-or-pay of a contract in a year (or over the term) [million USD]."""

    index: int
    contract: Contract
    label: str
    amount: float
    discount: float
    year: int  # the calendar year in whose budget a shortfall falls


@dataclass(frozen=True)
class Pool:
    """Spend that may be allotted among commitments: members (position, period); at most `fraction` of it to each."""

    index: int
    members: tuple[tuple[int, int], ...]
    commitments: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Budget:
    """Spend and routes of some periods, with the shortfalls settled in them ≤ limit [million USD]."""

    label: str
    periods: tuple[int, ...]
    years: tuple[int, ...]
    limit: float
    price: float | None  # million USD per million USD, discounted


@dataclass(frozen=True)
class CarbonCap:
    """Σ energy × carbon in a year ≤ limit [t]; `price` [million USD/t], discounted."""

    label: str
    periods: tuple[int, ...]
    limit: float
    price: float | None


@dataclass(frozen=True)
class ShareLimit:
    """A provider's share of compute, power or spend in some periods."""

    provider: str
    of: str
    share: float
    floor: bool
    periods: tuple[int, ...]


@dataclass(frozen=True)
class Loss:
    """Something that can be lost, with the reserved positions that go with it."""

    kind: str
    subject: str
    lost: frozenset[int]


@dataclass(frozen=True)
class Instance:
    """Index sets and coefficients of the linear programme; tuples over periods are indexed by t."""

    periods: tuple[Period, ...]
    discount: Values
    positions: tuple[Position, ...]
    classes: tuple[Class, ...]
    groups: tuple[Group, ...]
    workloads: tuple[str, ...]
    demand: tuple[Values, ...]  # w, t [h100e]
    scale_unit: float  # demand_scale is counted in parts of this power of ten, so that its coefficients stay near 1
    critical: Values
    unserved_price: tuple[float | None, ...]  # [USD/h100e/hour]
    compute: dict[tuple[int, str], Values]  # (w, accelerator) -> u G E per period [h100e/rack]
    power: Values  # ρ K per position [MW/rack]
    energy: tuple[Values, ...]  # per position and period [MWh/rack]
    carbon: tuple[Values, ...]  # per position and period [t/rack]
    rent: tuple[Values, ...]  # per position and period [million USD/rack]
    capital: tuple[Values, ...]  # annuity of the capex [million USD/rack]
    metered: tuple[Values, ...]  # metered energy [million USD/rack]
    held_cost: tuple[Values, ...]  # rent and capital of a rack held (on-demand: none) [million USD]
    online_cost: tuple[Values, ...]  # metered energy of a rack online (on-demand: and rent) [million USD]
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
    whole_racks: bool

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


def build(inputs: Inputs) -> Instance:
    """The instance of some inputs. Deterministic: same inputs, same order, same decimals."""
    scenario, horizon = inputs.scenario, inputs.horizon
    rate, origin = scenario.money.discount_rate, scenario.horizon.start
    control = ExportControl(inputs)
    dark_may_help = any(s.of == "spend" for s in scenario.limits.provider_share) or any(
        a.rule.effect == "min_share" for a in control.rules
    )
    found = [p for p in positions(inputs, control) if dark_may_help or p.on_demand or any(p.fleet) or _powered(inputs, p.site)]
    menu = tuple(Position(**{**p.__dict__, "index": i}) for i, p in enumerate(found))
    shares = tuple(_shares(inputs))
    groups = _groups(inputs, menu, control)
    commitments = tuple(_commitments(inputs))
    rents = tuple(_over(horizon, lambda t, p=p: rent(p, t)) for p in menu)
    capital = tuple(_over(horizon, lambda t, p=p: capital_charge(p, t, rate)) for p in menu)
    metered = tuple(_over(horizon, lambda t, p=p: metered_energy(p, t, inputs)) for p in menu)
    none = (0.0,) * len(horizon)
    needed = tuple(_over(horizon, w.demand.mean) for w in scenario.workload)
    cash = scenario.limits.budget_basis == "cash"
    energy = tuple(_over(horizon, lambda t, p=p: p.energy_rate * t.hours) for p in menu)
    intensity = {g: _over(horizon, lambda t, rows=rows: _mean(column(rows, "carbon"), t)) for g, rows in inputs.grids.items()}
    kinds = {w.kind for w in scenario.workload}
    yields = {
        (kind, a): _over(
            horizon,
            lambda t, rows=rows, kind=kind: scenario.solve.availability * rows[0].chips_per_rack * _mean(throughput(rows, kind), t),
        )
        for a, rows in inputs.accelerators.items()
        for kind in kinds
        if throughput(rows, kind) is not None
    }
    return Instance(
        periods=horizon,
        discount=_over(horizon, lambda t: mean_discount(t, origin, rate)),
        positions=menu,
        classes=classes(inputs, menu, any(s.of == "compute" for s in shares)),
        groups=groups,
        workloads=tuple(w.id for w in scenario.workload),
        demand=needed,
        scale_unit=_power_of_ten(max(map(max, needed))) if scenario.objective.name == "demand_scale" else 1.0,
        critical=tuple(w.critical for w in scenario.workload),
        unserved_price=tuple(w.unserved for w in scenario.workload),
        compute={(i, a): yields[w.kind, a] for i, w in enumerate(scenario.workload) for a in inputs.accelerators if (w.kind, a) in yields},
        power=tuple(record(p.power) for p in menu),
        energy=energy,
        carbon=tuple(
            tuple(record(e * c) for e, c in zip(energy[p.index], intensity.get(p.site.grid, none), strict=True))
            for p in menu
        ),
        rent=rents,
        capital=capital,
        metered=metered,
        held_cost=tuple(none if p.on_demand else _sum(rents[p.index], capital[p.index]) for p in menu),
        online_cost=tuple(_sum(metered[p.index], rents[p.index] if p.on_demand else none) for p in menu),
        cash_price=tuple(record(p.offer.capex / MILLION) for p in menu) if cash else None,
        site_power=tuple(_site_power(inputs, menu)),
        power_limits=tuple(_power_limits(inputs, menu)),
        build_limits=tuple(_build_limits(inputs, groups)),
        shipments=tuple(limit for limit in _shipments(inputs, groups) if limit.groups),
        offer_limits=tuple(_offer_limits(inputs, menu)),
        export_limits=tuple(_export_limits(inputs, groups, control)),
        licences=tuple(_licences(inputs, groups, control)),
        commitments=commitments,
        pools=_pools(inputs, menu, commitments),
        budgets=tuple(_budgets(inputs)),
        carbon_caps=tuple(_carbon_caps(inputs)),
        shares=shares,
        losses=tuple(_losses(inputs, menu)),
        objective=scenario.objective.name,
        whole_racks=scenario.solve.whole_racks,
    )


def _over(horizon: Iterable[Period], value: Callable[[Period], float]) -> Values:
    return tuple(record(value(t)) for t in horizon)


def _power_of_ten(value: float) -> float:
    return 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0


def _sum(a: Values, b: Values) -> Values:
    return tuple(record(x + y) for x, y in zip(a, b, strict=True))


def _mean(series: object, period: Period) -> float:
    return 0.0 if series is None else series.mean(period)  # type: ignore[attr-defined, no-any-return]


def _powered(inputs: Inputs, site: Site) -> bool:
    series = inputs.power_series(site.id)
    return any(series.mean(t) > 0 for t in inputs.horizon)


# --- power ------------------------------------------------------------------------------------------------------------


def _site_power(inputs: Inputs, menu: tuple[Position, ...]) -> Iterator[PowerLimit]:
    for site in inputs.sites.values():
        members = tuple(p.index for p in menu if p.site.id == site.id)
        if members and site.id in inputs.site_power:
            series = inputs.power_series(site.id)
            yield PowerLimit("site_power", site.id, members, _over(inputs.horizon, lambda t, s=series, a=site.available: a * s.mean(t)))


def _power_limits(inputs: Inputs, menu: tuple[Position, ...]) -> Iterator[PowerLimit]:
    limits, horizon = inputs.scenario.limits, inputs.horizon
    rate, origin = inputs.scenario.money.discount_rate, inputs.scenario.horizon.start

    def soft(limit: Limit) -> Values | None:
        if limit.price is None:
            return None
        return _over(horizon, lambda t: limit.price * t.hours / HOURS_PER_YEAR / MILLION * mean_discount(t, origin, rate))  # type: ignore[operator]

    def at(**want: str) -> tuple[int, ...]:
        return tuple(p.index for p in menu if all(getattr(p.site, key) == value for key, value in want.items()))

    def least(limit: Limit) -> Limits:
        return tuple(None if (low := limit.series.lowest(t)) is None else record(low) for t in horizon)

    if limits.fleet_power:
        yield PowerLimit("fleet_power", "fleet", at(), least(limits.fleet_power), soft(limits.fleet_power))
    for name, limit in limits.provider_power.items():
        yield PowerLimit("provider_power", name, at(provider=name), least(limit), soft(limit))
    for name, limit in limits.country_power.items():
        yield PowerLimit("country_power", name, at(country=name), least(limit), soft(limit))
    for name, limit in limits.national_share.items():
        capacity = column(inputs.countries.get(name, ()), "capacity")
        if capacity is not None:
            product = tuple(_lowest_product(limit, capacity, t) for t in horizon)
            yield PowerLimit("national_share", name, at(country=name), product, soft(limit))
    for grid, rows in inputs.grids.items():
        headroom = column(rows, "headroom")
        if headroom is not None:
            low = tuple(None if (v := headroom.lowest(t)) is None else record(v) for t in horizon)
            yield PowerLimit("grid_headroom", grid, at(grid=grid), low)
    yield from _contract_power(inputs, menu)


def _lowest_product(limit: Limit, capacity: object, period: Period) -> float | None:
    """Lowest of share × capacity over the days of a period."""
    shares = _daily(limit.series, period)
    installed = _daily(capacity, period)
    products = [s * c for s, c in zip(shares, installed, strict=True) if s is not None and c is not None]
    return record(min(products)) if products else None


def _daily(series: object, period: Period) -> list[float | None]:
    return [value for days, value in series.steps(period) for _ in range(days)]  # type: ignore[attr-defined]


def _contract_power(inputs: Inputs, menu: tuple[Position, ...]) -> Iterator[PowerLimit]:
    """Ceilings and floors of contracts; those of one provider with the same scope add up day by day."""
    for name, floor in (("max_power", False), ("min_power", True)):
        scopes: dict[tuple[str, frozenset[str], frozenset[str]], list[Contract]] = {}
        for contract in inputs.contracts:
            if getattr(contract, name) is not None:
                key = (contract.provider, frozenset(contract.sites), frozenset(contract.accelerators))
                scopes.setdefault(key, []).append(contract)
        for contracts in scopes.values():
            members = tuple(p.index for p in menu if p.site.provider == contracts[0].provider and in_scope(contracts[0], p))
            limit = tuple(_daily_sum(contracts, name, t, max if floor else min) for t in inputs.horizon)
            subject = "+".join(contract.id for contract in contracts)
            yield PowerLimit(f"contract_{name}", subject, members, limit, floor=floor)


def _daily_sum(contracts: list[Contract], name: str, period: Period, pick: Callable[[list[float]], float]) -> float | None:
    turns = {period.first}
    for c in contracts:
        turns |= {day for day in (c.start, c.end and c.end + ONE_DAY) if day and period.first < day <= period.last}
    sums = [
        math.fsum(getattr(c, name) for c in running)
        for day in sorted(turns)
        if (running := [c for c in contracts if c.start <= day <= (c.end or date.max)])
    ]
    return record(pick(sums)) if sums else None


def in_scope(contract: Contract, position: Position) -> bool:
    return (not contract.sites or position.site.id in contract.sites) and (
        not contract.accelerators or position.accelerator.id in contract.accelerators
    )


# --- shipments --------------------------------------------------------------------------------------------------------


def _groups(inputs: Inputs, menu: tuple[Position, ...], control: ExportControl) -> tuple[Group, ...]:
    members: dict[tuple[str, str], list[Position]] = {}
    for p in menu:
        if not p.on_demand:
            members.setdefault((p.site.id, p.accelerator.id), []).append(p)
    found = []
    for i, ((site, accelerator), group) in enumerate(members.items()):
        standing = control.standing(inputs.sites[site], accelerator)
        steady = all(
            all(e >= len(inputs.horizon) for e in p.expires) and all(a <= b for a, b in zip(p.fleet, p.fleet[1:], strict=False))
            for p in group
        )
        a = group[0].accelerator
        found.append(
            Group(
                i, inputs.sites[site], accelerator, a.vendor, a.chips_per_rack, a.rack_power,
                tuple(p.index for p in group),
                tuple(s == Standing.BLOCKED for s in standing),
                tuple(s == Standing.LICENCE for s in standing),
                steady,
            )
        )  # fmt: skip
    return tuple(found)


def _build_limits(inputs: Inputs, groups: tuple[Group, ...]) -> Iterator[BuildLimit]:
    for site in inputs.sites.values():
        here = tuple((g.index, record(site.pue * g.it_power)) for g in groups if g.site.id == site.id)
        if site.build_rate is not None and here:
            yield BuildLimit(site.id, here, _over(inputs.horizon, lambda t, r=site.build_rate: r * t.hours))


def _shipments(inputs: Inputs, groups: tuple[Group, ...]) -> Iterator[ShipmentLimit]:
    keys: dict[tuple[str | None, str | None], list[Supply]] = {}
    for row in inputs.supply:
        keys.setdefault((row.accelerator, row.vendor), []).append(row)
    for (accelerator, vendor), rows in keys.items():
        mine = [g for g in groups if (g.accelerator == accelerator if accelerator else g.vendor == vendor)]
        subject = str(accelerator or vendor)
        ordered = sorted(rows, key=lambda row: row.from_)
        yield ShipmentLimit("supply", subject, tuple((g.index, 1.0) for g in mine), _deliveries(ordered, inputs.horizon))
        totals = column([row for row in ordered if row.total is not None], "total")
        if totals is not None:
            limit = tuple(None if (v := totals.lowest(t)) is None else record(v) for t in inputs.horizon)
            yield ShipmentLimit("supply_total", subject, tuple((g.index, record(g.it_power)) for g in mine), limit)


def _deliveries(rows: list[Supply], horizon: tuple[Period, ...]) -> Limits:
    """Racks delivered up to the end of each period; None once a row without a rate has begun."""
    total, limits = 0.0, []
    for t in horizon:
        for row, following in zip(rows, [*rows[1:], None], strict=True):
            last = following.from_ - ONE_DAY if following else None
            days = overlap_days(row.from_, last, t)
            total = total + days * 24.0 * row.rate if row.rate is not None else (float("inf") if days else total)
        limits.append(record(total) if total < float("inf") else None)
    return tuple(limits)


def _offer_limits(inputs: Inputs, menu: tuple[Position, ...]) -> Iterator[OfferLimit]:
    by_offer: dict[str, list[Position]] = {}
    for p in menu:
        by_offer.setdefault(p.offer.id, []).append(p)
    for offer, members in by_offer.items():
        bounds = [row.max for row in inputs.offers_of(offer) if row.max is not None]
        if bounds:
            yield OfferLimit(offer, tuple((p.index, p.accelerator.chips_per_rack) for p in members), min(bounds))


def _export_limits(inputs: Inputs, groups: tuple[Group, ...], control: ExportControl) -> Iterator[ExportLimit]:
    everywhere = frozenset(t.index for t in inputs.horizon)
    for q in control.quantities():
        rule, amount = q.rule, q.rule.amount
        if amount is None:
            continue
        concerned = [g for g in groups if g.accelerator in q.accelerators]
        weight = {g.index: g.gpus if amount.of == "gpu" else _performance(inputs, g) for g in concerned}
        party = [g for g in concerned if rule.party is None or rule.party in (g.site.provider, g.site.run_by, control.tenant)]
        base = tuple((g.index, weight[g.index]) for g in concerned) if amount.of == "share" else ()
        share = amount.value if amount.of == "share" else 0.0
        limit = {"tpp": amount.value / MILLION, "gpu": amount.value, "share": 0.0}[amount.of]
        family = {"cap": "export_cap", "max_share": "export_max_share", "min_share": "export_min_share"}[rule.effect]
        if rule.effect == "min_share":
            counted = tuple((g.index, weight[g.index], q.countries.get(g.site.country, frozenset())) for g in party)
            yield ExportLimit(family, rule.id, tuple(c for c in counted if c[2]), base, share, limit, q.first, q.last, True)
            continue
        for country, when in q.countries.items():
            counted = tuple((g.index, weight[g.index], when & everywhere) for g in party if g.site.country == country)
            if counted:
                yield ExportLimit(family, f"{rule.id} {country}", counted, base, share, limit, q.first, q.last, False)


def _performance(inputs: Inputs, group: Group) -> float:
    """Processing performance of a rack [million TPP]."""
    return record((inputs.accelerators[group.accelerator][0].tpp or 0.0) * group.gpus / MILLION)


def _licences(inputs: Inputs, groups: tuple[Group, ...], control: ExportControl) -> Iterator[LicencePool]:
    draws: dict[int, list[tuple[int, int, float]]] = {}
    for g in groups:
        for t in inputs.horizon:
            if g.licensed[t.index]:
                for i in control.licences_for(g.site, t):
                    of = inputs.licences[i].of
                    own = inputs.accelerators[g.accelerator][0].tpp
                    unit = next((row.tpp for row in inputs.everything["accelerators"] if row.id == of), None) if of else None  # type: ignore[attr-defined]
                    weight = record(own / unit) if own and unit else 1.0
                    draws.setdefault(i, []).append((g.index, t.index, weight))
    for i in sorted(draws):
        yield LicencePool(inputs.licences[i].id, inputs.licences[i].quantity, tuple(draws[i]))


# --- money ------------------------------------------------------------------------------------------------------------


def _commitments(inputs: Inputs) -> Iterator[Commitment]:
    """Take-or-pay minima: value × share × days of the contract in the year and the horizon / days of the contract."""
    horizon, end = inputs.horizon, inputs.scenario.horizon.end
    rate, origin = inputs.scenario.money.discount_rate, inputs.scenario.horizon.start
    index = 0
    for contract in inputs.contracts:
        last = contract.end or end
        if not contract.value or not contract.take_or_pay or last < contract.start:
            continue
        days = (last - contract.start).days + 1
        whole = contract.value * contract.take_or_pay / MILLION
        spans: list[tuple[str, int, list[Period]]]
        if contract.settle == "term":
            spans = [("term", horizon[-1].year, list(horizon))]
        else:
            spans = [(str(y), y, [t for t in horizon if t.year == y]) for y in years_of(horizon)]
        for name, year, span in spans:
            inside = sum(overlap_days(contract.start, last, t) for t in span)
            if inside:
                discount = record(discount_at_end(span[-1].last, origin, rate))
                yield Commitment(index, contract, name, record(whole * inside / days), discount, year)
                index += 1


def _pools(inputs: Inputs, menu: tuple[Position, ...], commitments: tuple[Commitment, ...]) -> tuple[Pool, ...]:
    """Spend gathered by the commitments it may count for and the part of it that may."""
    members: dict[tuple[tuple[int, float], ...], list[tuple[int, int]]] = {}
    end = inputs.scenario.horizon.end
    for p in menu:
        counts = [
            c
            for c in commitments
            if c.contract.provider == p.site.provider
            and (p.offer.contract == c.contract.id if p.offer.contract else in_scope(c.contract, p))
        ]
        for t in inputs.horizon if counts else ():
            key = tuple(
                (c.index, record(days / t.days))
                for c in counts
                if c.label in ("term", str(t.year)) and (days := overlap_days(c.contract.start, c.contract.end or end, t))
            )
            if key:
                members.setdefault(key, []).append((p.index, t.index))
    return tuple(Pool(i, tuple(spend), key) for i, (key, spend) in enumerate(members.items()))


def _budgets(inputs: Inputs) -> Iterator[Budget]:
    horizon, limits = inputs.horizon, inputs.scenario.limits
    for label, limit in limits.budget.items():
        span = tuple(t.index for t in horizon if t.year == int(label))
        if span:
            yield Budget(label, span, (int(label),), *_yearly(inputs, limit, span))
    if limits.budget_total:
        span = tuple(t.index for t in horizon)
        value, price = _yearly(inputs, limits.budget_total, span)
        yield Budget("total", span, years_of(horizon), value, price)


def _yearly(inputs: Inputs, limit: Limit, span: tuple[int, ...]) -> tuple[float, float | None]:
    """(limit in million USD, price per million USD discounted to the end of the span)."""
    value, price = _amount(inputs, limit, span)
    return record(value / MILLION), price


def _amount(inputs: Inputs, limit: Limit, span: tuple[int, ...]) -> tuple[float, float | None]:
    rate, origin = inputs.scenario.money.discount_rate, inputs.scenario.horizon.start
    value = min(low for t in span if (low := limit.series.lowest(inputs.horizon[t])) is not None)
    if limit.price is None:
        return value, None
    return value, record(limit.price * discount_at_end(inputs.horizon[span[-1]].last, origin, rate))


def _carbon_caps(inputs: Inputs) -> Iterator[CarbonCap]:
    for label, limit in inputs.scenario.limits.carbon.items():
        span = tuple(t.index for t in inputs.horizon if t.year == int(label))
        if span:
            value, price = _amount(inputs, limit, span)
            yield CarbonCap(label, span, record(value), None if price is None else record(price / MILLION))


def _shares(inputs: Inputs) -> Iterator[ShareLimit]:
    for row in inputs.scenario.limits.provider_share:
        span = tuple(t.index for t in inputs.horizon if overlap_days(row.from_, row.to, t))
        for share, floor in ((row.max, False), (row.min, True)):
            if share is not None:
                yield ShareLimit(row.provider, row.of, share, floor, span)


def _losses(inputs: Inputs, menu: tuple[Position, ...]) -> Iterator[Loss]:
    if inputs.scenario.resilience is None:
        return
    kind = inputs.scenario.resilience.lose
    name = {"provider": lambda s: s.provider, "site": lambda s: s.id, "country": lambda s: s.country}[kind]
    subjects: dict[str, set[int]] = {}
    for p in menu:
        lost = subjects.setdefault(name(p.site), set())
        if not p.on_demand:
            lost.add(p.index)
    racks = {subject: lost for subject, lost in subjects.items() if lost} or {"on-demand": set()}
    for subject, lost in racks.items():  # what has no racks of its own takes none along
        yield Loss(kind, subject, frozenset(lost))
