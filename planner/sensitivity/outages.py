"""What a loss leaves, the spare racks that surviving it needs, and what it costs to survive it.

The plan's racks are held as they are. After a loss the racks of the others are dispatched again, within the power of their
sites: rows (11a) to (11d) of the formulation with everything else at its value. Two questions are put to that small programme,
which falls apart by loss and period: how many times the critical share of all workloads could be carried (`left`), and how few
racks that stand idle before the loss must go to work after it (`spare`). The price of survival is another matter: the optimum
with a loss to survive, minus the optimum without it, from the basis at hand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from planner.core.errors import Stopped
from planner.core.table import Table, make
from planner.data import instance
from planner.inputs.assembly import Inputs
from planner.inputs.scenario import Resilience
from planner.model import formulation
from planner.model.formulation import Model
from planner.model.measures import objective_unit
from planner.model.rules import RULES, Row, decode
from planner.results.plan import DUST, Plan
from planner.sensitivity.rule_costs import NO_PRICE, measures_of
from planner.solver.highs import INF, OPTIMAL, Engine
from planner.solver.warm import Probe

SECOND = ("standby", "carried", "rescue")  # columns of the second dispatch
LAWS = (*(rule for rule in RULES if rule.startswith("standby")), "rescue", "resilience")  # and its rows
BINDS = 1e-6  # relative


@dataclass(frozen=True)
class Left:
    """A workload in a period after a loss; all in h100e, means over the period.

    `lost`: what it loses at once; `still`: what goes on where nothing is moved; `needed`: its critical share; `left`: what the
    remaining racks can carry of it when all critical shares grow alike; `spare`: what of the needed comes from racks that stood
    idle (0 where the critical share cannot be met). `price`: USD (unit of the objective) per h100e of critical share, over the
    period, None where the plan does not have to survive.
    """

    loss: str
    period: str
    workload: str
    demand: float
    needed: float
    lost: float
    still: float
    left: float
    spare: float
    price: float | None

    @property
    def binds(self) -> bool:
        return self.left <= self.needed * (1 + BINDS)


@dataclass(frozen=True)
class Gone:
    """What goes with a loss in a period: racks online, their rated facility power; `times`: how often the critical shares fit."""

    loss: str
    period: str
    racks: float
    power: float  # MW
    times: float


@dataclass(frozen=True)
class Report:
    """Losses of a plan. `asked`: whether the scenario asks to survive them; `cost`: what surviving each one costs, and all of
    them (key ""), in the unit of the objective, where that was asked for; without a loss nothing may stop the objective: inf."""

    kind: str
    asked: bool
    gone: tuple[Gone, ...]
    left: tuple[Left, ...]
    cost: dict[str, float]
    unit: str


def what_is_left(inputs: Inputs, model: Model, plan: Plan, values: list[float], lose: str = "provider") -> Report:
    """What each loss leaves of a plan. Without [resilience] in the scenario: what the loss of any one provider (or of what is
    named) would leave; a scenario in which nothing is critical is asked about all of its demand."""
    asked = inputs.scenario.resilience is not None
    whole = inputs if asked else _as_if(inputs, lose)
    second = model if asked else formulation.build(instance.build(whole, measures_of(model)))
    at = dict(zip(model.program.columns, values, strict=True))
    dispatch = _Dispatch(second, plan, np.array([at.get(key, 0.0) for key in second.program.columns]))
    resilience = whole.scenario.resilience
    gone, left = dispatch.report(plan, asked)
    return Report(resilience.lose if resilience else lose, asked, gone, left, {}, objective_unit(model.instance)[0])


def price_of_surviving(report: Report, model: Model, start: Any = None) -> Report:
    """The report with what it costs to survive each loss (the others still being survived), and all of them.

    A loss whose rows all have the price zero costs nothing: the prices prove the same optimum without it.
    """
    if not report.asked:
        return report
    probe, size = Probe(model, start), objective_unit(model.instance)[1]
    best = probe.minimize()
    rows: dict[str, list[int]] = {"": []}
    for i, key in enumerate(model.program.rows):
        if key[0] == "resilience":
            rows.setdefault(decode(key)["loss"], []).append(i)
            rows[""].append(i)
    cost = {}
    for subject, mine in rows.items():
        if not any(abs(best.duals[i]) > NO_PRICE for i in mine):
            cost[subject] = 0.0
            continue
        with probe.without(mine):
            cost[subject] = max(0.0, best.objective - probe.minimize(None, best.basis).objective) * size
    return replace(report, cost=cost)


def _as_if(inputs: Inputs, lose: str) -> Inputs:
    kinds: dict[str, Literal["provider", "site", "country"]] = {"provider": "provider", "site": "site", "country": "country"}
    scenario = inputs.scenario
    workloads = scenario.workload
    if not any(w.critical for w in workloads):
        workloads = tuple(w.model_copy(update={"critical": 1.0}) for w in workloads)
    changes = {"resilience": Resilience(lose=kinds[lose]), "workload": workloads}
    return replace(inputs, scenario=scenario.model_copy(update=changes))


# --- the second dispatch ----------------------------------------------------------------------------------------------


class _Dispatch:
    """Rows (11a) to (11f) over the columns of the second dispatch, all other columns at the plan's values."""

    def __init__(self, model: Model, plan: Plan, values: NDArray[np.float64]) -> None:
        program = model.program
        self.model, self.data = model, model.instance
        self.columns = [j for j, key in enumerate(program.columns) if key[0] in SECOND]
        new = {j: i for i, j in enumerate(self.columns)}
        self.rows: list[Row] = []
        self.terms: list[list[tuple[int, float]]] = []
        self.bounds: list[float] = []  # ≤, but resilience: ≥
        for i, key in enumerate(program.rows):
            if key[0] in LAWS:
                span = range(program.starts[i], program.starts[i + 1])
                pairs = [(program.indices[j], program.coefficients[j]) for j in span]
                fixed = sum(c * values[j] for j, c in pairs if j not in new)
                self.rows.append(decode(key))
                self.terms.append([(new[j], c) for j, c in pairs if j in new])
                self.bounds.append(program.rhs[i] - fixed)
        self.numbers = {loss.subject: n for n, loss in enumerate(self.data.losses)}
        self.work = self._at_work(plan)

    def _at_work(self, plan: Plan) -> dict[tuple[int, int, int, int], float]:
        """n, k, t, i: racks of a class that the loss leaves, at work before it."""
        class_of = {p: k.index for k in self.data.classes for p in k.positions}
        found: dict[tuple[int, int, int, int], float] = {}
        for (_, p, t, i), racks in plan.dispatch.items():
            for n, loss in enumerate(self.data.losses):
                if p not in loss.lost and not self.data.positions[p].on_demand:
                    key = (n, class_of[p], t, i)
                    found[key] = found.get(key, 0.0) + racks
        return found

    def _loss_in(self, row: Row) -> tuple[int, int]:
        """(loss, period) of a row of (11d)."""
        return self.numbers[row["loss"]], row["period"]

    def times(self) -> dict[tuple[int, int], float]:
        """How many times the critical shares could be carried, by loss and period."""
        groups: dict[tuple[int, int], int] = {}
        for here, least in zip(self.rows, self.bounds, strict=True):
            if here.rule.kind == "need" and least > DUST:
                groups.setdefault(self._loss_in(here), len(self.columns) + len(groups))
        if not groups:
            return {}

        def row(i: int) -> tuple[list[tuple[int, float]], float]:
            if self.rows[i].rule.kind != "need":
                return self.terms[i], max(0.0, self.bounds[i])
            column = groups.get(self._loss_in(self.rows[i]), -1)
            if column < 0 or self.bounds[i] <= DUST:
                return [], 0.0
            return [*((j, -c) for j, c in self.terms[i]), (column, self.bounds[i])], 0.0

        costs = np.zeros(len(self.columns) + len(groups))
        costs[len(self.columns) :] = -1.0
        found = self._solve(costs, row)
        return {key: max(0.0, float(found[j])) for key, j in groups.items()}

    def spare(self, survived: set[tuple[int, int]]) -> dict[tuple[int, int, int], float]:
        """n, w, t: compute of the critical share that comes from racks idle before the loss, as few gpu as can be [h100e]."""
        rescues = [(i, tuple(row.parts.values())) for i, row in enumerate(self.rows) if row.rule.name == "rescue"]
        idle = {key: len(self.columns) + n for n, (_, key) in enumerate(rescues)}

        def row(i: int) -> tuple[list[tuple[int, float]], float]:
            if self.rows[i].rule.kind == "need":
                there = self._loss_in(self.rows[i]) in survived
                return [(j, -c) for j, c in self.terms[i]], -self.bounds[i] * (1 - BINDS) if there else 0.0
            return self.terms[i], max(0.0, self.bounds[i])

        extra = []
        for i, key in rescues:
            works = [(j, c) for j, c in self.terms[i] if c > 0]
            extra.append(([*works, (idle[key], -1.0)], self.work.get(key, 0.0)))
        costs = np.zeros(len(self.columns) + len(idle))
        gpus = [self.data.positions[k.positions[0]].accelerator.chips_per_rack for k in self.data.classes]
        for key, j in idle.items():
            costs[j] = gpus[key[1]]
        found = self._solve(costs, row, extra)
        sums: dict[tuple[int, int, int], float] = {}
        racks: dict[tuple[int, int, int, int], float] = {}
        keys = [self.model.program.columns[j] for j in self.columns]
        for at, (kind, *rest) in enumerate(keys):
            if kind == "rescue":
                n, w, k, t, i = rest
                racks[n, k, t, i] = racks.get((n, k, t, i), 0.0) + found[at]
        for at, (kind, *rest) in enumerate(keys):
            if kind == "rescue" and found[at] > DUST:
                n, w, k, t, i = rest
                part = found[idle[n, k, t, i]] / racks[n, k, t, i]
                hours = self.data.slices.hours[t]
                mean = float(found[at] * part) * self.data.compute[w, self.data.classes[k].accelerator][t] * hours[i] / sum(hours)
                sums[n, w, t] = sums.get((n, w, t), 0.0) + mean
        return sums

    def _solve(
        self,
        costs: NDArray[np.float64],
        row: Callable[[int], tuple[list[tuple[int, float]], float]],
        extra: list[tuple[list[tuple[int, float]], float]] | None = None,
    ) -> NDArray[np.float64]:
        """The least costs over columns ≥ 0 under rows Σ terms ≤ bound."""
        if not len(costs):
            return costs
        rows = [row(i) for i in range(len(self.rows))] + (extra or [])
        engine = Engine(
            costs,
            0.0,
            (np.zeros(len(costs)), np.full(len(costs), INF)),
            (np.full(len(rows), -INF), [bound for _, bound in rows]),
            (
                np.cumsum([0, *(len(terms) for terms, _ in rows)]),
                [j for terms, _ in rows for j, _ in terms],
                [c for terms, _ in rows for _, c in terms],
            ),
        )
        if (status := engine.run()) != OPTIMAL:
            raise Stopped(f"the dispatch after a loss ended with `{status}`")
        found: NDArray[np.float64] = engine.values
        return found

    # --- what a user reads --------------------------------------------------------------------------------------------

    def report(self, plan: Plan, asked: bool) -> tuple[tuple[Gone, ...], tuple[Left, ...]]:
        data, times = self.data, self.times()
        spare = self.spare({key for key, x in times.items() if x >= 1 - BINDS})
        prices = self._prices(plan) if asked else {}
        reserved = [p.index for p in data.positions if not p.on_demand]
        gone, left = [], []
        for n, loss in enumerate(data.losses):
            for t in data.periods:
                racks = {p: plan.online[p, t.index] for p in loss.lost}
                power = sum(x * data.power[p] for p, x in racks.items())
                carried = times.get((n, t.index), float("inf"))
                gone.append(Gone(loss.subject, t.label, sum(racks.values()), power, carried))
                for w, name in enumerate(data.workloads):
                    demand = data.demand[w][t.index] * plan.scale
                    if data.critical[w] <= 0 or demand <= 0:
                        continue
                    needed = data.critical[w] * demand
                    at_work = {p: plan.delivered(w, p, t.index) for p in reserved if (w, p, t.index) in plan.use}
                    price = prices.get((n, w, t.index), 0.0) if asked and plan.duals else None
                    taken = sum(x for p, x in at_work.items() if p in loss.lost)
                    left.append(
                        Left(loss.subject, t.label, name, demand, needed, taken, sum(at_work.values()) - taken, carried * needed,
                             spare.get((n, w, t.index), 0.0), price)
                    )  # fmt: skip
        return tuple(gone), tuple(left)

    def _prices(self, plan: Plan) -> dict[tuple[int, int, int], float]:
        """n, w, t: the objective per h100e of critical share, in its unit."""
        size = objective_unit(self.data)[1]
        found: dict[tuple[int, int, int], float] = {}
        for key, dual in zip(self.model.program.rows, plan.duals, strict=False):
            if key[0] == "resilience":
                row = decode(key)
                at = (self.numbers[row["loss"]], row["workload"], row["period"])
                found[at] = found.get(at, 0.0) + dual * size
        return found


def table(report: Report) -> Table:
    """losses.csv: by loss and period a row for what goes (no workload) and one for every workload with a critical share; with
    period `total` what surviving the loss costs (lost `any`: all of them)."""
    rows: list[tuple[Any, ...]] = []
    workloads: dict[tuple[str, str], list[Left]] = {}
    for x in report.left:
        workloads.setdefault((x.loss, x.period), []).append(x)
    for g in report.gone:
        nothing = (None,) * 8
        rows.append((g.loss, g.period, "", g.racks, g.power, *nothing, None))
        for x in workloads.get((g.loss, g.period), ()):
            figures = (x.demand, x.needed, x.lost, x.still, x.left, x.spare, "yes" if x.binds else "no", x.price)
            rows.append((x.loss, x.period, x.workload, None, None, *figures, None))
    finite = {name: None if cost == float("inf") else cost for name, cost in report.cost.items()}
    rows += [(name or "any", "total", "", *(None,) * 10, cost) for name, cost in finite.items()]
    columns = (
        "lost period workload lost_racks lost_power_mw demand_h100e needed_h100e lost_h100e still_h100e left_h100e spare_h100e"
    )
    money = {"USD": "usd"}.get(report.unit, "objective")
    return make("losses", f"{columns} binding price_{money}_per_h100e surviving_{money}", rows)
