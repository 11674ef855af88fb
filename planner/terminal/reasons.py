"""How reasons are told: what binds and what it is worth, and which numbers a result moves with."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from rich.console import Console

from planner.core.format import UNIT_OF_ROOM, amount, rule_name
from planner.sensitivity.answers import Reasons
from planner.sensitivity.binding import SAME, Binding, Explanation
from planner.sensitivity.trace import Trace
from planner.terminal.rules import show_entries, show_losses, show_rules
from planner.terminal.screen import draw, say

UNTRACED = "discount rate, lifetimes, delays, shapes, tpp, shares of providers, power sources and grid prices at their sites"
ANOTHER = "the trace is of an optimum with prices (ties open, parts of racks), and leaves out power that sites share"


def show(found: Reasons, out: Console) -> None:
    """The answers of `planner explain`, one below the other."""
    entries, rules, losses = found.entries, found.rules, found.losses
    parts: list[Callable[[], None]] = [lambda: show_binding(found.binding, out)] if found.wanted.binding else []
    parts += [lambda: show_entries(entries, out)] if entries is not None else []
    parts += [lambda: show_rules(rules, out)] if rules is not None else []
    parts += [lambda: show_losses(losses, out)] if losses is not None else []
    parts += [partial(show_trace, traced, out) for traced in found.traces]
    for i, part in enumerate(parts):
        if i:
            out.print()
        part()


def show_binding(found: Explanation | None, out: Console) -> None:
    """The limits that bind, a paragraph each."""
    if found is None:
        say("no shadow prices: whole racks and other solvers give none (try --set solve.whole_racks=false)", out)
        return
    if not found.found:
        say("no limit binds: the plan is what the prices make of the demand", out)
        return
    say("What binds, and what it is worth (each limit moved in all its periods, the plan solved again)", out, "bold")
    for i, limit in enumerate(found.found, 1):
        say(f"{i:2d}. {sentence(limit, found.unit)}", out, indent="    ")
        for note in notes(limit, found.unit):
            say(f"    {note}", out, indent="    ")
    if found.others:
        say(f"and {found.others} more limits that have a price (constraints.csv with -o DIR, or --most)", out)
    if found.one_sided:
        share = f"{found.one_sided} of {found.priced} shadow prices in constraints.csv hold for one side only"
        say(f"{share} (holds_from, holds_to): the optimum is degenerate there, and other prices are as right as these", out)


def sentence(limit: Binding, unit: str) -> str:
    """What a limit is, when it binds, what more of it saves and how far that holds."""
    when = limit.first if limit.first == limit.last else f"{limit.first} to {limit.last}"
    often = "" if limit.periods == 1 else f", {limit.periods} periods"
    name = rule_name(limit.rule, limit.subject)
    ends = dict.fromkeys(f"{x:.0%}" if limit.unit == "share" else amount(x, limit.unit) for x in (limit.limit, limit.last_limit))
    at = " to ".join(ends)
    head = f"{name} binds ({when}{often}; {at})" if when not in ("", "total") else f"{name} binds ({at})"
    more, _ = _directions(limit)
    saves, _ = _verbs(unit)
    if limit.unit == "share":
        return f"{head}: one percentage point {more} {saves} about {amount(limit.saves, unit)}"
    step = amount(limit.step, limit.unit)
    size, per = UNIT_OF_ROOM.get(limit.unit, (1.0, limit.unit))
    reach = "however much more" if limit.holds == float("inf") else f"up to {amount(limit.holds, limit.unit)} {more}"
    margin = f"at the margin {amount(limit.more * size, unit)} per {per}, {reach}"
    return f"{head}: {step} {more} throughout {saves} {amount(limit.saves, unit)}; {margin}"


def _directions(limit: Binding) -> tuple[str, str]:
    """What gives room, and what takes it: a floor gives room as it falls."""
    floor = limit.rule.endswith(("min_power", "share_min", "min_share"))
    return ("less", "more") if floor else ("more", "less")


def _verbs(unit: str) -> tuple[str, str]:
    """What room does for the objective, and the lack of it: all are made as small as can be, but the scale of demand."""
    return ("adds", "takes off") if unit == "scale" else ("saves", "costs")


def notes(limit: Binding, unit: str) -> list[str]:
    """What has to be said beside it: the other direction, twins, where the limit is written."""
    found = []
    size, per = UNIT_OF_ROOM.get(limit.unit, (1.0, limit.unit))
    (_, less), (_, costs) = _directions(limit), _verbs(unit)
    if limit.unit != "share":
        back = "leaves no plan" if limit.loses is None else f"{costs} {amount(limit.loses, unit)}"
        edge = ""
        if limit.less is not None and abs(limit.less - limit.more) > SAME * max(abs(limit.less), abs(limit.more)):
            edge = f" (at the margin {amount(limit.less * size, unit)} per {per}: a kink stands here, the two sides differ)"
        found.append(f"{amount(limit.step, limit.unit)} {less} {back}{edge}")
    if limit.twice:
        found.append(f"the same rule is written as {', '.join(limit.twice)}: only more of both helps, and they share one price")
    shown = [f"{w.what} {w.value} {w.unit}".rstrip() + f" ({w.place}, {w.confidence})" for w in limit.written[:2]]
    if shown:
        more = f" and {len(limit.written) - 2} more numbers" if len(limit.written) > 2 else ""
        found.append("written: " + "; ".join(shown) + more)
    return found


def show_trace(found: Trace, out: Console, most: int = 15) -> None:
    """The numbers that a result moves with, strongest first."""
    say(f"{found.what}: {amount(found.value, found.unit)}", out, "bold")
    if found.another is not None:
        say(f"the plan has {amount(found.another, found.unit)}: {ANOTHER}", out)
    if not found.moves:
        say(found.rests, out)
        return
    rows = []
    for m in found.moves[:most]:
        written = f"{m.number.value} {m.number.unit}".strip()
        rows.append([f"{m.elasticity:+.2f} %", m.number.what, written, m.number.place, m.number.confidence])
    draw("", ["moves by", "number", "written", "where", "confidence"], rows, out, left=5)
    say("moves by: when the number rises by 1 %, while the same limits bind; prices move amounts only where others do", out)
    say(f"not traced: {UNTRACED}", out)
    if len(found.moves) > most:
        say(f"and {len(found.moves) - most} more numbers (trace.csv with -o DIR)", out)
