"""The planning LP as a competent analyst writes it in linopy: xarray arrays over workload, site, accelerator and month.

A provider has one offer per accelerator, so (site, accelerator) names the offer. Fair to linopy: nothing loops over the arrays,
masks leave out what is impossible, stocks are recursive, and HiGHS gets the matrices in memory (`io_api="direct"`).
"""

from __future__ import annotations

import time
from typing import Any

import linopy
import numpy as np
import xarray as xr

from tests.benchmarks.world_data import Data, Result, load


def solve(path: str, time_limit: float | None = None) -> Result:
    """Reads, builds and solves a scenario file and fetches its values."""
    begun = time.perf_counter()
    data = load(path)
    read = time.perf_counter()
    model = build(data)
    built = time.perf_counter()
    options: dict[str, Any] = {"threads": 1, "output_flag": False} | ({} if time_limit is None else {"time_limit": time_limit})
    _, condition = model.solve(solver_name="highs", io_api="direct", progress=False, **options)
    solved = time.perf_counter()
    status = {"optimal": "optimal", "time_limit": "stopped"}.get(condition, condition)
    values = model.variables["use"].solution.values if status == "optimal" else np.zeros(0)
    objective = float(model.objective.value or 0.0) if status == "optimal" else float("nan")
    fetched = time.perf_counter()
    matrix: Any = model.matrices.A
    seconds = {"read": read - begun, "build": built - read, "solve": solved - built, "values": fetched - solved}
    return Result(status, objective, (matrix.shape[1], matrix.shape[0], matrix.nnz), seconds, values)


def build(d: Data) -> linopy.Model:
    """The model with its objective."""
    n = len(d.months)
    workloads, sites, accelerators = list(d.workloads), list(d.inputs.sites), list(d.inputs.accelerators)
    coords: dict[str, list[Any]] = {"w": workloads, "s": sites, "a": accelerators, "t": list(range(n))}
    at = {(site, offer): (sites.index(site), accelerators.index(d.offers[offer].accelerator)) for site, offer in d.places}

    def array(*names: str) -> xr.DataArray:
        return xr.DataArray(0.0, coords={name: coords[name] for name in names}, dims=names)

    power, rent, energy, can_add = array("s", "a"), array("s", "a", "t"), array("s", "a", "t"), array("s", "a", "t")
    serves, compute = array("w", "s", "a"), array("w", "a")
    for (site, offer), (i, j) in at.items():
        power[i, j] = d.power[site, offer]
        rent[i, j] = [d.rent[offer, month] for month in range(n)]
        energy[i, j] = [d.energy.get((site, offer, month), 0.0) for month in range(n)]
        can_add[i, j, d.opens[offer] :] = 1
    for k, workload in enumerate(workloads):
        for (site, offer), (i, j) in at.items():
            serves[k, i, j] = (workload, site, offer) in d.serves
        for j, accelerator in enumerate(accelerators):
            compute[k, j] = d.compute.get((workload, accelerator), 0.0)
    there = can_add > 0
    discount = xr.DataArray(d.discount, coords={"t": coords["t"]}, dims="t")
    demand, missing = array("w", "t"), array("w", "t")
    demand.values[:] = [[d.demand[workload, month] for month in range(n)] for workload in workloads]
    missing.values[:] = [[d.unserved_cost.get((workload, month), np.nan) for month in range(n)] for workload in workloads]
    site_power = array("s", "t")
    site_power.values[:] = [[d.site_power[site, month] for month in range(n)] for site in sites]

    m = linopy.Model()
    full = [coords["s"], coords["a"], coords["t"]]
    names = ["s", "a", "t"]
    add, held, online, new = (
        m.add_variables(0, coords=full, dims=names, mask=there, name=name) for name in ("add", "held", "online", "new")
    )
    use = m.add_variables(0, coords=[coords["w"], *full], dims=["w", *names], mask=(serves > 0) & there, name="use")
    unserved = m.add_variables(0, coords=[coords["w"], coords["t"]], dims=["w", "t"], mask=missing.notnull(), name="unserved")
    shortfall = m.add_variables(0, coords=[[deal.name for deal in d.deals]], dims=["c"], name="shortfall")

    spend = rent * held + energy * online
    deal_discount = xr.DataArray([deal.discount for deal in d.deals], coords={"c": [deal.name for deal in d.deals]}, dims="c")
    penalty = discount * missing.fillna(0) * unserved
    m.add_objective((discount * spend).sum() + penalty.sum() + (deal_discount * shortfall).sum())

    rise = held - held.shift(t=1)
    gone = _gone(d, add, coords, at)
    m.add_constraints(rise - add + gone == 0 if gone is not None else rise - add == 0, mask=there, name="stock")
    m.add_constraints(new - rise >= 0, mask=there, name="shipments")
    m.add_constraints(online - held <= 0, mask=there, name="online")
    m.add_constraints(use.sum("w") - online <= 0, mask=there, name="use_within_online")
    m.add_constraints((compute * use).sum(["s", "a"]) + unserved == demand, name="demand")
    draw = (power * online).sum("a")
    m.add_constraints(draw <= site_power, name="site_power")
    for i, (places, limit) in enumerate(d.caps):
        mine = sorted({site for site, _ in places}, key=sites.index)
        bound = xr.DataArray(limit, coords={"t": coords["t"]}, dims="t")
        m.add_constraints(draw.sel(s=mine).sum("s") <= bound, name=f"cap{i}")
    for i, (made, weight, limit) in enumerate(d.supply):
        mine = [accelerator for accelerator in accelerators if accelerator in made]
        racks = [weight or d.inputs.accelerators[accelerator][0].rack_power for accelerator in mine]
        weights = xr.DataArray(racks, coords={"a": mine}, dims="a")
        bound = xr.DataArray(limit, coords={"t": coords["t"]}, dims="t")
        shipped = m.add_variables(0, bound, coords=[coords["t"]], dims=["t"], name=f"shipped{i}")
        now = (weights * new.sel(a=mine)).sum(["s", "a"])
        m.add_constraints(shipped - shipped.shift(t=1) - now == 0, name=f"supply{i}")
    for deal in d.deals:
        mine = [site for site in sites if d.provider(site) == deal.provider]
        paid = spend.sel(s=mine, t=list(deal.months)).sum()
        m.add_constraints(paid + shortfall.sel(c=deal.name) >= deal.least, name=f"deal {deal.name}")
    return m


def _gone(d: Data, add: Any, coords: dict[str, Any], at: dict[tuple[str, str], tuple[int, int]]) -> Any:
    """Additions whose term is over in a month: a shift by the term, the same number of months for every offer that has one."""
    terms = {o: {end - t for (name, t), end in d.ends.items() if name == o and end < len(d.months)} for o in d.offers}
    lengths = {length for found in terms.values() for length in found}
    if not lengths:
        return None
    if len(lengths) > 1:
        raise SystemExit("terms of different lengths are left out")
    ending = xr.DataArray(0.0, coords={"s": coords["s"], "a": coords["a"]}, dims=["s", "a"])
    for (_, offer), (i, j) in at.items():
        ending[i, j] = bool(terms[offer])
    return ending * add.shift(t=lengths.pop())
