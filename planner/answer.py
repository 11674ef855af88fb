"""What a user reads on the terminal: totals, the mix by provider and year, what binds, what is unserved, where the files are.

On a terminal tables are drawn with rich; in a pipe the same text comes plain.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from planner.errors import Finding
from planner.horizon import years_of

if TYPE_CHECKING:
    from planner.conflict import Conflict
    from planner.limits import Hardest
    from planner.planning import Result
    from planner.report import Table

RULES = {
    "site_power": "power of site {}",
    "build_rate": "build rate of site {}",
    "fleet_power": "power of the whole fleet",
    "provider_power": "power cap of {}",
    "country_power": "power cap of {}",
    "national_share": "share of the capacity of {}",
    "grid_headroom": "headroom of grid {}",
    "contract_max_power": "power ceiling of contract {}",
    "contract_min_power": "power floor of contract {}",
    "supply": "deliveries of {}",
    "supply_total": "total supply of {}",
    "offer_max": "maximum of offer {}",
    "export_blocked": "export rule: nothing may be shipped to {}",
    "export_cap": "export cap {}",
    "export_max_share": "export share {}",
    "export_min_share": "export share {}",
    "licence": "export licence {}",
    "licence_need": "export licence need of {}",
    "budget": "budget {}",
    "provider_share_max": "largest share of {}",
    "provider_share_min": "least share of {}",
    "carbon": "carbon cap {}",
    "demand": "demand of {}",
    "resilience": "what must survive the loss of {}",
    "take_or_pay": "take-or-pay of {}",
}


def console(stderr: bool = False) -> Console:
    """A console that draws on a terminal and writes plain, unbroken lines in a pipe. NO_COLOR is honoured."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, highlight=False, soft_wrap=not stream.isatty(), width=None if stream.isatty() else 160)


def rule_name(rule: str, subject: str) -> str:
    return RULES.get(rule, rule + " {}").format(subject).strip()


def amount(value: float, unit: str) -> str:
    """A number with its unit at a readable size: 1,234.5 billion USD, 27.3 GW, 3.2 TWh."""
    steps = {
        "USD": ((1e12, "trillion USD"), (1e9, "billion USD"), (1e6, "million USD"), (1.0, "USD")),
        "MW": ((1e3, "GW"), (1.0, "MW")),
        "MWh": ((1e6, "TWh"), (1e3, "GWh"), (1.0, "MWh")),
        "t": ((1e6, "Mt"), (1e3, "kt"), (1.0, "t")),
        "h100e": ((1e6, "million h100e"), (1.0, "h100e")),
        "h100e·h": ((1e9, "billion h100e·h"), (1e6, "million h100e·h"), (1.0, "h100e·h")),
    }.get(unit, ((1.0, unit),))
    for size, name in steps:
        if abs(value) >= size:
            return f"{number(value / size)} {name}"
    return f"{number(value)} {steps[-1][1]}"


def number(value: float) -> str:
    """Three or four digits that matter, thousands separated."""
    if value == 0 or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.2f}" if abs(value) >= 1 else f"{value:.3g}"


def draw(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], out: Console, left: int = 1) -> None:
    """A table: the first `left` columns left-aligned, the others right."""
    boxed = out.is_terminal
    drawn = RichTable(title=title or None, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="bold" if boxed else "")
    for i, column in enumerate(columns):
        drawn.add_column(column, justify="left" if i < left else "right", no_wrap=True)
    for row in rows:
        drawn.add_row(*row)
    out.print(drawn)


def show(result: Result, folder: str | None, out: Console) -> None:
    """The answer of `planner solve`."""
    from planner.limits import hardest

    scenario, totals = result.inputs.scenario, result.totals
    objective = scenario.objective.name
    audit = result.audit
    state = f"{result.status}" + (f", gap {result.solution.gap:.2%}" if result.solution.gap else "")
    verified = f"audit passed ({audit.checked:,} checks)" if audit and audit.passed else "AUDIT FAILED"
    out.print(Text(f"{scenario.name or result.inputs.name}: {state}, {verified}", style="bold"))
    cost = f"cost {amount(totals['cost_usd'], 'USD')} (discounted at {scenario.money.discount_rate:.1%} a year)"
    out.print(f"{cost}, spend {amount(totals['spend_usd'], 'USD')}, take-or-pay shortfall {amount(totals['shortfall_usd'], 'USD')}")
    if objective == "demand_scale":
        out.print(f"demand can be scaled by {totals['demand_scale']:.4f} before a limit stops it")
    peak = max((row for row in result.table("power").rows if row[1] == "fleet"), key=lambda row: row[3])
    line = f"peak power {amount(totals['peak_power_mw'], 'MW')} ({peak[0]}), energy {amount(totals['energy_mwh'], 'MWh')}"
    out.print(f"{line}, carbon {amount(totals['carbon_t'], 't')}")
    out.print()
    _mix_by_year(result, out)
    out.print()
    _binding(hardest(list(result.limits)), result, out)
    _unserved(result, out)
    _rests_on(result, out)
    if folder:
        out.print(f"files: {folder}/ (mix.csv, allocation.csv, constraints.csv, sources.csv, plan.json and {len(result.tables) - 3} more)")
    else:
        out.print("nothing was written; add -o DIR for the tables")


def _mix_by_year(result: Result, out: Console) -> None:
    """Share of compute and mean power by provider and year, then spend over the horizon."""
    inputs = result.inputs
    years = years_of(inputs.horizon)
    label_year = {t.label: (t.year, t.hours) for t in inputs.horizon}
    compute: dict[tuple[str, int], float] = {}
    power: dict[tuple[str, int], float] = {}
    spend: dict[str, float] = {}
    hours: dict[int, float] = {}
    for _, (year, h) in label_year.items():
        hours[year] = hours.get(year, 0.0) + h
    for row in result.table("mix").rows:
        if row[0] in label_year:
            year, h = label_year[row[0]]
            compute[row[1], year] = compute.get((row[1], year), 0.0) + row[4] * h
            power[row[1], year] = power.get((row[1], year), 0.0) + row[5] * h / hours[year]
            spend[row[1]] = spend.get(row[1], 0.0) + row[6]
    shown = sorted(spend, key=lambda name: -spend[name])
    rows = []
    for name in shown:
        cells = [name]
        for year in years:
            whole = sum(compute.get((other, year), 0.0) for other in shown)
            share = compute.get((name, year), 0.0) / whole if whole else 0.0
            cells.append(f"{share:.0%} {number(power.get((name, year), 0.0) / 1e3)} GW" if share or power.get((name, year)) else "-")
        rows.append([*cells, amount(spend[name], "USD")])
    totals = ["all"] + [f"{number(sum(power.get((n, y), 0.0) for n in shown) / 1e3)} GW" for y in years]
    rows.append([*totals, amount(sum(spend.values()), "USD")])
    draw("Mix: share of compute and mean power", ["provider", *map(str, years), "spend"], rows, out)


def _binding(found: Sequence[Hardest], result: Result, out: Console) -> None:
    if not result.plan or not result.plan.duals:
        out.print("no shadow prices (whole racks, or a solver that gives none)")
        return
    if not found:
        out.print("no limit binds")
        return
    from planner.limits import OBJECTIVE_UNITS

    out.print(Text("Limits that bind hardest (one more unit throughout would save)", style="bold"))
    unit = OBJECTIVE_UNITS[result.inputs.scenario.objective.name][0]
    for i, limit in enumerate(found, 1):
        size, name = (1000.0, "GW") if limit.unit == "MW" else (1e9, "billion USD") if limit.unit == "USD" else (1.0, limit.unit)
        if limit.unit == "share":
            size, name = 0.01, "percentage point"
        when = limit.first if limit.first == limit.last else f"{limit.first} to {limit.last}"
        worth = amount(limit.worth * size, unit)
        out.print(f"  {i}. {rule_name(limit.rule, limit.subject)}, {when}: one more {name} saves {worth}")


def _unserved(result: Result, out: Console) -> None:
    """What is not served, by workload, and in which years."""
    data = result.model.instance
    parts = []
    for w, name in enumerate(data.workloads):
        missing = sum(result.plan.unserved[w, t] * data.periods[t].hours for t in data.times) if result.plan else 0.0
        wanted = sum(data.demand[w][t] * data.periods[t].hours for t in data.times)
        if missing > 1e-6 * max(1.0, wanted) and result.plan:
            worst = max(data.times, key=lambda t: result.plan.unserved[w, t] / max(data.demand[w][t], 1e-9))  # type: ignore[union-attr]
            share = result.plan.unserved[w, worst] / data.demand[w][worst]
            parts.append(f"{name} {missing / wanted:.1%} (worst {share:.0%} in {data.periods[worst].label})")
    out.print("unserved: " + ("; ".join(parts) if parts else "nothing"))


def _rests_on(result: Result, out: Console) -> None:
    if result.grades:
        parts = [f"{share:.0%} {level}" for level, share in result.grades.items() if share >= 0.005]
        out.print("the cost rests on numbers that are: " + ", ".join(parts) + " (sources.csv)")


def show_conflict(conflict: Conflict, name: str, out: Console) -> None:
    """Why nothing fits."""
    out.print(Text(f"{name}: infeasible, no plan keeps all limits", style="bold"))
    for s in conflict.short:
        of = f" of {amount(s.of, s.unit)}" if s.rule == "demand" or s.of else ""
        more = f"; worst {amount(s.worst, s.unit)} in {s.worst_period}; short in {s.periods} periods" if s.periods > 1 else ""
        out.print(f"  {rule_name(s.rule, s.subject)} is short by {amount(s.first, s.unit)}{of} in {s.first_period}{more}")
    if conflict.limits:
        out.print("limits in conflict with it:" if conflict.short else "limits in conflict:")
        for x in conflict.limits[:12]:
            when = x.first_period if x.first_period == x.last_period else f"{x.first_period} to {x.last_period}"
            out.print(f"  {rule_name(x.rule, x.subject)}: {amount(x.limit, x.unit)}" + (f" ({when})" if when else ""))
        if len(conflict.limits) > 12:
            out.print(f"  and {len(conflict.limits) - 12} more")
    elif conflict.short:
        out.print("no limit is in its way: nothing that may serve it can be online by then (see offers' `from`, available_from, site_power)")
    else:
        out.print("no single relaxation helps: export rules or fixed fleets contradict each other")
    out.print("fix: raise a limit, add offers or power, or give the workload a price for what may stay `unserved`")


def show_warnings(findings: Sequence[Finding], out: Console, most: int = 5) -> None:
    for finding in findings[:most]:
        out.print(str(finding), style="yellow")
    if len(findings) > most:
        out.print(f"and {len(findings) - most} more warnings (`planner check` shows all)", style="yellow")


def show_table(table: Table, out: Console, most: int | None = None) -> None:
    """Any table, numbers shortened."""
    rows = table.rows if most is None else table.rows[:most]
    draw("", table.columns, ([_cell(value) for value in row] for row in rows), out, left=len(table.columns))


def _cell(value: Any) -> str:
    return "" if value is None else number(value) if isinstance(value, float) else str(value)
