"""The planning LP as a competent analyst writes it in PuLP: section 7 of the design line by line, every index written out.

Fair to PuLP: impossible combinations get no variable, stocks are recursive rather than sums over all months before, expressions
are made with lpSum and comprehensions, and HiGHS is called through PuLP's own in-memory interface.
"""

from __future__ import annotations

import time
from typing import Any

import highspy
import pulp
from pulp import lpSum

from tests.benchmarks.world_data import Data, Result, load


def solve(path: str, time_limit: float | None = None) -> Result:
    """Reads, builds and solves a scenario file and fetches its values."""
    begun = time.perf_counter()
    data = load(path)
    read = time.perf_counter()
    problem, use = build(data)
    built = time.perf_counter()
    highspy.Highs.resetGlobalScheduler(True)  # whoever solved with another number of threads before leaves HiGHS at a loss
    problem.solve(pulp.HiGHS(msg=False, threads=1, timeLimit=time_limit))
    solved = time.perf_counter()
    values = {key: variable.varValue for key, variable in use.items()}
    status, objective = outcome(problem.solverModel), float(pulp.value(problem.objective) or 0.0)
    fetched = time.perf_counter()
    size = (problem.numVariables(), problem.numConstraints(), problem.solverModel.getNumNz())
    seconds = {"read": read - begun, "build": built - read, "solve": solved - built, "values": fetched - solved}
    return Result(status, objective, size, seconds, values)


def outcome(engine: Any) -> str:
    """What HiGHS says; PuLP's own status calls a run that was cut off optimal."""
    found = {highspy.HighsModelStatus.kOptimal: "optimal", highspy.HighsModelStatus.kTimeLimit: "stopped"}
    return found.get(engine.getModelStatus()) or str(engine.modelStatusToString(engine.getModelStatus()))


def build(d: Data) -> tuple[Any, dict[tuple[str, str, str, int], Any]]:
    """The problem and its use variables."""
    months = range(len(d.months))
    W, SO, S = d.workloads, d.places, list(d.inputs.sites)
    acc = {o: offer.accelerator for o, offer in d.offers.items()}
    here: dict[str, list[str]] = {s: [] for s in S}
    for s, o in SO:
        here[s].append(o)
    problem = pulp.LpProblem("straightforward", pulp.LpMinimize)

    def variables(name: str, keys: list[Any]) -> dict[Any, Any]:
        made: dict[Any, Any] = problem.add_variable_dicts(name, keys, lowBound=0)
        return made

    stock = [(s, o, t) for s, o in SO for t in months if t >= d.opens[o]]
    use = variables("use", [(w, s, o, t) for w in W for s, o, t in stock if (w, s, o) in d.serves])
    add, held, online = variables("add", stock), variables("held", stock), variables("online", stock)
    new = variables("new", [(s, acc[o], t) for s, o, t in stock])
    unserved = variables("unserved", list(d.unserved_cost))
    deals = {deal.name: deal for deal in d.deals}
    shortfall = variables("shortfall", list(deals))

    rent = {(s, o, t): d.rent[o, t] * held[s, o, t] for s, o, t in stock}
    energy = {key: cost * online[key] for key, cost in d.energy.items() if key in online}
    problem += (
        lpSum(d.discount[t] * rent[s, o, t] for s, o, t in stock)
        + lpSum(d.discount[t] * cost for (s, o, t), cost in energy.items())
        + lpSum(d.discount[t] * cost * unserved[w, t] for (w, t), cost in d.unserved_cost.items())
        + lpSum(deal.discount * shortfall[name] for name, deal in deals.items())
    )
    ending: dict[tuple[str, int], list[int]] = {}
    for (o, t), end in d.ends.items():
        ending.setdefault((o, end), []).append(t)
    for s, o, t in stock:
        before = held.get((s, o, t - 1), 0)
        gone = lpSum(add[s, o, e] for e in ending.get((o, t), ()) if (s, o, e) in add)
        problem += held[s, o, t] == before + add[s, o, t] - gone
        problem += new[s, acc[o], t] >= held[s, o, t] - before
        problem += online[s, o, t] <= held[s, o, t]
        problem += lpSum(use[w, s, o, t] for w in W if (w, s, o) in d.serves) <= online[s, o, t]
    for w in W:
        sources = [(s, o) for s, o in SO if (w, s, o) in d.serves]
        for t in months:
            served = lpSum(d.compute[w, acc[o]] * use[w, s, o, t] for s, o in sources if t >= d.opens[o])
            problem += served + unserved.get((w, t), 0) == d.demand[w, t]
    for s in S:
        for t in months:
            problem += lpSum(d.power[s, o] * online[s, o, t] for o in here[s] if t >= d.opens[o]) <= d.site_power[s, t]
    for places, limit in d.caps:
        for t in months:
            problem += lpSum(d.power[s, o] * online[s, o, t] for s, o in places if t >= d.opens[o]) <= limit[t]
    for i, (accelerators, weight, limit) in enumerate(d.supply):
        shipped = problem.add_variable_dicts(f"shipped{i}", list(months), lowBound=0)
        racks = {a: weight or d.inputs.accelerators[a][0].rack_power for a in accelerators}
        mine = [(s, o) for s, o in SO if acc[o] in accelerators]
        for t in months:
            now = lpSum(racks[acc[o]] * new[s, acc[o], t] for s, o in mine if t >= d.opens[o])
            problem += shipped[t] == (shipped[t - 1] if t else 0) + now
            problem += shipped[t] <= limit[t]
    for name, deal in deals.items():
        keys = [(s, o, t) for s, o in SO if d.provider(s) == deal.provider for t in deal.months if t >= d.opens[o]]
        spend = lpSum(rent[key] for key in keys) + lpSum(energy[key] for key in keys if key in energy)
        problem += spend + shortfall[name] >= deal.least
    return problem, use
