"""Limits on power, ready for the linear programme: sites, fleet, providers, countries, grids and contracts, per period in MW."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date

from planner.core.calendar import HOURS_PER_YEAR, ONE_DAY, Limits, Period, Values, mean_discount, overlap_days, recorded
from planner.core.units import record
from planner.data.costs import MILLION
from planner.data.options import Position, in_scope
from planner.inputs.assembly import Inputs, column
from planner.inputs.fields import Limit
from planner.inputs.tables import Contract


@dataclass(frozen=True)
class PowerLimit:
    """Σ ρ K online over positions, at most or at least `limit` [MW] per period.

    `price` [million USD/MW per period] makes it soft.
    """

    family: str
    subject: str
    members: tuple[int, ...]
    limit: Limits
    price: Values | None = None
    floor: bool = False


def site_power_limits(inputs: Inputs, menu: tuple[Position, ...]) -> Iterator[PowerLimit]:
    for site in inputs.sites.values():
        members = tuple(p.index for p in menu if p.site.id == site.id)
        if members and site.id in inputs.site_power:
            series = inputs.power_series(site.id)
            limit = recorded(site.available * series.mean(t) for t in inputs.horizon)
            yield PowerLimit("site_power", site.id, members, limit)


def power_limits(inputs: Inputs, menu: tuple[Position, ...]) -> Iterator[PowerLimit]:
    limits, horizon = inputs.scenario.limits, inputs.horizon
    rate, origin = inputs.scenario.money.discount_rate, inputs.scenario.horizon.start

    def soft(limit: Limit) -> Values | None:
        price = limit.price
        if price is None:
            return None
        return recorded(price * t.hours / HOURS_PER_YEAR / MILLION * mean_discount(t, origin, rate) for t in horizon)

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
    yield from _rights(inputs, menu)


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


def _rights(inputs: Inputs, menu: tuple[Position, ...]) -> Iterator[PowerLimit]:
    """What has its power by contracts has none outside of their days: positions by the contracts in whose scope they lie."""
    covered: dict[tuple[int, ...], list[int]] = {}
    for p in menu:
        over = (n for n, c in enumerate(inputs.contracts) if c.provider == p.site.provider and in_scope(c, p))
        covered.setdefault(tuple(over), []).append(p.index)
    for numbers, members in covered.items():
        contracts = [inputs.contracts[n] for n in numbers]
        if any(c.max_power is not None for c in contracts):
            limit = tuple(_right(contracts, t) for t in inputs.horizon)
            yield PowerLimit("contract_right", "+".join(c.id for c in contracts), tuple(members), limit)


def _right(contracts: list[Contract], period: Period) -> float | None:
    """Mean over the days of a period of the ceilings that run, as site power counts; None where one runs on every day, or one
    that has no ceiling."""
    if any(c.max_power is None and overlap_days(c.start, _end_of_right(c), period) for c in contracts):
        return None
    turns = _turns([(c.start, _end_of_right(c)) for c in contracts], period)
    last = [*(day - ONE_DAY for day in turns[1:]), period.last]
    pieces = [
        ((end - day).days + 1, [c.max_power or 0.0 for c in contracts if c.start <= day <= (_end_of_right(c) or date.max)])
        for day, end in zip(turns, last, strict=True)
    ]
    if all(running for _, running in pieces):
        return None
    return record(math.fsum(days * math.fsum(running) for days, running in pieces) / period.days)


def _end_of_right(contract: Contract) -> date | None:
    return None if contract.renew else contract.end


def _turns(spans: list[tuple[date, date | None]], period: Period) -> list[date]:
    """Days of a period on which something begins, or has just ended; its first day before all."""
    days = (day for start, end in spans for day in (start, end and end + ONE_DAY))
    return sorted({period.first} | {day for day in days if day and period.first < day <= period.last})


def _daily_sum(contracts: list[Contract], name: str, period: Period, pick: Callable[[list[float]], float]) -> float | None:
    end = _end_of_right if name == "max_power" else (lambda c: c.end)
    sums = [
        math.fsum(getattr(c, name) for c in running)
        for day in _turns([(c.start, end(c)) for c in contracts], period)
        if (running := [c for c in contracts if c.start <= day <= (end(c) or date.max)])
    ]
    return record(pick(sums)) if sums else None
