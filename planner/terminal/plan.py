"""What a user reads on the terminal: totals, the mix by provider and year, what binds, what is unserved, where the files are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from planner.core.calendar import years_of
from planner.core.errors import Finding
from planner.core.format import STEPS, UNIT_OF_ROOM, amount, clip, percents
from planner.model.rules import RULES, rule_name
from planner.results.onefile import SUFFIXES
from planner.terminal.screen import blocks, cell, draw, facts, say, show_table

if TYPE_CHECKING:
    import pandas as pd

    from planner.alternatives.ties import Room
    from planner.core.table import Table
    from planner.run.compare import Compared
    from planner.run.pipeline import Result


def show_headline(result: Result, out: Console) -> None:
    """Name, standing and totals of a plan."""
    say(result.inputs.scenario.name or result.inputs.name, out, "bold")
    say(_standing(result), out)
    if result.claim is not None:
        say(result.claim.what, out)
    out.print()
    facts(_totals(result), out)


def show(result: Result, folder: str | None, out: Console, ties: Sequence[Room] = (), by: str = "provider") -> None:
    """The answer of `planner solve`; `ties` are those, by provider or site, that could move at the same cost."""
    show_headline(result, out)
    out.print()
    _mix_by_year(result, out)
    out.print()
    _energy(result, out)
    _binding(result, out)
    out.print()
    facts(
        [
            *_unserved(result),
            *_owed(result),
            *_ties(result, ties, by),
            *_rests_on(result),
            *_came_from(result),
            _files(result, folder),
        ],
        out,
    )


def _ties(result: Result, ties: Sequence[Room], by: str, most: int = 4) -> list[tuple[str, str]]:
    """How far the mix could move and be as good, in one line."""
    if result.claim is None or result.claim.single is None:
        return [("ties", "not known: one of possibly many plans that are as good")] if result.status == "optimal" else []
    same = "at the same cost" if result.inputs.scenario.objective.name == "cost" else "with the same objective"
    if not ties:
        return [("ties", f"no {by} could have another share of the power{'' if by == 'site' else ' or spend'} {same}")]
    parts = []
    for of in dict.fromkeys(r.of for r in ties):
        mine = [r for r in ties if r.of == of]
        told = [f"{r.name} {100 * r.low:.0f} to {100 * r.high:.0f} % (here {100 * r.share:.0f})" for r in mine[:most]]
        parts.append(f"of the {of} {', '.join(told)}" + (f" and {len(mine) - most} more" if len(mine) > most else ""))
    return [("ties", f"{same} could have {'; '.join(parts)}")]


def _energy(result: Result, out: Console, most: int = 6) -> None:
    """Where the power comes from, for a plan with slices or sources: the largest sources first."""
    from planner.results.power import energy_by_source, standing_by_source

    tables = {table.name: table for table in result.tables}
    if "energy" not in tables:
        return
    sums = energy_by_source(tables["energy"].records())
    there = standing_by_source(tables["built"].records()) if "built" in tables else {}
    rows = []
    for name, (mwh, usd, tonnes) in list(sums.items())[:most]:
        standing = amount(there[name], "MW") if name in there else "-"
        rows.append([name, standing, amount(mwh, "MWh"), amount(usd, "USD") if usd else "-", amount(tonnes, "t")])
    title = "Energy by source: power that stands there at most, energy taken and its cost, carbon"
    draw(title, ["source", "power", "energy", "cost", "carbon"], rows, out)
    if len(sums) > most:
        say(f"and {len(sums) - most} more sources (energy.csv)", out)
    out.print()


def _standing(result: Result) -> str:
    """Optimal or not, and what the audit says."""
    gap = result.solution.gap
    if result.status == "optimal":
        state = "optimal" + (f" within {gap:.2%}" if gap > 0 else "")
    else:
        best = f", at most {gap:.2%} from the best" if 0 < gap < 10 else ""
        state = f"{result.status} before proof: a plan that keeps all limits{best}"
    audit = result.audit
    return f"{state}; " + (f"audit passed ({audit.checked:,} checks)" if audit and audit.passed else "AUDIT FAILED")


PARTS = {"route": "routes", "shortfall": "take-or-pay shortfall", "unserved": "unserved demand", "soft": "soft limits"}


def _totals(result: Result) -> list[tuple[str, str]]:
    from planner.model.measures import MEASURES

    scenario, totals = result.inputs.scenario, result.totals
    rate = scenario.money.discount_rate
    parts: dict[str, float] = {}
    for row in result.table("cost").records():
        item, discounted = row["item"], row["discounted_usd"]
        name = PARTS.get(item, "spend")
        parts[name] = parts.get(name, 0.0) + discounted
    big = [(name, value) for name, value in parts.items() if abs(value) >= 5e-4 * abs(totals["cost_usd"])]
    cost = amount(totals["cost_usd"], "USD") + (f", discounted at {rate * 100:g} % a year" if rate else ", not discounted")
    if len(big) > 1:
        cost += ": " + " + ".join(f"{amount(value, 'USD')} {name}" for name, value in sorted(big, key=lambda part: -part[1]))
    rows = [("cost", cost)]
    spend, shortfall = amount(totals["spend_usd"], "USD"), amount(totals["shortfall_usd"], "USD")
    rows.append(("spend", f"{spend} undiscounted; take-or-pay shortfall {shortfall}"))
    peak = max((row for row in result.table("power").records() if row["scope"] == "fleet"), key=lambda row: row["draw_mw"])
    drawn = f"peak {amount(totals['peak_power_mw'], 'MW')} ({peak['period']}); energy {amount(totals['energy_mwh'], 'MWh')}"
    rows.append(("power", f"{drawn}; carbon {amount(totals['carbon_t'], 't')}"))
    rows += _soft(result)
    objective = scenario.objective.name
    if objective == "demand_scale":
        rows.append(("demand", f"can be scaled by {totals['demand_scale']:.4f} before a limit stops it"))
    elif objective != "cost":
        rows.append(("least", f"{MEASURES[objective].label}, not cost, is minimised; cost breaks ties"))
    return rows


def _soft(result: Result) -> list[tuple[str, str]]:
    """What was paid for soft limits, and how far each was exceeded at most."""
    from planner.results.plan import DUST

    over: dict[tuple[str, str], float] = {}
    for (rule, subject, *_), amount_over in result.plan.excess.items() if result.plan else ():
        over[str(rule), str(subject)] = max(over.get((str(rule), str(subject)), 0.0), amount_over)
    paid = sum(row["amount_usd"] for row in result.table("cost").records() if row["item"] == "soft")
    found = [
        f"{rule_name(rule, subject)} by {amount(most * RULES[rule].scale, RULES[rule].unit)}"
        for (rule, subject), most in over.items()
        if most > DUST
    ]
    return [("soft", f"{amount(paid, 'USD')} paid to exceed {', '.join(found)} at most")] if found else []


def _mix_by_year(result: Result, out: Console) -> None:
    """Share of power and mean power by provider and year, and spend over the horizon, all in one unit each.

    Not shares of compute: work of several kinds is dealt out to racks that no rule tells apart.
    """
    years = [str(year) for year in years_of(result.inputs.horizon)]
    rows_of = {(row["span"], row["provider"]): row for row in result.table("summary").records()}
    spend = {name: row["spend_usd"] for (span, name), row in rows_of.items() if span == "total"}
    power = {year: {name: rows_of[year, name]["power_mw"] for name in spend} for year in years}
    most = max((sum(mine.values()) for mine in power.values()), default=0.0)
    mw, power_unit, places = (1e3, "GW", 2) if most >= 1e3 else (1.0, "MW", 1)
    width = len(f"{most / mw:.{places}f}")
    whole = sum(spend.values())
    usd, money = next(((size, name) for size, name in STEPS["USD"][1:] if abs(whole) >= size), (1.0, "USD"))
    shares = {
        year: dict(zip(spend, percents([rows_of[year, name]["share_power"] for name in spend]), strict=True)) for year in years
    }

    def cell(name: str, year: str) -> str:
        drawn = power[year][name]
        return f"{shares[year][name]} {drawn / mw:{width}.{places}f}" if drawn > 1e-6 else "-"

    def money_cell(value: float) -> str:
        return f"{value / usd:,.{0 if usd == 1 else 1 if abs(whole) >= 100 * usd else 3}f}"

    largest_first = sorted(spend, key=lambda name: (-spend[name], name))
    rows = [[name, *(cell(name, year) for year in years), money_cell(spend[name])] for name in largest_first]
    rows.append(["all", *(f"{sum(power[year].values()) / mw:.{places}f}" for year in years), money_cell(whole)])
    title = f"Mix by year: share of power, mean power in {power_unit}; spend in {money}"
    draw(title, ["provider", *years, "spend"], rows, out)


def _binding(result: Result, out: Console, most: int = 3) -> None:
    """The limits that bind hardest; where none has a price, those that are met all the same."""
    from planner.model.measures import objective_unit
    from planner.results.shadow_prices import bearing, room_of

    if not result.plan or not result.plan.duals:
        say("no shadow prices (whole racks, stopped early, or a solver that gives none)", out)
        return
    room = room_of(result.model, result.claim.along if result.claim else None)
    found = bearing(result.model.program, result.limits, room)[:most]
    if not found:
        say(_no_price(result), out)
        return
    unit = objective_unit(result.model.instance)[0]
    rows = []
    for limit in found:
        first, last = limit.rows[0], limit.rows[-1]
        size, name = UNIT_OF_ROOM.get(first.unit, (1.0, first.unit))
        when = first.period if first.period == last.period else f"{first.period} to {last.period}"
        when = "" if when == "total" else when
        rows.append([names_of(limit.numbers), when, name, amount(limit.worth * size, unit)])
    title = "Limits that bind hardest, by what 1 % more of each saves at the margin; what a unit more throughout saves"
    draw(title, ["limit", "when", "per", "saves"], rows, out, left=3)
    if any(len(limit.numbers) > 1 for limit in found):
        say("written twice: more of one of them alone saves nothing, the price is that of all of them together", out)


def names_of(numbers: Sequence[tuple[str, str]]) -> str:
    """A limit in words; where several say the same, all of them."""
    told = " and ".join(rule_name(*number) for number in numbers)
    return f"{told} (written twice)" if len(numbers) > 1 else told


def _no_price(result: Result) -> str:
    """What to say where no limit has a price: which are met all the same."""
    from planner.results.shadow_prices import met_for_nothing, survival

    met = [names_of(b.numbers) for b in met_for_nothing(result.model.program, result.limits)]
    must = [rule_name(x.rule, x.subject) for x in survival(result.limits)]
    if must:
        return f"{_listed(list(dict.fromkeys(must)))} costs something (`planner explain --losses`); no other limit has a price"
    if met:
        return (
            f"no limit has a price: {_listed(met)} {'is' if len(met) == 1 else 'are'} met, and a little more of one saves nothing"
        )
    return "no limit binds"


def _listed(names: Sequence[str], most: int = 3) -> str:
    shown = ", ".join(names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def _unserved(result: Result) -> list[tuple[str, str]]:
    """What is not served, by workload and when most, and what stands in its way."""
    parts = []
    rows: dict[str, list[tuple[str, float, float]]] = {}
    hours = {t.label: t.hours for t in result.inputs.horizon}
    for row in result.table("demand").records():
        h = hours[row["period"]]
        rows.setdefault(row["workload"], []).append((row["period"], row["demand_h100e"] * h, row["unserved_h100e"] * h))
    worst_of_all, most = "", 0.0
    for workload, found in rows.items():
        missing, wanted = sum(row[2] for row in found), sum(row[1] for row in found)
        if missing > 1e-6 * max(1.0, wanted):
            period, asked, short = max(found, key=lambda row: row[2] / max(row[1], 1e-9))
            parts.append(f"{workload} {missing / wanted:.1%} (worst {short / asked:.0%} in {period})")
            if short > most:
                worst_of_all, most = period, short
    if not parts:
        return [("unserved", "nothing")]
    return [("unserved", "; ".join(parts)), *_why(result, worst_of_all)]


def _why(result: Result, period: str) -> list[tuple[str, str]]:
    """The limits with a price in a period, the dearest first; without prices nothing is said."""
    if not result.plan or not result.plan.duals or result.inputs.scenario.objective.name != "cost":
        return []
    binding = [x for x in result.limits if x.period in (period, period[:4], "total") and x.binding and (x.worth or 0.0) > 0]
    binding = [x for x in binding if RULES[x.rule].kind in ("limit", "law")]
    if not binding:
        return [("because", f"serving it in {period} costs more than the price of leaving it; no limit binds then")]
    ranked = sorted(binding, key=lambda x: (-(x.worth or 0.0) * abs(x.limit), x.rule, x.subject))
    names = [rule_name(x.rule, x.subject) for x in ranked[:2]]
    more = f" and {len(ranked) - 2} more limits" if len(ranked) > 2 else ""
    return [("because", f"in {period} bind {', '.join(names)}{more} (constraints.csv)")]


def _owed(result: Result) -> list[tuple[str, str]]:
    """What remains to be paid when the horizon is over, which is in no total."""
    from planner.run.pipeline import liabilities

    words = {
        "take_or_pay_usd": "of minima of contracts",
        "term_rent_usd": "of rents of leases that run on (which may count for such minima)",
    }
    parts = [f"{amount(usd, 'USD')} {words[name]}" for name, usd in liabilities(result).items() if usd >= 1]
    return [("owed", f"after {result.inputs.horizon[-1].last}, not discounted: {' and '.join(parts)}")] if parts else []


def _came_from(result: Result) -> list[tuple[str, str]]:
    return [("from", _from(result.collections))] if result.collections else []


def _rests_on(result: Result) -> list[tuple[str, str]]:
    told = zip(result.grades.items(), percents(list(result.grades.values())), strict=True)
    parts = [f"{text} {level}" for (level, share), text in told if share >= 0.005 or text != "0%"]
    return [("rests on", f"numbers {', '.join(parts)}, by their share of the cost (sources.csv)")] if parts else []


NUMBERS = (("offers", "offer"), ("contracts", "contract"), ("fleet_racks", "rack"))


def _from(found: Mapping[str, Mapping[str, float]]) -> str:
    """What comes from which collection of tables, in one line; of a plan with the share of its cost."""
    shares = percents([counts.get("cost", 0.0) for counts in found.values()])
    parts = []
    for (name, counts), share in zip(found.items(), shares, strict=True):
        told = [f"{counts[key]:,.0f} {word}{'' if counts[key] == 1 else 's'}" for key, word in NUMBERS if counts[key]]
        if "fleet_racks" in counts and counts["fleet_racks"]:
            told[-1] += " of fleet"
        if counts.get("cost"):
            told.append(f"{share.strip()} of the cost")
        if told:
            parts.append(f"{name} {', '.join(told)}")
    return "; ".join(parts) or "nothing"


def _left_out(found: Mapping[str, Mapping[str, Any]], most: int = 3) -> str:
    """What `[select]` leaves out of each table, by name where it is little."""
    parts = []
    for table, gone in found.items():
        names, words = gone["names"], table.replace("_", " ")
        named = f": {', '.join(names)}" if len(names) <= most else ""
        parts.append(f"{len(names)} of {gone['of']} {words}{named}")
    return "; ".join(parts) or "nothing"


def _files(result: Result, folder: str | None) -> tuple[str, str]:
    if not folder:
        return ("files", "none written; -o DIR writes the tables")
    if folder.lower().endswith(SUFFIXES):  # one file that holds them all
        return ("files", f"{folder} ({len(result.tables)} tables, their columns and the manifest)")
    named = "mix.csv, allocation.csv, constraints.csv, sources.csv, plan.json"
    return ("files", f"{folder}/ ({named} and {len(result.tables) - 3} more)")


def show_warnings(findings: Sequence[Finding], out: Console, most: int = 3) -> None:
    """The first warnings, a line each."""
    room = min(100, out.width)
    for finding in findings[:most]:
        line = f"warning: {finding.what}"
        out.print(Text(line if len(line) <= room else line[: room - 1].rsplit(" ", 1)[0] + " …", style="yellow"))
    if len(findings) > most:
        more = len(findings) - most
        say(f"and {more} more warning{'s' if more > 1 else ''}; `planner check` shows all in full", out, "yellow")


def show_check(found: Mapping[str, Any], warnings: Sequence[Finding], out: Console) -> None:
    """What `planner check` found: what would be solved, then the warnings in full."""
    say(str(found["name"]), out, "bold")
    values = {key: f"{value:,}" if isinstance(value, int) else str(value) for key, value in found.items() if key != "name"}
    values |= {"from": _from(found["from"]), "left_out": _left_out(found["left_out"])}
    facts([(key.replace("_", " "), value) for key, value in values.items()], out)
    for warning in warnings:
        say(str(warning), out, "yellow", indent="  ")
    say("no errors" + (f", {len(warnings)} warning{'s' if len(warnings) > 1 else ''}" if warnings else ""), out)


def show_rows(table: Table, out: Console) -> None:
    """Profile rows. A terminal shows as many columns as fit, a pipe all of them."""
    if not out.is_terminal:
        show_table(table, out)
        return
    cells = [[clip(cell(value), 28) for value in row] for row in table.rows]
    widths = [max(cell_len(row[i]) for row in [list(table.columns), *cells]) for i in range(len(table.columns))]
    shown = blocks(widths, out.width)[0]
    draw("", [table.columns[i] for i in shown], [[row[i] for i in shown] for row in cells], out, left=len(shown))
    fit = f"{len(cells)} rows, {len(shown)} of {len(table.columns)} columns"
    say(f"{fit}; `planner profiles {table.name} ID` shows a row with its sources", out)


def show_row(table: Table, out: Console) -> None:
    """The cells of a profile row (or of the rows of one id), and below them where they come from."""
    blocks: dict[tuple[str, str, str], list[list[str]]] = {}
    for column, value, confidence, line, source, note in table.rows:
        blocks.setdefault((str(line), str(source), str(note)), []).append([str(column), str(value), str(confidence)])
    for i, ((line, source, note), cells) in enumerate(blocks.items()):
        if i:
            out.print()
        if out.is_terminal:
            cells = [[column, clip(value, max(20, out.width - 40)), confidence] for column, value, confidence in cells]
        draw("", ("column", "value", "confidence"), cells, out, left=3)
        facts([("line", line), ("source", source), *([("note", note)] if note else [])], out)


def show_overview(table: Table, out: Console) -> None:
    """The tables with their sizes; what they hold is wrapped."""
    widths = [max(len(str(row[i])) for row in table.rows) + 2 for i in (0, 1, 2)]
    for name, size, where, what in table.rows:
        say(f"{name:<{widths[0]}}{size:>{widths[1] - 2}}  {where:<{widths[2]}}{what}", out, indent=" " * sum(widths))
    say("`planner profiles TABLE` shows the rows of a table, `planner profiles TABLE ID` one row with its sources", out)


def show_comparison(found: Sequence[Compared], inputs: pd.DataFrame, out: Console) -> None:
    """Totals and mixes side by side, and the first of the inputs that differ."""
    from planner.model.measures import MEASURES
    from planner.run.compare import mean_shares

    base, names = found[0], [plan.name for plan in found]
    totals = {measure.column: measure for measure in MEASURES.values()}
    rows = [["status", *(plan.status for plan in found)]]
    for what in dict.fromkeys(key for plan in found for key in plan.totals):
        total = totals.get(what)
        unit = total.unit if total is not None and total.unit != "scale" else ""
        cells = [total.label if total is not None else what]
        for plan in found:
            value, first = plan.totals.get(what), base.totals.get(what)
            text = "-" if value is None else amount(value, unit)
            if plan is not base:
                text += f" {value / first - 1:+7.1%}" if value is not None and first else " " * 8
            cells.append(text)
        rows.append(cells)
    draw(f"Totals, and their difference to {base.name}", ["", *names], rows, out)
    out.print()
    shares = [mean_shares(plan) for plan in found]
    shown = [dict(zip(mine, percents(list(mine.values()), 1), strict=True)) for mine in shares]
    rows = []
    for provider in sorted({name for mine in shares for name in mine}, key=lambda name: (-shares[0].get(name, 0.0), name)):
        rows.append([provider, *(mine.get(provider, "-") for mine in shown)])
    draw("Share of compute over the horizon", ["provider", *names], rows, out)
    for plan in found[1:]:
        out.print()
        mine = inputs[inputs["plan"] == plan.name]
        say(f"{plan.name}: {len(mine)} number{'s' if len(mine) != 1 else ''} of its inputs differ from {base.name}", out)
        for row in mine.head(8).to_dict("records"):
            say(f"  {row['what']}: {row['baseline'] or 'absent'} -> {row['value'] or 'absent'}", out, indent="    ")
        if len(mine) > 8:
            say(f"  and {len(mine) - 8} more (-o DIR writes inputs.csv)", out)
