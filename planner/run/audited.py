"""From values of the columns to a whole plan: interpreted, tabled and audited like an answer of `solve`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from planner.audit import audit
from planner.core.errors import VerificationFailed
from planner.core.table import Row, Table
from planner.inputs.assembly import Inputs
from planner.model.formulation import Model
from planner.results.folder import csv_text
from planner.results.plan import Plan, interpret
from planner.results.tables import tables, totals
from planner.run.pipeline import failures, rows_of
from planner.solver.solve import Solution
from planner.solver.warm import Vector


@dataclass(frozen=True)
class Whole:
    """A plan that has passed the audit, with its tables by name, its totals as in plan.json, and how many checks it passed."""

    plan: Plan
    tables: Mapping[str, Table]
    totals: dict[str, float]
    checks: int


def whole(model: Model, inputs: Inputs, values: Vector, what: str) -> Whole:
    """The whole plan of some values (columns,). VerificationFailed, which begins with `what`, if it does not pass the audit."""
    plan = interpret(model, Solution("optimal", [float(value) for value in values]))
    made = tables(inputs, plan)
    found = totals(plan, made)
    verdict = audit(inputs, rows_of({table.name: csv_text(table) for table in made}), found)
    if not verdict.passed:
        raise VerificationFailed("\n".join([f"{what}:", *failures(verdict)]))
    return Whole(plan, {table.name: table for table in made}, found, verdict.checked)


def by_year(inputs: Inputs, mix: Sequence[Row]) -> list[Row]:
    """Rows of mix.csv by year, then over all (`total`): year, provider, shares of compute, power and spend, mean power [MW],
    spend [USD]."""
    periods = {period.label: period for period in inputs.horizon}
    hours: dict[str, float] = {}
    for period in periods.values():
        for year in (str(period.year), "total"):
            hours[year] = hours.get(year, 0.0) + period.hours
    sums: dict[tuple[str, str], Vector] = {}  # compute [h100e·h], power [MWh at rated load], spend [USD]
    for label, provider, _, _, compute, power, spend, *_ in mix:
        for year in (str(periods[label].year), "total") if label in periods else ():
            more = np.array([compute * periods[label].hours, power * periods[label].hours, spend])
            sums[year, provider] = sums.get((year, provider), np.zeros(3)) + more
    found: list[Row] = []
    for (year, provider), mine in sorted(sums.items()):
        every = sum((other for (when, _), other in sums.items() if when == year), np.zeros(3))
        shares = [float(part / all_of_it) if all_of_it > 0 else 0.0 for part, all_of_it in zip(mine, every, strict=True)]
        found.append((year, provider, *shares, float(mine[1] / hours[year]), float(mine[2])))
    return found
