"""What may be shipped where: groups of offers that share deliveries, build rates, supply, maxima, export rules, licences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from planner.core.calendar import ONE_DAY, Limits, Period, Values, overlap_days, recorded
from planner.core.units import record
from planner.data.costs import MILLION
from planner.data.export_control import ExportControl, Standing
from planner.data.options import Position
from planner.inputs.assembly import Inputs, column
from planner.inputs.tables import Site, Supply


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


def shipping_groups(inputs: Inputs, menu: tuple[Position, ...], control: ExportControl) -> tuple[Group, ...]:
    members: dict[tuple[str, str], list[Position]] = {}
    for p in menu:
        if not p.on_demand:
            members.setdefault((p.site.id, p.accelerator.id), []).append(p)
    found = []
    for i, ((site, accelerator), group) in enumerate(members.items()):
        standing = control.standing(inputs.sites[site], accelerator)
        steady = all(
            all(e >= len(inputs.horizon) for e in p.expires)
            and all(a <= b for a, b in zip((p.before, *p.fleet), p.fleet, strict=False))
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


def build_limits(inputs: Inputs, groups: tuple[Group, ...]) -> Iterator[BuildLimit]:
    for site in inputs.sites.values():
        here = tuple((g.index, record(site.pue * g.it_power)) for g in groups if g.site.id == site.id)
        if site.build_rate is not None and here:
            yield BuildLimit(site.id, here, recorded(site.build_rate * t.hours for t in inputs.horizon))


def shipment_limits(inputs: Inputs, groups: tuple[Group, ...]) -> Iterator[ShipmentLimit]:
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


def offer_limits(inputs: Inputs, menu: tuple[Position, ...]) -> Iterator[OfferLimit]:
    by_offer: dict[str, list[Position]] = {}
    for p in menu:
        by_offer.setdefault(p.offer.id, []).append(p)
    for offer, members in by_offer.items():
        bounds = [row.max for row in inputs.offers_of(offer) if row.max is not None]
        if bounds:
            yield OfferLimit(offer, tuple((p.index, p.accelerator.chips_per_rack) for p in members), min(bounds))


def export_limits(inputs: Inputs, groups: tuple[Group, ...], control: ExportControl) -> Iterator[ExportLimit]:
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


def licence_pools(inputs: Inputs, groups: tuple[Group, ...], control: ExportControl) -> Iterator[LicencePool]:
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
