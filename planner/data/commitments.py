"""Money and promises: take-or-pay and the spend that counts for it, budgets, carbon caps, shares, losses to survive."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from planner.core.calendar import Period, overlap_days, years_of
from planner.core.units import record
from planner.data.costs import MILLION, discount_at_end
from planner.data.options import Position, in_scope
from planner.inputs.assembly import Inputs
from planner.inputs.fields import Limit
from planner.inputs.scenario import ProviderShare
from planner.inputs.tables import Contract


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
    of: str  # power, spend, or `compute KIND`: unlike units of compute are never added
    share: float
    floor: bool
    periods: tuple[int, ...]


@dataclass(frozen=True)
class Loss:
    """Something that can be lost, with the reserved positions that go with it."""

    kind: str
    subject: str
    lost: frozenset[int]


def commitments_of(inputs: Inputs) -> Iterator[Commitment]:
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
        if settles_later(contract, end):
            continue
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


def settles_later(contract: Contract, end: date) -> bool:
    """Whether it is settled once, after the horizon: nothing is billed within it, and what is left of the minimum is owed."""
    return contract.settle == "term" and contract.end is not None and contract.end > end


def spend_pools(inputs: Inputs, menu: tuple[Position, ...], commitments: tuple[Commitment, ...]) -> tuple[Pool, ...]:
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


def budgets(inputs: Inputs) -> Iterator[Budget]:
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


def carbon_caps(inputs: Inputs) -> Iterator[CarbonCap]:
    for label, limit in inputs.scenario.limits.carbon.items():
        span = tuple(t.index for t in inputs.horizon if t.year == int(label))
        if span:
            value, price = _amount(inputs, limit, span)
            yield CarbonCap(label, span, record(value), None if price is None else record(price / MILLION))


def share_limits(inputs: Inputs) -> Iterator[ShareLimit]:
    for row in inputs.scenario.limits.provider_share:
        span = tuple(t.index for t in inputs.horizon if overlap_days(row.from_, row.to, t))
        for share, floor in ((row.max, False), (row.min, True)):
            if share is not None:
                for of in shared_things(inputs, row):
                    yield ShareLimit(row.provider, of, share, floor, span)


def shared_things(inputs: Inputs, row: ProviderShare) -> tuple[str, ...]:
    """What a row limits shares of: of compute every kind of work apart, or the one that it names."""
    if row.of != "compute":
        return (row.of,)
    kinds = dict.fromkeys(w.kind for w in inputs.scenario.workload)
    return tuple(f"compute {kind}" for kind in kinds if row.kind in (None, kind))


def losses(inputs: Inputs, menu: tuple[Position, ...]) -> Iterator[Loss]:
    if inputs.scenario.resilience is None:
        return
    kind = inputs.scenario.resilience.lose
    column = {"provider": "provider", "site": "id", "country": "country"}[kind]
    subjects: dict[str, set[int]] = {}
    for p in menu:
        lost = subjects.setdefault(getattr(p.site, column), set())
        if not p.on_demand:
            lost.add(p.index)
    racks = {subject: lost for subject, lost in subjects.items() if lost} or {"on-demand": set()}
    for subject, lost in racks.items():  # what has no racks of its own takes none along
        yield Loss(kind, subject, frozenset(lost))
