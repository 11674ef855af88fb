"""From values of the columns to a whole plan: interpreted, tabled and audited like an answer of `solve`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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


def by_year(summary: Table) -> list[Row]:
    """Rows of summary.csv: year or `total`, provider, shares of compute, power and spend, mean power [MW], spend [USD]."""
    columns = ("span", "provider", "share_compute", "share_power", "share_spend", "power_mw", "spend_usd")
    return sorted(tuple(row[column] for column in columns) for row in summary.records())
