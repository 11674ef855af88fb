"""The answers of `planner explain`, as asked for: what binds, entry prices, cost of rules, losses, traces; and their tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from planner.core.table import Table, make
from planner.results.shadow_prices import room_of
from planner.run.pipeline import Result
from planner.sensitivity import entry_prices, outages, rule_costs
from planner.sensitivity.binding import Binding, Explanation, explain
from planner.sensitivity.entry_prices import Entry
from planner.sensitivity.outages import Report
from planner.sensitivity.rule_costs import Cost
from planner.sensitivity.trace import COLUMNS, Cell, Trace, cell_of, trace


@dataclass(frozen=True)
class Wanted:
    """What is asked for; nothing in particular: what binds."""

    cells: tuple[str, ...] = ()
    entry_prices: bool = False
    cost_of_rules: bool = False
    losses: bool = False
    most: int = 8

    @property
    def binding(self) -> bool:
        return not (self.cells or self.entry_prices or self.cost_of_rules or self.losses)


@dataclass(frozen=True)
class Reasons:
    """The answers; None for what was not asked for. `binding` is None too where a plan has no prices."""

    wanted: Wanted
    binding: Explanation | None = None
    entries: tuple[Entry, ...] | None = None
    rules: tuple[Cost, ...] | None = None
    losses: Report | None = None
    traces: tuple[Trace, ...] = ()
    tables: tuple[Table, ...] = ()

    def data(self) -> dict[str, Any]:
        """The tables for machines."""
        return {table.name: table.records() for table in self.tables}


def reasons(result: Result, wanted: Wanted) -> Reasons:
    """The answers to what is wanted of an optimal plan. InputFault for a cell that there is not."""
    inputs, model = result.inputs, result.model
    cells = [cell_of(inputs, text) for text in wanted.cells]
    start = result.solution.basis
    tables: list[Table] = []
    binding = entries = costs = report = None
    if wanted.binding and result.plan is not None and result.plan.duals:
        room = room_of(model, result.claim.along if result.claim else None)
        binding = explain(inputs, model, result.limits, wanted.most, start, room)
        tables += [_binding(binding), result.table("constraints")]
    if wanted.entry_prices:
        entries = tuple(entry_prices.entry_prices(inputs, model, start))
        tables.append(entry_prices.table(list(entries)))
    if wanted.cost_of_rules:
        costs = tuple(rule_costs.cost_of_rules(inputs, model, start))
        tables.append(rule_costs.table(list(costs)))
    if wanted.losses and result.plan is not None:
        left = outages.what_is_left(inputs, model, result.plan, result.solution.values)
        report = outages.price_of_surviving(left, model, start)
        tables.append(outages.table(report))
    traces: tuple[Trace, ...] = ()
    if cells:
        traces = tuple(trace(inputs, model, cell, start, _told(result, cell)) for cell in cells)
        tables.append(_traces(traces))
    return Reasons(wanted, binding, entries, costs, report, traces, tuple(tables))


def _told(result: Result, cell: Cell) -> float:
    """What the plan has in a cell."""
    if cell.of == "cost":
        return float(result.totals["cost_usd"])
    column = next(name for name, of in COLUMNS.items() if of == cell.of)
    table, column_of, when = ("mix", "period", cell.period.label) if cell.period else ("summary", "span", "total")
    mine = (row for row in result.table(table).records() if (row[column_of], row["provider"]) == (when, cell.whose))
    return float(next((row[column] for row in mine), 0.0))


def _binding(found: Explanation) -> Table:
    """binding.csv: the limits that were moved, and what came of it; worth in the unit of the objective."""
    columns = "constraint subject first last periods limit unit one_per_cent_saves step saves less_costs more_at_margin"
    rows = (
        (x.rule, x.subject, x.first, x.last, x.periods, x.limit, x.unit, x.per_cent, x.step, x.saves, x.loses, x.more, x.less,
         None if x.holds == float("inf") else x.holds, found.unit, "; ".join(x.twice), *_write(x))
        for x in found.found
    )  # fmt: skip
    return make("binding", f"{columns} less_at_margin holds worth_unit together_with number write instead_of place", rows)


def _write(x: Binding) -> tuple[str, str, str, str]:
    """(number, what to write, instead of what, where) of a limit that is written as one number or more."""
    told = [(w.number.what, w.more, f"{w.number.value} {w.number.unit}".rstrip(), w.number.place) for w in x.written]
    what, more, now, place = ("; ".join(cells) for cells in zip(*told, strict=True)) if told else ("", "", "", "")
    return what, more, now, place


def _traces(found: Sequence[Trace]) -> Table:
    """trace.csv: elasticities of results by the numbers behind them."""
    rows = (
        (t.what, t.value, t.value if t.another is None else t.another, t.unit, m.number.what, m.elasticity, m.number.value,
         m.number.unit, m.number.place, m.number.confidence, m.number.source)
        for t in found
        for m in t.moves
    )  # fmt: skip
    return make("trace", "result value value_in_plan unit number elasticity written written_unit place confidence source", rows)
