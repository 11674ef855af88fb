"""What the cost rests on: its shares by the confidence of the price behind each part, and by the collection that holds it."""

from __future__ import annotations

from collections.abc import Iterator

from planner.core.table import MILLION, Table
from planner.data.instance import Instance
from planner.inputs.assembly import Inputs
from planner.inputs.fields import Record
from planner.inputs.provenance import OWN, collection, grade, weakest
from planner.inputs.tables import CONFIDENCE
from planner.results.plan import Plan
from planner.results.power import metered_bill

Priced = tuple[float, list[tuple[Record, str]]]  # a part of the discounted cost [million USD], and the cells that it is priced by


def grades(inputs: Inputs, plan: Plan, cost: Table) -> dict[str, float]:
    """Share of the discounted cost by the confidence of the number behind it; sums to 1 (empty for a plan that costs nothing)."""
    sums = dict.fromkeys(CONFIDENCE, 0.0)
    for amount, cells in _priced(inputs, plan, cost):
        sums[weakest(grade(row.origin, column) for row, column in cells) if cells else "assumed"] += amount
    return _shares(sums)


def collections(inputs: Inputs, plan: Plan, cost: Table) -> dict[str, dict[str, float]]:
    """What of a plan comes from which collection of tables: offers, contracts, racks of the fleet, and the share of the cost."""
    sums: dict[str, float] = {}
    for amount, cells in _priced(inputs, plan, cost):
        name = collection(*cells[0]) if cells else OWN
        sums[name] = sums.get(name, 0.0) + amount
    shares, counts = _shares(sums), counted(inputs, plan.instance)
    return {name: counts[name] | {"cost": shares.get(name, 0.0)} for name in counts}


def counted(inputs: Inputs, data: Instance) -> dict[str, dict[str, float]]:
    """Offers that can be taken, contracts and racks of the fleet (at their most) by collection: the bundled ones that are read,
    by name, then what the scenario and its own tables add."""
    read = dict.fromkeys(c for rows in inputs.everything.values() for c in map(collection, rows))
    offers: dict[str, Record] = {p.offer.id: p.offer for p in data.positions}
    found = {}
    for name in (*sorted(read.keys() - {OWN}), OWN):
        fleet = [row for row in inputs.fleet if collection(row) == name]
        racks = max(
            (sum(r.racks for r in fleet if (r.from_ or t.first) <= t.first <= (r.to or t.first)) for t in inputs.horizon),
            default=0.0,
        )
        found[name] = {
            "offers": float(sum(collection(offer) == name for offer in offers.values())),
            "contracts": float(sum(collection(row) == name for row in inputs.contracts)),
            "fleet_racks": racks,
        }
    return found


def _priced(inputs: Inputs, plan: Plan, cost: Table) -> Iterator[Priced]:
    """The parts of the discounted cost; routes, soft limits and what is unserved are priced by the scenario, in no table."""
    data = plan.instance
    for (p, t), held in plan.held.items():
        offer, worth = data.positions[p].offer, data.discount[t]
        grid = inputs.grids.get(data.positions[p].site.grid, ())
        yield held * data.rent[p][t] * worth, [(offer, "price")]
        yield metered_bill(plan, p, t) * worth, [(row, "price") for row in grid]
        yield held * data.capital[p][t] * worth, [(offer, "capex"), (offer, "lifetime")]
    for c in data.commitments:
        yield plan.shortfall[c.index] * c.discount, [(c.contract, "value"), (c.contract, "take_or_pay")]
    yield sum(row["discounted_usd"] for row in cost.records() if row["item"] in ("route", "soft", "unserved")) / MILLION, []


def _shares(sums: dict[str, float]) -> dict[str, float]:
    whole = sum(sums.values())
    return {name: amount / whole for name, amount in sums.items()} if whole > 0 else {}
