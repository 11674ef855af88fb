"""How far the mix could move at the very same value of the objective: what of a plan is a choice of no consequence.

Every column with a reduced cost and every row with a price is held where it is; what is left open are all plans that are exactly
as good. Over them the share of each provider in power and spend, or of each site in power, is made least and most: ratios, solved
by Dinkelbach's method from the plan at hand, a few primal pivots each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from planner.data.instance import Instance
from planner.model.formulation import Model
from planner.model.measures import over_horizon
from planner.model.program import total
from planner.model.variables import Expression
from planner.solver.solve import Solution
from planner.solver.warm import Answer, Linear, Probe

FREE = 1e-9  # prices below it are the solver's tolerance, relative to the largest cost
MOVES = 5e-4  # a share that moves by less is not worth a word


@dataclass(frozen=True)
class Room:
    """The share of somebody in the power or spend of the horizon: in the plan shown, and the least and the most at its cost."""

    of: str
    name: str
    share: float
    low: float
    high: float

    @property
    def moves(self) -> bool:
        return self.high - self.low > MOVES


def room(model: Model, solution: Solution, by_site: bool = False) -> tuple[Room, ...]:
    """Everybody whose share could be another at the same value of the objective, widest first. Empty without a basis."""
    if solution.basis is None or not solution.values:
        return ()
    data, probe = model.instance, Probe(model, solution.basis)
    best = probe.minimize()
    if not best.optimal:
        return ()
    probe.hold(best, FREE * max(1.0, float(np.abs(probe.objective.coefficients).max(initial=0.0))))
    values = np.array(solution.values)
    start = Answer("optimal", best.objective, values, best.duals, best.reduced, best.basis)
    probe.engine.set("simplex_strategy", 4)  # only the goal changes: the basis at hand stays feasible
    found = []
    for of in ("power",) if by_site else ("power", "spend"):
        whole = probe.linear(_sum(model, of, None, by_site))
        if whole.at(values) > 0:
            for name in _names(data, by_site):
                low, share, high = _ends(probe, probe.linear(_sum(model, of, name, by_site)), whole, start)
                found.append(Room(of, name, share, low, high))
    return tuple(sorted((r for r in found if r.moves), key=lambda r: (-(r.high - r.low), r.of, r.name)))


def _ends(probe: Probe, mine: Linear, whole: Linear, start: Answer) -> tuple[float, float, float]:
    """The least share, that of the plan shown, and the most."""
    share = mine.at(start.values) / whole.at(start.values)
    low = probe.least_ratio(mine, whole, start).objective
    high = -probe.least_ratio(mine * -1.0, whole, start).objective
    return min(low, share), share, max(high, share)


def _names(data: Instance, by_site: bool) -> list[str]:
    return sorted({p.site.id if by_site else p.site.provider for p in data.positions})


def _sum(model: Model, of: str, name: str | None, by_site: bool) -> Expression:
    """Power (rated, of the racks online) or spend over the horizon, of a provider, a site, or all."""
    data, v = model.instance, model.variables
    if not by_site or name is None:
        return over_horizon(data, v, of, name)
    mine = [p.index for p in data.positions if p.site.id == name]
    return total(
        (data.power[p] * t.hours / 1e3, v.online[p, t.index]) for p in mine for t in data.periods if (p, t.index) in v.online
    )
