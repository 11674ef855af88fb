"""How much of the cost rests on numbers that are not disclosed: `grades` weighs it by the confidence of the price behind it."""

from __future__ import annotations

from planner.core.table import MILLION, Table
from planner.inputs.assembly import Inputs
from planner.inputs.provenance import grade, weakest
from planner.inputs.tables import CONFIDENCE
from planner.results.plan import Plan
from planner.results.power import metered_bill


def grades(inputs: Inputs, plan: Plan, cost: Table) -> dict[str, float]:
    """Share of the discounted cost by the confidence of the number behind it; sums to 1 (empty for a plan that costs nothing).

    Routes, soft limits and what stays unserved are priced by the scenario itself, which is graded assumed.
    """
    data = plan.instance
    sums = dict.fromkeys(CONFIDENCE, 0.0)
    for (p, t), held in plan.held.items():
        offer, worth = data.positions[p].offer.origin, data.discount[t]
        grid = inputs.grids.get(data.positions[p].site.grid, ())
        energy = weakest(grade(row.origin, "price") for row in grid)
        capital = weakest((grade(offer, "capex"), grade(offer, "lifetime")))
        sums[grade(offer, "price")] += held * data.rent[p][t] * worth
        sums[energy] += metered_bill(plan, p, t) * worth
        sums[capital] += held * data.capital[p][t] * worth
    for c in data.commitments:
        level = weakest((grade(c.contract.origin, "value"), grade(c.contract.origin, "take_or_pay")))
        sums[level] += plan.shortfall[c.index] * c.discount
    sums["assumed"] += (
        sum(row["discounted_usd"] for row in cost.records() if row["item"] in ("route", "soft", "unserved")) / MILLION
    )
    whole = sum(sums.values())
    return {level: amount / whole for level, amount in sums.items()} if whole > 0 else {}
